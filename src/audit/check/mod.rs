//! Checks a log, wherever its records are: every record, the chain, the tree, the signatures and what others have kept of it.
//!
//! Records come in spans ([`Spans`]) from a directory, a remote store or the live database ([`source`]). Threads read spans and check
//! all that concerns one of them (`piece`); one thread puts them together in order (`stitch`) and draws the conclusions (`judge`).
//! After the first fault the check goes on, so that an examiner learns how much is wrong, and what is not.
//!
//! A log is its own witness for little: whoever has its key can rewrite all of it. That shows only against heads that were kept
//! elsewhere ([`Anchor`]). Arguments and results are not looked at: records hold commitments to them.
//!
//! Read in this order: [`spans`], [`fault`], `scan`, `leaf`, `piece`, `tree`, `stitch`, `judge`, `run`.

pub mod fault;
#[cfg(test)]
mod fixture;
mod heads;
mod judge;
mod leaf;
mod pairs;
mod piece;
mod pool;
mod report;
mod run;
mod scan;
pub mod source;
pub mod spans;
mod stitch;
mod tree;

pub use fault::{CheckpointFault, Fault, HeadFault, RecordFault, TileFault};
pub use heads::{Anchor, TreeHead};
pub use report::{Anchored, Faults, Report, Rest};
pub use run::{Question, Trusted, check_database, check_files};
pub use scan::FormFault;
pub use spans::{Bundle, Claim, Found, ReadError, Spans};
