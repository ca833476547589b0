//! A person rules on a call that needs approval: may they, what does it come to, write it down, and only then let it count.

use std::sync::Arc;
use std::time::Duration;

use super::Gate;
use super::asked::later;
use crate::approval::{Bound, ChangeError, Event, Grant, HandError, StoreError, Ticket, Vote};
use crate::audit::{AppendError, ApprovalRecord, GrantRecord, Record, RulerRecord, Ruling as Word};
use crate::domain::{
    Approval, Arguments, Call, Cause, Channel, Decision, Evidence, Judgement, Memberships, Target, TicketId, TicketState,
    Timestamp, UserId, Verdict,
};
use crate::policy::{Asking, Request};

/// The longest comment, in bytes.
const MAX_COMMENT: usize = 2_000;
/// The most calls that may be granted at once.
const MAX_USES: u32 = 1_000;

/// A person who rules, as verified by whoever brings them here.
#[derive(Debug, Clone)]
pub struct Ruler {
    /// Who they are.
    pub person: UserId,
    /// What they bring.
    pub standing: Memberships,
    /// By what they were identified.
    pub evidence: Option<Arc<Evidence>>,
    /// By what way their ruling comes.
    pub channel: Channel,
}

/// What they rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// Whether the call may be made.
    pub verdict: Verdict,
    /// What they say about it.
    pub comment: Option<String>,
    /// For how long the same call may be made again and again; once, when absent and `uses` is, too.
    pub window: Option<Duration>,
    /// How often it may be made.
    pub uses: Option<u32>,
    /// Whether the grant is good whatever the arguments.
    pub any_arguments: bool,
}

impl Ruling {
    /// A ruling on the one call and nothing else.
    #[must_use]
    pub const fn plain(verdict: Verdict) -> Self {
        Self { verdict, comment: None, window: None, uses: None, any_arguments: false }
    }

    const fn is_plain(&self) -> bool {
        self.window.is_none() && self.uses.is_none() && !self.any_arguments
    }

    fn comment(&self) -> Option<&str> {
        self.comment.as_deref().map(str::trim).filter(|comment| !comment.is_empty())
    }
}

/// Why a ruling does not count. Each is a sentence for the person who ruled.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// There is no such ticket.
    #[error("there is no such ticket")]
    Unknown,
    /// It is over, or was granted already.
    #[error("the ticket is {}", .0.name())]
    Over(TicketState),
    /// They have approved it already.
    #[error("you have approved this call already; policy asks for somebody else, too")]
    Already,
    /// The tool is not known: its server does not list it any more, or has not been asked since the sidecar started.
    #[error("the tool is not known at the moment: its server does not list it, or has not been asked yet")]
    UnknownTool,
    /// Policy does not permit them to rule so.
    #[error("policy does not permit you to rule so on this call")]
    NotAllowed,
    /// The ruling makes no sense: a member of [`Ruling`], and what is wrong with it.
    #[error("{1}")]
    Invalid(&'static str, &'static str),
    /// The comment is too long.
    #[error("the comment is longer than {MAX_COMMENT} bytes")]
    CommentTooLong,
    /// It is to hold for longer than policy says.
    #[error("policy lets this call be granted for {} at most", show(*.0))]
    TooLong(Duration),
    /// It could not be recorded.
    #[error("the ruling could not be recorded; nothing has changed")]
    NotRecorded(#[source] AppendError),
    /// It could not be kept.
    #[error("the ruling is recorded but could not be kept; nothing has changed, rule again")]
    NotKept(#[source] StoreError),
}

fn show(window: Duration) -> String {
    let seconds = window.as_secs();
    match () {
        () if seconds.is_multiple_of(3600) => format!("{} h", seconds / 3600),
        () if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        () => format!("{seconds} s"),
    }
}

impl Gate {
    /// Whether a person may rule on a ticket in this way, before they try.
    #[must_use]
    pub fn may_rule(&self, ruler: &Ruler, ticket: &Ticket, ruling: &Ruling) -> bool {
        self.judge_ruler(ruler, ticket, ruling, self.shared.clock.now()).cause == Cause::Permitted
    }

    /// Lets a person rule on a ticket. An approval counts together with those before it: the call is decided with all of them, and only when
    /// that allows it is the ticket granted. A denial rejects it at once, also when it was granted and has not been used.
    ///
    /// Every ruling is recorded, those too that policy does not permit.
    ///
    /// # Errors
    ///
    /// Why the ruling does not count; the ticket is as it was.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped may leave a recorded ruling that does not count, and never the other way round.
    pub async fn rule(&self, ruler: &Ruler, ticket: TicketId, ruling: Ruling) -> Result<Arc<Ticket>, RuleError> {
        let mut hand = self.shared.tickets.hand().await;
        let (now, ticket) = (self.shared.clock.now(), self.shared.tickets.ticket(ticket).ok_or(RuleError::Unknown)?);
        check(&ticket, ruler, &ruling, now)?;
        let judgement = self.judge_ruler(ruler, &ticket, &ruling, now);
        if judgement.cause == Cause::UnknownTool {
            return Err(RuleError::UnknownTool);
        }
        let permitted = judgement.cause == Cause::Permitted;
        let vote = Vote {
            ruler: ruler.person.clone(),
            standing: ruler.standing.clone(),
            verdict: ruling.verdict,
            at: now,
            comment: ruling.comment().map(Into::into),
            channel: ruler.channel,
        };
        let grant = (permitted && ruling.verdict == Verdict::Approve).then(|| self.grant(&ticket, &vote, &ruling, now)).flatten();
        let word = match (permitted, ruling.verdict, &grant) {
            (false, _, _) => Word::Refused,
            (true, Verdict::Deny, _) => Word::Rejected,
            (true, Verdict::Approve, Some(_)) => Word::Granted,
            (true, Verdict::Approve, None) => Word::Approved,
        };
        let record = ApprovalRecord {
            ticket: ticket.id,
            decision: ticket.decision,
            seq: ticket.seq,
            ruling: word,
            ruler: Some(RulerRecord { person: &ruler.person, channel: ruler.channel, evidence: ruler.evidence.as_deref() }),
            comment: ruling.comment(),
            grant: grant.filter(|grant| grant.window).map(|Grant { until, uses, any_arguments, .. }| GrantRecord {
                until,
                uses,
                any_arguments,
            }),
            policies: &judgement.policies,
        };
        self.shared.audit.append(Record::Approval(record)).await.map_err(RuleError::NotRecorded)?;
        self.shared.metrics.ruled(word.name(), ruler.channel);
        if !permitted {
            tracing::warn!(ticket = %ticket.id, person = %ruler.person, channel = ruler.channel.name(), "somebody ruled who may not");
            return Err(RuleError::NotAllowed);
        }
        let waited = now.as_micros().saturating_sub(ticket.asked.as_micros());
        self.shared.metrics.waited(Duration::from_micros(u64::try_from(waited).unwrap_or_default()));
        let ruled = hand.change(ticket.id, Event::Vote(vote, grant), now).await?;
        tracing::info!(ticket = %ruled.id, person = %ruler.person, ruling = word.name(), channel = ruler.channel.name(), "a person ruled");
        Ok(ruled)
    }

    fn judge_ruler(&self, ruler: &Ruler, ticket: &Ticket, ruling: &Ruling, now: Timestamp) -> Judgement {
        let Bound { asker, server, action, target, .. } = &ticket.bound;
        let caller = asker.caller();
        let before = ticket.approval(None, ticket.expires, false);
        self.snapshot().may_rule(&Asking {
            person: &ruler.person,
            standing: &ruler.standing,
            channel: ruler.channel,
            verdict: ruling.verdict,
            comment: ruling.comment().unwrap_or_default(),
            window: ruling.window,
            uses: ruling.uses,
            any_arguments: ruling.any_arguments,
            caller: &caller,
            server,
            action: *action,
            target,
            before: before.as_ref(),
            now,
        })
    }

    /// What an approval comes to, with those before it; `None` when policy asks for more.
    fn grant(&self, ticket: &Ticket, vote: &Vote, ruling: &Ruling, now: Timestamp) -> Option<Grant> {
        let window = !ruling.is_plain();
        let for_how_long =
            ruling.window.or(ticket.terms.window.filter(|_| window)).unwrap_or(self.shared.approvals.grant_lifetime);
        let until = later(now, for_how_long);
        let approval = ticket.approval(Some(vote), until, window)?;
        let uses = if window { ruling.uses } else { Some(1) };
        self.would_allow(ticket, &approval, now).then_some(Grant { until, uses, any_arguments: ruling.any_arguments, window })
    }

    /// Whether the call of a ticket would be allowed with an approval, as far as the ticket knows it. It is decided again when it is made.
    fn would_allow(&self, ticket: &Ticket, approval: &Approval, now: Timestamp) -> bool {
        let Bound { asker, server, action, target, via, arguments, .. } = &ticket.bound;
        let target = via.as_ref().map_or_else(|| target.clone(), |via| Target::Tool(Arc::clone(via)));
        let call = Call {
            server: server.clone(),
            action: *action,
            target,
            arguments: arguments.clone().map_or(Arguments::ABSENT, Arguments::from_checked_json),
            source: ticket.source.clone(),
            request: None,
            trace: None,
        };
        let request = Request { caller: &asker.caller(), call: &call, now, approval: Some(approval) };
        matches!(self.snapshot().decide(&request), Decision::Allow(_))
    }
}

/// What can be said of a ruling without asking policy who may.
fn check(ticket: &Ticket, ruler: &Ruler, ruling: &Ruling, now: Timestamp) -> Result<(), RuleError> {
    if ticket.ends().is_some_and(|ends| now >= ends) {
        return Err(RuleError::Over(TicketState::Expired));
    }
    match (ticket.state, ruling.verdict) {
        (TicketState::Waiting, _) | (TicketState::Granted, Verdict::Deny) => {}
        (state, _) => return Err(RuleError::Over(state)),
    }
    if ruling.comment().is_some_and(|comment| comment.len() > MAX_COMMENT) {
        return Err(RuleError::CommentTooLong);
    }
    if ruling.verdict == Verdict::Deny {
        return if ruling.is_plain() {
            Ok(())
        } else {
            Err(RuleError::Invalid("verdict", "a denial holds for this call and no other"))
        };
    }
    let approved = |vote: &Vote| vote.ruler == ruler.person && vote.verdict == Verdict::Approve;
    if ticket.votes.iter().any(approved) {
        return Err(RuleError::Already);
    }
    if ruling.is_plain() { Ok(()) } else { check_window(ticket, ruling) }
}

/// Whether policy lets a call be granted for more than once, in this way.
fn check_window(ticket: &Ticket, ruling: &Ruling) -> Result<(), RuleError> {
    let most = if ruling.any_arguments { ticket.terms.breakglass } else { ticket.terms.window };
    let Some(most) = most else {
        return Err(if ruling.any_arguments {
            let sentence = "policy does not let this tool be granted whatever the arguments (`@breakglass`)";
            RuleError::Invalid("any_arguments", sentence)
        } else {
            let member = if ruling.window.is_some() { "window" } else { "uses" };
            RuleError::Invalid(member, "policy lets this call be granted once only (`@window`)")
        });
    };
    match ruling.window {
        None if ruling.any_arguments => return Err(RuleError::Invalid("window", "say for how long")),
        Some(window) if window.is_zero() => return Err(RuleError::Invalid("window", "say for how long")),
        Some(window) if window > most => return Err(RuleError::TooLong(most)),
        _ => {}
    }
    if ruling.uses.is_some_and(|uses| uses == 0 || uses > MAX_USES) {
        return Err(RuleError::Invalid("uses", "a call can be granted for 1 to 1000 times"));
    }
    // Who opens a door for longer says why.
    if ruling.comment().is_none() {
        return Err(RuleError::Invalid("comment", "say why: a grant for more than one call needs a comment"));
    }
    Ok(())
}

impl From<HandError> for RuleError {
    fn from(error: HandError) -> Self {
        match error {
            HandError::Change(ChangeError::Unknown) => Self::Unknown,
            HandError::Change(ChangeError::Stands(state)) => Self::Over(state),
            HandError::Change(ChangeError::VotedAlready) => Self::Already,
            HandError::Change(ChangeError::NotYet) => Self::Over(TicketState::Waiting),
            HandError::Store(error) => Self::NotKept(error),
        }
    }
}
