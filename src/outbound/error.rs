//! Why a request of our own came to nothing, and how far it can have come. URLs are not shown: their queries may hold keys.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use hyper_util::client::legacy;

/// Why the client could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The file with certificates cannot be read, or is none.
    #[error("failed to read certificates from `{path}`")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The file has no certificate.
    #[error("`{0}` has no certificate")]
    NoCertificate(PathBuf),
    /// A certificate in the file cannot be one that signs others.
    #[error("`{path}` has a certificate that cannot be trusted as an authority")]
    Untrustworthy {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: rustls::Error,
    },
    /// The file with the key of the certificate to show cannot be read, or holds none.
    #[error("failed to read a private key from `{path}`")]
    Key {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The certificate to show and its key do not go together, or cannot be used.
    #[error("the certificate in `{path}` cannot be shown with the key that is given for it")]
    Shown {
        /// The file with the certificate.
        path: PathBuf,
        /// The cause.
        #[source]
        source: rustls::Error,
    },
    /// The TLS library refuses its own defaults.
    #[error("failed to set TLS up")]
    Tls(#[source] rustls::Error),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The address is not one that can be asked.
    #[error("a request goes to an absolute `https` or `http` URL without a user name")]
    Address,
    /// It would go to another machine without TLS.
    #[error("`{0}` is another machine, and plain http to it is not allowed")]
    Plaintext(String),
    /// There is nothing to check certificates against.
    #[error("this system has no root certificates to check `{0}` against; install them, or name a file with them")]
    NoRoots(String),
    /// There was no connection.
    #[error("failed to connect to `{host}`")]
    Unreachable {
        /// The host.
        host: String,
        /// The cause.
        #[source]
        source: legacy::Error,
    },
    /// The connection ended before there was an answer.
    #[error("the connection to `{host}` ended before the answer")]
    Broken {
        /// The host.
        host: String,
        /// The cause.
        #[source]
        source: legacy::Error,
    },
    /// The answer was cut off.
    #[error("the answer of `{host}` was cut off")]
    Cut {
        /// The host.
        host: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// It took too long.
    #[error("`{host}` did not answer within {} ms", .deadline.as_millis())]
    Silent {
        /// The host.
        host: String,
        /// How long it had.
        deadline: Duration,
    },
    /// The answer is longer than allowed.
    #[error("the answer of `{host}` is longer than {limit} bytes")]
    TooLong {
        /// The host.
        host: String,
        /// What was allowed.
        limit: usize,
    },
}

/// How far a request that failed can have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It was never sent, and never will be: asking again changes nothing.
    Refused,
    /// There was no connection.
    NotSent,
    /// It may have been carried out.
    Unknown,
    /// It was answered, but the answer is lost.
    Answered,
}

impl OutboundError {
    pub(super) fn transport(host: &str, source: legacy::Error) -> Self {
        let host = host.to_owned();
        if source.is_connect() { Self::Unreachable { host, source } } else { Self::Broken { host, source } }
    }

    /// How far the request can have come.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        match self {
            Self::Address | Self::Plaintext(_) | Self::NoRoots(_) => Progress::Refused,
            Self::Unreachable { .. } => Progress::NotSent,
            Self::Broken { .. } | Self::Silent { .. } => Progress::Unknown,
            Self::Cut { .. } | Self::TooLong { .. } => Progress::Answered,
        }
    }
}
