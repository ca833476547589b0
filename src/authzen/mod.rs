//! The OpenID AuthZEN Authorization API 1.0, for services and gateways that let us decide.
//!
//! `POST /access/v1/evaluation` and `…/evaluations` are questions that a service acts upon: each is decided and recorded durably before
//! it is answered. `POST /access/v1/search/{subject,resource,action}` look for what would be allowed. What a service asks about is
//! either a call of an MCP server (`mcp`, in two dialects of which `coaz` has a table), or entities and actions of its own, which its
//! schema declares. `docs/authzen.md` tells services how to ask.
//!
//! The face translates and decides nothing: `read` takes requests apart strictly, `understand` makes questions of the house out of
//! them, `answer` puts what the gate says into JSON. Who may ask is in `tokens` and `guard`.

mod answer;
mod bad;
mod coaz;
mod evaluations;
mod guard;
mod lately;
mod mcp;
mod metadata;
mod page;
mod read;
mod requests;
mod routes;
mod search;
mod serve;
mod tokens;
mod understand;

pub use guard::Askers;
pub use mcp::{KnownServer, Servers};
pub use routes::{Limits, Sources, router};
pub use serve::AuthZen;
pub use tokens::{BadTokens, Tokens, TokensWatch};
