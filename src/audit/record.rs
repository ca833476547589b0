//! What can be recorded: one type for each kind of record, borrowed from whoever has it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::{
    Call, Caller, Channel, Decision, DecisionId, Evidence, Fingerprint, PolicyRef, ServerName, Source, TicketId, Timestamp,
    TraceId, UserId,
};

use super::private::Content;

/// One thing to write down.
#[derive(Debug, Clone)]
pub enum Record<'a> {
    /// A call was decided.
    Decision(DecisionRecord<'a>),
    /// An allowed call ended.
    Outcome(OutcomeRecord),
    /// Policies were read again.
    Policy(PolicyRecord<'a>),
    /// The sidecar started; written by [`super::open()`].
    Start(StartRecord<'a>),
    /// The sidecar stopped in an orderly way; written by [`super::AuditWriter::close`].
    Stop,
    /// The log was opened after a stop that was not orderly; written by [`super::open()`].
    Recovery(RecoveryRecord),
    /// The wall clock was set back; written by the log itself, before the first record that carries the new time.
    Clock(ClockRecord),
    /// Another key signs the log from here on; written by the log itself.
    Key(KeyRecord<'a>),
    /// The oldest records are about to be deleted.
    Prune(PruneRecord),
    /// What was kept of a record, and what it committed to, is about to be erased.
    Erase(EraseRecord<'a>),
    /// A person has ruled on a call that needs approval, or nobody did in time.
    Approval(ApprovalRecord<'a>),
    /// Requests were turned away: nobody vouched for who is behind them.
    Unidentified(UnidentifiedRecord<'a>),
    /// A service asked about something that is no call.
    Access(AccessRecord<'a>),
}

/// What kind of record a record is: the member `t` of its leaf, and the label `type` of its metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A decision.
    Decision,
    /// How an allowed call ended.
    Outcome,
    /// A change of policies, accepted or refused.
    Policy,
    /// A start.
    Start,
    /// An orderly stop.
    Stop,
    /// An opening after a stop that was not orderly.
    Recovery,
    /// A step back of the wall clock.
    Clock,
    /// A change of the key that signs.
    Key,
    /// A deletion of the oldest records.
    Prune,
    /// An erasure of what was kept of a record.
    Erase,
    /// A ruling on a call that needs approval.
    Approval,
    /// Requests that were turned away.
    Unidentified,
    /// A question of a service about something that is no call.
    Access,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 13] = [
        Self::Decision,
        Self::Outcome,
        Self::Policy,
        Self::Start,
        Self::Stop,
        Self::Recovery,
        Self::Clock,
        Self::Key,
        Self::Prune,
        Self::Erase,
        Self::Approval,
        Self::Unidentified,
        Self::Access,
    ];

    /// The word in leaves and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Outcome => "outcome",
            Self::Policy => "policy",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Recovery => "recovery",
            Self::Clock => "clock",
            Self::Key => "key",
            Self::Prune => "prune",
            Self::Erase => "erase",
            Self::Approval => "approval",
            Self::Unidentified => "unidentified",
            Self::Access => "access",
        }
    }

    /// Reads the word; `None` for any other.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Record<'_> {
    /// The record's kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Decision(_) => Kind::Decision,
            Self::Outcome(_) => Kind::Outcome,
            Self::Policy(_) => Kind::Policy,
            Self::Start(_) => Kind::Start,
            Self::Stop => Kind::Stop,
            Self::Recovery(_) => Kind::Recovery,
            Self::Clock(_) => Kind::Clock,
            Self::Key(_) => Kind::Key,
            Self::Prune(_) => Kind::Prune,
            Self::Erase(_) => Kind::Erase,
            Self::Approval(_) => Kind::Approval,
            Self::Unidentified(_) => Kind::Unidentified,
            Self::Access(_) => Kind::Access,
        }
    }
}

/// What was asked by whom, and what policy said. The leaf has no arguments, only a commitment to them; whether they are kept beside it is
/// up to their [`Content`].
#[derive(Debug, Clone, Copy)]
pub struct DecisionRecord<'a> {
    /// The decision's name.
    pub id: DecisionId,
    /// Who asked.
    pub caller: &'a Caller,
    /// For what. When they asked a meta-tool to call another tool, this is the call of the other tool.
    pub call: &'a Call,
    /// The meta-tool that was asked.
    pub via: Option<&'a str>,
    /// The call's arguments, if it has any.
    pub args: Option<&'a Content>,
    /// What the tool's definition was, as the catalog knows it: the digest of its canonical form.
    pub catalog: Option<Fingerprint>,
    /// What policy said, and why.
    pub decision: &'a Decision,
    /// The ticket that has to do with it, if one has.
    pub approval: Option<TicketRecord<'a>>,
    /// The service that asked and that carries the call out; absent when the sidecar does.
    pub check: Option<CheckRecord<'a>>,
    /// How long deciding took, in microseconds.
    pub micros: u64,
}

/// A decision that another service asked for.
#[derive(Debug, Clone, Copy)]
pub struct CheckRecord<'a> {
    /// The service, by the name that vouches for it.
    pub by: &'a str,
    /// It was a question only: nobody acts on it.
    pub dry_run: bool,
}

/// The ticket under which a person is asked, or with which an approved call is made.
#[derive(Debug, Clone, Copy)]
pub struct TicketRecord<'a> {
    /// Its name.
    pub ticket: TicketId,
    /// Who approved; nobody yet, when a person is still to be asked.
    pub approvers: Option<&'a BTreeSet<UserId>>,
}

/// How an allowed call ended.
#[derive(Debug, Clone)]
pub struct OutcomeRecord {
    /// The decision that allowed it.
    pub decision: DecisionId,
    /// Where that decision stands in the log.
    pub seq: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// How long the call took, in microseconds.
    pub micros: u64,
    /// How many bytes of answer went to the caller.
    pub bytes: u64,
    /// The result or error in that answer, exactly as it went to the caller; absent when none did.
    pub result: Option<Content>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The server answered with a result.
    Ok,
    /// The server answered with a result that says the tool failed (`isError`).
    ToolError,
    /// The server answered with a JSON-RPC error.
    RpcError,
    /// No answer came, and why.
    Failed(Arc<str>),
    /// The caller cancelled the call.
    Cancelled,
    /// The caller went away before the answer came.
    Abandoned,
}

impl Outcome {
    /// The word in leaves and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ToolError => "tool_error",
            Self::RpcError => "rpc_error",
            Self::Failed(_) => "failed",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "abandoned",
        }
    }
}

/// What became of policies that were read again.
#[derive(Debug, Clone, Copy)]
pub enum PolicyRecord<'a> {
    /// They are in force from here on.
    Accepted {
        /// The snapshot they became.
        fingerprint: Fingerprint,
        /// How many policies there are.
        policies: u64,
        /// What was signed, where policies must be.
        bundle: Option<BundleRecord<'a>>,
    },
    /// They are faulty, and what was in force stays in force.
    Refused {
        /// What stays in force; nothing at a start.
        in_force: Option<Fingerprint>,
        /// What is wrong with them.
        problems: &'a [Problem<'a>],
    },
}

/// A signed set of policies.
#[derive(Debug, Clone, Copy)]
pub struct BundleRecord<'a> {
    /// Its version.
    pub version: u64,
    /// The digest of what was signed.
    pub digest: Fingerprint,
    /// The trusted keys that signed, as `name+id`.
    pub keys: &'a [String],
}

/// One thing wrong with a policy file.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// The file, relative to its directory.
    pub file: &'a str,
    /// The line, from 1; 0 when the problem is about the whole file.
    pub line: u64,
    /// The column, from 1; 0 when the problem is about the whole line.
    pub column: u64,
    /// What is wrong.
    pub message: &'a str,
}

/// What started.
#[derive(Debug, Clone, Copy)]
pub struct StartRecord<'a> {
    /// The program's version.
    pub version: &'a str,
    /// A digest of the configuration in force.
    pub config: &'a str,
    /// The log's name, unique among all logs somebody collects.
    pub origin: &'a str,
    /// The kernel's id of this boot; empty where there is none.
    pub boot: &'a str,
}

/// What an unorderly stop left behind.
#[derive(Debug, Clone, Copy)]
pub struct RecoveryRecord {
    /// How many records were found.
    pub found: u64,
}

/// A step back of the wall clock.
#[derive(Debug, Clone, Copy)]
pub struct ClockRecord {
    /// The time that had already been reached.
    pub reached: Timestamp,
    /// The time it is now said to be.
    pub now: Timestamp,
}

/// One signing key follows another. The checkpoint of size `from` is signed by both.
#[derive(Debug, Clone, Copy)]
pub struct KeyRecord<'a> {
    /// The verifier key until then.
    pub old: &'a str,
    /// The verifier key from then on.
    pub new: &'a str,
    /// The size of the log from which the new key signs.
    pub from: u64,
}

/// The oldest records are deleted. Their hashes stay, so that what is left can still be proved.
#[derive(Debug, Clone, Copy)]
pub struct PruneRecord {
    /// The first record that stays.
    pub min_index: u64,
    /// Everything deleted is older than this, when that was asked for.
    pub before: Option<Timestamp>,
}

/// The salt of a record is destroyed.
#[derive(Debug, Clone, Copy)]
pub struct EraseRecord<'a> {
    /// Which record.
    pub seq: u64,
    /// Why, in the words of whoever asked for it.
    pub reason: Option<&'a str>,
}

/// What a person said about a call that needs approval.
#[derive(Debug, Clone, Copy)]
pub struct ApprovalRecord<'a> {
    /// The ticket under which approval was asked for.
    pub ticket: TicketId,
    /// The decision that asked for it.
    pub decision: DecisionId,
    /// Where that decision stands in the log.
    pub seq: u64,
    /// What was ruled.
    pub ruling: Ruling,
    /// Who ruled; nobody, when the time was over or policies changed.
    pub ruler: Option<RulerRecord<'a>>,
    /// What they said about it.
    pub comment: Option<&'a str>,
    /// For what it is good, when it was granted for more than one call.
    pub grant: Option<GrantRecord>,
    /// The policies by which whoever ruled may rule, or may not.
    pub policies: &'a [PolicyRef],
}

/// Who ruled.
#[derive(Debug, Clone, Copy)]
pub struct RulerRecord<'a> {
    /// The person.
    pub person: &'a UserId,
    /// By what way.
    pub channel: Channel,
    /// By what they were identified.
    pub evidence: Option<&'a Evidence>,
}

/// What was granted for more than one call.
#[derive(Debug, Clone, Copy)]
pub struct GrantRecord {
    /// Until when it is good.
    pub until: Timestamp,
    /// For how many calls at most.
    pub uses: Option<u32>,
    /// Whether it is good whatever the arguments.
    pub any_arguments: bool,
}

/// Requests that were turned away, all of one kind: nobody vouched for who is behind them, so nothing of what they say is here.
#[derive(Debug, Clone, Copy)]
pub struct UnidentifiedRecord<'a> {
    /// Where they came in.
    pub listener: &'a str,
    /// The server that they were for.
    pub server: &'a ServerName,
    /// What was wrong with what they showed.
    pub reason: &'a str,
    /// How many they are.
    pub count: u64,
    /// When the first of them came.
    pub since: Timestamp,
    /// From where it came.
    pub source: &'a Source,
}

/// What a service asked about something that is no call: entities and actions of its own, or what it may find.
#[derive(Debug, Clone, Copy)]
pub struct AccessRecord<'a> {
    /// The answer's name.
    pub id: DecisionId,
    /// The service, by the name that vouches for it.
    pub by: &'a str,
    /// What it asked.
    pub asked: AskedRecord<'a>,
    /// What it said about those: properties and circumstances.
    pub args: Option<&'a Content>,
    /// What it was told.
    pub answer: AccessAnswer<'a>,
    /// The trace that it belongs to.
    pub trace: Option<TraceId>,
    /// How long answering took, in microseconds.
    pub micros: u64,
}

/// The words of a question. What is searched for has no name.
#[derive(Debug, Clone, Copy)]
pub struct AskedRecord<'a> {
    /// The type of the subject.
    pub subject_type: &'a str,
    /// Its name.
    pub subject: Option<&'a str>,
    /// The action.
    pub action: Option<&'a str>,
    /// The type of the resource.
    pub resource_type: &'a str,
    /// Its name.
    pub resource: Option<&'a str>,
}

/// What a service was told.
#[derive(Debug, Clone, Copy)]
pub enum AccessAnswer<'a> {
    /// What policy says.
    Decided(&'a Decision),
    /// What holds whatever policies say, and why.
    Fixed {
        /// Whether it may be done.
        allow: bool,
        /// Why.
        why: &'a str,
    },
    /// What a search found. Nobody acts on it.
    Found {
        /// What was searched for: `subject`, `resource` or `action`.
        what: &'a str,
        /// How many there are in this answer.
        found: u64,
        /// How many were tried for it.
        tried: u64,
        /// The snapshot that they were tried with.
        snapshot: Fingerprint,
    },
}

/// What becomes of a call that needs approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// It may go on.
    Granted,
    /// Somebody approved, and others have to.
    Approved,
    /// It may not go on.
    Rejected,
    /// Somebody ruled who may not: nothing came of it.
    Refused,
    /// Nobody ruled in time, or nobody made the call in time, so it may not go on.
    Expired,
    /// Policies do not allow any more what was granted.
    Void,
}

impl Ruling {
    /// The word in leaves.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Void => "void",
        }
    }
}
