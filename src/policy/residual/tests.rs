//! Residuals against the whole set: random policies in a small world of roles, groups and attributes, some of which are missing.
//!
//! The one property that matters: the whole set, the picked part of it and the residual give the same answer, also when another principal
//! was asked about before and what was found out then is used again.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityUid, Policy, PolicyId, PolicySet, Request, RestrictedExpression,
};

use super::conditions::{Found, Shelf};
use super::{Answer, Needs, Outline, Parts};
use crate::policy::slice::{Scope, Sliced};

/// Random policy sets that are tried, each with a few requests.
const SETS: u32 = 10_000;
/// Random policies they are made of.
const POOL: u32 = 500;

/// A small generator of random numbers (xorshift): the same sets in every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// Conditions that are known without the context, that are not, and that fail or are no truth values in either case.
const LEAVES: [&str; 34] = [
    "true",
    "false",
    "1",
    "resource.name",
    "principal in R::\"r0\"",
    "principal in [R::\"r1\", R::\"r2\"]",
    "principal is U in R::\"r1\"",
    "principal is A",
    "action in Action::\"all\"",
    "resource in G::\"g1\"",
    "resource in [G::\"g0\", G::\"g2\"]",
    "resource.x == 1",
    "resource has x && resource.x > 1",
    "resource.x + 9223372036854775807 > 0",
    "resource.name like \"t*\"",
    "resource.missing",
    "principal.missing == resource.missing",
    "principal has limit",
    "principal.limit > 5",
    "resource.tags.contains(\"a\")",
    "context.known == 1",
    "context.n > resource.x",
    "context.n * 2 > 100",
    "context.n + resource.x > 0",
    "context.n",
    "context.flag",
    "context.s like \"x*\"",
    "context has o",
    "context has o && context.o == 1",
    "context.o == resource.x",
    "context has actor",
    "context.actor in R::\"r0\"",
    "context has approval && context.approval.by != context.actor",
    "context.list.containsAny([resource.name, \"x\"])",
];

pub(super) fn condition(random: &mut Random, depth: u32) -> String {
    if depth == 0 || random.below(4) == 0 {
        return random.pick(&LEAVES).to_owned();
    }
    let kind = random.below(9);
    let mut next = || condition(random, depth - 1);
    match kind {
        0..3 => format!("(({}) && ({}))", next(), next()),
        3..5 => format!("(({}) || ({}))", next(), next()),
        5 => format!("!({})", next()),
        6 | 7 => format!("(if ({}) then ({}) else ({}))", next(), next(), next()),
        _ => format!("(({}) == ({}))", next(), next()),
    }
}

fn policy(random: &mut Random, number: u32) -> Policy {
    let effect = random.pick(&["permit", "permit", "forbid"]);
    let principal = random.pick(&[
        "principal",
        "principal",
        "principal is U",
        "principal == U::\"u1\"",
        "principal in R::\"r0\"",
        "principal in R::\"r1\"",
        "principal is U in R::\"r2\"",
    ]);
    let action = random.pick(&["action", "action == Action::\"a\"", "action in Action::\"all\"", "action in [Action::\"b\"]"]);
    let resource =
        random.pick(&["resource", "resource", "resource == T::\"t1\"", "resource in G::\"g0\"", "resource is T in G::\"g1\""]);
    let clauses: Vec<String> = (0..random.below(3))
        .map(|_| format!("{} {{ {} }}", random.pick(&["when", "when", "unless"]), condition(random, 3)))
        .collect();
    let text = format!("{effect} ({principal}, {action}, {resource}) {};", clauses.join(" "));
    Policy::parse(Some(PolicyId::new(format!("policy{number}"))), text).unwrap()
}

pub(super) fn uid(text: &str) -> EntityUid {
    EntityUid::from_str(text).unwrap()
}

/// Users and an agent in chains of roles, tools in chains of groups; `u3`, `t3` are nowhere.
pub(super) fn world() -> Entities {
    let entity = |text: &str, parents: &[&str], attributes: &[(&str, &str)]| {
        let expression = |text: &str| RestrictedExpression::from_str(text).unwrap();
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), expression(value))).collect();
        Entity::new(uid(text), attributes, parents.iter().map(|parent| uid(parent)).collect()).unwrap()
    };
    let entities = [
        entity("U::\"u0\"", &[], &[]),
        entity("U::\"u1\"", &["R::\"r0\""], &[("limit", "10")]),
        entity("U::\"u2\"", &["R::\"r2\""], &[("limit", "1")]),
        entity("A::\"u1\"", &["R::\"r1\""], &[]),
        entity("R::\"r0\"", &["R::\"r1\""], &[]),
        entity("R::\"r1\"", &[], &[]),
        entity("R::\"r2\"", &["R::\"r1\""], &[]),
        entity("T::\"t0\"", &[], &[("name", "\"x\""), ("tags", "[]")]),
        entity("T::\"t1\"", &["G::\"g0\""], &[("x", "1"), ("name", "\"t1\""), ("tags", "[\"a\"]")]),
        entity("T::\"t2\"", &["G::\"g2\""], &[("x", "2"), ("name", "\"t2\"")]),
        entity("G::\"g0\"", &["G::\"g1\""], &[]),
        entity("G::\"g2\"", &["G::\"g1\""], &[]),
        entity("Action::\"a\"", &["Action::\"all\""], &[]),
        entity("Action::\"b\"", &["Action::\"all\""], &[]),
        entity("Action::\"all\"", &[], &[]),
    ];
    Entities::from_entities(entities, None).unwrap()
}

pub(super) fn contexts() -> Vec<Context> {
    let context = |text: &str| {
        let expression = |value: &str| RestrictedExpression::from_str(value).unwrap();
        let pairs = text.split(';').map(|pair| pair.split_once('=').unwrap());
        Context::from_pairs(pairs.map(|(name, value)| (name.trim().to_owned(), expression(value)))).unwrap()
    };
    [
        "known = 1; n = 0; flag = true; s = \"x\"; list = []; actor = U::\"u1\"",
        "known = 2; n = 60; flag = false; s = \"y\"; list = [\"x\"]; o = 1; actor = U::\"u2\"; approval = {\"by\": U::\"u1\"}",
        "known = 1; n = 9223372036854775807; flag = true; s = \"xx\"; list = [\"t1\"]; o = 2",
        "known = 1; n = 1; s = \"\"; list = [1]; approval = {\"by\": U::\"u2\"}",
    ]
    .map(context)
    .to_vec()
}

/// Decision, determining policies, and failures with what they say.
fn shown(answer: &Answer) -> (bool, BTreeSet<String>, BTreeSet<String>) {
    let determining: BTreeSet<String> = answer.determining.iter().map(ToString::to_string).collect();
    assert_eq!(determining.len(), answer.determining.len(), "a policy is named twice");
    let failed = answer.failed.iter().map(|(id, message)| format!("{id}: {message}")).collect();
    (answer.allow, determining, failed)
}

/// How often what was seen.
#[derive(Debug, Default)]
struct Tally {
    allowed: u32,
    denied: u32,
    failed: u32,
    settled: u32,
    open: u32,
    /// Answered without another look.
    shared: u32,
}

/// A policy, and what it is taken apart into. Made once and combined often, because that is the slow part.
type Pooled = (Policy, Arc<Parts>);

/// Asks about both principals, one after the other.
fn compare(chosen: &[&Pooled], scopes: &[Scope; 2], entities: &Entities, contexts: &[Context], tally: &mut Tally) {
    let whole = PolicySet::from_policies(chosen.iter().map(|(policy, _)| policy.clone())).unwrap();
    let (sliced, shelf) = (Sliced::new(whole.clone()), Shelf::default());
    let outline = Outline::new(chosen.iter().map(|(policy, parts)| (policy, Arc::clone(parts)))).unwrap();
    let residuals = scopes.each_ref().map(|scope| outline.settle(scope, entities, &shelf).unwrap());
    for context in contexts {
        let mut found = Found::default();
        for (scope, residual) in scopes.iter().zip(&residuals) {
            *(if residual.is_open() { &mut tally.open } else { &mut tally.settled }) += 1;
            let Scope { principal, action, resource } = scope.clone();
            let request = Request::new(principal, action, resource, context.clone(), None).unwrap();
            let expected = shown(&Answer::from(&Authorizer::new().is_authorized(&request, &whole, entities)));
            assert_eq!(shown(&Answer::from(&sliced.evaluate(&request, entities))), expected, "picked: {request} {whole}");
            let answer = residual.answer(|| Some(&request), entities, &mut found).unwrap();
            assert_eq!(shown(&answer), expected, "residual: {request} {whole}");
            if !residual.is_open() {
                assert_eq!(residual.needs(), Needs::NOTHING);
                assert_eq!(shown(&residual.settled()), expected, "settled: {request} {whole}");
            }
            *(if expected.0 { &mut tally.allowed } else { &mut tally.denied }) += 1;
            tally.failed += u32::from(!expected.2.is_empty());
            // Nobody who is asked about once more is told anything else.
            let unasked = residual.answer(|| None, entities, &mut found);
            tally.shared += u32::from(residual.is_open() && unasked.is_some());
            assert!(unasked.is_none_or(|again| shown(&again) == expected), "again: {request} {whole}");
        }
    }
}

#[test]
fn the_whole_set_the_picked_part_and_the_residual_answer_alike() {
    let (entities, contexts, mut random, mut tally) = (world(), contexts(), Random(0x2545_f491_4f6c_dd1d), Tally::default());
    let mut pooled = |number| {
        let policy = policy(&mut random, number);
        let parts = Arc::new(Parts::of(&policy));
        (policy, parts)
    };
    let pool: Vec<Pooled> = (0..POOL).map(&mut pooled).collect();
    for set in 0..SETS {
        // No policy comes twice: so many steps of this size do not go around. One set in twenty is large.
        let (most, longest) = if set % 20 == 0 { (60, 8) } else { (12, 40) };
        let (first, step) = (random.below(pool.len()), 1 + random.below(longest));
        let chosen: Vec<&Pooled> = (0..1 + random.below(most)).map(|n| &pool[(first + n * step) % pool.len()]).collect();
        let action = uid(random.pick(&["Action::\"a\"", "Action::\"b\"", "Action::\"c\""]));
        let resource = uid(random.pick(&["T::\"t0\"", "T::\"t1\"", "T::\"t2\"", "T::\"t3\""]));
        let scopes = [(); 2].map(|()| Scope {
            principal: uid(random.pick(&["U::\"u0\"", "U::\"u1\"", "U::\"u2\"", "U::\"u3\"", "A::\"u1\""])),
            action: action.clone(),
            resource: resource.clone(),
        });
        compare(&chosen, &scopes, &entities, &contexts[random.below(3)..][..2], &mut tally);
    }
    // Each is seen often enough to mean something.
    for count in [tally.allowed, tally.denied, tally.failed, tally.settled, tally.open, tally.shared] {
        assert!(count > SETS / 10, "{tally:?}");
    }
}
