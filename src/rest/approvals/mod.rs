//! Approvals for people's tools: look at tickets, rule on them, hear of new ones, in JSON over HTTP.
//!
//! The same routes stand on the control socket below `/v1` (the operator of this machine) and on the console's listener below `/api/v1`
//! (whoever signs in there). Who somebody is, is up to the [`People`] that the routes are given; what they may do is up to policy, and the
//! gate asks it. On the console's listener people see those tickets that they may rule on, that their agents asked for, or that they have
//! ruled on; for everything else there is no ticket.
//!
//! | request | what it does |
//! | --- | --- |
//! | `GET /approvals?state=STATE` | the tickets that are open and those that ended lately, newest first |
//! | `GET /approvals/{id}` | one ticket, with the last approved call of the same thing |
//! | `POST /approvals/{id}/rule` | rules: `{"verdict": "approve" or "deny", "comment"?, "window_seconds"?, "uses"?, "any_arguments"?}` |
//! | `GET /approvals/watch` | a line of JSON for each ticket that waits, then one for each thing that happens, as it happens |

mod people;
mod routes;
mod ruling;
mod sight;
mod watch;

pub use people::{Bearers, Identifying, Nobody, Operator, People, Person, Until};
pub use routes::approvals_router;

#[cfg(test)]
mod tests;
