//! The one door: every call, and every change of the world, passes here.
//!
//! A face brings a caller and a call. The gate asks `policy` for a decision against one snapshot, has `audit` write it down, and
//! only when the record is durable hands out a [`Permit`]. Nothing else can make one, and nothing goes to a server without one,
//! so "recorded before it acts" is a fact about types, not about discipline.
//!
//! One file a verb: [`admit`](Gate::admit) a call, [`check`](Gate::check) one that another service carries out, answer about the [`access`](Gate::access) to a service's own entities, let a person [`rule`](Gate::rule) on one that needs
//! approval, [`settle`](Settlement::settle) how it ended, tell what is
//! [`visible`](Gate::view), [`adopt`](Gate::adopt) new policies, [`learn`](Gate::learn) a server's tools,
//! [`explain`](Gate::explain) a decision that nobody acts on, and what is to be done with the log itself: [`erase`](Gate::erase),
//! [`prune`](Gate::prune), [`rotate_key`](Gate::rotate_key).
//!
//! The gate deliberately knows no protocol: what a refusal looks like on a wire is the faces' business.

mod access;
mod admit;
mod adopt;
mod approvals;
mod asked;
mod check;
mod content;
mod decide;
mod door;
mod drift;
mod explain;
mod keep;
mod learn;
mod metrics;
mod permit;
mod refusal;
mod rule;
mod rulers;
mod settle;
mod sight;
mod unidentified;
mod visible;

pub use crate::approval::{Asker, Bound, Grant, News, RulerStats, Ticket, TicketJson, Vote, What};
pub use crate::audit::AskedRecord;
pub use crate::audit::{Before, EraseError, Erased, Outcome, PruneError, Pruned, RotateError};
pub use crate::policy::explain::model as explained;
pub use crate::policy::{Change, Explanation, Listed, Problem};
pub use access::{AccessError, Answered, Lookout, Offer, Search};
pub use adopt::{AdoptError, Books, PolicyReport, PolicyStatus};
pub use approvals::Compared;
pub use asked::ApprovalSettings;
pub use check::Checked;
pub use door::Gate;
pub use metrics::Metrics;
pub use permit::Permit;
pub use refusal::{Doubt, Pending, Refusal};
pub use rule::{RuleError, Ruler, Ruling};
pub use settle::{Answer, Settlement};
pub use unidentified::TurnedAway;
pub use visible::View;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
