//! Checkpoints, after C2SP tlog-checkpoint: the size and root of a log at one moment, as the text of a signed note.
//!
//! A [`SignedCheckpoint`] says something and proves nothing yet; [`super::trust::Trust::verify`] turns it into a
//! [`super::trust::VerifiedCheckpoint`]. Our own logs write no extension lines; those of others are kept, and cosigned with the rest.

use std::fmt;

use super::hash::TreeHash;
use super::key::KeyName;
use super::merkle::MAX_SIZE;
use super::note::{Note, NoteError, Signature, SigningKey};
use super::text::{has_control, parse_decimal};

/// Why a text is not a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is not even a note.
    #[error("not a signed note")]
    Note(#[from] NoteError),
    /// A line is missing, empty, or does not end with a newline.
    #[error("a checkpoint has at least three lines, none of them empty")]
    Lines,
    /// The second line is not a decimal number without zeros before it, or beyond [`MAX_SIZE`].
    #[error("the second line of a checkpoint is a size of at most 2^62")]
    Size,
    /// The third line is not the base64 form of 32 bytes.
    #[error("the third line of a checkpoint is a hash in base64")]
    Root,
}

/// What a log says of itself at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: TreeHash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// The checkpoint of a log of ours.
    pub fn new(origin: &KeyName, size: u64, root: TreeHash) -> Result<Self, CheckpointError> {
        if size > MAX_SIZE {
            return Err(CheckpointError::Size);
        }
        Ok(Self { origin: origin.as_str().to_owned(), size, root, extensions: Vec::new() })
    }

    /// Reads the text of a note.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        if has_control(text) {
            return Err(NoteError::Characters.into());
        }
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?.split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty()).ok_or(CheckpointError::Lines);
        let origin = line()?.to_owned();
        let size = parse_decimal(line()?).filter(|size| *size <= MAX_SIZE).ok_or(CheckpointError::Size)?;
        let root = TreeHash::parse(line()?).ok_or(CheckpointError::Root)?;
        let extensions: Vec<_> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(CheckpointError::Lines);
        }
        Ok(Self { origin, size, root, extensions })
    }

    /// Which log it is about.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many leaves the log has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree over them.
    #[must_use]
    pub const fn root(&self) -> &TreeHash {
        &self.root
    }

    /// Lines after the third, which nobody vouches for but the log.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A checkpoint with signatures that nobody has looked at yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    /// INVARIANT: its text is `checkpoint`.
    note: Note,
}

impl SignedCheckpoint {
    /// Signs a checkpoint with each of the keys, of which there is at least one.
    pub fn sign(checkpoint: Checkpoint, keys: &[&SigningKey]) -> Result<Self, CheckpointError> {
        let note = Note::sign(checkpoint.to_string(), keys)?;
        Ok(Self { checkpoint, note })
    }

    /// Reads a signed note that is a checkpoint.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = Note::parse(bytes)?;
        Ok(Self { checkpoint: Checkpoint::parse(note.text())?, note })
    }

    /// The checkpoint with another signature.
    pub fn with(self, signature: Signature) -> Result<Self, CheckpointError> {
        let Self { checkpoint, note } = self;
        Ok(Self { checkpoint, note: note.with(signature)? })
    }

    /// What it says.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note that it is.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.note, f)
    }
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
