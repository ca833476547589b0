//! What goes into one request: as many records as there are, within a bound on their number and on their bytes.

use std::sync::Arc;

use super::sender::{Piece, Sender};
use crate::audit::export::Entry;
use crate::audit::ship::source::{Source, SourceError, reading};

/// The most records of a request.
pub(super) const MAX_RECORDS: u64 = 512;
/// The most bytes of their records, unless one alone has more.
const MAX_BYTES: usize = 1 << 20;
/// How many records are read from the log at a time.
const STEP: u64 = 64;

/// Reads and encodes records of the log `origin` from `next` on, up to `end`; at least one, when there is one.
pub(super) async fn read(
    source: &Arc<dyn Source>,
    sender: &Sender,
    origin: &str,
    next: u64,
    end: u64,
) -> Result<Vec<Piece>, SourceError> {
    let observed = sender.now();
    let (mut pieces, mut bytes) = (Vec::new(), 0);
    let end = end.min(next.saturating_add(MAX_RECORDS));
    let mut at = next;
    while at < end {
        let range = at..end.min(at.saturating_add(STEP));
        at = range.end;
        let first = range.start;
        for (leaf, seq) in reading(source, move |source| source.entries(range)).await?.iter().zip(first..) {
            let piece = sender.piece(&Entry::new(origin, seq, leaf), observed);
            bytes += piece.len();
            if bytes > MAX_BYTES && !pieces.is_empty() {
                return Ok(pieces);
            }
            pieces.push(piece);
        }
    }
    Ok(pieces)
}
