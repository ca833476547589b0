//! Trying policies out: other texts, a call, and how it would be decided. Nothing is kept.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use serde_json::json;
use serde_json::value::RawValue;

use super::super::html::{Html, div, el, html, span};
use super::super::page::{Place, alert, csrf, form, heading, input, page};
use super::super::routes::Shown;
use super::super::seen::seen;
use super::super::visit::{Fields, Sent, Visitor};
use super::explained::explained;

/// The most policy files that are edited.
const MOST_FILES: usize = 50;

/// The page, with the policies in force.
pub(in crate::console) async fn show(State(shown): State<Arc<Shown>>, visitor: Visitor, fields: Fields) -> Response {
    let (files, wrong) = match shown.look(|sources| sources.lab.policies()).await {
        Ok(Ok(files)) => (files, None),
        Ok(Err(error)) => (Vec::new(), Some(alert("notice bad", error))),
        Err(error) => (Vec::new(), Some(alert("notice bad", error))),
    };
    view(&visitor, &fields, &files, wrong)
}

/// Tries a call.
pub(in crate::console) async fn attempt(State(shown): State<Arc<Shown>>, Sent { visitor, fields }: Sent) -> Response {
    let (names, texts) = (fields.all("file"), fields.all("text"));
    let files: Vec<(String, String)> =
        names.zip(texts).take(MOST_FILES).map(|(name, text)| (name.to_owned(), text.replace("\r\n", "\n"))).collect();
    let answer = answer(&shown, &fields, files.clone()).await;
    let answer = answer.unwrap_or_else(|sentences| {
        let sentence = |sentence: String| el("li").with(seen(&sentence));
        alert("notice bad", el("ul").class("plain").with(sentences.into_iter().map(sentence).collect::<Vec<_>>()))
    });
    view(&visitor, &fields, &files, Some(answer))
}

async fn answer(shown: &Arc<Shown>, fields: &Fields, files: Vec<(String, String)>) -> Result<Html, Vec<String>> {
    let inquiry = inquiry(fields).map_err(|sentence| vec![sentence])?;
    let tried = shown.look_as_one_of(&shown.trying, move |sources| sources.lab.explain(Some(&files), inquiry)).await;
    tried.map_err(|error| vec![error.to_owned()])?.map(|explanation| explained(&explanation))
}

/// The call of the form, as `/explain` takes it.
fn inquiry(fields: &Fields) -> Result<Bytes, String> {
    let input = fields.text("input").map(RawValue::from_string).transpose();
    let input = input.map_err(|error| format!("the arguments are not JSON: {error}"))?;
    let mut inquiry = json!({ "agent": fields.get("agent").unwrap_or_default(), "tool": fields.get("tool").unwrap_or_default() });
    if let Some(members) = inquiry.as_object_mut() {
        match fields.get("actor") {
            Some(actor) => members.insert("actor".to_owned(), actor.into()),
            None => members.insert("unattended".to_owned(), true.into()),
        };
    }
    let text = inquiry.to_string();
    // The arguments go in as they were written: numbers keep their digits.
    let text = match (input, text.strip_suffix('}')) {
        (Some(input), Some(open)) => format!("{open},\"input\":{}}}", input.get()),
        _ => text,
    };
    Ok(Bytes::from(text))
}

fn view(visitor: &Visitor, fields: &Fields, files: &[(String, String)], answer: Option<Html>) -> Response {
    let value = |name: &str| fields.get(name).unwrap_or_default();
    let arguments = el("textarea")
        .attr("name", "input")
        .attr("rows", "6")
        .attr("spellcheck", "false")
        .attr("placeholder", "{\"amount\": 100}");
    let call = el("fieldset").with((
        el("legend").with("The call"),
        input("Agent", "agent", value("agent"), "assistant"),
        input("For", "actor", value("actor"), "nobody"),
        input("Tool", "tool", value("tool"), "server/tool"),
        el("label").with((span("label").with("Arguments (JSON)"), arguments.with(("\n", value("input"))))),
        el("button").class("primary").with("Try"),
    ));
    let empty = [("sandbox.cedar".to_owned(), String::new())];
    let files = if files.is_empty() { &empty } else { files };
    let file = |(name, text): &(String, String)| {
        let rows = text.lines().count().clamp(6, 24).to_string();
        let area = el("textarea").class("policy").attr("name", "text").attr("rows", rows).attr("spellcheck", "false");
        let area = el("label").with((span("label").with(seen(name)), area.with(("\n", text))));
        html((el("input").attr("type", "hidden").attr("name", "file").attr("value", name).void(), area))
    };
    let policies = el("fieldset").with((el("legend").with("The policies"), files.iter().map(file).collect::<Vec<_>>()));
    let answer =
        answer.map(|answer| el("section").attr("id", "answer").attr("tabindex", "-1").attr("aria-label", "Answer").with(answer));
    let form = form(visitor, "/sandbox#answer")
        .with((csrf(visitor), div("split even").with((div("wide").with(policies), div("side").with((call, answer))))));
    let sentence = "Change the policies, try a call, and see how it would be decided. Schema, entities and tools are those in force. Nothing is saved.";
    page(visitor, Place::Sandbox, "Sandbox", (heading("Sandbox", sentence), form))
}
