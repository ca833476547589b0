//! Signed texts that any tool can check: C2SP signed-note with Ed25519 keys, and the cosignatures of witnesses.
//!
//! The checkpoints of the audit log and the lists of signed policies are such notes. Nothing here does any I/O or reads the clock, and
//! nothing here knows what a text says: that is up to who reads it, after [`Note::verify`].
//!
//! Read on in [`key`], [`signed`], [`cosignature`].

pub mod cosignature;
pub mod key;
pub mod signed;
pub(crate) mod text;

pub use cosignature::Cosigner;
pub use key::{Algorithm, KeyName, VerifierKey};
pub(crate) use signed::parse_signatures;
pub use signed::{MAX_NOTE, Note, NoteError, Signature, SigningKey, VerifyNoteError};

#[cfg(test)]
pub(crate) mod fixtures;
