//! How an error looks to the operator, and which exit code it means.

use std::fmt::Write as _;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};

use super::exit::Exit;
use crate::config::ConfigReport;
use crate::gate::AdoptError;
use crate::policy;

/// The error as text, and the code to exit with. `terminal` draws problems into the file they are in; without it each is one line that
/// other programs can read. `color` only matters on a terminal.
#[must_use]
pub fn report(error: &anyhow::Error, terminal: bool, color: bool) -> (String, Exit) {
    if let Some(problems) = error.downcast_ref::<ConfigReport>() {
        return (config_text(problems, terminal, color), Exit::Config);
    }
    match error.downcast_ref::<AdoptError>() {
        Some(AdoptError::Invalid(invalid)) => (policy_text(error, &invalid.problems(), terminal, color), Exit::Invalid),
        _ => (chain(error), Exit::Failed),
    }
}

fn policy_text(error: &anyhow::Error, problems: &[policy::Problem], terminal: bool, color: bool) -> String {
    if terminal {
        return policy::draw(problems, color);
    }
    let lines: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
    format!("cedarpost: {error}\n{lines}")
}

fn config_text(problems: &ConfigReport, terminal: bool, color: bool) -> String {
    if terminal { drawn(problems, color) } else { format!("cedarpost: {problems}\n{}\n", problems.lines()) }
}

/// Draws a diagnostic with the lines of the file it is about.
pub(super) fn drawn(diagnostic: &dyn Diagnostic, color: bool) -> String {
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let mut text = String::new();
    // Without context only the key is drawn: values and the lines around may be secret. Writing to a string cannot fail.
    let _ = GraphicalReportHandler::new_themed(theme).with_context_lines(0).render_report(&mut text, diagnostic);
    text
}

fn chain(error: &anyhow::Error) -> String {
    let mut text = format!("cedarpost: {error}\n");
    for cause in error.chain().skip(1) {
        let _ = writeln!(text, "  because {cause}");
    }
    text
}
