//! What waits for a person, what was ruled lately, and how people rule.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;

use super::super::html::{Html, div, el, html, link, span};
use super::super::page::{Place, badge, heading, nothing, page, table, time, words};
use super::super::routes::Shown;
use super::super::seen::{name, seen, seen_json};
use super::super::visit::Visitor;
use crate::domain::{TicketState, Verdict};
use crate::gate::{RulerStats, Ticket};

/// The most rulings that are listed.
const LATELY: usize = 50;
/// The most waiting tickets that are listed; the others are counted.
const WAITING: usize = 200;
/// Whoever approves nearly everything this fast does not read what they approve.
const HASTY: (u64, u64, Duration) = (10, 95, Duration::from_secs(5));

/// The page.
pub(in crate::console) async fn show(State(shown): State<Arc<Shown>>, visitor: Visitor) -> Response {
    let tickets = shown.sources.gate.tickets();
    let waiting: Vec<&Arc<Ticket>> = tickets.iter().filter(|ticket| ticket.state == TicketState::Waiting).collect();
    let lately = tickets.iter().filter(|ticket| ticket.state != TicketState::Waiting).take(LATELY);
    let cards: Vec<Html> = waiting.iter().take(WAITING).map(|ticket| card(ticket)).collect();
    let more = waiting.len().saturating_sub(WAITING);
    let pending = if cards.is_empty() {
        nothing("Nothing waits for you. Calls that policy wants a person to approve appear here as they come.")
    } else {
        let more = (more > 0).then(|| nothing(format!("{more} more wait.")));
        html((el("ul").class("cards").with(cards), more))
    };
    let rows: Vec<Html> = lately.map(row).collect();
    let ruled = if rows.is_empty() {
        nothing("Nothing was ruled yet.")
    } else {
        table("Rulings and what came of them", &["Asked", "What", "For", "State", "By", "Said"], rows)
    };
    let content = (
        heading("Approvals", "Calls that policy wants a person to look at before they are made."),
        live("pending", "Waiting", pending),
        live("lately", "Lately", ruled),
        live("fatigue", "How people rule", fatigue(&shown.sources.gate.ruler_stats())),
    );
    page(&visitor, Place::Approvals, "Approvals", content)
}

/// A section that the script keeps up to date.
fn live(id: &'static str, title: &'static str, content: Html) -> Html {
    let head = format!("{id}-title");
    let section = el("section").attr("id", id).attr("data-live", "tickets").attr("aria-labelledby", &head);
    section.with((el("h2").attr("id", head).with(title), content))
}

/// What a ticket is for, in a line.
pub(super) fn what(ticket: &Ticket) -> Html {
    let target = ticket.bound.target.name().map_or_else(|| ticket.bound.action.name().to_owned(), str::to_owned);
    name(&format!("{}/{target}", ticket.bound.server))
}

/// For whom it is asked.
pub(super) fn asker(ticket: &Ticket) -> Html {
    let asker = &ticket.bound.asker;
    let actor = match &asker.actor {
        Some(actor) => html((" for ", el("b").with(seen(actor.as_str())))),
        None => html(", for nobody"),
    };
    html((el("b").with(seen(asker.agent.as_str())), actor))
}

fn card(ticket: &Arc<Ticket>) -> Html {
    let address = format!("/approvals/{}", ticket.id);
    let reason = ticket.terms.because.iter().find_map(|policy| policy.reason.clone());
    let reason = reason.map(|reason| el("p").class("reason").with(seen(&reason)));
    let votes = ticket.votes.iter().filter(|vote| vote.verdict == Verdict::Approve).count();
    let votes = (votes > 0).then(|| span("badge wait").with(format!("{votes} approved so far")));
    let arguments = ticket.bound.arguments.as_deref().map(String::from_utf8_lossy);
    let arguments = arguments.map(|text| el("code").class("glance").with(seen_json(&text.chars().take(160).collect::<String>())));
    let head = div("card-head").with((el("h3").with(link(&address).with(what(ticket))), votes));
    let times = el("p").class("meta").with(("asked ", time(ticket.asked), " · ends ", time(ticket.expires)));
    let look = link(&address).class("button").attr("aria-label", format!("Look at {}", ticket.id)).with("Look and rule");
    el("li").class("card").with((head, el("p").with(asker(ticket)), reason, arguments, div("card-foot").with((times, look))))
}

fn row(ticket: &Arc<Ticket>) -> Html {
    let cell = |content: Html| el("td").with(content);
    let by = ticket.votes.iter().map(|vote| vote.ruler.as_str()).collect::<Vec<_>>().join(", ");
    let said = ticket.votes.iter().rev().find_map(|vote| vote.comment.clone()).unwrap_or_default();
    el("tr").with([
        cell(time(ticket.asked)),
        cell(link(&format!("/approvals/{}", ticket.id)).with(what(ticket))),
        cell(asker(ticket)),
        cell(badge(ticket.state.name())),
        cell(seen(if by.is_empty() { "–" } else { &by })),
        cell(seen(&said)),
    ])
}

/// How everybody rules, so that whoever does not read any more shows.
fn fatigue(stats: &[RulerStats]) -> Html {
    let rows: Vec<Html> = stats.iter().map(ruler).collect();
    if rows.is_empty() {
        return nothing("Nobody has ruled yet.");
    }
    table("How people rule", &["Who", "Rulings", "Approved", "Median time to rule", "Note"], rows)
}

fn ruler(RulerStats { ruler, approved, denied, median }: &RulerStats) -> Html {
    let all = approved + denied;
    let rate = approved * 100 / all.max(1);
    let (most, share, fast) = HASTY;
    let hasty = all >= most && rate >= share && *median <= fast;
    let note = hasty.then(|| span("badge bad").with("approves nearly everything at once"));
    let meter = el("meter").attr("min", "0").attr("max", "100").attr("value", rate.to_string());
    el("tr").with([
        el("td").with(seen(ruler.as_str())),
        el("td").class("number").with(all.to_string()),
        el("td").class("number").with((meter.attr("aria-label", format!("{rate} % approved")).with(()), format!(" {rate} %"))),
        el("td").class("number").with(words(*median)),
        el("td").with(note),
    ])
}
