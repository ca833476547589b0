//! The derived sets against trying everything: random policies over a small world, all values of what is unknown.
//!
//! The one property that matters: what could be allowed is never said to be impossible.

use std::collections::HashMap;
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Decision, Effect, Entities, Entity, EntityUid, Policy, PolicyId, PolicySet, Request, Response,
    RestrictedExpression,
};

use super::super::fixture::Random;
use super::{Unknown, abstract_policy, derive};
use crate::policy::syntax::Syntax;

/// Random policy sets that are tried.
const SETS: u32 = 10_000;
/// Random policies they are made of.
const POOL: u32 = 400;

/// Conditions that read nothing unknown, the arguments, an approval; some of them fail for some values.
const LEAVES: [&str; 24] = [
    "true",
    "false",
    "context.known == 1",
    "context.known > 5",
    "principal == U::\"a\"",
    "principal in R::\"r\"",
    "principal.missing == 1",
    "principal has missing",
    "context has other",
    "context.input.n == 0",
    "context.input.n > 0",
    "context.input.n * 2 > 100",
    "context.input.s like \"x*\"",
    "context.input.b",
    "context.input.o == 1",
    "context.input has o",
    "context has input.o && context.input.o == 1",
    "context.input == {\"n\": 0, \"s\": \"x\", \"b\": true}",
    "[context.input.n, context.known].contains(1)",
    "context has approval",
    "context.approval.by == U::\"a\"",
    "context has approval.by",
    "context has approval && context.approval.by in R::\"r\"",
    "context == {\"known\": 1}",
];

/// A condition in which each leaf is marked, so that it can be replaced.
fn condition(random: &mut Random, depth: u32) -> String {
    if depth == 0 || random.below(4) == 0 {
        return format!("\u{1}{}\u{2}", random.pick(&LEAVES));
    }
    let kind = random.below(7);
    let mut next = || condition(random, depth - 1);
    match kind {
        0 | 1 => format!("(({}) && ({}))", next(), next()),
        2 | 3 => format!("(({}) || ({}))", next(), next()),
        4 => format!("!({})", next()),
        5 => format!("(if ({}) then ({}) else ({}))", next(), next(), next()),
        _ => format!("(({}) {} ({}))", next(), ["==", "!="][depth as usize % 2], next()),
    }
}

/// A policy and what is derived from it. Derived once and combined often, because that is the slow part; a derived set is made
/// policy by policy in any case.
struct Pooled {
    original: Policy,
    discovery: Policy,
    approval: Policy,
    /// The text, with its leaves marked.
    marked: String,
}

fn plain(marked: &str) -> String {
    marked.replace(['\u{1}', '\u{2}'], "")
}

fn pool(random: &mut Random, effects: &[&str]) -> Vec<Pooled> {
    let mut pooled = |number: u32| {
        let effect = random.pick(effects);
        let clause = random.pick(&["when", "unless"]);
        let second = if random.below(3) == 0 { format!("unless {{ {} }}", condition(random, 1)) } else { String::new() };
        let text = format!("{effect} (principal, action, resource) {clause} {{ {} }} {second};", condition(random, 2));
        let original = Policy::parse(Some(PolicyId::new(format!("{effect}{number}"))), plain(&text)).unwrap();
        let derived =
            |unknown| abstract_policy(original.to_pst().unwrap().body(), unknown).unwrap().unwrap_or_else(|| original.clone());
        Pooled {
            discovery: derived(Unknown::InputAndApproval),
            approval: derived(Unknown::ApprovalContents),
            original,
            marked: text,
        }
    };
    (0..POOL).map(&mut pooled).collect()
}

/// A policy set with the two that are derived from it.
struct Sets {
    original: PolicySet,
    discovery: PolicySet,
    approval: PolicySet,
    marked: Vec<String>,
}

/// A permit, and up to three policies more.
fn combine(random: &mut Random, permits: &[Pooled], all: &[Pooled]) -> Sets {
    let mut number = |from: &[Pooled]| random.below(from.len());
    let mut chosen = vec![&permits[number(permits)], &all[number(all)], &all[number(all)], &all[number(all)]];
    chosen.truncate(1 + random.below(4));
    let set = |part: fn(&Pooled) -> &Policy| {
        let named =
            chosen.iter().enumerate().map(|(number, pooled)| part(pooled).new_id(PolicyId::new(format!("policy{number}"))));
        PolicySet::from_policies(named).unwrap()
    };
    let marked = chosen.iter().map(|pooled| pooled.marked.clone()).collect();
    Sets { original: set(|it| &it.original), discovery: set(|it| &it.discovery), approval: set(|it| &it.approval), marked }
}

/// The requests of this world with one value of what is known, made once.
struct Requests {
    /// Neither arguments nor approval are there.
    bare: Request,
    /// For each value of the arguments: without approval, then with each of two.
    full: Vec<[Request; 3]>,
}

fn requests(known: i64) -> Requests {
    let expr = |text: &str| RestrictedExpression::from_str(text).unwrap();
    let inputs = [
        r#"{"n": 0, "s": "x", "b": true}"#,
        r#"{"n": 1, "s": "y", "b": false, "o": 1}"#,
        r#"{"n": 60, "s": "xx", "b": true, "o": 2}"#,
        r#"{"n": 9223372036854775807, "s": "", "b": false}"#,
    ];
    let approvals = [None, Some(r#"{"by": U::"a"}"#), Some(r#"{"by": U::"b"}"#)];
    let full = |input| approvals.map(|approval: Option<&str>| request(known, Some(expr(input)), approval.map(expr)));
    Requests { bare: request(known, None, None), full: inputs.iter().map(|input| full(input)).collect() }
}

fn request(known: i64, input: Option<RestrictedExpression>, approval: Option<RestrictedExpression>) -> Request {
    let uid = |text: &str| EntityUid::from_str(text).unwrap();
    let mut pairs = HashMap::from([("known".to_owned(), RestrictedExpression::new_long(known))]);
    pairs.extend(input.map(|input| ("input".to_owned(), input)));
    pairs.extend(approval.map(|approval| ("approval".to_owned(), approval)));
    let context = Context::from_pairs(pairs).unwrap();
    Request::new(uid("U::\"a\""), uid("Action::\"x\""), uid("T::\"t\""), context, None).unwrap()
}

fn world() -> Entities {
    let uid = |text: &str| EntityUid::from_str(text).unwrap();
    let member = |text: &str| Entity::new_no_attrs(uid(text), [uid("R::\"r\"")].into());
    Entities::from_entities([member("U::\"a\""), Entity::with_uid(uid("U::\"b\"")), Entity::with_uid(uid("T::\"t\""))], None)
        .unwrap()
}

fn evaluate(set: &PolicySet, request: &Request, entities: &Entities) -> Response {
    Authorizer::new().is_authorized(request, set, entities)
}

/// Our own rule for an answer: an allow in which a policy failed is none.
fn allows(response: &Response) -> bool {
    response.decision() == Decision::Allow && response.diagnostics().errors().next().is_none()
}

/// The rule for the answer of a derived set, as `evaluate` has it.
fn could_allow(set: &PolicySet, response: &Response) -> bool {
    response.decision() == Decision::Allow
        || (response.diagnostics().reason().next().is_none()
            && response.diagnostics().errors().any(|error| {
                let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
                set.policy(error.policy_id()).unwrap().effect() == Effect::Permit
            }))
}

/// How often the derived sets said what, over all random sets.
#[derive(Debug, Default)]
struct Tally {
    hidden: u32,
    shown: u32,
    asked: u32,
    denied: u32,
    /// Shown although none of the values that were tried makes it allowed.
    shown_in_vain: u32,
}

/// Whether a set could allow if every leaf that reads something unknown were true, false or failing as it likes: all that logic with
/// three values can know. What a set is shown for beyond its callable values must at least pass this.
fn allows_for_free_leaves(marked: &[String], bare: &Request, entities: &Entities, random: &mut Random) -> bool {
    let free = |leaf: &str| ["input", "approval", "context =="].iter().any(|part| leaf.contains(part));
    (0..20_000).any(|_| {
        let mut text = String::new();
        for piece in marked.iter().flat_map(|policy| policy.split('\u{1}')) {
            match piece.split_once('\u{2}') {
                Some((leaf, rest)) if free(leaf) => text.extend([random.pick(&["true", "false", "(1/0)"]), rest]),
                Some((leaf, rest)) => text.extend([leaf, rest]),
                None => text.push_str(piece),
            }
        }
        let set: PolicySet = text.replace("(1/0)", "principal.missing").parse().unwrap();
        could_allow(&set, &evaluate(&set, bare, entities))
    })
}

/// Compares the derived sets of one policy set with trying all values.
fn compare(sets: &Sets, requests: &Requests, entities: &Entities, random: &mut Random, tally: &mut Tally) {
    let Sets { original, discovery, approval, marked } = sets;
    let mut callable = false;
    let possible = could_allow(original, &evaluate(discovery, &requests.bare, entities));
    for with_input in &requests.full {
        let outcomes = with_input.each_ref().map(|request| allows(&evaluate(original, request, entities)));
        assert!(possible || !outcomes.contains(&true), "false hide of: {original}");
        callable |= outcomes.contains(&true);
        let asks = could_allow(original, &evaluate(approval, &with_input[0], entities));
        assert!(asks || !(outcomes[1] || outcomes[2]), "false deny of: {original}");
        if !outcomes[0] {
            *(if asks { &mut tally.asked } else { &mut tally.denied }) += 1;
        }
    }
    *(if possible { &mut tally.shown } else { &mut tally.hidden }) += 1;
    if possible && !callable {
        tally.shown_in_vain += 1;
        assert!(allows_for_free_leaves(marked, &requests.bare, entities, random), "shown without a reason: {original}");
    }
}

#[test]
fn nothing_that_some_arguments_or_approval_could_allow_is_hidden_or_denied() {
    let (entities, mut random, mut tally) = (world(), Random(0x9e37_79b9_7f4a_7c15), Tally::default());
    let known = [requests(1), requests(10)];
    let permits = pool(&mut random, &["permit"]);
    let all = pool(&mut random, &["permit", "forbid"]);
    for _ in 0..SETS {
        let sets = combine(&mut random, &permits, &all);
        let known = &known[random.below(2)];
        compare(&sets, known, &entities, &mut random, &mut tally);
    }
    println!("{tally:?}");
    // Each answer is given often enough to mean something.
    for count in [tally.hidden, tally.shown, tally.asked, tally.denied] {
        assert!(count > SETS / 20, "{tally:?}");
    }
}

#[test]
fn a_set_that_reads_nothing_unknown_is_not_derived() {
    let set: PolicySet =
        "permit (principal, action, resource) when { context.known == 1 && context has other };".parse().unwrap();
    assert!(derive(&set, &Syntax::of_set(&set), Unknown::InputAndApproval).unwrap().is_none());
    let set: PolicySet = "permit (principal, action, resource) when { context.input.n == 1 };".parse().unwrap();
    assert!(derive(&set, &Syntax::of_set(&set), Unknown::ApprovalContents).unwrap().is_none());
}

#[test]
fn what_is_unknown_is_weakened_in_permits_and_strengthened_in_forbids() {
    for (text, unknown, expected) in [
        (
            "permit (principal, action, resource) when { context.input.n == 1 && context.known == 1 };",
            Unknown::InputAndApproval,
            "context.known == 1",
        ),
        (
            "forbid (principal, action, resource) when { context.input.n == 1 && context.known == 1 };",
            Unknown::InputAndApproval,
            "false",
        ),
        ("forbid (principal, action, resource) unless { context has approval };", Unknown::ApprovalContents, "true"),
        ("permit (principal, action, resource) unless { context has approval };", Unknown::ApprovalContents, "true"),
        (
            "permit (principal, action, resource) when { !(context has approval) || context.known == 2 };",
            Unknown::ApprovalContents,
            "context.known == 2",
        ),
        ("permit (principal, action, resource) when { context == {\"known\": 1} };", Unknown::ApprovalContents, "true"),
    ] {
        let set = text.parse().unwrap();
        let derived = derive(&set, &Syntax::of_set(&set), unknown).unwrap().unwrap();
        let shown: String = derived.policies().filter_map(cedar_policy::Policy::to_cedar).collect();
        assert!(shown.contains(expected), "{text} became {shown}");
        assert!(!shown.contains("input") && !shown.contains("approval"), "{shown}");
    }
}
