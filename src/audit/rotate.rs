//! The signing key is followed by a new one, between two groups of records.

use tokio::sync::oneshot;

use super::committer::{CommitError, Committer, Group};
use super::encode::Draft;
use super::keys::{KeysError, NextKey};
use super::queue::Pending;
use super::record::{KeyRecord, Record};
use super::tlog::{KeySchedule, SignedCheckpoint};

/// Why the key was not rotated.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// There is no new key; the old one signs on.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The log cannot be written.
    #[error("the audit log cannot be written")]
    NotWritten,
}

/// Where the answer to a wish for a new key goes.
pub(super) type RotateAnswer = oneshot::Sender<Result<KeySchedule, RotateError>>;

impl Committer {
    /// Records the new key, has the checkpoint after that record signed by both keys, and lets the new one sign from there on.
    pub(super) fn rotate_key(&mut self, answer: RotateAnswer) -> Result<(), CommitError> {
        let next = match self.signer.next_key() {
            Ok(next) => next,
            Err(error) => {
                // Whoever has gone in the meantime does not mind.
                let _ = answer.send(Err(error.into()));
                return Ok(());
            }
        };
        let (group, checkpoint) = self.announce(&next).inspect_err(|_| self.signer.discard(&next))?;
        self.commit(group, checkpoint)?;
        self.signer.rotate(&self.durable.edge.checkpoint, next)?;
        tracing::info!(key = %self.signer.schedule().current(), from = self.durable.head.size, "the audit log is signed with a new key");
        let _ = answer.send(Ok(self.signer.schedule().clone()));
        Ok(())
    }

    /// The record of the new key, and the checkpoint after it.
    fn announce(&mut self, next: &NextKey) -> Result<(Group, SignedCheckpoint), CommitError> {
        let old = self.signer.schedule().current().to_string();
        let record = KeyRecord { old: &old, new: &next.verifier().to_string(), from: self.durable.head.size + 1 };
        let draft = Draft::of(&Record::Key(record))?;
        let pending = Pending { draft, at: self.queue.now(), id: None, waiter: None };
        let group = self.place([&pending].into_iter())?;
        let checkpoint = self.signer.sign_with_both(group.head.size, group.frontier.root(), next)?;
        Ok((group, checkpoint))
    }
}
