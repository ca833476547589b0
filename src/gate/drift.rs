//! Tools that are not as they were reviewed: told once when they become so, and counted as long as they are.

use crate::policy::{self, Change, Difference, PolicySnapshot};

/// Tells operators what differs from the catalog lock after a change and did not before, and sets the gauge.
///
/// A tool that is gone is not told: nobody can call it, and a server that lists its tools page by page seems to lack the rest.
pub(super) fn tell(before: Option<&PolicySnapshot>, after: &PolicySnapshot, metrics: &policy::Metrics) {
    metrics.drift(after);
    let (then, now) = (before.map(PolicySnapshot::drift).unwrap_or_default(), after.drift());
    for Change { server, tool, difference } in now.iter().filter(|change| !then.contains(change)) {
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
    let is_drifted = |change: &Change| now.iter().any(|other| (&other.server, &other.tool) == (&change.server, &change.tool));
    for Change { server, tool, .. } in then.iter().filter(|change| !is_drifted(change) && change.difference != Difference::Gone) {
        tracing::info!(%server, tool = &**tool, "the tool does not differ from the catalog lock any more");
    }
}
