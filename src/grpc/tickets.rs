//! Tickets as messages, and rulings out of them.

use std::time::Duration;

use super::convert::time;
use super::pb;
use super::problem::BadField;
use crate::domain::{PolicyRef, Terms, TicketId, TicketState, Verdict};
use crate::gate::{Compared, Grant, Ruling, Ticket, Vote, What};

type Read<T> = Result<T, BadField>;

/// A ticket.
pub(super) fn approval(ticket: &Ticket) -> pb::Approval {
    let bound = &ticket.bound;
    pb::Approval {
        id: ticket.id.to_string(),
        state: state(ticket.state).into(),
        asked: Some(time(ticket.asked)),
        expires: Some(time(ticket.expires)),
        ended: ticket.ended.map(time),
        agent: bound.asker.agent.to_string(),
        actor: bound.asker.actor.as_ref().map(ToString::to_string).unwrap_or_default(),
        issuer: bound.asker.issuer.as_deref().unwrap_or_default().to_owned(),
        server: bound.server.to_string(),
        action: bound.action.name().to_owned(),
        target: bound.target.name().unwrap_or_default().to_owned(),
        via: bound.via.as_deref().unwrap_or_default().to_owned(),
        arguments_json: bound.arguments.as_deref().map(text).unwrap_or_default(),
        digest: ticket.digest.to_string(),
        definition: bound.definition.map(|definition| definition.to_string()).unwrap_or_default(),
        decision_id: ticket.decision.to_string(),
        seq: ticket.seq,
        because: ticket.terms.because.iter().map(asking).collect(),
        terms: Some(terms(&ticket.terms)),
        rulings: ticket.votes.iter().map(ruling).collect(),
        grant: ticket.grant.as_ref().map(grant),
        used: ticket.used,
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const fn state(state: TicketState) -> pb::ApprovalState {
    match state {
        TicketState::Waiting => pb::ApprovalState::Waiting,
        TicketState::Granted => pb::ApprovalState::Granted,
        TicketState::Rejected => pb::ApprovalState::Rejected,
        TicketState::Expired => pb::ApprovalState::Expired,
        TicketState::Spent => pb::ApprovalState::Spent,
        TicketState::Void => pb::ApprovalState::Void,
    }
}

fn asking(policy: &PolicyRef) -> pb::AskingPolicy {
    let reason = policy.reason.as_deref().unwrap_or_default().to_owned();
    pb::AskingPolicy { policy: Some(super::convert::policy(policy)), reason }
}

fn terms(terms: &Terms) -> pb::ApprovalTerms {
    pb::ApprovalTerms {
        groups: terms.groups.iter().map(ToString::to_string).collect(),
        window: terms.window.map(duration),
        breakglass: terms.breakglass.map(duration),
        confirm: terms.confirm,
    }
}

fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration { seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX), nanos: 0 }
}

fn ruling(vote: &Vote) -> pb::ApprovalRuling {
    let verdict = match vote.verdict {
        Verdict::Approve => pb::ApprovalVerdict::Approve,
        Verdict::Deny => pb::ApprovalVerdict::Deny,
    };
    pb::ApprovalRuling {
        ruler: vote.ruler.to_string(),
        verdict: verdict.into(),
        at: Some(time(vote.at)),
        comment: vote.comment.as_deref().unwrap_or_default().to_owned(),
        channel: vote.channel.name().to_owned(),
    }
}

fn grant(grant: &Grant) -> pb::ApprovalGrant {
    let Grant { until, uses, any_arguments, window } = *grant;
    pb::ApprovalGrant { until: Some(time(until)), uses_left: uses, any_arguments, window }
}

/// The last approved call.
pub(super) fn last(last: &Compared) -> pb::LastApproved {
    pb::LastApproved {
        id: last.ticket.to_string(),
        at: last.at.map(time),
        by: last.by.as_ref().map(ToString::to_string).unwrap_or_default(),
        arguments_json: text(&last.arguments),
    }
}

/// What happened to a ticket.
pub(super) const fn event(what: What) -> pb::ApprovalEvent {
    match what {
        What::Requested => pb::ApprovalEvent::Requested,
        What::Approved => pb::ApprovalEvent::Approved,
        What::Granted => pb::ApprovalEvent::Granted,
        What::Rejected => pb::ApprovalEvent::Rejected,
        What::Expired => pb::ApprovalEvent::Expired,
        What::Used => pb::ApprovalEvent::Used,
        What::Spent => pb::ApprovalEvent::Spent,
        What::Void => pb::ApprovalEvent::Void,
    }
}

/// A ticket's name.
pub(super) fn read_id(id: &str) -> Read<TicketId> {
    let problem = if id.is_empty() { "is required" } else { "is not the name of a ticket" };
    TicketId::parse(id).ok_or_else(|| BadField::new("id", problem))
}

/// The states that are asked for.
pub(super) fn read_states(states: &[i32]) -> Read<Vec<pb::ApprovalState>> {
    let read = |state: &i32| match pb::ApprovalState::try_from(*state) {
        Ok(pb::ApprovalState::Unspecified) | Err(_) => Err(BadField::new("states", "has one that this version does not know")),
        Ok(state) => Ok(state),
    };
    states.iter().map(read).collect()
}

/// Whether a ticket is in one of these states; all are when there are none.
pub(super) fn is_in(ticket: &Ticket, states: &[pb::ApprovalState]) -> bool {
    states.is_empty() || states.contains(&state(ticket.state))
}

/// A ruling.
pub(super) fn read_ruling(request: pb::RuleApprovalRequest) -> Read<Ruling> {
    let pb::RuleApprovalRequest { id: _, verdict, comment, window, uses, any_arguments } = request;
    let verdict = match pb::ApprovalVerdict::try_from(verdict) {
        Ok(pb::ApprovalVerdict::Approve) => Verdict::Approve,
        Ok(pb::ApprovalVerdict::Deny) => Verdict::Deny,
        Ok(pb::ApprovalVerdict::Unspecified) => return Err(BadField::new("verdict", "is required")),
        Err(_) => return Err(BadField::new("verdict", "is none that this version knows")),
    };
    let window = window.map(|window| match (u64::try_from(window.seconds), window.nanos) {
        (Ok(seconds), 0) => Ok(Duration::from_secs(seconds)),
        (Ok(_) | Err(_), _) => Err(BadField::new("window", "is not a number of whole seconds")),
    });
    let comment = Some(comment).filter(|comment| !comment.is_empty());
    Ok(Ruling { verdict, comment, window: window.transpose()?, uses, any_arguments })
}
