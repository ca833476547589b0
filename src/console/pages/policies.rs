//! The policies in force: which there are, what their author should know, and how servers differ from what was reviewed.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::super::html::{Html, div, el, encoded, html, link, span};
use super::super::page::{Place, alert, badge, heading, nothing, page, table, time};
use super::super::routes::Shown;
use super::super::seen::{name, seen};
use super::super::visit::Visitor;
use crate::gate::PolicyStatus;

/// The page.
pub(in crate::console) async fn show(State(shown): State<Arc<Shown>>, visitor: Visitor) -> Response {
    let seen_there = shown.look(|sources| (sources.gate.policy_status(), policies(sources), sources.lab.policies())).await;
    let content = match seen_there {
        Ok((status, policies, texts)) => html((state(&status), problems(&status), policies, files(texts))),
        Err(error) => alert("notice bad", error),
    };
    let live = div("").attr("id", "policies").attr("data-live", "policies").with(content);
    let sentence = ("What decides about every call. Try changes in the ", link("/sandbox").with("sandbox"), ".");
    page(&visitor, Place::Policies, "Policies", (heading("Policies", sentence), live))
}

fn state(status: &PolicyStatus) -> Html {
    let term = |name: &'static str, value: Html| html((el("dt").with(name), el("dd").with(value)));
    let last = &status.last_report;
    let accepted = if last.accepted { badge("accepted") } else { badge("refused") };
    let (in_force, fingerprint) = match &status.in_force {
        Some(fingerprint) => (html(format!("{} policies", status.policies)), Some(fingerprint.to_string())),
        None => (span("badge bad").with("none"), None),
    };
    let facts = el("dl").class("facts row").with((
        term("In force", in_force),
        term("Fingerprint", fingerprint.map_or_else(|| span("absent").with("–"), |text| el("code").class("break").with(text))),
        term("Last load", html((accepted, " ", time(last.at)))),
    ));
    el("section").class("panel").attr("aria-label", "State").with(facts)
}

/// What is wrong or worth knowing.
fn problems(status: &PolicyStatus) -> Html {
    let item = |problem: &dyn std::fmt::Display| el("li").with(seen(&problem.to_string()));
    let list = |items: Vec<Html>| el("ul").class("plain").with(items);
    let refused = (!status.last_report.accepted).then(|| {
        let items = status.last_report.problems.iter().map(|problem| item(problem)).collect();
        let what = match status.in_force {
            Some(_) => "The files on disk were refused; the policies before stay in force.",
            None => "The files on disk were refused and no others are in force: every call is denied.",
        };
        alert("notice bad", (el("p").with(what), list(items)))
    });
    let warnings = (!status.warnings.is_empty()).then(|| {
        let items = status.warnings.iter().map(|problem| item(problem)).collect();
        alert("notice wait", (el("p").with("Worth knowing:"), list(items)))
    });
    let drift = (!status.drift.is_empty()).then(|| {
        let change = |change: &crate::gate::Change| {
            let told = format!("{}/{}: {}", change.server, change.tool, change.difference);
            el("li").with(seen(&told))
        };
        let items = status.drift.iter().map(change).collect();
        alert("notice bad", (el("p").with("Tools that are not as they were reviewed, and are refused:"), list(items)))
    });
    html((refused, warnings, drift))
}

fn policies(sources: &super::super::sources::Sources) -> Html {
    let row = |listed: crate::gate::Listed| {
        let policy = &listed.policy;
        let effect = if listed.is_permit() { "permit" } else { "forbid" };
        let records = link(&format!("/log?policy={}", encoded(&policy.id))).with("decisions");
        el("tr").with([
            el("td").with(badge(effect)),
            el("td").with(name(&policy.id)),
            el("td").with(span("meta").with(seen(&format!("{}:{}", policy.file, policy.line)))),
            el("td").with(policy.reason.as_deref().map(seen)),
            el("td").with(records),
        ])
    };
    let rows: Vec<Html> = sources.gate.snapshot().policies().into_iter().map(row).collect();
    if rows.is_empty() {
        return nothing("There are no policies: every call is denied.");
    }
    table("Policies in force", &["Effect", "Policy", "Where", "Reason it gives", "Log"], rows)
}

/// The files as they are on disk.
fn files(texts: Result<Vec<(String, String)>, String>) -> Html {
    let file = |(file, text): (String, String)| {
        let line = |line: &str| html((span("line").with(seen(line)), "\n"));
        let text = el("pre").class("code").attr("tabindex", "0").with(text.lines().map(line).collect::<Vec<_>>());
        el("details").with((el("summary").with(seen(&file)), text))
    };
    match texts {
        Ok(texts) => html((el("h2").with("Files on disk"), texts.into_iter().map(file).collect::<Vec<_>>())),
        Err(error) => alert("notice bad", error),
    }
}
