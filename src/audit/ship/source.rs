//! The log as those see it who carry it away: what is durable, what it is signed with, and where the bytes are.
//!
//! Nothing here can change the log, and whoever ships it never holds up whoever writes it.

use std::error::Error;
use std::ops::Range;
use std::sync::Arc;

use tokio::sync::watch;

use crate::audit::tlog::merkle::{ProveError, root};
use crate::audit::tlog::{HashReader, Node, SignedCheckpoint, TreeHash, Trust};

/// Something of the log could not be read, or is not what it must be.
#[derive(Debug, thiserror::Error)]
#[error("failed to read the audit log")]
pub struct SourceError(#[source] pub Box<dyn Error + Send + Sync>);

impl SourceError {
    /// An error that is only a sentence.
    pub(super) fn because(sentence: impl Into<String>) -> Self {
        Self(sentence.into().into())
    }
}

/// A log that can be read while it is written, and after it was closed.
///
/// The functions that read may block for as long as a disk does; they are called on threads that may.
pub trait Source: Send + Sync + 'static {
    /// The newest checkpoint whose records are durable, again each time that there is a newer one.
    fn head(&self) -> watch::Receiver<Arc<SignedCheckpoint>>;

    /// The name and the keys of the log, as they are now.
    fn trust(&self) -> Trust;

    /// The records below this number are gone, whole entry bundles of them; their hashes are not.
    fn pruned(&self) -> u64;

    /// The leaves with these numbers, all of them or an error.
    ///
    /// # Errors
    ///
    /// [`SourceError`], also when one was pruned.
    fn entries(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, SourceError>;

    /// The hashes of the complete subtrees of one level that stand side by side, all of them or an error.
    ///
    /// # Errors
    ///
    /// [`SourceError`].
    fn hashes(&self, level: u8, range: Range<u64>) -> Result<Vec<TreeHash>, SourceError>;
}

/// Reads single hashes, for proofs.
#[derive(Clone, Copy)]
pub(super) struct Hashes<'s>(pub(super) &'s dyn Source);

impl HashReader for Hashes<'_> {
    type Error = SourceError;

    fn read(&self, node: Node) -> Result<TreeHash, SourceError> {
        let hashes = self.0.hashes(node.level, node.index..node.index.saturating_add(1))?;
        match hashes.as_slice() {
            [hash] => Ok(*hash),
            other => Err(SourceError::because(format!("the log gave {} hashes for one", other.len()))),
        }
    }
}

/// The root of the first `size` records.
pub(super) fn root_at(source: &dyn Source, size: u64) -> Result<TreeHash, SourceError> {
    root(size, &Hashes(source)).map_err(of_proof)
}

/// What went wrong when a proof was made.
pub(super) fn of_proof(error: ProveError<SourceError>) -> SourceError {
    match error {
        ProveError::Impossible(error) => SourceError(error.into()),
        ProveError::Read { source, .. } => source,
    }
}

/// Reads on a thread that may block.
pub(super) async fn reading<T: Send + 'static>(
    source: &Arc<dyn Source>,
    read: impl FnOnce(&dyn Source) -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    let source = Arc::clone(source);
    let read = tokio::task::spawn_blocking(move || read(source.as_ref()));
    read.await.unwrap_or_else(|panicked| Err(SourceError(panicked.into())))
}
