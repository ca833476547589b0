//! What a record says of a text, and what of the text is kept: made where the text is, so that the thread that writes the log only has to
//! seal it.
//!
//! Nothing here waits or reads files. A text of megabytes takes milliseconds, though: whoever has one and other things to do gives it to
//! another thread.

use std::sync::Arc;

use bytes::Bytes;
use ring::digest;

use super::detail::{Keeping, Level};
use super::kept::{self, SealError, TAG};
use super::mask::Unmaskable;
use super::salts::{SaltError, Salts};

/// Which text of a call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its arguments.
    Arguments,
    /// Its result.
    Result,
}

impl Part {
    /// The least level at which it is kept.
    const fn level(self) -> Level {
        match self {
            Self::Arguments => Level::Arguments,
            Self::Result => Level::Results,
        }
    }
}

/// What is recorded of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// It is committed to, and perhaps kept.
    Committed(Committed),
    /// It should have been masked and could not be: nothing of it is written anywhere.
    Withheld(Unmaskable),
}

/// A text that is committed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The SHA-256 of the text, masks in it.
    pub(in crate::audit) digest: [u8; 32],
    /// Its length in bytes, masks in it.
    pub(in crate::audit) len: u64,
    /// The pointers that led to something that was masked.
    pub(in crate::audit) masked: Vec<Arc<str>>,
    /// The text that is kept, masks in it. It shares no buffer with the message that it came in: that may be much longer.
    pub(in crate::audit) kept: Option<Bytes>,
}

impl Content {
    /// What is recorded of a part of a call.
    #[must_use]
    pub fn of(text: &[u8], keeping: &Keeping, part: Part) -> Self {
        let masked = match keeping.masks.find(text) {
            Ok(masked) => masked,
            Err(why) => return Self::Withheld(why),
        };
        let mut digest = digest::Context::new(&digest::SHA256);
        masked.pieces().for_each(|piece| digest.update(piece));
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.finish().as_ref());
        let len = masked.length();
        let keeps = keeping.level >= part.level() && len <= keeping.limit;
        let kept = keeps.then(|| {
            let mut kept = Vec::with_capacity(len);
            masked.pieces().for_each(|piece| kept.extend_from_slice(piece));
            kept.into()
        });
        Self::Committed(Committed { digest: bytes, len: len as u64, masked: masked.hit, kept })
    }
}

/// Why a record's content could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// There is no salt for it.
    #[error("failed to make a salt")]
    Salt(#[from] SaltError),
    /// It cannot be enciphered.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// What a record gets once its number is known.
#[derive(Debug, Default)]
pub(in crate::audit) struct Sealed {
    /// For its leaf.
    pub(in crate::audit) commit: Option<[u8; 32]>,
    /// For its kept bytes, enciphered.
    pub(in crate::audit) kept: Option<Vec<u8>>,
}

impl Committed {
    /// Commits to the text and enciphers what is kept of it, for the record `seq`, which must not exist yet.
    pub(in crate::audit) fn seal(&self, salts: &mut Salts, seq: u64) -> Result<Sealed, PrivateError> {
        let salt = salts.salt_of(seq)?;
        let kept = self.kept.as_ref().map(|text| kept::seal(&salt, seq, text)).transpose()?;
        Ok(Sealed { commit: Some(kept::commitment(&salt, &self.digest)), kept })
    }

    /// How many bytes of kept text wait to be written.
    pub(in crate::audit) fn weight(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.len() + TAG)
    }
}

#[cfg(test)]
#[path = "content_tests.rs"]
mod tests;
