//! An explanation of a decision, for people who write policies.

use super::super::html::{Html, div, el, html, span};
use super::super::page::badge;
use super::super::seen::seen;
use crate::gate::Explanation;
use crate::gate::explained::{Change, Explained, Force, Found, Matched, Near, Part, PolicyName, Side};

/// All of it.
pub(super) fn explained(explanation: &Explanation) -> Html {
    let head = div("answer").with((span("meta").with("Answer"), badge(explanation.decision.name())));
    let judgements = explanation.judgements.iter().map(judgement).collect::<Vec<_>>();
    el("section").class("explained").attr("aria-label", "Explanation").with((head, judgements))
}

fn judgement(of: &Explained) -> Html {
    let side = match of.principal {
        Side::Agent => "the agent ",
        Side::Actor => "the person ",
    };
    let head = el("h2").with(("For ", side, seen(&of.id), " ", badge(of.answer.name())));
    let member = (!of.member_of.is_empty()).then(|| el("p").class("meta").with(("in ", seen(&of.member_of.join(", ")))));
    let detail = of.detail.as_deref().map(|detail| html((": ", seen(detail))));
    let cause = el("p").with((of.cause.replace('_', " "), detail));
    let list = |title: &'static str, items: Vec<Html>| {
        (!items.is_empty()).then(|| html((el("h3").with(title), el("ul").class("plain").with(items))))
    };
    let failed = |failed: &crate::gate::explained::Failed| el("li").with((policy(&failed.policy), " ", seen(&failed.message)));
    let take = if of.all_needed { "It takes all of these" } else { "It takes any of these" };
    div("panel").with((
        head,
        member,
        cause,
        list("Matched", of.matched.iter().map(matched).collect()),
        list("Could not be evaluated", of.failed.iter().map(failed).collect()),
        list("Nearly matched", of.near.iter().map(near).collect()),
        list(take, of.changes.iter().map(change).collect()),
    ))
}

fn policy(policy: &PolicyName) -> Html {
    let effect = match policy.effect {
        Force::Permit => "permit",
        Force::Forbid => "forbid",
    };
    html((
        badge(effect),
        " ",
        el("b").with(seen(&policy.id)),
        " ",
        span("meta").with(seen(&format!("{}:{}", policy.file, policy.line))),
    ))
}

fn matched(of: &Matched) -> Html {
    let decides = of.determining.then(|| html((" ", span("badge").with("decides"))));
    el("li").with((policy(&of.policy), decides, parts(&of.because)))
}

fn near(of: &Near) -> Html {
    let scope = of.scope.as_ref().map(|miss| {
        el("p").class("part").with((el("code").with(seen(&miss.wanted)), span("meta").with((" it is ", seen(&miss.found)))))
    });
    el("li").with((policy(&of.policy), scope, parts(&of.missing)))
}

fn parts(parts: &[Part]) -> Option<Html> {
    let part = |part: &Part| {
        let (class, word) = match part.found {
            Found::True if part.wanted => ("badge good", "true"),
            Found::False if !part.wanted => ("badge good", "false"),
            Found::True => ("badge bad", "true"),
            Found::False => ("badge bad", "false"),
            Found::Error => ("badge bad", "error"),
            Found::NotReached => ("badge", "not reached"),
        };
        let read = part.read.iter().map(|read| {
            let value = read.value.as_deref().unwrap_or("nothing");
            html((el("code").with((seen(&read.expression), " = ", seen(value))), " "))
        });
        let read = span("meta").with(read.collect::<Vec<_>>());
        el("li").with((el("code").with(seen(&part.text)), " ", span(class).with(word), " ", read))
    };
    (!parts.is_empty()).then(|| el("ul").class("parts").with(parts.iter().map(part).collect::<Vec<_>>()))
}

fn change(of: &Change) -> Html {
    let ways = of.ways.iter().map(|way| {
        let needs = way.iter().map(|need| need.text.as_str()).collect::<Vec<_>>().join(" and ");
        el("p").class("part").with(seen(&needs))
    });
    el("li").with((of.policy.as_ref().map(policy), ways.collect::<Vec<_>>()))
}
