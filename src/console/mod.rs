//! The console: a web page for the people who run a sidecar, on a listener of its own. They rule on calls that wait for approval, and see
//! what is decided, who may do what and why, the policies, the log and the sidecar's health.
//!
//! Pages are made here, whole, by functions that return `html::Html`, which can only be written escaped. They work without scripts; the one
//! script there is keeps them up to date. Nothing is decided here: a ruling goes to the gate, as the person who is logged in.
//!
//! Reading order: `sources` (what pages are made of, handed in by `app`), `guard` (who may send requests at all), `session` and `login` (who
//! somebody is), `visit` (a request of somebody), `routes`, `page` and `pages`; `seen` and `arguments` (text of strangers), `live`, `serve`.
//!
//! What this face deliberately does not do: it keeps nothing but sessions, and never shows a page of the inside to whoever is not logged in.

mod arguments;
mod assets;
mod guard;
mod html;
mod limit;
mod live;
mod login;
mod page;
mod pages;
mod routes;
mod secret;
mod seen;
mod serve;
mod session;
mod sources;
mod visit;

pub use routes::router;
pub use serve::Console;
pub use session::Sessions;
pub use sources::{Book, Lab, Row, Sources, Verified, Wanted};
