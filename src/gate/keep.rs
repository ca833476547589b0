//! What a person asks of the log itself: to erase, to prune, to sign with another key. Each leaves its record.

use super::Gate;
use crate::audit::tlog::KeySchedule;
use crate::audit::{Before, EraseError, Erased, PruneError, Pruned, RotateError};

impl Gate {
    /// Removes for good what was kept of one call, after recording that.
    ///
    /// # Errors
    ///
    /// [`EraseError`]; unless it says otherwise, nothing was removed.
    pub async fn erase(&self, seq: u64, reason: Option<&str>) -> Result<Erased, EraseError> {
        self.shared.audit.erase(seq, reason).await
    }

    /// Removes the oldest records, after recording that. Their hashes stay, so that every proof still holds.
    ///
    /// # Errors
    ///
    /// [`PruneError`].
    pub async fn prune(&self, before: Before) -> Result<Pruned, PruneError> {
        self.shared.audit.prune(before).await
    }

    /// Lets a new key sign the log, after recording that, and destroys the old one.
    ///
    /// # Errors
    ///
    /// [`RotateError`].
    pub async fn rotate_key(&self) -> Result<KeySchedule, RotateError> {
        self.shared.audit.rotate_key().await
    }
}
