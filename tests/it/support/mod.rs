//! What the tests of the whole binary share: a sidecar, an MCP client, and servers without any scruples.

mod asked;
mod ca;
mod client;
pub(crate) mod grpc;
mod idp;
mod port;
mod private;
mod records;
mod scripted;
mod served;
mod sidecar;
mod stdio;
pub(crate) mod tiles;
mod upstream;
mod volume;

pub(crate) use asked::{Asked, asked, framed};
pub(crate) use ca::{Ca, Issued, Wish, client as tls_client, client_of as tls_client_of, connect as tls_connect, self_signed};
pub(crate) use client::{Connection, Era, LEGACY, MODERN, Mcp, Reply, Stream, modern_meta};
pub(crate) use idp::{Idp, TestKey, now};
pub(crate) use port::free_port;
pub(crate) use private::{assert_commits, assert_recorded, event_data, kept, records_of, result_text};
pub(crate) use records::{Entry, entries};
pub(crate) use scripted::{Answer, Ear, Scripted};
pub(crate) use served::Served;
pub(crate) use sidecar::{Home, PATH, Sidecar, cedarpost};
pub(crate) use stdio::{Desk, SERVER, Talk, shown, until};
pub(crate) use upstream::{Framing, Seen, Upstream};
pub(crate) use volume::{Files, Volume, files};
