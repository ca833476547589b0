//! `[approvals]`: how long people are waited for, how many calls may wait for them, and whose tokens count.

use std::time::Duration;

use super::identity::resource_url;
use super::reader::{Reader, id, text, within};
use super::report::Problem;
use super::settings::{ApprovalsSettings, BearerSettings, Config};
use crate::domain::AgentId;
use crate::identity::IssuerKind;

const SECOND: Duration = Duration::from_secs(1);
const WEEK: Duration = Duration::from_secs(7 * 86_400);
/// Clients give up on an answer after a minute, most of them; whoever has others says so.
const LONGEST_HOLD: Duration = Duration::from_secs(600);
/// A client that hears how it goes can wait for as long as its user does.
const LONGEST_HOLD_WITH_PROGRESS: Duration = Duration::from_secs(3_600);

pub(super) fn approvals(reader: &mut Reader<'_>) -> Option<ApprovalsSettings> {
    let lifetime = reader.duration("approvals.lifetime", SECOND..=WEEK);
    let grant_lifetime = reader.duration("approvals.grant_lifetime", SECOND..=WEEK);
    let hold = reader.duration("approvals.hold", Duration::ZERO..=LONGEST_HOLD);
    let with_progress = reader
        .optional("approvals.hold_with_progress", |given| within(&text(given)?, Duration::ZERO..=LONGEST_HOLD_WITH_PROGRESS));
    let waiting = reader.count("approvals.max_waiting", 1..=10_000);
    let waiting_per_caller = reader.count("approvals.max_waiting_per_caller", 1..=10_000);
    let operator = reader.read("approvals.operator", |given| {
        let name = text(given)?;
        if name.is_empty() { Err("the operator needs a name".to_owned()) } else { Ok(name) }
    });
    let bearers = bearers(reader);
    Some(ApprovalsSettings {
        lifetime: lifetime?,
        grant_lifetime: grant_lifetime?,
        hold: hold?,
        hold_with_progress: with_progress?.unwrap_or(hold?),
        max_waiting: waiting?,
        max_waiting_per_caller: waiting_per_caller?,
        operator: operator?,
        bearers: bearers?,
    })
}

/// `Some(None)` when nobody rules with a token.
fn bearers(reader: &mut Reader<'_>) -> Option<Option<BearerSettings>> {
    let resource = reader.optional("approvals.resource", |given| resource_url(&text(given)?));
    let programs = reader.list_of("approvals.programs", id);
    let (resource, programs) = (resource?, programs?);
    let (key, message) = match (&resource, programs.is_empty()) {
        (Some(_), true) => ("approvals.resource", "`approvals.resource` is set and `approvals.programs` is empty"),
        (None, false) => ("approvals.programs", "`approvals.programs` is set and `approvals.resource` is not"),
        (Some(_), false) | (None, true) => {
            let programs = programs.into_iter().map(AgentId::new).collect();
            return Some(resource.map(|resource| BearerSettings { resource, programs }));
        }
    };
    let origin = reader.origin(key);
    let help = "a token counts when it was given out for `resource` to one of `programs`, by the ids of their clients";
    reader.problem(Problem::new(&origin, message).help(help));
    None
}

/// Tokens for agents must not be tokens for people: what an agent holds would rule on its own calls.
pub(super) fn around_the_bearers(reader: &mut Reader<'_>, config: &Config) {
    let Some(bearers) = &config.approvals.bearers else { return };
    let origin = reader.origin("approvals.resource");
    let ways = &config.callers.ways;
    if !ways.issuers.iter().any(|issuer| issuer.kind == IssuerKind::OAuth) {
        let help = "add an [[identity.issuer]] table";
        reader.problem(Problem::new(&origin, "nobody gives out the tokens of people who rule").help(help));
    }
    let below = |base: &str| bearers.resource.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let audiences = ways.issuers.iter().flat_map(|issuer| &issuer.audiences);
    if ways.resource.as_ref().is_some_and(|resource| below(&resource.base))
        || audiences.into_iter().any(|name| **name == *bearers.resource)
    {
        let message = "agents have tokens for `approvals.resource`, and could rule on their own calls";
        let help = "choose a URL that is neither `identity.resource` nor below it, and not among the audiences of issuers";
        reader.problem(Problem::new(&origin, message).help(help));
    }
}

#[cfg(test)]
#[path = "approvals_tests.rs"]
mod tests;
