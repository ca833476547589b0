//! The private side of the log: what is kept of arguments and results, and how it is erased.
//!
//! A leaf never shows a text. It commits to it with a salt that is stored apart: whoever has text and salt can prove that this was it, and
//! without the salt nobody can even test a guess. The text itself may be kept, enciphered with a key that comes out of the same salt.
//! Erasing a record's salt erases both, in the log and in every copy of it, and leaves the chain and all proofs whole.
//!
//! [`detail`] says how much is kept of which call, [`mask`] what is taken out before anything is written, [`content`] what a leaf and the
//! log get of a text; [`salts`] are the secrets, [`kept`] is what is done with them. Read in this order.

pub mod content;
pub mod detail;
pub mod kept;
pub mod mask;
pub mod salts;

pub use content::{Content, Part};
pub use detail::{Detail, DetailSettings, Keeping, Level, Rule};
pub use kept::{SealError, UnsealError, commitment, digest_of, seal, unseal};
pub use mask::{Masks, Unmaskable};
pub use salts::{Salt, SaltError, SaltReader};
