//! The newest part of a log, which only its database has, and a log that is partly in files and partly there.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

use super::super::super::tlog::Tile;
use super::super::super::tlog::tile::FULL;
use super::super::fault::{Fault, RecordFault};
use super::super::spans::{Bundle, Claim, Found, ReadError, Spans, split_record};
use super::files::{Files, TileSpans};

/// How many bundles are handed out together.
const SPAN: usize = 8;

/// What a database has stored together: any number of records, and what it claims about the tree after the last of them.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The number of the first record.
    pub first: u64,
    /// The records, each as its length (u16, big-endian) and its bytes.
    pub entries: Bytes,
    /// The tree after the last.
    pub claim: Claim,
}

type Lookup = Box<dyn Fn(u64) -> Result<Option<Bytes>, ReadError> + Send + Sync>;

/// Records that an iterator hands over in order, put together as bundles.
pub struct Bundles<I> {
    grouping: Mutex<Grouping<I>>,
    record: Lookup,
    end: Option<u64>,
}

impl<I: Iterator<Item = Result<Stored, ReadError>> + Send> Bundles<I> {
    /// The records from number `from` on, a multiple of 256; what `stored` has before it is passed over. `record` reads one of them
    /// again. `end` is the number of records that the log had when its database was copied, for those who watch.
    pub fn new(
        from: u64,
        stored: I,
        record: impl Fn(u64) -> Result<Option<Bytes>, ReadError> + Send + Sync + 'static,
        end: Option<u64>,
    ) -> Self {
        let grouping = Grouping { stored, next: from, bundle: Growing::new(from), full: VecDeque::new(), over: false };
        Self { grouping: Mutex::new(grouping), record: Box::new(record), end }
    }
}

/// INVARIANT: `bundle` ends where record `next` goes.
struct Grouping<I> {
    stored: I,
    next: u64,
    bundle: Growing,
    full: VecDeque<Bundle>,
    over: bool,
}

struct Growing {
    first: u64,
    count: u16,
    entries: BytesMut,
    claims: Vec<(u64, Claim)>,
}

impl Growing {
    fn new(first: u64) -> Self {
        Self { first, count: 0, entries: BytesMut::new(), claims: Vec::new() }
    }

    fn finish(self, fault: Option<Fault>) -> Bundle {
        let entries = Found::Bytes(self.entries.freeze());
        Bundle { first: self.first, count: self.count, entries, hashes: None, claims: self.claims, fault }
    }
}

impl<I: Iterator<Item = Result<Stored, ReadError>>> Grouping<I> {
    /// The next bundles; none at the end.
    fn take(&mut self) -> Result<Vec<Bundle>, ReadError> {
        while !self.over && self.full.len() < SPAN {
            match self.stored.next() {
                Some(stored) => {
                    let fault = self.add(&stored?);
                    if fault.is_some() {
                        self.end(fault);
                    }
                }
                None => self.end(None),
            }
        }
        let ready = self.full.len().min(SPAN);
        Ok(self.full.drain(..ready).collect())
    }

    fn end(&mut self, fault: Option<Fault>) {
        let last = std::mem::replace(&mut self.bundle, Growing::new(self.next));
        if last.count > 0 || fault.is_some() {
            self.full.push_back(last.finish(fault));
        }
        self.over = true;
    }

    /// Adds what was stored together; a fault when it does not go on where the records before it end.
    fn add(&mut self, stored: &Stored) -> Option<Fault> {
        let (mut rest, mut seq) = (&*stored.entries, stored.first);
        if seq > self.next {
            return Some(Fault::Bodies { first: self.next, last: seq - 1 });
        }
        while !rest.is_empty() {
            let Some((record, after)) = split_record(rest) else {
                return Some(Fault::Record { seq, fault: RecordFault::Bundle });
            };
            let framed = rest.len() - after.len();
            if seq == self.next {
                self.push(rest.split_at_checked(framed).map_or(record, |(framed, _)| framed));
            }
            (rest, seq) = (after, seq + 1);
        }
        if seq == self.next && seq > stored.first {
            self.claim(&stored.claim);
        }
        None
    }

    fn push(&mut self, framed: &[u8]) {
        if self.bundle.count == FULL {
            let full = std::mem::replace(&mut self.bundle, Growing::new(self.next));
            self.full.push_back(full.finish(None));
        }
        self.bundle.entries.extend_from_slice(framed);
        self.bundle.count += 1;
        self.next += 1;
    }

    /// Keeps what is said about the tree as it is now; nothing can be said about records that were passed over.
    fn claim(&mut self, claim: &Claim) {
        if self.bundle.count > 0 {
            self.bundle.claims.push((self.next, claim.clone()));
        }
    }
}

impl<I: Iterator<Item = Result<Stored, ReadError>> + Send> Spans for Bundles<I> {
    type Ticket = Result<Vec<Bundle>, ReadError>;

    fn next(&self) -> Option<Self::Ticket> {
        let taken = self.grouping.lock().take();
        (!matches!(&taken, Ok(bundles) if bundles.is_empty())).then_some(taken)
    }

    fn read(&self, ticket: Self::Ticket) -> Result<Vec<Bundle>, ReadError> {
        ticket
    }

    fn upper_tile(&self, _: Tile) -> Result<Option<Found>, ReadError> {
        Ok(None)
    }

    fn record(&self, seq: u64) -> Result<Option<Bytes>, ReadError> {
        (self.record)(seq)
    }

    fn size_hint(&self) -> Option<u64> {
        self.end
    }
}

/// A log that is being written: full tiles as files, and what comes after them from its database.
pub struct Live<F, I> {
    tiles: TileSpans<F>,
    newest: Bundles<I>,
}

impl<F: Files, I: Iterator<Item = Result<Stored, ReadError>> + Send> Live<F, I> {
    /// `newest` begins where `tiles` end: at a multiple of 256.
    pub const fn new(tiles: TileSpans<F>, newest: Bundles<I>) -> Self {
        Self { tiles, newest }
    }
}

/// A ticket of either part.
pub enum Either<L, R> {
    /// Of the files.
    Tiles(L),
    /// Of the database.
    Newest(R),
}

impl<F: Files, I: Iterator<Item = Result<Stored, ReadError>> + Send> Spans for Live<F, I> {
    type Ticket = Either<<TileSpans<F> as Spans>::Ticket, <Bundles<I> as Spans>::Ticket>;

    fn next(&self) -> Option<Self::Ticket> {
        self.tiles.next().map(Either::Tiles).or_else(|| self.newest.next().map(Either::Newest))
    }

    fn read(&self, ticket: Self::Ticket) -> Result<Vec<Bundle>, ReadError> {
        match ticket {
            Either::Tiles(ticket) => self.tiles.read(ticket),
            Either::Newest(ticket) => self.newest.read(ticket),
        }
    }

    fn upper_tile(&self, tile: Tile) -> Result<Option<Found>, ReadError> {
        // Those that are not full, or end where no files are yet, are made when the log is closed.
        if tile.is_full() && tile.end_index() <= self.tiles.size() { self.tiles.upper_tile(tile) } else { Ok(None) }
    }

    fn record(&self, seq: u64) -> Result<Option<Bytes>, ReadError> {
        if seq < self.tiles.size() { self.tiles.record(seq) } else { self.newest.record(seq) }
    }

    fn size_hint(&self) -> Option<u64> {
        self.newest.size_hint()
    }
}

#[cfg(test)]
#[path = "database_tests.rs"]
mod tests;
