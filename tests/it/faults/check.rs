//! What must hold of a log, whatever happened to it: it opens; it holds every record that was acknowledged, with the same bytes, and what
//! was kept of it; what was said to be erased is gone; its chain, its tree and its signatures are right; its anchor belongs to it; and it
//! goes on.
//!
//! The chain, the tree and the signature are checked here once more, from the bytes, so that a fault in the product's own check does not
//! hide one in its log.

use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cedarpost::audit::private::{commitment, digest_of, unseal};
use cedarpost::audit::tlog::{Frontier, SignedCheckpoint, TreeHash, Trust};
use cedarpost::audit::{
    self, AuditReader, AuditWriter, LeafHash, OpenError, Question, SaltReader, Settings, StoredRecord, Trusted,
};
use cedarpost::clock::Clock;
use prometheus_client::registry::Registry;
use serde_json::Value;

use super::child::{ARGUMENTS, Scene, chain, settings};
use super::process::{Promises, Work};

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// The log is opened once and read as a whole.
    Once,
    /// It is verified by the product, too, before and after; it has to take another record; and it is opened again.
    Twice,
}

/// Opens the log in `directory` and checks all of it; hands back how many records it had.
pub(super) fn check(directory: &Path, promises: &Promises, depth: Depth) -> Result<u64, String> {
    let found = open_and_read(directory, promises, depth)?;
    if depth == Depth::Twice {
        verify(directory)?;
        open_and_read(directory, promises, Depth::Once).map_err(|error| format!("when opened again: {error}"))?;
    }
    Ok(found)
}

fn verify(directory: &Path) -> Result<(), String> {
    let scratch = tempfile::tempdir_in(directory.parent().unwrap()).unwrap();
    let schedule = audit::read_schedule(directory).map_err(|error| chain(&error))?;
    let question = Question::new(Trusted::schedule(schedule));
    let report = audit::verify(directory, scratch.path(), &question, &mut |_, _| {}).map_err(|error| chain(&error))?;
    if report.verified() { Ok(()) } else { Err(format!("it does not verify: {:?}", report.faults)) }
}

fn open_and_read(directory: &Path, promises: &Promises, depth: Depth) -> Result<u64, String> {
    // Without it the log would set room aside on the disk of the test, each time.
    let _ = std::fs::create_dir_all(directory).and_then(|()| std::fs::File::create(directory.join("ballast")));
    let work = Work { deadline: 10_000, ..Work::default() };
    let (writer, reader) = open(&settings(directory, work)).map_err(|error| format!("it does not open: {}", chain(&error)))?;
    let read = read(directory, &reader, promises);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let written = runtime.block_on(async {
        let taken = if depth == Depth::Twice {
            writer.append(Scene::new().decided(u128::from(reader.len()) << 40)).await.map(drop)
        } else {
            Ok(())
        };
        taken.and(writer.close().await)
    });
    let size = read?;
    written.map_err(|error| format!("it cannot be written: {error}"))?;
    Ok(size)
}

/// Opens a log that was just closed. While another thread starts a process, a copy of each open file is in it for a moment, and with it
/// the lock.
fn open(settings: &Settings) -> Result<(AuditWriter, AuditReader), OpenError> {
    let began = Instant::now();
    loop {
        match audit::open(settings, &Clock::System, &mut Registry::default()) {
            Err(OpenError::InUse(_)) if began.elapsed() < Duration::from_secs(5) => std::thread::sleep(Duration::from_millis(10)),
            opened => return opened,
        }
    }
}

fn read(directory: &Path, reader: &AuditReader, promises: &Promises) -> Result<u64, String> {
    let first = reader.first();
    if first > promises.prunes || first < promises.pruned {
        return Err(format!("LOST: the first record is {first}, and {} were to be pruned", promises.prunes));
    }
    let (mut tree, mut records) = (Frontier::new(), Vec::<StoredRecord>::new());
    let mut before = None;
    for record in reader.range(first) {
        let seq = first + records.len() as u64;
        let record = record.map_err(|error| format!("record {seq} cannot be read: {}", chain(&error)))?;
        let leaf = json(&record)?;
        if record.seq() != seq || leaf["seq"].as_u64() != Some(seq) {
            return Err(format!("record {seq} says that it is another: {leaf}"));
        }
        let prev = leaf["prev"].as_str().and_then(LeafHash::parse);
        if before.is_some_and(|before| prev != Some(before)) || (seq == 0 && prev != Some(LeafHash::ZERO)) {
            return Err(format!("the chain is broken before record {seq}"));
        }
        before = Some(LeafHash::of(record.leaf()));
        tree.append(TreeHash::leaf(record.leaf()), |_, _| {}).unwrap();
        records.push(record);
    }
    let size = first + records.len() as u64;
    // Without the records before it, the tree cannot be made of those that are there.
    let root = if first == 0 { tree.root() } else { reader.root(size).map_err(|error| chain(&error))? };
    signed(directory, reader, size, root)?;
    for told in promises.told.iter().filter(|told| told.seq >= first) {
        let at = usize::try_from(told.seq - first).unwrap();
        let Some(record) = records.get(at) else {
            return Err(format!("LOST: record {} was acknowledged, and there are {size}", told.seq));
        };
        if record.hash().to_string() != told.hash {
            return Err(format!("LOST: record {} is another than the one that was acknowledged", told.seq));
        }
        kept(directory, reader, record, promises)?;
    }
    Ok(size)
}

fn json(record: &StoredRecord) -> Result<Value, String> {
    serde_json::from_slice(record.leaf()).map_err(|error| format!("record {} is not JSON: {error}", record.seq()))
}

/// What was kept of a call is there and is what was committed to, unless somebody wanted it to be erased; what was said to be erased is.
fn kept(directory: &Path, reader: &AuditReader, record: &StoredRecord, promises: &Promises) -> Result<(), String> {
    let seq = record.seq();
    let salt = SaltReader::new(directory).salt(seq).map_err(|error| chain(&error))?;
    match salt {
        Some(_) if promises.erased.contains(&seq) => Err(format!("NOT ERASED: record {seq} has its salt")),
        None if !promises.erases.contains(&seq) => Err(format!("LOST: record {seq} has no salt")),
        None => Ok(()),
        // Deciphering takes time, and records are alike.
        Some(_) if !seq.is_multiple_of(8) => Ok(()),
        Some(salt) => {
            let kept = reader.kept(seq).map_err(|error| format!("what was kept of {seq}: {}", chain(&error)))?;
            let kept = kept.ok_or_else(|| format!("LOST: nothing is kept of record {seq}"))?;
            let text = unseal(&salt, seq, &kept).map_err(|error| chain(&error))?;
            let committed = STANDARD.encode(commitment(&salt, &digest_of(&text)));
            let whole = text == ARGUMENTS && json(record)?["args"]["commit"].as_str() == Some(&committed);
            if whole { Ok(()) } else { Err(format!("what is kept of record {seq} is not what was committed to")) }
        }
    }
}

/// The newest checkpoint and the anchor are signed by the log's keys, and are about this tree.
fn signed(directory: &Path, reader: &AuditReader, size: u64, root: TreeHash) -> Result<(), String> {
    let newest = reader.checkpoint();
    let schedule = audit::read_schedule(directory).map_err(|error| chain(&error))?;
    let trust = Trust::new(newest.checkpoint().origin(), schedule);
    trust.verify(&newest).map_err(|error| format!("the newest checkpoint: {}", chain(&error)))?;
    if (newest.checkpoint().size(), *newest.checkpoint().root()) != (size, root) {
        return Err(format!("the newest checkpoint is not about the {size} records that are there"));
    }
    let anchor = std::fs::read(directory.join("anchor")).map_err(|error| format!("the anchor: {error}"))?;
    let anchor = SignedCheckpoint::parse(&anchor).map_err(|error| format!("the anchor: {error}"))?;
    trust.verify(&anchor).map_err(|error| format!("the anchor: {}", chain(&error)))?;
    let root = reader.root(anchor.checkpoint().size()).map_err(|error| format!("the anchor: {}", chain(&error)))?;
    if root == *anchor.checkpoint().root() { Ok(()) } else { Err("the anchor is about another log".into()) }
}
