//! Where a listener listens: a TCP address, or a unix socket (`unix:/path`).

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// The address of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// TCP. Names are not looked up: what they mean could change between the check and the bind.
    Tcp(SocketAddr),
    /// A socket in the file system, which only this machine reaches.
    Unix(PathBuf),
}

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an IP address with a port, such as \"127.0.0.1:8080\", or a socket, such as \"unix:/run/cedarpost/mcp\"")]
pub struct BadAddress(String);

impl Address {
    /// The address, if it is TCP.
    #[must_use]
    pub const fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// Whether other machines may reach it.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.tcp().is_some_and(|address| !address.ip().to_canonical().is_loopback())
    }

    /// Whether nobody else can listen there while somebody listens on `other`: port 0 is another one every time.
    #[must_use]
    pub fn clashes_with(&self, other: &Self) -> bool {
        self == other && self.tcp().is_none_or(|address| address.port() != 0)
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        match text.strip_prefix("unix:") {
            Some(path) if path.starts_with('/') && !path.ends_with('/') => Ok(Self::Unix(path.into())),
            Some(_) => Err(BadAddress(text.to_owned())),
            None => text.parse().map(Self::Tcp).map_err(|_| BadAddress(text.to_owned())),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
