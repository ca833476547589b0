//! Who we are for an authorization server, and the tokens that it gives us: by the client credentials grant (RFC 6749, section 4.4) or in
//! exchange for what a caller showed (RFC 8693). Nothing is kept here and nothing tried twice.

mod answer;
mod ask;
mod prove;

pub use ask::{ClientSettings, Grant, Granted, TokenClient, TokenPlace, Ungranted};
pub(super) use prove::{Client, prove};
