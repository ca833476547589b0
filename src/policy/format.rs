//! Policy text in the one form that everybody's has. What it means stays, and so does every comment.

use std::sync::Arc;

use cedar_policy::PolicySet;
use cedar_policy_formatter::{Config, policies_str_to_pretty};

use super::load::SourceFile;
use super::report::{LoadError, Problem};
use super::text::comments;

/// How long lines get before they are broken, where that can be helped.
const LINE_WIDTH: usize = 100;
/// By how many spaces what belongs to something stands to its right.
const INDENT_WIDTH: isize = 2;

/// Formats the text of a policy file. `name` is what problems call the file.
///
/// # Errors
///
/// [`LoadError::Invalid`] when the text is not Cedar, or cannot be formatted without losing a comment.
pub fn format(name: &str, text: &str) -> Result<String, LoadError> {
    let file = SourceFile { name: name.into(), text: Arc::from(text) };
    let set: PolicySet = text.parse().map_err(|errors: cedar_policy::ParseErrors| {
        LoadError::from(errors.iter().map(|error| Problem::from_diagnostic(&file, error)).collect::<Vec<_>>())
    })?;
    if set.policies().next().is_none() && set.templates().next().is_none() {
        return Ok(text.to_owned());
    }
    let failed = |message: String| LoadError::from(vec![Problem::nowhere(name, message)]);
    let config = Config { line_width: LINE_WIDTH, indent_width: INDENT_WIDTH };
    let pretty =
        policies_str_to_pretty(text, &config).map_err(|error| failed(format!("`{name}` cannot be formatted: {error}")))?;
    if comments(&pretty) == comments(text) {
        Ok(pretty)
    } else {
        Err(failed(format!(
            "`{name}` cannot be formatted without losing or moving a comment: put comments on lines of their own"
        )))
    }
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
