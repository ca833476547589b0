//! One ticket: exactly what runs if it is approved, why a person is asked, and the form with which they rule.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::super::arguments::{by_schema, changes, laid_out};
use super::super::html::{Html, div, el, html, link, span};
use super::super::page::{Place, alert, badge, csrf, form, nothing, page_with, redirect, table, time, words};
use super::super::routes::Shown;
use super::super::seen::{is_plain_json, name, seen, seen_json};
use super::super::visit::{Fields, Sent, Visitor};
use super::approvals::{asker, what};
use crate::domain::{Annotations, Target, TicketId, TicketState, Verdict};
use crate::gate::{RuleError, Ruling, Ticket};

/// The page.
pub(in crate::console) async fn show(State(shown): State<Arc<Shown>>, visitor: Visitor, Path(id): Path<String>) -> Response {
    view(&shown, &visitor, &id, StatusCode::OK, None)
}

/// Rules, and shows what came of it.
pub(in crate::console) async fn rule(State(shown): State<Arc<Shown>>, Path(id): Path<String>, sent: Sent) -> Response {
    let Sent { visitor, fields } = sent;
    let refuse = |status, sentence: &str| view(&shown, &visitor, &id, status, Some(sentence));
    if !visitor.session.rulings.take() {
        return refuse(StatusCode::TOO_MANY_REQUESTS, "You rule faster than anybody can read. Wait a moment.");
    }
    let Some(ticket) = TicketId::parse(&id) else { return refuse(StatusCode::NOT_FOUND, "There is no such ticket.") };
    let ruling = match ruling(&fields) {
        Ok(ruling) => ruling,
        Err(sentence) => return refuse(StatusCode::BAD_REQUEST, sentence),
    };
    // A task of its own: a browser that hangs up does not leave a ruling recorded that does not count.
    let (gate, ruler) = (shown.sources.gate.clone(), visitor.session.ruler.clone());
    match tokio::spawn(async move { gate.rule(&ruler, ticket, ruling).await }).await {
        Ok(Ok(_)) => redirect(&format!("/approvals/{ticket}")),
        Ok(Err(error)) => refuse(status_of(&error), &sentence(&error.to_string())),
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "The ruling failed."),
    }
}

const fn status_of(error: &RuleError) -> StatusCode {
    match error {
        RuleError::Unknown => StatusCode::NOT_FOUND,
        RuleError::Over(_) | RuleError::UnknownTool | RuleError::Already => StatusCode::CONFLICT,
        RuleError::NotAllowed => StatusCode::FORBIDDEN,
        RuleError::Invalid(..) | RuleError::CommentTooLong | RuleError::TooLong(_) => StatusCode::BAD_REQUEST,
        RuleError::NotRecorded(_) | RuleError::NotKept(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// An error's words as a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str())).unwrap_or_default()
}

/// What the form says.
fn ruling(fields: &Fields) -> Result<Ruling, &'static str> {
    let verdict = fields.get("verdict").and_then(Verdict::parse).ok_or("Say whether you approve or deny.")?;
    let plain = Ruling { comment: fields.text("comment"), ..Ruling::plain(verdict) };
    if verdict == Verdict::Deny {
        return Ok(plain);
    }
    let number = |name: &str| fields.get(name).map(str::parse::<u32>).transpose().map_err(|_| "That is not a whole number.");
    let scope = fields.get("scope").unwrap_or("once");
    let window = || Ok::<_, &'static str>(number("minutes")?.map(|minutes| Duration::from_secs(u64::from(minutes) * 60)));
    match scope {
        "once" => Ok(plain),
        "window" => Ok(Ruling { window: window()?, uses: number("uses")?, ..plain }),
        "any" => Ok(Ruling { window: window()?, uses: number("uses")?, any_arguments: true, ..plain }),
        _ => Err("That is not a way to approve."),
    }
}

fn view(shown: &Arc<Shown>, visitor: &Visitor, id: &str, status: StatusCode, refused: Option<&str>) -> Response {
    let Some(ticket) = TicketId::parse(id).and_then(|id| shown.sources.gate.ticket(id)) else {
        let content = (el("h1").with("There is no such ticket"), nothing("It was never asked for, or is over for long."));
        return page_with(visitor, Place::Approvals, StatusCode::NOT_FOUND, "No such ticket", content);
    };
    let title = format!("{} {}", ticket.bound.server, ticket.bound.target.name().unwrap_or_default());
    let refused = refused.map(|sentence| alert("notice bad", sentence));
    let back = el("p").class("back").with(link("/approvals").with("← Approvals"));
    let head = div("heading").with((
        el("h1").with((what(&ticket), " ", badge(ticket.state.name()))),
        el("p").with((asker(&ticket), " asks for this")),
    ));
    let exact = el("section")
        .attr("aria-labelledby", "exact")
        .with((el("h2").attr("id", "exact").with("Exactly what runs"), arguments(shown, &ticket)));
    let side = div("side").with((ruling_form(shown, visitor, &ticket), votes(&ticket), why(&ticket), facts(shown, &ticket)));
    let content = (back, head, refused, div("split").with((div("wide").with((exact, difference(shown, &ticket))), side)));
    page_with(visitor, Place::Approvals, status, &title, content)
}

/// The arguments: as the tool's schema names them, and letter for letter.
fn arguments(shown: &Arc<Shown>, ticket: &Ticket) -> Html {
    let Some(arguments) = ticket.bound.arguments.as_deref().map(String::from_utf8_lossy) else {
        let over = ticket.state.is_over() && ticket.state != TicketState::Spent;
        return nothing(if over { "The ticket is over; its arguments are not kept." } else { "The call has no arguments." });
    };
    let tool = ticket.bound.target.name().unwrap_or_default();
    let schema = shown.sources.gate.input_schema(&ticket.bound.server, tool);
    let fields = by_schema(&arguments, schema.as_deref()).map(|fields| {
        let known = schema.is_some();
        let term = move |field: super::super::arguments::Field| {
            let title = field.title.map(|title| html((" ", seen(&title))));
            let strange = (known && !field.is_known).then(|| html((" ", span("badge wait").with("not in the schema"))));
            let about = field.description.map(|about| span("about").with(seen(&about)));
            let value = field.given.map_or_else(|| span("absent").with("not given"), |value| el("code").with(seen_json(&value)));
            html((el("dt").with((name(&field.name), title, strange, about)), el("dd").with(value)))
        };
        el("dl").class("fields").with(fields.into_iter().map(term).collect::<Vec<_>>())
    });
    let warning = (!is_plain_json(&arguments))
        .then(|| alert("notice wait", "Some letters here are invisible or look like others. They are marked with their code."));
    let (lines, cut) = laid_out(&arguments);
    let line = |line: &String| html((span("line").with(seen_json(line)), "\n"));
    let cut = cut.then(|| nothing("The rest is left out here; nobody reads so much. Deny what you cannot read."));
    let text = el("pre").class("json").attr("tabindex", "0").attr("aria-label", "Canonical arguments");
    let text = text.with(lines.iter().map(line).collect::<Vec<_>>());
    let exact = el("details").flag("open", true).with((el("summary").with("Letter for letter"), text, cut));
    html((warning, fields, exact))
}

/// What is different from the last call of the same tool that was approved.
fn difference(shown: &Arc<Shown>, ticket: &Ticket) -> Html {
    let section = |content: Html| {
        let head = el("h2").attr("id", "diff").with("Compared with the last approved call");
        el("section").attr("aria-labelledby", "diff").with((head, content))
    };
    let Some(last) = shown.sources.gate.last_approved(ticket) else {
        return section(nothing("No call of this tool was approved lately: there is nothing to compare with."));
    };
    let Some(now) = ticket.bound.arguments.as_deref().map(String::from_utf8_lossy) else {
        return section(nothing("The arguments of this call are not kept any more."));
    };
    let by = last.by.map(|by| html((", approved by ", seen(by.as_str()))));
    let at = last.at.map(|at| html((", ", time(at))));
    let which = el("p").class("meta").with((link(&format!("/approvals/{}", last.ticket)).with("The last one"), by, at));
    let (changes, more) = changes(&String::from_utf8_lossy(&last.arguments), &now);
    if changes.is_empty() {
        return section(html((which, nothing("The arguments are the same."))));
    }
    let value = |class: &'static str, value: Option<String>| match value {
        Some(value) => el("td").with(el("code").class(class).with(seen_json(&value))),
        None => el("td").with(span("absent").with("–")),
    };
    let row = |change: super::super::arguments::Change| {
        el("tr").with((el("td").with(name(&change.place)), value("was", change.before), value("now", change.now)))
    };
    let more = more.then(|| nothing("There are more differences than are told here."));
    let rows = changes.into_iter().map(row).collect();
    section(html((which, table("Differences", &["Where", "Then", "Now"], rows), more)))
}

/// The form, for whoever may rule.
fn ruling_form(shown: &Arc<Shown>, visitor: &Visitor, ticket: &Ticket) -> Html {
    let panel = |content: Html| {
        let section = el("section").class("panel rule").attr("id", "rule").attr("data-live", "tickets");
        section.attr("aria-labelledby", "rule-title").with((el("h2").attr("id", "rule-title").with("Your ruling"), content))
    };
    let may = |verdict| {
        let words = Ruling { comment: Some("?".to_owned()), ..Ruling::plain(verdict) };
        let (gate, ruler) = (&shown.sources.gate, &visitor.session.ruler);
        gate.may_rule(ruler, ticket, &Ruling::plain(verdict)) || gate.may_rule(ruler, ticket, &words)
    };
    let (approve, deny) = match ticket.state {
        TicketState::Waiting => (may(Verdict::Approve), may(Verdict::Deny)),
        TicketState::Granted => (false, may(Verdict::Deny)),
        state => return panel(nothing(format!("There is nothing to rule any more: the ticket is {}.", state.name()))),
    };
    if !approve && !deny {
        let sentence = format!("Policy does not let you ({}) rule on this call as it stands.", visitor.session.ruler.person);
        return panel(nothing(sentence));
    }
    let needed = |verdict| !shown.sources.gate.may_rule(&visitor.session.ruler, ticket, &Ruling::plain(verdict));
    let duty = (approve && needed(Verdict::Approve)).then(|| el("p").class("meta").with("Policy wants a comment."));
    let comment = el("textarea").attr("name", "comment").attr("rows", "2").attr("maxlength", "1000").with(());
    let comment = el("label").with((span("label").with("Comment"), comment));
    let button = |verdict: Verdict, class: &'static str, word: &'static str| {
        el("button").class(class).attr("name", "verdict").attr("value", verdict.name()).with(word)
    };
    let buttons = div("buttons").with((
        approve.then(|| button(Verdict::Approve, "primary", "Approve")),
        deny.then(|| button(Verdict::Deny, "danger", "Deny")),
    ));
    let ends = ticket.ends().map(|ends| el("p").class("meta").with(("Ends ", time(ends), " by itself.")));
    let scope = approve.then(|| scopes(ticket)).flatten();
    let action = format!("/approvals/{}", ticket.id);
    panel(form(visitor, &action).with((csrf(visitor), scope, comment, duty, buttons, ends)))
}

/// The ways to approve more than this one call, where policy knows any.
fn scopes(ticket: &Ticket) -> Option<Html> {
    let (window, any) = (ticket.terms.window, ticket.terms.breakglass);
    let most = window.into_iter().chain(any).max()?;
    let radio = |value: &'static str, checked: bool, text: String| {
        let field = el("input").attr("type", "radio").attr("name", "scope").attr("value", value).flag("checked", checked).void();
        el("label").class("radio").with((field, span("").with(text)))
    };
    let number = |label: &'static str, name: &'static str, value: &str, most: u64| {
        let field = el("input").attr("type", "number").attr("name", name).attr("min", "1").attr("max", most.to_string());
        el("label").class("small").with((span("label").with(label), field.attr("value", value).void()))
    };
    let legend = el("legend").with("For how much");
    let options = (
        radio("once", true, "this one call".to_owned()),
        window.map(|window| radio("window", false, format!("the same call again and again, for {} at most", words(window)))),
        any.map(|any| radio("any", false, format!("this tool with any arguments, for {} at most", words(any)))),
    );
    let more = div("row").with((number("Minutes", "minutes", "", most.as_secs() / 60), number("Calls", "uses", "", 1_000)));
    let note = el("p").class("meta").with("More than one call needs a comment.");
    Some(el("fieldset").with((legend, options, more, note)))
}

fn votes(ticket: &Ticket) -> Option<Html> {
    let vote = |vote: &crate::gate::Vote| {
        let comment = vote.comment.as_deref().map(|comment| el("q").with(seen(comment)));
        let who = (
            badge(vote.verdict.name()),
            " ",
            el("b").with(seen(vote.ruler.as_str())),
            " by ",
            vote.channel.name(),
            ", ",
            time(vote.at),
        );
        el("li").with((el("p").with(html(who)), comment))
    };
    let grant = ticket.grant.map(|grant| {
        let left = grant.uses.map_or_else(|| "any number of calls".to_owned(), |uses| format!("{uses} more calls"));
        let any = if grant.any_arguments { ", whatever the arguments" } else { "" };
        el("p").class("meta").with((format!("Granted for {left}{any}, until "), time(grant.until), "."))
    });
    let list = el("ul").class("plain").with(ticket.votes.iter().map(vote).collect::<Vec<_>>());
    let section = el("section").class("panel").attr("id", "votes").attr("data-live", "tickets").attr("aria-label", "Rulings");
    (!ticket.votes.is_empty()).then(|| section.with((el("h2").with("Ruled so far"), list, grant)))
}

/// Why policy wants a person.
fn why(ticket: &Ticket) -> Html {
    let policy = |policy: &crate::domain::PolicyRef| {
        let place = format!("{}:{}", policy.file, policy.line);
        let reason = policy.reason.as_deref().map(|reason| el("p").class("reason").with(seen(reason)));
        el("li").with((el("p").with((el("b").with(seen(&policy.id)), " ", span("meta").with(seen(&place)))), reason))
    };
    let list = el("ul").class("plain").with(ticket.terms.because.iter().map(policy).collect::<Vec<_>>());
    let groups = ticket.terms.groups.iter().map(|group| group.to_string()).collect::<Vec<_>>().join(", ");
    let groups = (!groups.is_empty()).then(|| el("p").class("meta").with(("It would ask: ", seen(&groups))));
    el("section").class("panel").attr("aria-label", "Why").with((el("h2").with("Why a person is asked"), list, groups))
}

/// What else is known of the call.
fn facts(shown: &Arc<Shown>, ticket: &Ticket) -> Html {
    let bound = &ticket.bound;
    let term = |name: &'static str, value: Html| html((el("dt").with(name), el("dd").with(value)));
    let snapshot = shown.sources.gate.snapshot();
    let tool = match &bound.target {
        Target::Tool(tool) => snapshot.catalog().get(&bound.server, tool),
        _ => None,
    };
    let risk = tool.map(|tool| term("The server claims", hints(tool.annotations)));
    let via = bound.via.as_deref().map(|via| term("Through", name(via)));
    let issuer = bound.asker.issuer.as_deref().map(|issuer| term("Vouched for by", seen(issuer)));
    let ip = ticket.source.ip.map(|ip| term("From", html(ip.to_string())));
    let record = link(&format!("/records/{}", ticket.seq)).with(format!("{}", ticket.seq));
    let digest = ticket.digest.to_string();
    let list = el("dl").class("facts").with((
        risk,
        via,
        issuer,
        html((ip, term("Asked", time(ticket.asked)))),
        ticket.ended.map(|at| term("Over", time(at))),
        term("Record", html(record)),
        term("Ticket", el("code").with(ticket.id.to_string())),
        html((
            term("Digest", el("code").class("break").with(digest)),
            bound.definition.map(|definition| term("Definition", el("code").class("break").with(definition.to_string()))),
        )),
    ));
    el("section").class("panel").attr("aria-label", "Facts").with((el("h2").with("The call"), list))
}

/// What a server claims about a tool, the worst first.
fn hints(annotations: Annotations) -> Html {
    let Annotations { read_only, destructive, idempotent, open_world } = annotations;
    let claims = [
        (destructive, "badge bad", "may destroy"),
        (!read_only && !destructive, "badge wait", "changes things"),
        (read_only, "badge good", "only reads"),
        (open_world, "badge wait", "reaches outside"),
        (!idempotent && !read_only, "badge wait", "twice is not once"),
    ];
    let claims = claims.into_iter().filter(|(holds, ..)| *holds).map(|(_, class, word)| html((span(class).with(word), " ")));
    html(claims.collect::<Vec<_>>())
}
