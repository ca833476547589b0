//! What can be said about a span by itself, whatever stands before it: the part of the work that many threads do at once.

use crate::domain::Timestamp;

use super::super::tlog::tile::{Content, decode_hashes};
use super::super::tlog::{Frontier, KeyName, SignedCheckpoint, Tile, TreeHash, Trust};
use super::fault::{CheckpointFault, Fault, RecordFault, TileFault};
use super::heads::TreeHead;
use super::leaf::{Body, Leaf};
use super::pairs::SpanPairs;
use super::spans::{Bundle, Claim, Found, split_record};
use super::tree::bundle_root;

/// A span that was read.
#[derive(Debug)]
pub(super) struct SpanPieces {
    pub(super) pieces: Vec<Piece>,
    pub(super) pairs: SpanPairs,
}

/// A bundle that was read.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) first: u64,
    pub(super) count: u16,
    /// What the tree is made of: the hashes of the hash tile where there is one. Fewer than records when nobody knows them.
    pub(super) hashes: Leaves,
    /// The hashes of the records themselves, where they are others.
    pub(super) computed: Option<Leaves>,
    /// Whether there is a hash tile, as files have one.
    pub(super) in_tile: bool,
    /// How many records were there.
    pub(super) read: u16,
    /// Whether there were none.
    pub(super) gone: bool,
    /// What the first record names as the hash of the one before it; `None` when it does not matter.
    pub(super) link: Option<TreeHash>,
    pub(super) times: Option<(Timestamp, Timestamp)>,
    pub(super) keys: Vec<KeyRecord>,
    /// The prune records, and from where on everything is still there.
    pub(super) prunes: Vec<(u64, u64)>,
    pub(super) claims: Vec<CheckedClaim>,
    pub(super) faults: Vec<Fault>,
}

/// The hashes of a bundle's leaves, and the root over them when it is full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaves {
    pub(super) hashes: Vec<TreeHash>,
    pub(super) root: Option<TreeHash>,
}

impl Leaves {
    fn new(hashes: Vec<TreeHash>) -> Self {
        Self { root: bundle_root(&hashes), hashes }
    }
}

/// A `key` record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyRecord {
    pub(super) seq: u64,
    pub(super) old: String,
    pub(super) new: String,
    pub(super) from: u64,
}

/// A claim whose signature was checked.
#[derive(Debug)]
pub(super) struct CheckedClaim {
    /// How many records the tree has.
    pub(super) size: u64,
    pub(super) last: TreeHash,
    pub(super) edge: Option<CheckedEdge>,
}

/// A tree, and the checkpoint that says so.
#[derive(Debug)]
pub(super) struct CheckedEdge {
    pub(super) frontier: Frontier,
    pub(super) checkpoint: Result<Believed, CheckpointFault>,
}

/// A checkpoint that is to be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Believed {
    pub(super) head: TreeHead,
    pub(super) cosigned: Vec<(KeyName, u64)>,
}

impl Believed {
    /// Reads a signed checkpoint and checks who signed it.
    pub(super) fn read(bytes: &[u8], trust: &Trust) -> Result<Self, CheckpointFault> {
        let signed = SignedCheckpoint::parse(bytes).map_err(CheckpointFault::Form)?;
        let verified = trust.verify(&signed).map_err(CheckpointFault::Distrust)?;
        let head = TreeHead { size: verified.checkpoint().size(), root: *verified.checkpoint().root() };
        Ok(Self { head, cosigned: verified.cosigned().to_vec() })
    }
}

/// Reads the bundles of a span, which follow each other.
pub(super) fn read_span(bundles: &[Bundle], trust: &Trust) -> SpanPieces {
    let mut pairs = SpanPairs::new(bundles.first().map_or(0, |bundle| bundle.first));
    let pieces = bundles.iter().map(|bundle| read_bundle(bundle, trust, &mut pairs)).collect();
    SpanPieces { pieces, pairs }
}

fn read_bundle(bundle: &Bundle, trust: &Trust, pairs: &mut SpanPairs) -> Piece {
    let mut faults = Vec::new();
    let stored = stored_hashes(bundle, &mut faults);
    let mut reading = Reading { stored: stored.as_deref(), seen: Seen::default(), faults, before: None };
    match &bundle.entries {
        Found::Bytes(entries) => reading.entries(bundle, entries, pairs),
        Found::Nothing => {}
        Found::Unfit => reading.fault(bundle.first, RecordFault::Bundle),
    }
    let Reading { seen, faults, .. } = reading;
    pairs.pass_doubtful(usize::from(bundle.count).saturating_sub(seen.hashes.len()));
    let read = u16::try_from(seen.hashes.len()).unwrap_or(u16::MAX);
    let (hashes, computed) = trees(stored, seen.hashes);
    Piece {
        first: bundle.first,
        count: bundle.count,
        hashes,
        computed,
        in_tile: bundle.hashes.is_some(),
        read,
        gone: bundle.entries == Found::Nothing,
        link: seen.link,
        times: seen.times,
        keys: seen.keys,
        prunes: seen.prunes,
        claims: bundle.claims.iter().map(|(size, claim)| check_claim(*size, claim, trust)).collect(),
        faults: faults.into_iter().chain(bundle.fault.clone()).collect(),
    }
}

/// The hashes of the tile over a bundle, if it is there and whole.
fn stored_hashes(bundle: &Bundle, faults: &mut Vec<Fault>) -> Option<Vec<TreeHash>> {
    let tile = Tile::in_tree(Content::Hashes(0), bundle.first / 256, bundle.first + u64::from(bundle.count))?;
    let found = match bundle.hashes.as_ref()? {
        Found::Bytes(bytes) => decode_hashes(tile, bytes).ok_or(TileFault::Length),
        Found::Nothing => Err(TileFault::Missing),
        Found::Unfit => Err(TileFault::Length),
    };
    found.map_err(|fault| faults.push(Fault::Tile { tile, fault })).ok()
}

/// The hashes that the tree is made of, and those of the records where they are others. Records that are not there count with their
/// stored hashes in both.
fn trees(stored: Option<Vec<TreeHash>>, mut computed: Vec<TreeHash>) -> (Leaves, Option<Leaves>) {
    let Some(stored) = stored else { return (Leaves::new(computed), None) };
    if stored.starts_with(&computed) {
        return (Leaves::new(stored), None);
    }
    let unread = computed.len();
    computed.extend(stored.iter().skip(unread));
    (Leaves::new(stored), Some(Leaves::new(computed)))
}

fn check_claim(size: u64, claim: &Claim, trust: &Trust) -> CheckedClaim {
    let edge = claim
        .edge
        .as_ref()
        .map(|(frontier, checkpoint)| CheckedEdge { frontier: frontier.clone(), checkpoint: Believed::read(checkpoint, trust) });
    CheckedClaim { size, last: claim.last, edge }
}

/// What the records of a bundle say.
#[derive(Default)]
struct Seen {
    hashes: Vec<TreeHash>,
    link: Option<TreeHash>,
    times: Option<(Timestamp, Timestamp)>,
    keys: Vec<KeyRecord>,
    prunes: Vec<(u64, u64)>,
}

/// The record before the one that is read.
#[derive(Clone, Copy)]
struct Before {
    hash: TreeHash,
    /// What the hash tile says, when that is another hash.
    stored: Option<TreeHash>,
}

struct Reading<'a> {
    stored: Option<&'a [TreeHash]>,
    seen: Seen,
    faults: Vec<Fault>,
    before: Option<Before>,
}

impl Reading<'_> {
    fn fault(&mut self, seq: u64, fault: RecordFault) {
        self.faults.push(Fault::Record { seq, fault });
    }

    fn entries(&mut self, bundle: &Bundle, entries: &[u8], pairs: &mut SpanPairs) {
        let mut rest = entries;
        let end = bundle.first + u64::from(bundle.count);
        for seq in bundle.first..end {
            let Some((leaf, after)) = split_record(rest) else {
                return self.fault(seq, RecordFault::Bundle);
            };
            rest = after;
            if let Err(fault) = self.record(seq, leaf, pairs) {
                self.fault(seq, fault);
            }
        }
        if !rest.is_empty() {
            self.fault(end.saturating_sub(1), RecordFault::Bundle);
        }
    }

    /// Reads a record; what is wrong with it is said once, and it counts for nothing else then.
    fn record(&mut self, seq: u64, bytes: &[u8], pairs: &mut SpanPairs) -> Result<(), RecordFault> {
        let hash = TreeHash::leaf(bytes);
        let stored = self.stored.and_then(|stored| stored.get(self.seen.hashes.len())).copied().filter(|stored| *stored != hash);
        let is_first = self.seen.hashes.is_empty();
        self.seen.hashes.push(hash);
        let before = self.before.replace(Before { hash, stored });
        let read = match stored {
            Some(_) => Err(RecordFault::Content),
            None => Leaf::read(bytes).map_err(RecordFault::Form),
        };
        let leaf = read.inspect_err(|_| pairs.pass_doubtful(1))?;
        let fault = fault_of(seq, &leaf, before);
        if is_first && fault.is_none() {
            self.seen.link = Some(leaf.prev);
        }
        if matches!(fault, Some(RecordFault::Version(_) | RecordFault::Number(_))) {
            pairs.pass_doubtful(1);
        } else if !pairs.pass(seq, &leaf.body) && fault.is_none() {
            let of = if let Body::Outcome { of, .. } = leaf.body { of } else { seq };
            return Err(RecordFault::Outcome(of));
        }
        self.seen.note(seq, &leaf);
        fault.map_or(Ok(()), Err)
    }
}

/// What is wrong with a record that has the right form.
fn fault_of(seq: u64, leaf: &Leaf<'_>, before: Option<Before>) -> Option<RecordFault> {
    if !leaf.is_known() {
        return Some(RecordFault::Version(leaf.version));
    }
    if leaf.seq != seq {
        return Some(RecordFault::Number(leaf.seq));
    }
    // When the record before has another content than its hash tile says, its successor tells which of the two was changed.
    let linked = before.is_none_or(|before| leaf.prev == before.hash || Some(leaf.prev) == before.stored);
    (!linked).then_some(RecordFault::Link)
}

/// The text that stands in canonical JSON like that.
fn plain(escaped: &str) -> String {
    serde_json::from_str(&format!("\"{escaped}\"")).unwrap_or_default()
}

impl Seen {
    fn note(&mut self, seq: u64, leaf: &Leaf<'_>) {
        self.times = Some((self.times.map_or(leaf.at, |(first, _)| first), leaf.at));
        match leaf.body {
            Body::Key(change) => {
                self.keys.push(KeyRecord { seq, old: plain(change.old), new: plain(change.new), from: change.from });
            }
            Body::Prune(min_index) => self.prunes.push((seq, min_index)),
            Body::Decision { .. } | Body::Outcome { .. } | Body::Plain => {}
        }
    }
}
