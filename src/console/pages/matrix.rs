//! Who may call what: the tools of all servers against callers, a cell each; and why, for one of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use serde_json::json;

use super::super::html::{Html, el, encoded, html, link, span};
use super::super::page::{Place, alert, badge, heading, input, nothing, page};
use super::super::routes::Shown;
use super::super::seen::{name, seen};
use super::super::sources::{Sources, Wanted};
use super::super::visit::{Fields, Visitor};
use super::explained::explained;
use crate::domain::{Action, Actor, AgentId, Arguments, Call, Caller, Decision, ServerName, Source, Target, Transport, UserId};

/// The most callers, and the most tools, of one table.
const MOST_CALLERS: usize = 12;
const MOST_TOOLS: usize = 300;
/// In how many of the newest records callers are looked for.
const LOOKED_AT: usize = 1_000;

type Pair = (String, String);

/// The page.
pub(in crate::console) async fn show(State(shown): State<Arc<Shown>>, visitor: Visitor, fields: Fields) -> Response {
    let (agent, actor) = (fields.text("agent"), fields.text("actor"));
    let filter = el("form").class("filter").attr("method", "get").attr("action", "/matrix").with((
        input("Another agent", "agent", agent.as_deref().unwrap_or_default(), "agent"),
        input("For", "actor", actor.as_deref().unwrap_or_default(), "nobody"),
        input("Tools", "tool", fields.get("tool").unwrap_or_default(), "part of a name"),
        el("button").class("primary").with("Show"),
    ));
    let part = fields.text("tool").unwrap_or_default();
    let asked = agent.map(|agent| (agent, actor.unwrap_or_default()));
    let grid = shown.look(move |sources| grid(sources, asked, &part)).await.unwrap_or_else(|error| alert("notice bad", error));
    let legend = el("p").class("meta legend").with((
        badge("allow"),
        " now, without arguments  ",
        badge("depends"),
        " on arguments, time or approval  ",
        badge("require_approval"),
        " a person is asked  ",
        badge("deny"),
        " never, as things are",
    ));
    let sentence = "Tools against callers that the log has seen lately. What callers bring in tokens (roles, scopes) is not known here. Follow a cell to see why.";
    let live = el("section").attr("id", "matrix").attr("data-live", "policies").attr("aria-label", "Matrix").with(grid);
    page(&visitor, Place::Matrix, "Who may what", (heading("Who may what", sentence), filter, legend, live))
}

fn grid(sources: &Sources, asked: Option<Pair>, part: &str) -> Html {
    let (callers, snapshot) = (callers(sources, asked), sources.gate.snapshot());
    if callers.is_empty() {
        return nothing("The log has seen no callers yet. Name an agent to look at.");
    }
    let servers = sources.gate.policy_status().tools;
    let tools = servers.keys().flat_map(|server| snapshot.tools_of(server).into_iter().map(move |tool| (server.clone(), tool)));
    let tools: Vec<(ServerName, Arc<str>)> = tools.filter(|(server, tool)| format!("{server}/{tool}").contains(part)).collect();
    if tools.is_empty() {
        return nothing("No server has listed such tools yet. They are known once a client has asked for them.");
    }
    let head = |(agent, actor): &Pair| {
        let actor =
            if actor.is_empty() { html(span("meta").with("for nobody")) } else { html((span("meta").with("for "), seen(actor))) };
        el("th").attr("scope", "col").with((seen(agent), el("br").void(), actor))
    };
    let row = |(server, tool): &(ServerName, Arc<str>)| {
        let cells = callers.iter().map(|pair| cell(sources, pair, server, tool)).collect::<Vec<_>>();
        el("tr").with((el("th").attr("scope", "row").with(name(&format!("{server}/{tool}"))), cells))
    };
    let rows: Vec<Html> = tools.iter().take(MOST_TOOLS).map(row).collect();
    let head = el("thead")
        .with(el("tr").with((el("th").attr("scope", "col").with("Tool"), callers.iter().map(head).collect::<Vec<_>>())));
    let grid =
        el("table").class("matrix").with((el("caption").class("away").with("Who may call what"), head, el("tbody").with(rows)));
    let more = tools.len().saturating_sub(MOST_TOOLS);
    let more = (more > 0).then(|| nothing(format!("{more} more tools are not shown: narrow them by name.")));
    html((
        el("div").class("scroll").attr("tabindex", "0").attr("role", "group").attr("aria-label", "Who may call what").with(grid),
        more,
    ))
}

/// Whom to show: whoever is asked for, those whose tickets are known, and those in the newest records.
fn callers(sources: &Sources, asked: Option<Pair>) -> Vec<Pair> {
    let wanted = Wanted { kind: Some("decision".to_owned()), limit: LOOKED_AT, ..Wanted::default() };
    let rows = sources.book.find(&wanted).unwrap_or_default();
    let mut seen = BTreeSet::new();
    let recent = rows.into_iter().filter(|row| !row.agent.is_empty()).map(|row| (row.agent, row.actor));
    let mut callers: Vec<Pair> =
        asked.into_iter().chain(recent).filter(|pair| seen.insert(pair.clone())).take(MOST_CALLERS).collect();
    callers.sort();
    callers
}

fn cell(sources: &Sources, (agent, actor): &Pair, server: &ServerName, tool: &Arc<str>) -> Html {
    let person = if actor.is_empty() { Actor::Unattended } else { Actor::Person(UserId::new(actor.as_str())) };
    let caller = Caller::new(AgentId::new(agent.as_str()), person);
    let source = Source { transport: Transport::Http, ip: None, session: None };
    let target = Target::Tool(Arc::clone(tool));
    let shows = sources.gate.view(&caller, server, &source).shows(Action::ToolsCall, &target);
    let call = Call {
        server: server.clone(),
        action: Action::ToolsCall,
        target,
        arguments: Arguments::ABSENT,
        source,
        request: None,
        trace: None,
    };
    let word = match sources.gate.foresee(&caller, &call) {
        Decision::Allow(_) => "allow",
        Decision::RequireApproval(_) => "require_approval",
        Decision::Deny(_) if shows => "depends",
        Decision::Deny(_) => "deny",
    };
    let why = format!("/why?agent={}&actor={}&tool={}", encoded(agent), encoded(actor), encoded(&format!("{server}/{tool}")));
    el("td").with(link(&why).class("cell").with(badge(word)))
}

/// Why a caller may or may not call a tool, without arguments.
pub(in crate::console) async fn why(State(shown): State<Arc<Shown>>, visitor: Visitor, fields: Fields) -> Response {
    let (agent, tool) = (fields.text("agent").unwrap_or_default(), fields.text("tool").unwrap_or_default());
    let actor = fields.text("actor");
    let inquiry = match &actor {
        Some(actor) => json!({ "agent": agent, "actor": actor, "tool": tool }),
        None => json!({ "agent": agent, "unattended": true, "tool": tool }),
    };
    let inquiry = Bytes::from(inquiry.to_string());
    let answer = match shown.look(move |sources| sources.lab.explain(None, inquiry)).await {
        Ok(Ok(explanation)) => explained(&explanation),
        Ok(Err(sentences)) => alert("notice bad", sentences.join(" ")),
        Err(error) => alert("notice bad", error),
    };
    let whom = actor.clone().unwrap_or_else(|| "nobody".to_owned());
    let sentence = html((seen(&agent), " for ", seen(&whom), " calls ", name(&tool), " without arguments."));
    let actor = encoded(&actor.unwrap_or_default());
    let try_it = format!("/sandbox?agent={}&actor={actor}&tool={}", encoded(&agent), encoded(&tool));
    let links = el("p").with((
        link("/matrix").class("button").with("← Who may what"),
        " ",
        link(&try_it).class("button").with("Try it with arguments"),
    ));
    page(&visitor, Place::Matrix, "Why", (heading("Why", sentence), links, answer))
}
