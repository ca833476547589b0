//! The explanation against the decision, and against what becomes of a policy whose failing part is put right.

use bytes::Bytes;

use super::super::super::evaluate::Request;
use super::super::super::fixture::{MONDAY, REFUND, Random, World, shop, source};
use super::super::super::snapshot::PolicySnapshot;
use super::super::model::{About, Answer, Explained, Explanation, Found, Near, Side};
use super::super::parts;
use crate::domain::{Action, Actor, AgentId, Arguments, Call, Caller, Cause, Decision, Target, Timestamp, UserId};

/// Random policy sets that are tried.
const SETS: u32 = 20;

const PRINCIPALS: [&str; 6] = [
    "principal",
    "principal in Mcp::Role::\"support\"",
    "principal in Mcp::Role::\"assistant\"",
    "principal == Mcp::User::\"alice\"",
    "principal is Mcp::Agent",
    "principal is Mcp::User in Mcp::Role::\"owner\"",
];
const RESOURCES: [&str; 4] = [
    "resource",
    "resource in Mcp::Server::\"shop\"",
    "resource == Mcp::Tool::\"shop/search\"",
    "resource in Mcp::ToolGroup::\"g\"",
];
const LEAVES: [&str; 13] = [
    "context.time.hour < 12",
    "context.time.hour >= 20",
    "context.source.transport == \"http\"",
    "context has actor",
    "context has approval",
    "(context has approval && context.approval.by in Mcp::Role::\"owner\")",
    "principal in Mcp::Role::\"support\"",
    "principal is Mcp::User",
    "context has approval",
    "context.source.transport like \"h*\"",
    "!(context has actor && context.actor == Mcp::User::\"olga\")",
    "(if context has actor then context.time.hour < 12 else context.time.hour >= 12)",
    "(context.time.weekday <= 5 || context has approval)",
];
const TYPED: [&str; 4] = [
    "context.input.amount <= 100",
    "context.input.amount * 2 > 100",
    "context.input.order like \"o*\"",
    "context.input has note",
];

fn condition(random: &mut Random, leaves: &[&str], depth: u32) -> String {
    if depth == 0 || random.below(3) == 0 {
        return random.pick(leaves).to_owned();
    }
    let (left, right) = (condition(random, leaves, depth - 1), condition(random, leaves, depth - 1));
    match random.below(5) {
        0 => format!("({left} || {right})"),
        1 => format!("!({left} || {right})"),
        2 => format!("!({left})"),
        _ => format!("({left} && {right})"),
    }
}

fn policy(random: &mut Random, number: usize) -> String {
    let typed = random.below(2) == 0;
    let (action, leaves) = if typed {
        ("action == Mcp::Action::\"shop/refund\"", [&LEAVES[..], &TYPED, &TYPED].concat())
    } else {
        ("action in Mcp::Action::\"tools/call\"", LEAVES.to_vec())
    };
    let effect = random.pick(&["permit", "permit", "forbid"]);
    let resource = if typed { "resource" } else { random.pick(&RESOURCES) };
    let mut text = format!("@id(\"p{number}\") {effect} ({}, {action}, {resource})", random.pick(&PRINCIPALS));
    for _ in 0..random.below(3) {
        text.push_str(&format!("\n{} {{ {} }}", random.pick(&["when", "when", "unless"]), condition(random, &leaves, 2)));
    }
    text + ";"
}

/// Who asks for what.
fn ask<T>(tool: &str, arguments: &str, actor: Option<&str>, ask: impl FnOnce(&Request<'_>) -> T) -> T {
    let actor = actor.map_or(Actor::Unattended, |id| Actor::Person(UserId::new(id)));
    let caller = World { attended: actor.person().is_some(), ..World::new("") }.caller();
    let caller = Caller { agent: AgentId::new("helper"), actor, ..caller };
    let arguments = Arguments::from_checked_json(Bytes::copy_from_slice(arguments.as_bytes()));
    let target = Target::Tool(tool.into());
    let call =
        Call { server: shop(), action: Action::ToolsCall, target, arguments, source: source(), request: None, trace: None };
    ask(&Request { caller: &caller, call: &call, now: Timestamp::from_micros(MONDAY), approval: None })
}

const CALLS: [(&str, &str, Option<&str>); 6] = [
    ("search", "{}", Some("alice")),
    ("search", "{}", None),
    ("refund", r#"{"order":"o","amount":5}"#, Some("alice")),
    ("refund", r#"{"order":"x","amount":9223372036854775807,"note":"n"}"#, Some("olga")),
    ("refund", r#"{"order":"x","amount":"5"}"#, Some("alice")),
    ("gone", "{}", Some("nobody")),
];

fn snapshot(policies: &[String]) -> Option<PolicySnapshot> {
    World::new(policies.join("\n")).schema(REFUND).load().ok()
}

/// The explanation says nothing else than the decision, and names what the decision names.
fn agrees(decision: &Decision, explanation: &Explanation) {
    assert_eq!(decision.name(), explanation.decision.name());
    assert_eq!(decision.grounds().judgements.len(), explanation.judgements.len());
    for (judgement, told) in decision.grounds().judgements.iter().zip(&explanation.judgements) {
        assert_eq!(judgement.cause.name(), told.cause);
        assert_eq!(judgement.faults.len(), told.failed.len());
        for policy in &judgement.policies {
            let matched = told.matched.iter().any(|matched| matched.determining && *matched.policy.id == *policy.id);
            let near = told.near.iter().any(|near| *near.policy.id == *policy.id);
            assert!(matched || (judgement.cause == Cause::ApprovalMissing && near), "{policy:?} is not told: {told:#?}");
        }
        assert_eq!(told.changes.is_empty(), told.answer == Answer::Allow, "{told:#?}");
    }
    let text = serde_json::to_string(explanation).unwrap();
    assert_eq!(serde_json::from_str::<Explanation>(&text).unwrap(), *explanation);
    assert!(explanation.render(false).starts_with(explanation.decision.name()));
}

/// The same policies with a constant in the place of the one part that a policy misses; `None` when it stands in several places.
fn put_right(policies: &[String], near: &Near) -> Option<Vec<String>> {
    let [part] = near.missing.as_slice() else { return None };
    let number: usize = near.policy.id.strip_prefix('p').and_then(|number| number.parse().ok()).unwrap();
    let text = &policies[number];
    let piece = parts::needs(text).into_iter().find(|piece| piece.text == part.text && piece.wanted == part.wanted).unwrap();
    let (before, rest) = text.split_at(piece.start);
    let after = rest.strip_prefix(&*piece.text).unwrap();
    let mut mended = policies.to_vec();
    mended[number] = format!("{before}{}{after}", part.wanted);
    Some(mended)
}

fn of<'a>(explanation: &'a Explanation, told: &Explained) -> &'a Explained {
    explanation.judgements.iter().find(|other| other.principal == told.principal).unwrap()
}

#[test]
fn an_explanation_agrees_with_the_decision_and_a_policy_matches_once_its_one_missing_part_is_put_right() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (mut answers, mut mended) = ([0; 3], 0);
    for _ in 0..SETS {
        let count = 2 + random.below(7);
        let mut policies: Vec<String> = (0..count).map(|number| policy(&mut random, number)).collect();
        if random.below(2) == 0 {
            policies.push(format!("@id(\"p{count}\") permit (principal, action, resource);"));
        }
        if random.below(4) == 0 {
            policies.push("@id(\"asks\") forbid (principal, action, resource) unless { context has approval };".to_owned());
        }
        let snapshot = snapshot(&policies).unwrap_or_else(|| panic!("{}", policies.join("\n")));
        for (tool, arguments, actor) in CALLS {
            let (decision, explanation) =
                ask(tool, arguments, actor, |request| (snapshot.decide(request), snapshot.explain(request)));
            agrees(&decision, &explanation);
            answers[explanation.decision as usize] += 1;
            for told in &explanation.judgements {
                for near in told.near.iter().filter(|near| near.scope.is_none()) {
                    assert!(!near.missing.is_empty(), "{near:?} of {}", policies.join("\n"));
                    if near.missing[0].found == Found::Error || random.below(2) > 0 {
                        continue;
                    }
                    // A constant may make the rest of a condition unsafe, and the set invalid.
                    let Some(right) = put_right(&policies, near).and_then(|policies| self::snapshot(&policies)) else { continue };
                    let again = ask(tool, arguments, actor, |request| right.explain(request));
                    let matched = of(&again, told).matched.iter().any(|matched| matched.policy.id == near.policy.id);
                    assert!(matched, "{near:#?}\n{}", policies.join("\n"));
                    mended += 1;
                }
            }
        }
    }
    // Each answer is given often enough to mean something.
    assert!(answers.iter().all(|count| *count > 5) && mended > 20, "{answers:?} {mended}");
}

fn explain(world: &World, tool: &str, arguments: &str, actor: Option<&str>) -> Explanation {
    ask(tool, arguments, actor, |request| world.snapshot().explain(request))
}

#[test]
fn a_failing_condition_is_told_in_the_words_of_the_author_with_its_place_and_values() {
    let policies = "permit (principal, action == Mcp::Action::\"shop/refund\", resource)\nwhen {\n  context.input.order   like \"o*\" && // only orders\n  context.input.amount\n    <= 100\n};";
    let explanation = explain(&World::new(policies).schema(REFUND), "refund", r#"{"order":"o","amount":500}"#, Some("alice"));
    let [near] = explanation.judgements[0].near.as_slice() else { panic!("{explanation:#?}") };
    let [part] = near.missing.as_slice() else { panic!("{near:#?}") };
    assert_eq!(
        (part.text.as_str(), part.line, part.found, part.about),
        ("context.input.amount <= 100", 4, Found::False, About::Argument)
    );
    assert_eq!((part.read[0].expression.as_str(), part.read[0].value.as_deref()), ("context.input.amount", Some("500")));
}

#[test]
fn what_would_change_the_answer_is_named_by_kind() {
    let refund = r#"{"order":"o","amount":500}"#;
    let typed = "permit (principal, action == Mcp::Action::\"shop/refund\", resource)";
    for (policies, expected) in [
        (format!("{typed} when {{ context.input.amount < 9 }};"), "other arguments, for which `context.input.amount < 9`"),
        (format!("{typed} when {{ context.time.hour < 9 }};"), "another time, at which `context.time.hour < 9`"),
        (format!("{typed} when {{ context has approval }};"), "a person's approval"),
        (
            format!("{typed} when {{ context has approval && context.approval.by in Mcp::Role::\"owner\" }};"),
            "a person's approval, by somebody in `Mcp::Role::\"owner\"`",
        ),
        (
            "permit (principal in Mcp::Role::\"owner\", action, resource) when { context.source.transport == \"stdio\" };"
                .to_owned(),
            "to be in `Mcp::Role::\"owner\"`, and another connection, for which `context.source.transport == \"stdio\"`",
        ),
        (
            "permit (principal, action, resource in Mcp::ToolGroup::\"reading\");".to_owned(),
            "the tool, resource or prompt to be in `Mcp::ToolGroup::\"reading\"`",
        ),
        ("permit (principal == Mcp::User::\"olga\", action, resource);".to_owned(), "a policy that permits it: none comes near"),
        (String::new(), "a policy that permits it: none comes near"),
        (
            "permit (principal, action, resource); forbid (principal, action, resource) unless { context has approval };"
                .to_owned(),
            "a person's approval",
        ),
        (
            "permit (principal, action, resource); forbid (principal is Mcp::Agent, action, resource);".to_owned(),
            "a change of this policy, which forbids the call whatever the circumstances",
        ),
    ] {
        let explanation = explain(&World::new(&policies).schema(REFUND), "refund", refund, Some("alice"));
        let needs = &explanation.judgements[0].changes[0].ways[0];
        let told: Vec<&str> = needs.iter().map(|need| need.text.as_str()).collect();
        assert_eq!(told.join(", and "), expected, "{policies}");
    }
}

#[test]
fn a_person_behind_the_agent_is_missing_only_where_there_is_none() {
    let policies = "permit (principal, action, resource); forbid (principal, action, resource) unless { context has actor };";
    let explanation = explain(&World::new(policies), "search", "{}", None);
    assert_eq!(explanation.judgements[0].changes[0].ways[0][0].text, "a person behind the agent");
    assert_eq!(explain(&World::new(policies), "search", "{}", Some("alice")).decision, Answer::Allow);
}

#[test]
fn names_that_are_not_known_come_with_those_that_are() {
    let world = World::new("permit (principal, action, resource);");
    for (tool, actor, expected) in [
        ("serch", "alice", "tool serch search [delete refund search]"),
        ("search", "alicia", "user alicia alice [alice olga]"),
        ("\u{1b}[2J", "alice", "tool \u{1b}[2J  [delete refund search]"),
    ] {
        let explanation = explain(&world, tool, "{}", Some(actor));
        let unknown = explanation.judgements.iter().find_map(|told| told.unknown.as_ref()).unwrap();
        let nearest = unknown.nearest.as_deref().unwrap_or_default();
        assert_eq!(format!("{} {} {nearest} [{}]", unknown.kind, unknown.name, unknown.known.join(" ")), expected);
        assert!(!explanation.render(false).contains('\u{1b}'), "a name reaches the terminal");
    }
}

#[test]
fn a_linked_template_is_told_in_the_words_of_its_template() {
    let template = "@id(\"t\") permit (principal in ?principal, action, resource)\nwhen { context.time.hour < 9 };";
    let mut world = World::new(template);
    world
        .links
        .push(("l.links.json", r#"[{"template":"t","id":"link","principal":{"type":"Mcp::Role","id":"support"}}]"#.to_owned()));
    let Ok(snapshot) = world.load() else { panic!("{:?}", world.load().map(|_| ())) };
    let explanation = ask("search", "{}", Some("alice"), |request| snapshot.explain(request));
    let told = explanation.judgements.iter().find(|told| told.principal == Side::Actor).unwrap();
    assert_eq!((told.near[0].missing[0].text.as_str(), told.near[0].missing[0].line), ("context.time.hour < 9", 2), "{told:#?}");
}

#[test]
fn what_is_told_is_bounded_however_many_policies_there_are() {
    let mut policies = String::new();
    for number in 0..300 {
        policies.push_str(&format!(
            "@id(\"n{number:03}\") permit (principal, action, resource) when {{ context.time.hour == {} }};",
            number % 24 + 50
        ));
        policies.push_str(&format!("@id(\"y{number:03}\") forbid (principal, action, resource) when {{ context has agent }};"));
    }
    let explanation = explain(&World::new(policies), "search", "{}", Some("alice"));
    let told = &explanation.judgements[0];
    assert_eq!((told.near.len(), told.near_left_out, told.matched.len()), (20, 280, 300));
    assert_eq!(told.matched.iter().filter(|matched| !matched.because.is_empty()).count(), 20);
    assert!(explanation.render(false).lines().count() < 100);
}
