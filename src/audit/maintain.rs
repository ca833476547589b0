//! What a person asks of the log itself: erasing what was kept of a call, and removing the oldest records. Both are recorded before they
//! are done, and neither takes anything from what can be proven of the records that stay, or that there were others.

use super::AuditWriter;
use super::archive::{BUNDLE, WriteError};
use super::archivist::Chore;
use super::epoch::whole_bundles;
use super::private::{SaltError, SaltReader};
use super::queue::Command;
use super::reader::{AuditReader, ReadError};
use super::record::{EraseRecord, PruneRecord, Record};
use super::ship::smallest_cursor;
use super::time::parse_time;
use super::writer::AppendError;
use crate::domain::Timestamp;

/// What was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// The record whose content was erased.
    pub seq: u64,
    /// The record that says so.
    pub record: u64,
    /// Whether there was something: it may have been erased before.
    pub was_there: bool,
}

/// Why nothing was erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// There is no such record.
    #[error("there is no record {0}")]
    NoRecord(u64),
    /// Nothing is committed to or kept under it.
    #[error("record {0} has no arguments and no result")]
    Nothing(u64),
    /// The record could not be read.
    #[error("failed to read the record")]
    Read(#[from] ReadError),
    /// That it is to be erased could not be recorded; it was not erased.
    #[error("failed to record the erasure; nothing was erased")]
    NotRecorded(#[source] AppendError),
    /// It may still be there, and erasing it has to be repeated.
    #[error("the erasure is recorded and may not be done: repeat it")]
    Salt(#[source] SaltError),
    /// The process is going down: erasing has to be repeated.
    #[error("the erasure is recorded and may not be done: repeat it")]
    Interrupted,
}

/// Which records to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Those below this number.
    Seq(u64),
    /// Those before the first that is not older than this.
    Time(Timestamp),
}

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    /// The first record that is still there.
    pub min_index: u64,
    /// The record that says so.
    pub record: u64,
    /// How many files were removed.
    pub files: u64,
    /// How long they were, in bytes.
    pub bytes: u64,
}

/// Why nothing was removed.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// Records go away in bundles of 256, and only once they are archived.
    #[error(
        "there is nothing to remove: records go away in whole bundles of 256 that are archived, those from {first} to {archived} are there"
    )]
    Nothing {
        /// The first record that is there.
        first: u64,
        /// How many records are archived.
        archived: u64,
    },
    /// A sink does not have them yet.
    #[error(
        "the sink of `{cursor}` has only the records below {sent}: wait for it, or remove that file when the sink is not used any more"
    )]
    Unsent {
        /// The cursor's file.
        cursor: String,
        /// What the sink has.
        sent: u64,
    },
    /// Records could not be read.
    #[error("failed to look for the records to remove")]
    Read(#[from] ReadError),
    /// That they are to be removed could not be recorded; they were not.
    #[error("failed to record the removal; nothing was removed")]
    NotRecorded(#[source] AppendError),
    /// It is recorded, and not all of them may be gone.
    #[error("the removal is recorded and not complete: repeat it, or restart")]
    Archive(#[source] WriteError),
    /// The process is going down: what is left is removed at the next start.
    #[error("the removal is recorded and not complete: repeat it, or restart")]
    Interrupted,
}

impl AuditWriter {
    /// Removes for good what was kept of one call, and with it the possibility to test what was committed to, after recording that.
    ///
    /// # Errors
    ///
    /// [`EraseError`].
    pub async fn erase(&self, seq: u64, reason: Option<&str>) -> Result<Erased, EraseError> {
        let record = self.reader().get(seq)?.ok_or(EraseError::NoRecord(seq))?;
        if !record.has_content() {
            return Err(EraseError::Nothing(seq));
        }
        let receipt = self.append(Record::Erase(EraseRecord { seq, reason })).await.map_err(EraseError::NotRecorded)?;
        let salts = SaltReader::new(self.store().directory());
        let erasing = tokio::task::spawn_blocking(move || salts.erase(seq));
        let was_there = erasing.await.map_err(|_| EraseError::Interrupted)?.map_err(EraseError::Salt)?;
        self.forget(seq).await;
        Ok(Erased { seq, record: receipt.seq(), was_there })
    }

    /// Removes the bytes that nobody can decipher any more, wherever they are. They may stay: they say nothing.
    async fn forget(&self, seq: u64) {
        if let Err(error) = self.queue().command(Command::Forget(seq)) {
            tracing::debug!(%error, seq, "erased bytes stay in the database until its epoch ends");
        }
        let (asks, answer) = tokio::sync::oneshot::channel();
        if self.store().give(Chore::Erase(seq, asks))
            && let Ok(Err(error)) = answer.await
        {
            tracing::warn!(
                error = super::committer::chain_of(&error),
                seq,
                "erased bytes could not be overwritten in the archive"
            );
        }
    }

    /// Removes the oldest records, as far as they are archived and every sink has them, after recording that.
    ///
    /// # Errors
    ///
    /// [`PruneError`].
    pub async fn prune(&self, before: Before) -> Result<Pruned, PruneError> {
        let reader = self.reader();
        let looking =
            tokio::task::spawn_blocking(move || first_to_stay(&reader, before).map(|min_index| (min_index, reader.first())));
        let (min_index, first) = looking.await.map_err(|_| PruneError::Interrupted)??;
        if min_index <= first {
            return Err(PruneError::Nothing { first, archived: self.store().archive().archived() });
        }
        if let Some((cursor, sent)) = smallest_cursor(self.store().directory()).filter(|(_, sent)| *sent < min_index) {
            return Err(PruneError::Unsent { cursor: cursor.display().to_string(), sent });
        }
        let before = match before {
            Before::Time(time) => Some(time),
            Before::Seq(_) => None,
        };
        let receipt = self.append(Record::Prune(PruneRecord { min_index, before })).await.map_err(PruneError::NotRecorded)?;
        let (asks, answer) = tokio::sync::oneshot::channel();
        if !self.store().give(Chore::Prune(min_index, asks)) {
            return Err(PruneError::Interrupted);
        }
        let removed = answer.await.map_err(|_| PruneError::Interrupted)?.map_err(PruneError::Archive)?;
        Ok(Pruned { min_index, record: receipt.seq(), files: removed.files, bytes: removed.bytes })
    }
}

/// The first record that stays: the beginning of a bundle that is archived.
fn first_to_stay(reader: &AuditReader, before: Before) -> Result<u64, ReadError> {
    let (first, archived) = (reader.first(), reader.archived());
    match before {
        Before::Seq(seq) => Ok(whole_bundles(seq.min(archived)).max(first)),
        Before::Time(time) => {
            // The order of records is that of their numbers; times follow it but for steps of the clock. A bundle goes when its last
            // record is older.
            let (mut goes, mut stays) = (first / BUNDLE as u64, archived / BUNDLE as u64);
            while goes < stays {
                let middle = goes + (stays - goes) / 2;
                let last = reader.get((middle + 1) * BUNDLE as u64 - 1)?;
                let at = last.and_then(|last| parse_time(&last.summary().time));
                if at.is_some_and(|at| at < time) { goes = middle + 1 } else { stays = middle }
            }
            Ok(goes * BUNDLE as u64)
        }
    }
}
