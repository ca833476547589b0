//! What follows from everything that was found: which missing records may be, which tree was signed, and whether keys changed as said.

use super::super::tlog::{KeySchedule, TreeHash};
use super::fault::{CheckpointFault, Fault, RecordFault};
use super::heads::TreeHead;
use super::piece::{Believed, KeyRecord};
use super::report::{Anchored, Report, Rest};
use super::stitch::{Stitched, Trees};

/// What a log says is its newest head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Newest {
    /// The head; `None` when it cannot be read.
    pub(super) head: Option<TreeHead>,
    /// The same when it is to be believed; or why it is not, unless that is a fault of the records that was told.
    pub(super) believed: Result<Believed, Option<CheckpointFault>>,
}

/// Which keys sign the log, as whoever asks knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KnownKeys<'a> {
    /// All keys the log ever had.
    All(&'a KeySchedule),
    /// The key that signs now; what was before it is not known.
    Newest(&'a KeySchedule),
}

/// Turns what was found into a report.
pub(super) fn report(mut found: Stitched, newest: Newest, keys: KnownKeys<'_>) -> Report {
    missing_records(&mut found, newest.head);
    match keys {
        KnownKeys::All(schedule) => all_keys(&mut found, schedule),
        KnownKeys::Newest(schedule) => newest_key(&mut found, schedule),
    }
    let (tree, rest) = trees(&mut found, newest.head);
    // A database may have records after the newest head that is to be believed.
    let size = newest.head.map_or(tree.size, |head| head.size.max(tree.size));
    let anchors = anchors(&mut found, size);
    let (signed, cosigned) = match newest.believed {
        Ok(believed) => (rest == Rest::Signed, believed.cosigned),
        Err(fault) => {
            fault.into_iter().for_each(|fault| found.faults.add(Fault::Checkpoint(fault)));
            (false, Vec::new())
        }
    };
    let (first, last) = found.times.unzip();
    Report {
        tree,
        head: found.head,
        read: found.read,
        min_index: found.min_index,
        first,
        last,
        without_outcome: found.open,
        signed,
        cosigned,
        anchors,
        faults: found.faults,
        rest,
        in_tiles: found.in_tiles,
    }
}

/// Records may be gone in bundles that end at or below the newest prune record's index.
fn missing_records(found: &mut Stitched, head: Option<TreeHead>) {
    let kept_from = found.min_index / 256 * 256;
    let nothing_follows = found.ends.then(|| found.gone.pop()).flatten();
    for (first, end) in std::mem::take(&mut found.gone) {
        let first = first.max(kept_from);
        if first < end {
            found.faults.add(Fault::Bodies { first, last: end - 1 });
        }
    }
    if let Some((first, end)) = nothing_follows {
        let end = head.map_or(end, |head| head.size.max(end));
        found.faults.add(Fault::Bodies { first, last: end - 1 });
    }
}

/// Each change of keys has its record, and each record of a change is one, as far as records are there.
fn all_keys(found: &mut Stitched, schedule: &KeySchedule) {
    let terms: Vec<_> = schedule.terms().collect();
    let mut changes: Vec<_> = terms.windows(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?))).collect();
    for record in &found.keys {
        let says = |old: &str, new: &str, from| old == record.old && new == record.new && from == record.from;
        let told = changes.iter().position(|(old, new)| says(&old.key().to_string(), &new.key().to_string(), new.from()));
        match told {
            Some(at) => _ = changes.remove(at),
            None if is_about_to_change(record, found.size, schedule) => {}
            None => found.faults.add(wrong_key(record)),
        }
    }
    let may_be_gone = |from: u64| from <= found.min_index || from > found.size;
    let unannounced: Vec<u64> = changes.iter().map(|(_, new)| new.from()).filter(|from| !may_be_gone(*from)).collect();
    unannounced.into_iter().for_each(|from| found.faults.add(Fault::KeyUnannounced { from }));
}

/// The newest record of a change names the key that is known.
fn newest_key(found: &mut Stitched, schedule: &KeySchedule) {
    let wrong = found.keys.last().filter(|record| record.new != schedule.current().to_string());
    let wrong = wrong.filter(|record| !is_about_to_change(record, found.size, schedule)).map(wrong_key);
    wrong.into_iter().for_each(|fault| found.faults.add(fault));
}

/// Whether a crash may have come between a change of keys and the list of keys, which the next start then writes: the change is the log's
/// last record, and only the key that it was known to have has signed anything.
fn is_about_to_change(record: &KeyRecord, size: u64, schedule: &KeySchedule) -> bool {
    record.from == size && record.seq + 1 == size && record.old == schedule.current().to_string()
}

fn wrong_key(record: &KeyRecord) -> Fault {
    Fault::Record { seq: record.seq, fault: RecordFault::Key(record.from) }
}

/// The log's tree, and whether it is the one that was signed.
fn trees(found: &mut Stitched, signed: Option<TreeHead>) -> (TreeHead, Rest) {
    let size = found.size;
    let Some(Trees { stored, computed }) = found.trees.take() else { return (TreeHead { size, ..TreeHead::EMPTY }, Rest::Open) };
    let root = |tree: &super::tree::Tree| tree.frontier().map_or(TreeHash::EMPTY, |frontier| frontier.root());
    let (stored, other) = (root(&stored), computed.as_ref().map(root));
    let computed = other.unwrap_or(stored);
    let tree = TreeHead { size, root: computed };
    let Some(signed) = signed else { return (tree, Rest::Open) };
    if signed == tree {
        return (tree, Rest::Signed);
    }
    if signed == (TreeHead { size, root: stored }) {
        return (tree, Rest::OnlyNamed);
    }
    // A head of another size is that of a log whose newest head was told to be wrong.
    if signed.size == size {
        found.faults.add(Fault::Root { size, found: computed, signed: signed.root });
    }
    (tree, Rest::Open)
}

/// What became of the older heads: a log of `size` records must have them all.
fn anchors(found: &mut Stitched, size: u64) -> Vec<Anchored> {
    let mut told = Vec::new();
    for (anchor, holds) in std::mem::take(&mut found.anchors) {
        let holds = if anchor.head.size > size { Some(false) } else { holds };
        if holds == Some(false) {
            found.faults.add(if anchor.head.size > size {
                Fault::Rollback { name: anchor.name.clone(), anchored: anchor.head.size, found: size }
            } else {
                Fault::Fork { name: anchor.name.clone(), size: anchor.head.size }
            });
        }
        told.push(Anchored { name: anchor.name, head: anchor.head, inside: anchor.inside, holds });
    }
    told
}
