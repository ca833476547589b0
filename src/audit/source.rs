//! The log as those see it who carry it away.

use std::ops::Range;
use std::sync::Arc;

use tokio::sync::watch;

use super::keys::read_schedule;
use super::reader::AuditReader;
use super::ship::{Source, SourceError};
use super::tlog::{HashReader, Node, SignedCheckpoint, TreeHash, Trust};

/// A log that can be carried away.
pub struct ShippedLog {
    reader: AuditReader,
    /// What the keys were when they could be read last.
    trust: parking_lot::Mutex<Trust>,
}

impl ShippedLog {
    /// The log that `reader` reads.
    ///
    /// # Errors
    ///
    /// When its keys cannot be read.
    pub fn new(reader: AuditReader) -> Result<Self, super::KeysError> {
        let trust = parking_lot::Mutex::new(trust_of(&reader)?);
        Ok(Self { reader, trust })
    }
}

fn trust_of(reader: &AuditReader) -> Result<Trust, super::KeysError> {
    let schedule = read_schedule(reader.directory())?;
    let origin = schedule.current().name().to_string();
    Ok(Trust::new(origin, schedule))
}

impl Source for ShippedLog {
    fn head(&self) -> watch::Receiver<Arc<SignedCheckpoint>> {
        self.reader.checkpoints()
    }

    fn trust(&self) -> Trust {
        let mut trust = self.trust.lock();
        match trust_of(&self.reader) {
            Ok(now) => *trust = now,
            Err(error) => tracing::warn!(%error, "the keys of the audit log cannot be read; those before are used"),
        }
        trust.clone()
    }

    fn pruned(&self) -> u64 {
        self.reader.first()
    }

    fn entries(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, SourceError> {
        let wanted = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let leaves = self.reader.range(range.start).take(wanted).map(|record| record.map(|record| record.leaf().to_vec()));
        let leaves = leaves.collect::<Result<Vec<_>, _>>().map_err(|error| SourceError(error.into()))?;
        if leaves.len() == wanted {
            Ok(leaves)
        } else {
            Err(SourceError(format!("the log has no record {}", range.end - 1).into()))
        }
    }

    fn hashes(&self, level: u8, range: Range<u64>) -> Result<Vec<TreeHash>, SourceError> {
        let end = range.end.checked_shl(level.into()).filter(|end| end >> level == range.end).unwrap_or(u64::MAX);
        let hashes = self.reader.hashes(end).map_err(|error| SourceError(error.into()))?;
        range.map(|index| hashes.read(Node { level, index }).map_err(|error| SourceError(error.into()))).collect()
    }
}
