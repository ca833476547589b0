//! The control face: how a person on the same machine has a running sidecar do something with its log.
//!
//! It speaks HTTP over a unix socket in the log's directory (`control`), which only the owner of the process and root can open. That is
//! all the authentication there is: whoever is that user could stop the sidecar and work on the log without it. Commands use it when a
//! sidecar runs, and otherwise open the log themselves.
//!
//! | request | what it does |
//! | --- | --- |
//! | `POST /v1/erase` with `{"seq", "reason"?}` | removes for good what was kept of one call |
//! | `POST /v1/prune` with `{"before_seq"}` or `{"before_time"}` | removes the oldest records, and leaves the proof of them |
//! | `POST /v1/rotate-key` | lets a new key sign |
//! | `GET /v1/records?from=SEQ` | the records from a number on, a line of JSON each, and those that come later, as they come |
//! | `/v1/approvals…` | tickets, and rulings on them: the routes that `app` hands in (`rest::approvals`) |
//! | `POST /v1/console-link` | a link with which one logs in to the console, good once |
//!
//! An answer is JSON; one that is not 200 has an `error` for the person.

mod body;
mod console;
mod routes;
mod serve;

pub use body::Lines;
pub use console::{ConsoleLink, console_router};
pub use routes::{RecordsSource, router};
pub use serve::Control;

#[cfg(test)]
mod tests;
