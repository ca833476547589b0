//! Durations and sizes as people write them: `"500ms"`, `"5s"`, `"4MiB"`.
//!
//! One number and one unit, nothing else: `"1h30m"` or a bare `5` would be read differently by different people. Sizes know only the
//! binary units (1 KiB = 1024 bytes), because `MB` means two things.

use std::time::Duration;

const DURATION_UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
const SIZE_UNITS: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Reads `"250ms"`, `"5s"`, `"10m"` or `"2h"`.
///
/// # Errors
/// A sentence that says which form is expected.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    parse(text, &DURATION_UNITS)
        .map(Duration::from_millis)
        .ok_or_else(|| format!("`{text}` is not a duration: write a whole number and one of ms, s, m, h, such as \"5s\""))
}

/// Reads `"512B"`, `"64KiB"`, `"4MiB"` or `"1GiB"` into bytes.
///
/// # Errors
/// A sentence that says which form is expected.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    parse(text, &SIZE_UNITS)
        .ok_or_else(|| format!("`{text}` is not a size: write a whole number and one of B, KiB, MiB, GiB, such as \"4MiB\""))
}

/// The shortest text that [`parse_duration`] reads as `duration` (which has no fraction of a millisecond).
pub(super) fn show_duration(duration: Duration) -> String {
    show(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), &DURATION_UNITS)
}

/// The shortest text that [`parse_size`] reads as `bytes`.
pub(super) fn show_size(bytes: u64) -> String {
    show(bytes, &SIZE_UNITS)
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn show(value: u64, units: &[(&str, u64)]) -> String {
    let exact = units.iter().rev().find(|(_, factor)| value >= *factor && value.is_multiple_of(*factor));
    let (unit, factor) = exact.or(units.first()).copied().unwrap_or(("", 1));
    format!("{}{unit}", value / factor)
}
