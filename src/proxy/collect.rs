//! Reading a whole body, within bounds of size and time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout_at};

/// Why a body did not come whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Incomplete {
    /// Larger than allowed.
    TooLarge,
    /// It took too long.
    TooSlow,
    /// The connection broke.
    Broken,
}

/// Reads a body of at most `most` bytes.
pub(super) async fn collect(mut body: Incoming, most: usize, within: Duration) -> Result<Bytes, Incomplete> {
    if body.size_hint().lower() > most as u64 {
        return Err(Incomplete::TooLarge);
    }
    let deadline = Instant::now() + within;
    let mut whole = Pieces::default();
    loop {
        let frame = timeout_at(deadline, body.frame()).await.map_err(|_| Incomplete::TooSlow)?;
        let Some(frame) = frame else { return Ok(whole.join()) };
        if let Ok(data) = frame.map_err(|_| Incomplete::Broken)?.into_data() {
            whole.push(data);
            if whole.len() > most {
                return Err(Incomplete::TooLarge);
            }
        }
    }
}

/// A body in pieces. The usual body is one piece and is not copied.
#[derive(Default)]
struct Pieces {
    first: Bytes,
    rest: BytesMut,
}

impl Pieces {
    fn push(&mut self, piece: Bytes) {
        if self.first.is_empty() && self.rest.is_empty() {
            self.first = piece;
        } else {
            if self.rest.is_empty() {
                self.rest.extend_from_slice(&self.first);
            }
            self.rest.extend_from_slice(&piece);
        }
    }

    fn len(&self) -> usize {
        self.first.len().max(self.rest.len())
    }

    fn join(self) -> Bytes {
        if self.rest.is_empty() { self.first } else { self.rest.freeze() }
    }
}
