//! What somebody rules, read from JSON, and what is said when it does not count.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;

use crate::domain::Verdict;
use crate::gate::{RuleError, Ruling};

/// The longest body of a ruling, in bytes: a comment and some numbers.
pub(super) const MAX_RULING: usize = 16 << 10;

/// A ruling as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    verdict: String,
    comment: Option<String>,
    window_seconds: Option<u64>,
    uses: Option<u32>,
    #[serde(default)]
    any_arguments: bool,
}

/// Reads a ruling, or says what is wrong with it.
pub(super) fn read(body: &[u8]) -> Result<Ruling, String> {
    let written: Written = serde_json::from_slice(body).map_err(|error| format!("this is not a ruling: {error}"))?;
    let Written { verdict, comment, window_seconds, uses, any_arguments } = written;
    let verdict = Verdict::parse(&verdict).ok_or("`verdict` is \"approve\" or \"deny\"")?;
    Ok(Ruling { verdict, comment, window: window_seconds.map(Duration::from_secs), uses, any_arguments })
}

/// The status, and a word for programs. The sentence is the error itself.
pub(super) const fn answer(error: &RuleError) -> (StatusCode, &'static str) {
    match error {
        RuleError::Unknown => (StatusCode::NOT_FOUND, "unknown"),
        RuleError::Over(_) => (StatusCode::CONFLICT, "over"),
        RuleError::Already => (StatusCode::CONFLICT, "already"),
        RuleError::UnknownTool => (StatusCode::CONFLICT, "unknown_tool"),
        RuleError::NotAllowed => (StatusCode::FORBIDDEN, "not_allowed"),
        RuleError::Invalid(..) | RuleError::CommentTooLong | RuleError::TooLong(_) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "invalid")
        }
        RuleError::NotRecorded(_) | RuleError::NotKept(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    }
}
