//! Looks through a log, whether or not a sidecar is writing it: record by record, or with its index.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::Path;

use super::archive::Query;
use super::reader::{AuditReader, ReadError, StoredRecord};
use super::snapshot::{SnapshotError, with_snapshot};

/// Which records to show; what is empty does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only decisions with this word (`allow`, `deny`, `require_approval`), and outcomes with it (`ok`, `failed`, …).
    pub verdict: Option<String>,
    /// Only the decision with this id and its outcome.
    pub id: Option<String>,
    /// Only what this agent asked for.
    pub agent: Option<String>,
    /// Only what was asked of this tool, resource or prompt.
    pub target: Option<String>,
    /// Only records with at least this number.
    pub since: Option<u64>,
    /// Only so many, the newest.
    pub last: Option<usize>,
}

impl Filter {
    /// Whether a record is one to show, its place apart.
    #[must_use]
    pub fn fits(&self, record: &StoredRecord) -> bool {
        let wanted = [&self.verdict, &self.id, &self.agent, &self.target];
        if wanted.iter().all(|wanted| wanted.is_none()) {
            return true;
        }
        let summary = record.summary();
        let found = [&summary.verdict, &summary.id, &summary.agent, &summary.target];
        wanted.iter().zip(found).all(|(wanted, found)| wanted.as_ref().is_none_or(|wanted| wanted == found))
    }
}

/// Why records could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// The log could not be opened.
    #[error(transparent)]
    Open(#[from] SnapshotError),
    /// A record could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Hands the records of the log in `directory` that fit to `each`, oldest first, until it breaks off. Works on a copy below
/// `scratch`, and does not check the chain.
///
/// # Errors
///
/// [`ShowError`].
pub fn show(
    directory: &Path,
    scratch: &Path,
    filter: &Filter,
    each: &mut dyn FnMut(StoredRecord) -> ControlFlow<()>,
) -> Result<(), ShowError> {
    // Whoever has been shown records is not shown them again: what fails while they are read is not tried once more.
    with_snapshot(directory, scratch, |reader| Ok::<_, ShowError>(select(reader, filter, each)))?.map_err(ShowError::from)
}

/// Finds records of the log in `directory`, whether or not a sidecar writes it, with its index. Works on a copy below `scratch`.
///
/// # Errors
///
/// [`ShowError`].
pub fn query(directory: &Path, scratch: &Path, query: &Query) -> Result<Vec<StoredRecord>, ShowError> {
    with_snapshot(directory, scratch, |reader| Ok(reader.find(query)?))
}

fn select(reader: &AuditReader, filter: &Filter, each: &mut dyn FnMut(StoredRecord) -> ControlFlow<()>) -> Result<(), ReadError> {
    let mut newest = VecDeque::new();
    for record in reader.range(filter.since.unwrap_or(0)) {
        let record = record?;
        if !filter.fits(&record) {
            continue;
        }
        match filter.last {
            None => {
                if each(record).is_break() {
                    return Ok(());
                }
            }
            Some(0) => return Ok(()),
            Some(most) => {
                newest.truncate(most);
                if newest.len() == most {
                    newest.pop_front();
                }
                newest.push_back(record);
            }
        }
    }
    // Whoever breaks off has seen enough.
    let _ = newest.into_iter().try_for_each(each);
    Ok(())
}
