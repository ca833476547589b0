//! Why a tour ended early.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why the tour could not be made, or what did not behave as it should.
#[derive(Debug, thiserror::Error)]
pub enum TourError {
    /// A server did not answer, or not with an MCP message.
    #[error("`{url}` did not answer `{method}` as an MCP server does: {problem}")]
    NoAnswer {
        /// Who was asked.
        url: String,
        /// For what.
        method: &'static str,
        /// What came instead.
        problem: String,
    },
    /// A step ended differently than the policies say.
    #[error("step {step}: expected {wanted}, but got: {got}")]
    Unexpected {
        /// The number of the step, from 1.
        step: u8,
        /// What should have come.
        wanted: String,
        /// What came.
        got: String,
    },
    /// A policy file could not be edited.
    #[error("failed to edit the policy file `{path}`")]
    Edit {
        /// The file.
        path: PathBuf,
        /// What the file system says.
        #[source]
        source: io::Error,
    },
    /// An edited policy did not take effect.
    #[error("the edited policy was not in force after {waited:?}")]
    NotInForce {
        /// How long the tour waited.
        waited: Duration,
    },
    /// Nobody approved the call that waits.
    #[error("the call that waits could not be approved")]
    Approval(#[source] anyhow::Error),
    /// The log does not verify.
    #[error("the log could not be verified")]
    Log(#[source] anyhow::Error),
    /// The tour could not be printed.
    #[error("failed to print the tour")]
    Print(#[from] io::Error),
}
