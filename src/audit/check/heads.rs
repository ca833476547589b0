//! Heads of a log that somebody has kept: the only thing that shows that a log was cut, or rewritten by whoever has its key.

use std::fmt;
use std::str::FromStr;

use super::super::tlog::checkpoint::SignedCheckpoint;
use super::super::tlog::{TreeHash, Trust};
use super::fault::{CheckpointFault, Fault};

/// The Merkle tree of a log's first records: their number, and the tree's root (RFC 9162, section 2.1.1). Kept elsewhere, it proves
/// later that these records are still the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TreeHead {
    /// How many records.
    pub size: u64,
    /// The root.
    pub root: TreeHash,
}

impl TreeHead {
    /// The tree of a log without records.
    pub const EMPTY: Self = Self { size: 0, root: TreeHash::EMPTY };
}

impl fmt::Display for TreeHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.size, self.root)
    }
}

impl FromStr for TreeHead {
    type Err = &'static str;

    /// Reads `SIZE:ROOT` as it is written by `Display`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (size, root) = text.split_once(':').ok_or("this is not SIZE:ROOT")?;
        let number = size.parse().ok().filter(|number: &u64| number.to_string() == size);
        let size = number.ok_or("the size is not a number of records")?;
        Ok(Self { size, root: TreeHash::parse(root).ok_or("the root is not the base64 form of 32 bytes")? })
    }
}

/// A head that somebody has kept, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// How it is called in messages.
    pub name: String,
    /// What it says.
    pub head: TreeHead,
    /// It was kept in the log's own directory: whoever changes the log can change it, too.
    pub inside: bool,
}

impl Anchor {
    /// A head that is believed because whoever gives it has kept it.
    #[must_use]
    pub fn kept(head: TreeHead) -> Self {
        Self { name: format!("the kept head of size {}", head.size), head, inside: false }
    }

    /// An older checkpoint, believed because of its signature.
    ///
    /// # Errors
    ///
    /// A [`Fault`] when it is not to be believed: then it shows nothing, whatever the log is like.
    pub fn checkpoint(name: impl Into<String>, bytes: &[u8], trust: &Trust) -> Result<Self, Fault> {
        let name = name.into();
        let believed = SignedCheckpoint::parse(bytes).map_err(CheckpointFault::Form);
        let believed = believed.and_then(|signed| trust.verify(&signed).map_err(CheckpointFault::Distrust));
        match believed {
            Ok(verified) => {
                let (size, root) = (verified.checkpoint().size(), *verified.checkpoint().root());
                Ok(Self { name, head: TreeHead { size, root }, inside: false })
            }
            Err(fault) => Err(Fault::Anchor { name, fault }),
        }
    }
}
