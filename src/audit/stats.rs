//! How a log stands: how long it is, where its parts are and how much room they take, and what it has records of.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::reader::{AuditReader, ReadError};
use super::show::ShowError;
use super::snapshot::with_snapshot;
use super::tlog::SignedCheckpoint;

/// After how many records it is told how far the counting is.
const LOOK: u64 = 4096;
/// The parts of a log's directory that take room.
const PARTS: [&str; 4] = ["epochs", "tiles", "private", "index"];

/// How a log stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// The name in its checkpoints.
    pub origin: String,
    /// The number of records, pruned ones included.
    pub records: u64,
    /// The number of the oldest record that is still there.
    pub first: u64,
    /// How many records are in files; those after them are in a database.
    pub archived: u64,
    /// How many records the newest checkpoint covers.
    pub signed: u64,
    /// How many records the newest checkpoint covers that witnesses have cosigned.
    pub cosigned: Option<u64>,
    /// The times of the oldest and the newest record that are there, as they say them (RFC 3339).
    pub times: Option<(String, String)>,
    /// How many records there are of each kind and word, such as `decision`, `deny`.
    pub counts: BTreeMap<(String, String), u64>,
    /// How many bytes each part takes on the disk.
    pub room: BTreeMap<&'static str, u64>,
}

/// Looks at the log in `directory`, whether or not a sidecar writes it. Works on a copy below `scratch`. `progress` is told the number of
/// records counted so far, and of all.
///
/// # Errors
///
/// [`ShowError`].
pub fn stats(directory: &Path, scratch: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Stats, ShowError> {
    let mut stats = with_snapshot(directory, scratch, |reader| Ok::<_, ShowError>(count(reader, progress)?))?;
    stats.room = PARTS.into_iter().map(|part| (part, room(&directory.join(part)).unwrap_or(0))).collect();
    Ok(stats)
}

fn count(reader: &AuditReader, progress: &mut dyn FnMut(u64, u64)) -> Result<Stats, ReadError> {
    let checkpoint = reader.checkpoint();
    let cosigned = std::fs::read(reader.directory().join("cosigned")).ok();
    let cosigned = cosigned.and_then(|note| SignedCheckpoint::parse(&note).ok());
    let mut stats = Stats {
        origin: checkpoint.checkpoint().origin().to_owned(),
        records: reader.len(),
        first: reader.first(),
        archived: reader.archived(),
        signed: checkpoint.checkpoint().size(),
        cosigned: cosigned.map(|cosigned| cosigned.checkpoint().size()),
        ..Stats::default()
    };
    let of = stats.records - stats.first;
    for (done, record) in (0..).zip(reader.range(stats.first)) {
        if done % LOOK == 0 {
            progress(done, of);
        }
        let summary = record?.summary();
        *stats.counts.entry((summary.kind, summary.verdict)).or_default() += 1;
        let first = stats.times.take().map_or_else(|| summary.time.clone(), |(first, _)| first);
        stats.times = Some((first, summary.time));
    }
    Ok(stats)
}

/// The room that a directory takes on the disk, in bytes.
fn room(directory: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(meta) = entry.metadata() else { continue };
        bytes += if meta.is_dir() { room(&entry.path()).unwrap_or(0) } else { meta.blocks() * 512 };
    }
    Ok(bytes)
}
