//! The picked part against the whole set: same answer, same determining policies, same failures.

use std::collections::BTreeSet;
use std::str::FromStr;

use cedar_policy::{Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request, Response, Schema};
use proptest::prelude::*;

use super::Sliced;

const SCHEMA: &str = r#"
    entity R in [R]; entity U in [R]; entity G in [G]; entity T in [G] = { x?: Long };
    action all;
    action some in [all];
    action "a" in [some] appliesTo { principal: U, resource: T };
    action "b" in [all] appliesTo { principal: U, resource: T };
    action "c" appliesTo { principal: U, resource: T };
"#;

fn uid(text: &str) -> EntityUid {
    EntityUid::from_str(text).unwrap()
}

/// Users 0 to 3 in chains of roles, tools 0 to 3 in chains of groups; tool 9 is in no store.
fn world(schema: &Schema) -> Entities {
    let entity = |ty: &str, id: usize, parents: &str, of: &[usize]| {
        Entity::new_no_attrs(uid(&format!("{ty}::\"{id}\"")), of.iter().map(|id| uid(&format!("{parents}::\"{id}\""))).collect())
    };
    let mut list = Vec::new();
    for (leaf, group) in [("U", "R"), ("T", "G")] {
        list.extend([
            entity(leaf, 0, group, &[]),
            entity(leaf, 1, group, &[0]),
            entity(leaf, 2, group, &[2]),
            entity(leaf, 3, group, &[0, 2]),
        ]);
        list.extend([entity(group, 0, group, &[1]), entity(group, 1, group, &[]), entity(group, 2, group, &[1])]);
    }
    Entities::from_entities(list, Some(schema)).unwrap()
}

fn scope(variable: &'static str, leaf: &'static str, group: &'static str) -> impl Strategy<Value = String> {
    (0..5_u8, 0..4_u8, 0..3_u8).prop_map(move |(kind, id, of)| match kind {
        0 => variable.to_owned(),
        1 => format!("{variable} == {leaf}::\"{id}\""),
        2 => format!("{variable} in {group}::\"{of}\""),
        3 => format!("{variable} is {leaf}"),
        _ => format!("{variable} is {leaf} in {group}::\"{of}\""),
    })
}

fn policy() -> impl Strategy<Value = String> {
    let action = prop::sample::select(vec![
        "action",
        "action == Action::\"a\"",
        "action == Action::\"c\"",
        "action in Action::\"all\"",
        "action in Action::\"some\"",
        "action in [Action::\"b\", Action::\"some\"]",
    ]);
    let condition =
        prop::sample::select(vec!["", "when { resource.x == 1 }", "when { resource has x }", "unless { principal in R::\"1\" }"]);
    let effect = prop::sample::select(vec!["permit", "permit", "forbid"]);
    (effect, scope("principal", "U", "R"), action, scope("resource", "T", "G"), condition).prop_map(
        |(effect, principal, action, resource, condition)| format!("{effect} ({principal}, {action}, {resource}) {condition};"),
    )
}

fn answer(response: &Response) -> (bool, BTreeSet<String>, BTreeSet<String>) {
    let reasons = response.diagnostics().reason().map(ToString::to_string).collect();
    let errors = response.diagnostics().errors().map(ToString::to_string).collect();
    (response.decision() == Decision::Allow, reasons, errors)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_picked_policies_answer_like_all_of_them(policies in prop::collection::vec(policy(), 8..40)) {
        let schema = Schema::from_str(SCHEMA).unwrap();
        let entities = world(&schema);
        let whole: PolicySet = policies.concat().parse().unwrap();
        let sliced = Sliced::new(whole.clone());
        for (principal, resource) in (0..4).flat_map(|user| [0, 1, 2, 3, 9].map(|tool| (user, tool))) {
            for action in ["a", "b", "c", "unknown"] {
                let (principal, action, resource) =
                    (uid(&format!("U::\"{principal}\"")), uid(&format!("Action::\"{action}\"")), uid(&format!("T::\"{resource}\"")));
                let request = Request::new(principal, action, resource, Context::empty(), None).unwrap();
                let expected = Authorizer::new().is_authorized(&request, &whole, &entities);
                prop_assert_eq!(answer(&sliced.evaluate(&request, &entities)), answer(&expected), "{}", request);
            }
        }
    }
}

#[test]
fn few_of_many_policies_are_picked() {
    let schema = Schema::from_str(SCHEMA).unwrap();
    let text: String =
        (0..100).map(|n| format!("permit (principal == U::\"{n}\", action, resource in G::\"{}\");", n % 3)).collect();
    let sliced = Sliced::new(text.parse().unwrap());
    let request = Request::new(uid("U::\"3\""), uid("Action::\"a\""), uid("T::\"3\""), Context::empty(), None).unwrap();
    assert_eq!(sliced.pick(&request, &world(&schema)).unwrap().policies.num_of_policies(), 1);
}
