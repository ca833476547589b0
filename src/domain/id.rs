//! Identifiers and points in time, as values: reading the clock and drawing randomness happen elsewhere.

use std::fmt;

/// Microseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// A point in time from microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the Unix epoch, rounded down; 0 before 1970.
    #[must_use]
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0 / 1_000).unwrap_or(0)
    }
}

/// Names one decision, in the answer to the agent, in the log and in traces: a ULID (sortable by time, 26 characters).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecisionId(ulid::Ulid);

impl DecisionId {
    /// Builds an id from the time of the decision and 80 random bits (the upper 48 bits of `random` are ignored).
    #[must_use]
    pub const fn from_parts(at_millis: u64, random: u128) -> Self {
        Self(ulid::Ulid::from_parts(at_millis, random))
    }

    /// Reads the 26-character form; `None` when `text` is not a ULID.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        ulid::Ulid::from_string(text).ok().map(Self)
    }

    /// The 16 bytes of the ULID, which sort like it.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_bytes()
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
