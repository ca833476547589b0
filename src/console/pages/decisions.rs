//! What was decided, the newest first, as the log has it; and one record as it stands there.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::super::arguments::laid_out;
use super::super::html::{Html, div, el, encoded, html, link, span};
use super::super::page::{Place, alert, badge, choice, heading, input, nothing, page, page_with, table, time_text};
use super::super::routes::Shown;
use super::super::seen::{name, seen, seen_json};
use super::super::sources::{Row, Wanted};
use super::super::visit::{Fields, Visitor};

/// How many are shown at a time.
const AT_ONCE: usize = 100;

/// The words of decisions.
const VERDICTS: [(&str, &str); 4] = [("", "any"), ("allow", "allow"), ("deny", "deny"), ("require_approval", "require approval")];

/// The kinds of decisions.
const KINDS: [(&str, &str); 2] = [("decision", "calls"), (ACCESS, "questions of services")];
const ACCESS: &str = "access";

/// The page.
pub(in crate::console) async fn show(State(shown): State<Arc<Shown>>, visitor: Visitor, fields: Fields) -> Response {
    let kind = fields.get("kind").filter(|kind| *kind == ACCESS).unwrap_or("decision");
    let wanted = Wanted { kind: Some(kind.to_owned()), outcomes: false, ..wanted(&fields) };
    let found = found(&shown, wanted).await;
    let verdict = fields.get("verdict").unwrap_or_default();
    let filter = el("form").class("filter").attr("method", "get").attr("action", "/decisions").attr("role", "search").with((
        input("Agent", "agent", fields.get("agent").unwrap_or_default(), "any, or begin*"),
        input("For", "actor", fields.get("actor").unwrap_or_default(), "any"),
        input("Tool", "target", fields.get("target").unwrap_or_default(), "any, or begin*"),
        choice("About", "kind", kind, &KINDS),
        choice("Decision", "verdict", verdict, &VERDICTS),
        el("button").class("primary").with("Show"),
    ));
    let live = fields.get("to").is_none().then_some("log");
    let list = el("section").attr("id", "list").maybe("data-live", live).attr("aria-label", "Decisions");
    let content = (
        heading("Decisions", "What was asked and what policy said, the newest first. Each is a record of the log."),
        filter,
        list.with((found.map(|rows| rows_or_nothing("Decisions", &rows)).unwrap_or_else(|error| error), ())),
    );
    page(&visitor, Place::Decisions, "Decisions", content)
}

/// What fields of an address ask for.
pub(super) fn wanted(fields: &Fields) -> Wanted {
    Wanted {
        agent: fields.text("agent"),
        actor: fields.text("actor"),
        server: fields.text("server"),
        target: fields.text("target"),
        verdict: fields.text("verdict"),
        kind: fields.text("kind"),
        policy: fields.text("policy"),
        id: fields.text("id"),
        to: fields.get("to").and_then(|to| to.parse().ok()),
        outcomes: true,
        limit: AT_ONCE,
    }
}

/// Looks for records; what is wrong is said where they would stand.
pub(super) async fn found(shown: &Arc<Shown>, wanted: Wanted) -> Result<Vec<Row>, Html> {
    match shown.look(move |sources| sources.book.find(&wanted)).await {
        Ok(Ok(rows)) => Ok(rows),
        Ok(Err(error)) => Err(alert("notice bad", error)),
        Err(error) => Err(alert("notice bad", error)),
    }
}

/// Records as a table, and the way to older ones.
pub(super) fn rows_or_nothing(title: &str, rows: &[Row]) -> Html {
    if rows.is_empty() {
        return nothing("There are no such records.");
    }
    let heads = ["No.", "When", "Kind", "Who", "What", "Answer", "Why"];
    let rows_of = rows.iter().map(row).collect();
    html(table(title, &heads, rows_of))
}

/// The way to the records before these, with the same question.
pub(super) fn older(path: &str, fields: &Fields, rows: &[Row]) -> Option<Html> {
    let last = rows.last().filter(|_| rows.len() == AT_ONCE)?.seq;
    let kept = fields.0.iter().filter(|(name, value)| name != "to" && !value.is_empty());
    let kept: String = kept.map(|(name, value)| format!("{}={}&", encoded(name), encoded(value))).collect();
    Some(el("p").with(link(&format!("{path}?{kept}to={last}")).class("button").with("Older")))
}

fn row(row: &Row) -> Html {
    let cell = |content: Html| el("td").with(content);
    let who = match (row.agent.is_empty(), row.actor.is_empty()) {
        (true, _) => html("–"),
        (false, true) => seen(&row.agent),
        (false, false) => html((seen(&row.agent), span("meta").with((" for ", seen(&row.actor))))),
    };
    let what = match (row.server.is_empty(), row.target.is_empty()) {
        (_, true) => row.action.clone(),
        // A service's own action and resource.
        (true, false) => format!("{} {}", row.action, row.target),
        (false, false) => format!("{}/{}", row.server, row.target),
    };
    let number = link(&format!("/records/{}", row.seq)).with(row.seq.to_string());
    let verdict = (!row.verdict.is_empty()).then(|| badge(&row.verdict));
    el("tr").with([
        el("td").class("number").with(number),
        cell(time_text(&row.time)),
        cell(html(row.kind.as_str())),
        cell(who),
        cell(if what.is_empty() { html("–") } else { name(&what) }),
        cell(html(verdict)),
        cell(span("meta").with(row.causes.join(", ").replace('_', " "))),
    ])
}

/// One record, as it stands in the log.
pub(in crate::console) async fn record(State(shown): State<Arc<Shown>>, visitor: Visitor, Path(seq): Path<String>) -> Response {
    let missing = |sentence: &str| {
        let content = (el("h1").with("No such record"), nothing(sentence));
        page_with(&visitor, Place::Log, StatusCode::NOT_FOUND, "No such record", content)
    };
    let Ok(seq) = seq.parse::<u64>() else { return missing("That is not the number of a record.") };
    let text = match shown.look(move |sources| sources.book.record(seq)).await {
        Ok(Ok(Some(text))) => text,
        Ok(Ok(None)) => return missing("The log does not go so far."),
        Ok(Err(error)) => return missing(&error),
        Err(error) => return missing(error),
    };
    let (lines, cut) = laid_out(&text);
    let line = |line: &String| html((span("line").with(seen_json(line)), "\n"));
    let id = serde_json::from_str::<serde_json::Value>(&text).ok();
    let id = id.as_ref().and_then(|record| record.get("id").or_else(|| record.get("decision"))?.as_str());
    let related = id.map(|id| link(&format!("/log?id={}", encoded(id))).class("button").with("All records of this decision"));
    let before = seq.checked_sub(1).map(|seq| link(&format!("/records/{seq}")).class("button").with("← Before"));
    let after = link(&format!("/records/{}", seq + 1)).class("button").with("Next →");
    let content = (
        heading(
            &format!("Record {seq}"),
            "As it stands in the log. Arguments and results are commitments; what was kept of them is not shown.",
        ),
        div("row").with((before, after, related)),
        el("pre")
            .class("json")
            .attr("tabindex", "0")
            .attr("aria-label", "Record")
            .with(lines.iter().map(line).collect::<Vec<_>>()),
        cut.then(|| nothing("The rest is left out here.")),
    );
    page(&visitor, Place::Log, &format!("Record {seq}"), content)
}
