//! `cedarpost audit query`: records that fit, found by the index.

use anyhow::{Context, bail};

use super::super::{Exit, output};
use super::{point_out_siblings, row, scratch};
use crate::audit::archive::{Facet, Order, Pattern, Query};
use crate::audit::{self, Kind};
use crate::config::AuditSettings;
use crate::config::flags::AuditQueryFlags;
use crate::domain::DecisionId;

/// Prints what is found.
pub(super) fn query(settings: &AuditSettings, flags: &AuditQueryFlags) -> anyhow::Result<Exit> {
    point_out_siblings(settings, &flags.audit)?;
    let (query, scratch) = (meant(flags)?, scratch()?);
    let found = audit::query(&settings.directory, scratch.path(), &query)
        .with_context(|| format!("failed to search the log in `{}`", settings.directory.display()))?;
    let rows: String = found.iter().map(|record| row(record, flags.audit.json)).collect();
    output::print(rows.as_bytes())
}

fn meant(flags: &AuditQueryFlags) -> anyhow::Result<Query> {
    if let Some(kind) = flags.kind.as_deref().filter(|kind| Kind::parse(kind).is_none()) {
        bail!("`{kind}` is not a kind of record: one of {}", Kind::ALL.map(Kind::name).join(", "));
    }
    let id = flags.id.as_deref().map(|id| DecisionId::parse(id).with_context(|| format!("`{id}` is not the id of a decision")));
    let wanted = [
        (Facet::Agent, &flags.agent),
        (Facet::Actor, &flags.actor),
        (Facet::Server, &flags.server),
        (Facet::Action, &flags.action),
        (Facet::Target, &flags.tool),
        (Facet::Verdict, &flags.decision),
        (Facet::Kind, &flags.kind),
        (Facet::Policy, &flags.policy),
        (Facet::Session, &flags.session),
    ];
    let terms = wanted.into_iter().filter_map(|(facet, text)| Some((facet, Pattern::from(text.as_deref()?))));
    Ok(Query {
        terms: terms.collect(),
        id: id.transpose()?,
        since: flags.since,
        until: flags.until,
        from: flags.from,
        to: flags.to.unwrap_or(u64::MAX),
        outcomes: !flags.no_outcomes,
        order: if flags.oldest_first { Order::OldestFirst } else { Order::NewestFirst },
        limit: flags.limit,
    })
}
