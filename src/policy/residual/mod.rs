//! Residuals: what is left of the policies when everything but the context of a request is known.
//!
//! For one principal, action and resource of one snapshot, most of a decision can be made beforehand: scopes hold or do not, and
//! conditions about roles, groups and attributes come out the same in every call. What is left are policies that certainly match,
//! and *residual policies*, whose conditions read nothing but the context. A decision then evaluates only those.
//!
//! Nothing here interprets policies. Cedar's own authorizer answers what is known beforehand, and it evaluates the residual
//! policies; between the two stands only the folding of `&&`, `||`, `!` and `if` in `parts`, which keeps Cedar's order of
//! evaluation and its failures, and the joining of what is left by `||` in `conditions`, of which only a plain no counts. It works on the stable syntax tree (`pst`) and not on Cedar's typed partial evaluation (`tpe`):
//! that is experimental and may change in any release, so it would tie this program to one patch version of Cedar.
//!
//! Whoever evaluates a request in full gets the same decision, the same determining policies and the same failures. The tests
//! compare the two on thousands of random policy sets, and in operation a sample of the decisions is made both ways.
//!
//! Read in this order: [`needs`] (what of the context is read), [`parts`] (one policy, taken apart), [`conditions`] (what is left,
//! and how it is evaluated), [`outline`] (a set of policies, and what it settles), [`answer`], [`kept`] (the cache, the switch,
//! and the sample), [`ask`] (a snapshot's questions to all of this).

mod answer;
mod ask;
mod conditions;
mod kept;
mod needs;
mod outline;
mod parts;

pub(super) use answer::Answer;
pub(super) use conditions::Shelf;
pub(super) use kept::{Residuals, Switch, Which};
pub(super) use needs::Needs;
pub(super) use outline::{Outline, Residual};
pub(super) use parts::Parts;

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
