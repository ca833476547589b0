//! `[approvals]`: how long people are waited for, and how many calls may wait for them.

use std::time::Duration;

use super::reader::{Reader, text};
use super::settings::ApprovalsSettings;

const SECOND: Duration = Duration::from_secs(1);
const WEEK: Duration = Duration::from_secs(7 * 86_400);
/// Clients give up on an answer after a minute, most of them; whoever has others says so.
const LONGEST_HOLD: Duration = Duration::from_secs(600);

pub(super) fn approvals(reader: &mut Reader<'_>) -> Option<ApprovalsSettings> {
    let lifetime = reader.duration("approvals.lifetime", SECOND..=WEEK);
    let grant_lifetime = reader.duration("approvals.grant_lifetime", SECOND..=WEEK);
    let hold = reader.duration("approvals.hold", Duration::ZERO..=LONGEST_HOLD);
    let waiting = reader.count("approvals.max_waiting", 1..=10_000);
    let waiting_per_caller = reader.count("approvals.max_waiting_per_caller", 1..=10_000);
    let operator = reader.read("approvals.operator", |given| {
        let name = text(given)?;
        if name.is_empty() { Err("the operator needs a name".to_owned()) } else { Ok(name) }
    });
    Some(ApprovalsSettings {
        lifetime: lifetime?,
        grant_lifetime: grant_lifetime?,
        hold: hold?,
        max_waiting: waiting?,
        max_waiting_per_caller: waiting_per_caller?,
        operator: operator?,
    })
}
