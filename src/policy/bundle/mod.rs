//! Signed sets of policies: which files they are, in which version, and that nobody goes back to an older one.
//!
//! A directory of policies is a *bundle* when it has a file [`SIGNATURE`]: a signed note (`crate::note`) whose text lists every file with
//! its digest, and a version. With trusted keys configured nothing but such a bundle is ever put in force:
//!
//! ```text
//! Tree (one pass over the directory) -> verify(keys, minimum) -> Verified -> Memory::keep -> recorded -> in force
//! ```
//!
//! The bytes that were verified are the bytes that are loaded: `load` takes them from [`Verified`] and reads nothing again. The form
//! of the list is in [`manifest`], what a directory holds in [`tree`], what is wrong with a bundle in [`refusal`], the highest version
//! that was in force in [`memory`]; [`sign`] is for authors. What is not protected: `docs/signed-policies.md`.

pub mod manifest;
pub mod memory;
pub mod refusal;
pub mod settings;
pub mod sign;
pub mod tree;
pub mod verify;

pub use manifest::{MAX_VERSION, Manifest};
pub use memory::Memory;
pub use refusal::{Reason, Refused};
pub use settings::{BundleSettings, inside};
pub use sign::{Signing, stale};
pub use tree::{SIGNATURE, Tree};
pub use verify::{Signed, Verified};

#[cfg(test)]
mod property_tests;
