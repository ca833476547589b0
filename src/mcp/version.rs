//! The revisions of the protocol, and the two eras they fall into.

/// How a message carries its protocol version; the terms are those of `basic/versioning` in revision 2026-07-28.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Era {
    /// Stateless, since 2026-07-28: every request names its version in `_meta`.
    Modern,
    /// Up to 2025-11-25: the version is agreed once, by `initialize`.
    Legacy,
}

/// The revision that made the protocol stateless.
pub const MODERN: &str = "2026-07-28";

/// The revisions with `initialize`, newest first.
pub const LEGACY: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// The era that a version string announces. Versions are dates, so a well-formed one not before 2026-07-28 is modern; anything else,
/// known or not, is legacy.
#[must_use]
pub fn era_of(version: &str) -> Era {
    let date = version.len() == MODERN.len()
        && version.bytes().enumerate().all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() });
    if date && version >= MODERN { Era::Modern } else { Era::Legacy }
}
