//! The log: looking for records, and checking all of it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::super::html::{Html, div, el, html};
use super::super::page::{Place, alert, badge, choice, csrf, form, heading, input, nothing, page, redirect, time};
use super::super::routes::Shown;
use super::super::seen::seen;
use super::super::sources::Verified;
use super::super::visit::{Fields, Sent, Visitor};
use super::decisions::{found, older, rows_or_nothing, wanted};
use crate::domain::Timestamp;

/// What came of a check, and when.
#[derive(Debug, Clone)]
pub(in crate::console) struct Checked {
    at: Timestamp,
    outcome: Result<Verified, String>,
}

/// The kinds of records one looks for.
const KINDS: [(&str, &str); 7] = [
    ("", "any"),
    ("decision", "decisions"),
    ("outcome", "outcomes"),
    ("approval", "rulings"),
    ("access", "questions of services"),
    ("policy", "policies"),
    ("unidentified", "turned away"),
];

/// The page.
pub(in crate::console) async fn show(State(shown): State<Arc<Shown>>, visitor: Visitor, fields: Fields) -> Response {
    let value = |name: &str| fields.get(name).unwrap_or_default().to_owned();
    let filter = el("form").class("filter").attr("method", "get").attr("action", "/log").attr("role", "search").with((
        input("Agent", "agent", &value("agent"), "any, or begin*"),
        input("For", "actor", &value("actor"), "any"),
        input("Server", "server", &value("server"), "any"),
        input("Tool", "target", &value("target"), "any, or begin*"),
        input("Policy", "policy", &value("policy"), "id"),
        input("Decision", "id", &value("id"), "id"),
        choice("Kind", "kind", &value("kind"), &KINDS),
        el("button").class("primary").with("Search"),
    ));
    let list = match found(&shown, wanted(&fields)).await {
        Ok(rows) => html((rows_or_nothing("Records", &rows), older("/log", &fields, &rows))),
        Err(error) => error,
    };
    let verified = shown.verified.lock().clone();
    let content = (
        heading("Log", "Every decision, outcome, ruling and change of policies, signed and chained."),
        check(&visitor, verified.as_ref()),
        el("h2").with("Search"),
        filter,
        el("section").attr("id", "list").attr("aria-label", "Records").with(list),
    );
    page(&visitor, Place::Log, "Log", content)
}

/// What the last check came to, and the button for another.
fn check(visitor: &Visitor, verified: Option<&Checked>) -> Html {
    let outcome = match verified {
        None => nothing("The log was not checked since the sidecar started."),
        Some(Checked { at, outcome: Ok(verified) }) => {
            let word = if verified.holds { "verified" } else { "DOES NOT VERIFY" };
            let class = if verified.holds { "notice good" } else { "notice bad" };
            let lines = verified.lines.iter().map(|line| el("li").with(seen(line))).collect::<Vec<_>>();
            let head = el("p").with((el("b").with(word), format!(": {} records, ", verified.records), time(*at)));
            div(class).attr("role", "status").with((
                head,
                el("code").class("break").with(&verified.head),
                el("ul").class("plain").with(lines),
            ))
        }
        Some(Checked { at, outcome: Err(error) }) => {
            alert("notice bad", (el("p").with(("That could not be found out, ", time(*at))), seen(error)))
        }
    };
    let button = form(visitor, "/log/verify").with((csrf(visitor), el("button").with("Check all of it now")));
    el("section").class("panel").attr("id", "check").attr("aria-label", "Check").with((
        el("h2").with("Is it as it was signed?"),
        outcome,
        button,
    ))
}

/// Checks the log, as `cedarpost audit verify` does.
pub(in crate::console) async fn verify(State(shown): State<Arc<Shown>>, Sent { visitor, .. }: Sent) -> Response {
    let Ok(place) = Arc::clone(&shown.verifying).try_acquire_owned() else {
        let content = (heading("Log", "It is being checked already."), badge("waiting"));
        return page(&visitor, Place::Log, "Log", content);
    };
    tracing::info!(person = %visitor.session.ruler.person, "somebody has the log checked");
    // Not within the patience of a page: a large log takes its time, and one at a time is bound enough. A browser that hangs up does not
    // end it, nor make room for another.
    let work = Arc::clone(&shown);
    let checking = tokio::task::spawn_blocking(move || {
        let _place = place;
        let outcome = work.sources.book.verify();
        *work.verified.lock() = Some(Checked { at: work.sources.clock.now(), outcome });
    });
    if checking.await.is_err() {
        let outcome = Err("checking it failed".to_owned());
        *shown.verified.lock() = Some(Checked { at: shown.sources.clock.now(), outcome });
    }
    redirect("/log#check")
}
