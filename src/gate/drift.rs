//! Tools that are not as they were reviewed: told once when they become so, and counted as long as they are.

use crate::policy::{self, Change, Difference, PolicySnapshot};

/// Tells operators what differs from the catalog lock after a change and did not before, and sets the gauge.
///
/// A tool that is gone is not told: nobody can call it, and a server that lists its tools page by page seems to lack the rest.
pub(super) fn tell(before: Option<&PolicySnapshot>, after: &PolicySnapshot, metrics: &policy::Metrics) {
    metrics.drift(after);
    let (then, now) = (before.map(PolicySnapshot::drift).unwrap_or_default(), after.drift());
    for Change { server, tool, difference } in fresh(&then, &now) {
        let tool = &**tool;
        match difference {
            Difference::New => {
                tracing::warn!(%server, tool, "the server lists a tool that the catalog lock does not have; it is refused until it is reviewed");
            }
            Difference::Changed { members } => {
                let members = members.join(", ");
                tracing::warn!(%server, tool, members, "a tool has changed since it was reviewed; it is refused until it is reviewed again");
            }
            Difference::Gone => {}
        }
    }
    for Change { server, tool, .. } in mended(&then, &now) {
        tracing::info!(%server, tool = &**tool, "a tool does not differ from the catalog lock any more");
    }
}

/// What differs now and did not before, or not like this.
fn fresh<'a>(then: &'a [Change], now: &'a [Change]) -> impl Iterator<Item = &'a Change> {
    now.iter().filter(|change| !then.contains(change))
}

/// What was refused before and does not differ now.
fn mended<'a>(then: &'a [Change], now: &'a [Change]) -> impl Iterator<Item = &'a Change> {
    let refused = then.iter().filter(|change| change.difference != Difference::Gone);
    refused.filter(|was| !now.iter().any(|is| (&is.server, &is.tool) == (&was.server, &was.tool)))
}

#[cfg(test)]
#[path = "drift_tests.rs"]
mod tests;
