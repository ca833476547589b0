//! The log in forms that other programs read: each record as a line of JSON, a row of CSV or an event of OCSF.
//!
//! What becomes of a record is a pure function of its bytes, its number and the name of its log, so the same record always looks the
//! same. Nothing here proves anything: whoever wants proof takes the log itself, or its tiles. Only what is in leaves goes out:
//! commitments to arguments and results, never the arguments, the results or their salts.
//!
//! A record that this version does not know, or that is damaged, is exported as well as it can be and never left out.
//! `docs/audit-export.md` describes the forms.
//!
//! Read in this order: [`entry`], [`leaf`], [`jsonl`], [`csv`], [`ocsf`], [`run`] (a whole log).

pub mod csv;
pub mod entry;
pub mod jsonl;
pub mod leaf;
pub mod ocsf;
pub mod run;

pub use entry::Entry;
pub use leaf::Leaf;
pub use run::{ExportError, Format, Progress, Span, export};

#[cfg(test)]
mod tests;
