//! Times as leaves write them: RFC 3339 in UTC with six digits of a second.

use crate::domain::Timestamp;

/// Formats times, remembering the last second because the next time is usually in the same one.
#[derive(Debug, Default)]
pub(super) struct TimeText {
    second: i64,
    /// `2026-11-22T10:15:14`, for `second`; empty at first.
    prefix: String,
    text: String,
}

impl TimeText {
    /// The text of a time; times outside the years -9999 to 9999 read as the epoch.
    pub(super) fn of(&mut self, at: Timestamp) -> &str {
        use std::fmt::Write as _;

        let second = at.as_micros().div_euclid(1_000_000);
        if self.prefix.is_empty() || second != self.second {
            let whole = jiff::Timestamp::from_second(second).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
            self.prefix = whole.strftime("%Y-%m-%dT%H:%M:%S").to_string();
            self.second = second;
        }
        self.text.clear();
        self.text.push_str(&self.prefix);
        // Writing to memory does not fail.
        let _ = write!(self.text, ".{:06}Z", at.as_micros().rem_euclid(1_000_000));
        &self.text
    }
}

/// Reads such a text.
pub(super) fn parse_time(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_micros(time.as_microsecond()))
}

/// The microseconds from `from` to `to`; 0 when that is backwards.
pub(super) fn micros_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_micros().saturating_sub(from.as_micros())).unwrap_or(0)
}
