//! Puts the pieces of a log together, in order: the chain, the tree and all that stands in more than one of them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use crate::domain::Timestamp;

use super::super::tlog::frontier::FrontierError;
use super::super::tlog::tile::decode_hashes;
use super::super::tlog::{Frontier, TreeHash};
use super::fault::{Fault, HeadFault, RecordFault, TileFault};
use super::heads::{Anchor, TreeHead};
use super::pairs::Pairs;
use super::piece::{Believed, CheckedClaim, CheckedEdge, KeyRecord, Leaves, Piece, SpanPieces};
use super::report::Faults;
use super::spans::{Found, ReadError, Spans};
use super::tree::{Tree, UpperTile};

/// The two trees of a log that is not as it should be: they part where a record does not have the hash that its hash tile says.
#[derive(Debug, Clone, Default)]
pub(super) struct Trees {
    /// Over the hashes of hash tiles, where there are such.
    pub(super) stored: Tree,
    /// Over the hashes of the records; `None` as long as both are the same.
    pub(super) computed: Option<Tree>,
}

/// Everything that was found on the way.
#[derive(Debug)]
pub(super) struct Stitched {
    pub(super) size: u64,
    /// `None` when the hashes of some records are not known.
    pub(super) trees: Option<Trees>,
    /// The hash of the last record.
    pub(super) head: TreeHash,
    pub(super) read: u64,
    pub(super) in_tiles: u64,
    pub(super) times: Option<(Timestamp, Timestamp)>,
    pub(super) keys: Vec<KeyRecord>,
    /// Records below this number may be gone: what the newest prune record says.
    pub(super) min_index: u64,
    /// Where records are missing: first, and one after the last.
    pub(super) gone: Vec<(u64, u64)>,
    /// Whether nothing was read after the last of those.
    pub(super) ends: bool,
    /// The newest head that the log's own database has and that is right.
    pub(super) claimed: Option<Believed>,
    pub(super) anchors: Vec<(Anchor, Option<bool>)>,
    pub(super) open: u64,
    pub(super) faults: Faults,
}

/// How many key records are looked at: more keys than that no schedule has.
const KEYS: usize = 1 << 12;

impl Stitched {
    /// Takes in a prune record: it lets no record be gone that comes after it, and does not take back what an earlier one allowed.
    fn prune(&mut self, seq: u64, min_index: u64) {
        if (self.min_index..=seq).contains(&min_index) {
            self.min_index = min_index;
        } else {
            self.faults.add(Fault::Record { seq, fault: RecordFault::Prune(min_index) });
        }
    }

    /// Notes that a bundle's records are missing.
    fn miss(&mut self, first: u64, end: u64) {
        match self.gone.last_mut() {
            Some((_, last)) if *last == first => *last = end,
            Some(_) | None => self.gone.push((first, end)),
        }
    }
}

/// Takes pieces in order.
pub(super) struct Stitcher<'a, S> {
    spans: &'a S,
    pairs: Pairs,
    /// `None` when nobody knows.
    before: Option<Ends>,
    done: Stitched,
}

/// What the next record may name as the hash of the one before it.
#[derive(Clone, Copy)]
struct Ends {
    computed: TreeHash,
    stored: TreeHash,
}

impl<'a, S: Spans> Stitcher<'a, S> {
    /// For a log that must have these older heads.
    pub(super) fn new(spans: &'a S, mut anchors: Vec<Anchor>) -> Self {
        anchors.sort_by_key(|anchor| anchor.head);
        // The first record names 32 zero bytes. The tree of no records begins every log.
        let zero = TreeHash::from_bytes([0; 32]);
        let holds = |anchor: &Anchor| (anchor.head.size == 0).then(|| anchor.head == TreeHead::EMPTY);
        let done = Stitched {
            size: 0,
            trees: Some(Trees::default()),
            head: zero,
            read: 0,
            in_tiles: 0,
            times: None,
            keys: Vec::new(),
            min_index: 0,
            gone: Vec::new(),
            ends: false,
            claimed: None,
            anchors: anchors.into_iter().map(|anchor| (anchor.clone(), holds(&anchor))).collect(),
            open: 0,
            faults: Faults::default(),
        };
        Self { spans, pairs: Pairs::default(), before: Some(Ends { computed: zero, stored: zero }), done }
    }

    /// How many records were passed.
    pub(super) const fn size(&self) -> u64 {
        self.done.size
    }

    /// Takes the next span; breaks off where nothing is left to go on with.
    pub(super) fn span(&mut self, span: SpanPieces) -> Result<ControlFlow<()>, ReadError> {
        for piece in span.pieces {
            if self.piece(piece)?.is_break() {
                self.done.ends = true;
                return Ok(ControlFlow::Break(()));
            }
        }
        for far in Pairs::far(&span.pairs) {
            if !self.pairs.settle(far) && !self.pairs.settle_with(far, self.spans.record(far.of)?.as_deref()) {
                self.done.faults.add(Fault::Record { seq: far.seq, fault: RecordFault::Outcome(far.of) });
            }
        }
        self.pairs.add(&span.pairs);
        Ok(ControlFlow::Continue(()))
    }

    /// Everything that was found, when there is no more. Hash tiles that are not full are looked at now.
    pub(super) fn finish(mut self) -> Result<Stitched, ReadError> {
        if let Some(trees) = self.done.trees.clone() {
            let computed = trees.computed.as_ref().unwrap_or(&trees.stored);
            self.upper_tiles(trees.stored.partial_tiles(), &computed.partial_tiles())?;
        }
        self.done.open = self.pairs.open();
        Ok(self.done)
    }

    fn piece(&mut self, mut piece: Piece) -> Result<ControlFlow<()>, ReadError> {
        let done = &mut self.done;
        let named = self.before.zip(piece.link);
        if named.is_some_and(|(before, link)| link != before.computed && link != before.stored) {
            done.faults.add(Fault::Record { seq: piece.first, fault: RecordFault::Link });
        }
        std::mem::take(&mut piece.faults).into_iter().for_each(|fault| done.faults.add(fault));
        done.read += u64::from(piece.read);
        done.keys.extend(piece.keys.drain(..).take(KEYS.saturating_sub(done.keys.len())));
        piece.prunes.iter().for_each(|(seq, min_index)| done.prune(*seq, *min_index));
        done.times = piece.times.map(|(first, last)| (done.times.map_or(first, |(first, _)| first), last)).or(done.times);
        let end = piece.first + u64::from(piece.count);
        if piece.gone {
            done.miss(piece.first, end);
        }
        if piece.in_tile {
            done.in_tiles = end;
        }
        let known = piece.hashes.hashes.len() == usize::from(piece.count);
        if known {
            self.grow(&piece)?;
        } else {
            self.done.trees = None;
        }
        self.done.size = end;
        self.before = ends(&piece).filter(|_| known);
        self.done.head = self.before.map_or(self.done.head, |before| before.computed);
        // Neither records nor hashes: what there is after them belongs to nothing.
        Ok(if piece.hashes.hashes.is_empty() && piece.gone { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Lets the trees grow by a bundle whose hashes are all known.
    fn grow(&mut self, piece: &Piece) -> Result<(), ReadError> {
        let Some(mut trees) = self.done.trees.take() else { return Ok(()) };
        if piece.computed.is_some() && trees.computed.is_none() {
            trees.computed = Some(trees.stored.clone());
        }
        let grown = self.heads(&trees, piece).and_then(|()| trees.add(piece));
        match grown {
            Ok((stored, computed)) => {
                self.done.trees = Some(trees);
                self.upper_tiles(stored, &computed)
            }
            Err(too_large) => {
                self.done.faults.add(too_large.into());
                Ok(())
            }
        }
    }

    /// Compares the heads of sizes within a bundle that somebody has kept, or that the database claims.
    fn heads(&mut self, trees: &Trees, piece: &Piece) -> Result<(), FrontierError> {
        let end = piece.first + u64::from(piece.count);
        let anchored = self.done.anchors.iter().map(|(anchor, _)| anchor.head.size);
        let claimed = piece.claims.iter().map(|claim| claim.size);
        let sizes: BTreeSet<u64> = anchored.chain(claimed).filter(|size| (piece.first + 1..=end).contains(size)).collect();
        if sizes.is_empty() {
            return Ok(());
        }
        let sizes: Vec<u64> = sizes.into_iter().collect();
        let mut seen = Vec::new();
        trees.stored.on_the_way(&piece.hashes.hashes, &sizes, |tree| seen.push(tree))?;
        if let Some(computed) = &trees.computed {
            let hashes = piece.computed.as_ref().unwrap_or(&piece.hashes);
            computed.on_the_way(&hashes.hashes, &sizes, |tree| seen.push(tree))?;
        }
        for (anchor, holds) in &mut self.done.anchors {
            let mut same_size = seen.iter().filter(|tree| tree.size() == anchor.head.size).peekable();
            if same_size.peek().is_some() {
                *holds = Some(same_size.any(|tree| tree.root() == anchor.head.root));
            }
        }
        for claim in &piece.claims {
            self.claim(claim, &seen, piece);
        }
        Ok(())
    }

    fn claim(&mut self, claim: &CheckedClaim, seen: &[Frontier], piece: &Piece) {
        let size = claim.size;
        let last = size.checked_sub(piece.first + 1).and_then(|place| piece.hashes.hashes.get(usize::try_from(place).ok()?));
        // Either tree may be right: that of the hash tiles, or that of the records.
        let is_right = |frontier: &Frontier| seen.iter().any(|tree| tree == frontier);
        let fault = match &claim.edge {
            _ if last != Some(&claim.last) => Some(HeadFault::Hash),
            None => None,
            Some(edge) if edge.frontier.size() != size || !is_right(&edge.frontier) => Some(HeadFault::Tree),
            Some(CheckedEdge { checkpoint: Err(fault), .. }) => Some(HeadFault::Checkpoint(fault.clone())),
            Some(CheckedEdge { frontier, checkpoint: Ok(believed) }) => {
                let same = believed.head == (TreeHead { size, root: frontier.root() });
                same.then(|| self.done.claimed = Some(believed.clone()));
                (!same).then_some(HeadFault::Other)
            }
        };
        if let Some(fault) = fault {
            let seq = size.saturating_sub(1).max(piece.first);
            self.done.faults.add(Fault::Record { seq, fault: RecordFault::Head(fault) });
        }
    }

    /// Compares hash tiles above level 0 with what is kept; either tree may be right.
    fn upper_tiles(&mut self, stored: Vec<UpperTile>, computed: &[UpperTile]) -> Result<(), ReadError> {
        for UpperTile { tile, hashes } in stored {
            let Some(found) = self.spans.upper_tile(tile)? else { continue };
            let fault = match found {
                Found::Nothing => Some(TileFault::Missing),
                Found::Unfit => Some(TileFault::Length),
                Found::Bytes(bytes) => match decode_hashes(tile, &bytes) {
                    None => Some(TileFault::Length),
                    Some(found) if found == hashes => None,
                    Some(found) if computed.iter().any(|other| other.tile == tile && other.hashes == found) => None,
                    Some(_) => Some(TileFault::Differs),
                },
            };
            if let Some(fault) = fault {
                self.done.faults.add(Fault::Tile { tile, fault });
            }
        }
        Ok(())
    }
}

impl Trees {
    /// Adds a bundle, and hands back the hash tiles above level 0 that are now full in either tree.
    fn add(&mut self, piece: &Piece) -> Result<(Vec<UpperTile>, Vec<UpperTile>), FrontierError> {
        let add = |tree: &mut Tree, leaves: &Leaves| match leaves.root {
            Some(root) => tree.add_bundle(root),
            None => tree.add_rest(&leaves.hashes).map(|()| Vec::new()),
        };
        let stored = add(&mut self.stored, &piece.hashes)?;
        let computed = match &mut self.computed {
            Some(tree) => add(tree, piece.computed.as_ref().unwrap_or(&piece.hashes))?,
            None => Vec::new(),
        };
        Ok((stored, computed))
    }
}

/// The hashes of a bundle's last record.
fn ends(piece: &Piece) -> Option<Ends> {
    let stored = *piece.hashes.hashes.last()?;
    let computed = piece.computed.as_ref().and_then(|leaves| leaves.hashes.last()).copied().unwrap_or(stored);
    Some(Ends { computed, stored })
}
