//! Reading a request's body: the one encoding that everybody reads the same way, within bounds of size and time.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response};
use hyper::body::Incoming;

use super::super::body::Body;
use super::super::collect::{Incomplete, collect};
use super::respond;
use crate::passage::Unread;

pub(super) use crate::passage::is_json;

impl From<Incomplete> for Unread {
    fn from(incomplete: Incomplete) -> Self {
        match incomplete {
            Incomplete::TooLarge => Self::TooLarge,
            Incomplete::TooSlow => Self::TooSlow,
            Incomplete::Broken => Self::Broken,
        }
    }
}

/// The answer to a request whose body is not read.
pub(super) fn response(unread: Unread) -> Response<Body> {
    let (status, sentence) = unread.told();
    respond::refused(status, sentence)
}

/// Reads a message body that claims to be JSON.
pub(super) async fn json(headers: &HeaderMap, body: Incoming, most: usize, within: Duration) -> Result<Bytes, Unread> {
    Unread::check(headers)?;
    collect(body, most, within).await.map_err(Unread::from)
}
