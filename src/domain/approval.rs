//! The words around a person's approval: tickets, how they stand, who rules on them and by what way.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::caller::{Memberships, UserId};
use super::decision::PolicyRef;
use super::id::Timestamp;

/// Names one ticket, under which a person is asked to approve one call: `apr_` and a ULID (26 characters). A name, not a secret: whoever
/// knows it can do nothing with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketId(ulid::Ulid);

/// What every ticket's name begins with.
const PREFIX: &str = "apr_";

impl TicketId {
    /// Builds an id from the time of asking and 80 random bits (the upper 48 bits of `random` are ignored).
    #[must_use]
    pub const fn from_parts(at_millis: u64, random: u128) -> Self {
        Self(ulid::Ulid::from_parts(at_millis, random))
    }

    /// Reads the form that `Display` writes; `None` when `text` is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let ulid = text.strip_prefix(PREFIX)?;
        let id = Self(ulid::Ulid::from_string(ulid).ok()?);
        // One ticket has one name: no lower case, none that is beyond 128 bits.
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0)
    }
}

/// SHA-256 over what a ticket is bound to: `docs/approvals.md` says over which text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallDigest([u8; 32]);

impl CallDigest {
    /// Wraps a SHA-256 digest.
    #[must_use]
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The bytes of the digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for CallDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// How a ticket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TicketState {
    /// Nobody has ruled on it, or not enough people have.
    Waiting,
    /// Approved; the call has not been made with it, or may be made again.
    Granted,
    /// Somebody denied it.
    Rejected,
    /// Nobody ruled in time, or nobody used it in time.
    Expired,
    /// The call was made with it.
    Spent,
    /// What it was granted for is not what policies allow any more.
    Void,
}

impl TicketState {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Waiting, Self::Granted, Self::Rejected, Self::Expired, Self::Spent, Self::Void];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Granted => "granted",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Spent => "spent",
            Self::Void => "void",
        }
    }

    /// Reads the word; `None` for any other.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether nothing can come of it any more.
    #[must_use]
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Waiting | Self::Granted)
    }
}

/// What somebody rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The call may be made.
    Approve,
    /// It may not.
    Deny,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }

    /// Reads the word; `None` for any other.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Approve, Self::Deny].into_iter().find(|verdict| verdict.name() == name)
    }
}

/// By what way a ruling came. Policies see it as `context.source.transport` of `approve`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// The web console.
    Console,
    /// The command line, over the control socket.
    Cli,
    /// The REST or gRPC interface.
    Api,
    /// The caller's own client, which answered a question (MCP elicitation).
    Elicitation,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Console, Self::Cli, Self::Api, Self::Elicitation];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Cli => "cli",
            Self::Api => "api",
            Self::Elicitation => "elicitation",
        }
    }

    /// Reads the word; `None` for any other.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }
}

/// Somebody's approval as policies see it (`context.approval`): a fact, not a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Who approved; of several, the last.
    pub by: UserId,
    /// What they brought when they did.
    pub standing: Memberships,
    /// Everybody who approved.
    pub approvers: BTreeSet<UserId>,
    /// When the last of them did.
    pub at: Timestamp,
    /// From when on it does not count any more.
    pub expires: Timestamp,
    /// Whether it is for more than this one call.
    pub window: bool,
}

/// What the policies that ask for an approval say about it, in annotations. Where several ask, the strictest counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// The policies that ask.
    pub because: Vec<PolicyRef>,
    /// Whom they would ask (`@approval("tool-owners")`): a hint for people, not a rule.
    pub groups: Vec<Arc<str>>,
    /// The longest time for which the same call may be granted again and again (`@window("1h")`); `None`: once.
    pub window: Option<Duration>,
    /// The longest time for which the tool may be granted whatever the arguments (`@breakglass("15m")`); `None`: never.
    pub breakglass: Option<Duration>,
    /// Whether the user of the caller's own client may be asked (`@confirm("form")`).
    pub confirm: bool,
}

#[cfg(test)]
#[path = "approval_tests.rs"]
mod tests;
