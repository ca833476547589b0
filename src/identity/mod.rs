//! Who is calling: the only place that makes a [`Caller`].
//!
//! What a connection shows is believed only through a way that the configuration names. Nothing is ever taken from `clientInfo`,
//! `_meta` or plain headers: whoever can write a request can write those.
//!
//! In this version there is one way: everybody who reaches the listener, or speaks on standard input, is the caller that the
//! configuration names. That fits a process that serves a single agent: a stdio wrapper, or a sidecar on loopback.

use crate::domain::Caller;

/// How callers of one listener are identified.
#[derive(Debug, Clone)]
pub struct Identity {
    configured: Caller,
}

impl Identity {
    /// Everybody is the caller that the configuration names.
    #[must_use]
    pub const fn configured(caller: Caller) -> Self {
        Self { configured: caller }
    }

    /// The caller behind a connection.
    #[must_use]
    pub const fn authenticate(&self) -> &Caller {
        &self.configured
    }
}
