//! Why there is nothing to show a server.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::identity::Ungranted;

/// Why there is no credential. The operator reads it; the agent gets the sentence.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NoCredential {
    /// Its file cannot be read.
    #[error("failed to read the credential in `{0}`")]
    File(PathBuf, #[source] Arc<io::Error>),
    /// What there is does not fit into a header.
    #[error("the credential is empty, or has characters that no header can have")]
    Form,
    /// The authorization server gave none.
    #[error("there is no token for the server")]
    Token(#[source] Arc<Ungranted>),
    /// Too many are being asked for.
    #[error("too many tokens are being asked for at the same time")]
    Busy,
    /// The caller came without one.
    #[error("the caller showed no token, and the server takes nothing else")]
    NothingShown,
    /// It is of no use to anybody but the caller.
    #[error("the caller's token is bound to a key of the caller's, and cannot be shown by anybody else")]
    Bound,
    /// It has ended.
    #[error("the caller's token has ended")]
    Ended,
}

impl NoCredential {
    /// What the agent is told.
    #[must_use]
    pub const fn sentence(&self) -> &'static str {
        match self {
            Self::File(..) | Self::Form | Self::Token(_) | Self::Busy => {
                "Not forwarded: there is no credential for the MCP server at the moment. Try again later."
            }
            Self::NothingShown | Self::Bound => {
                "Not forwarded: the MCP server is reached on behalf of a user, and no token that allows this was shown."
            }
            Self::Ended => "Not forwarded: the token on whose behalf the MCP server is reached has ended. Get a new one.",
        }
    }

    /// The word for the record.
    #[must_use]
    pub fn word(&self) -> String {
        let why = match self {
            Self::File(..) => "its file cannot be read",
            Self::Form => "it fits into no header",
            Self::Token(why) => why.word(),
            Self::Busy => "busy",
            Self::NothingShown => "the caller showed no token",
            Self::Bound => "the caller's token is bound to a key",
            Self::Ended => "the caller's token has ended",
        };
        format!("no credential: {why}")
    }
}
