//! What is left of a policy when its known pieces are given.

use super::{Open, Parts, Rest};
use crate::policy::fixture::policy;
use crate::policy::residual::Needs;

/// The conditions that are left, in order; `always` and `never` for none.
fn left(conditions: &str, values: &[Option<bool>]) -> String {
    let policy = policy(&format!("permit (principal, action, resource) {conditions};"));
    let open = Open::new(policy.to_pst().unwrap().body()).unwrap();
    assert_eq!(open.probes().len(), values.len() + 1, "{conditions}");
    match open.rest(values) {
        Rest::Always => "always".to_owned(),
        Rest::Never => "never".to_owned(),
        Rest::Conditions(clauses, _) => clauses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    }
}

/// The conditions of a policy, as its syntax tree shows them.
fn clauses(policy: &cedar_policy::Policy) -> String {
    policy.to_pst().unwrap().body().clauses().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_known_goes_only_where_neither_the_value_nor_a_failure_changes() {
    let (yes, no, fails) = (Some(true), Some(false), None);
    for (conditions, values, expected) in [
        ("when { resource.a && context.b == 1 }", vec![yes], "when { (context.b) == 1 }"),
        ("when { resource.a && context.b == 1 }", vec![no], "never"),
        ("when { resource.a || context.b == 1 }", vec![yes], "always"),
        ("when { resource.a || context.b == 1 }", vec![no], "when { (context.b) == 1 }"),
        ("unless { resource.a || context.b == 1 }", vec![yes], "never"),
        ("unless { resource.a && context.b == 1 }", vec![no], "always"),
        // On the right, it may go only if it changes nothing: the left side can fail.
        ("when { context.b == 1 && resource.a }", vec![yes], "when { (context.b) == 1 }"),
        ("when { context.b == 1 && resource.a }", vec![no], "when { ((context.b) == 1) && false }"),
        ("when { context.b == 1 || resource.a }", vec![yes], "when { ((context.b) == 1) || true }"),
        // What may be no truth value fails in `&&` and would not fail alone.
        ("when { resource.a && context.b }", vec![yes], "when { true && (context.b) }"),
        ("when { !(resource.a) && context.b == 1 }", vec![no], "never"),
        ("when { !(resource.a) && context.b == 1 }", vec![yes], "when { (context.b) == 1 }"),
        ("when { if resource.a then context.b else context.c }", vec![yes], "when { context.b }"),
        ("when { if context.b then resource.a else resource.c }", vec![yes, yes], "when { if (context.b) then true else true }"),
        ("when { resource.a } unless { context.b == 1 }", vec![yes], "unless { context.b == 1 }"),
        ("when { context.b == 1 } when { resource.a }", vec![no], "when { context.b == 1 } when { false }"),
        ("when { context.b == 1 } when { resource.a }", vec![yes], "when { (context.b) == 1 }"),
        ("when { resource.a && context.b == 1 }", vec![fails], "when { (resource.a) && ((context.b) == 1) }"),
    ] {
        let expected = match expected {
            "always" | "never" => expected.to_owned(),
            clauses_left => clauses(&policy(&format!("permit (principal, action, resource) {clauses_left};"))),
        };
        assert_eq!(left(conditions, &values), expected, "{conditions} {values:?}");
    }
}

#[test]
fn a_policy_that_does_not_read_the_context_is_closed_and_a_deep_one_is_one_piece_below() {
    assert!(matches!(Parts::of(&policy("permit (principal, action, resource) when { resource.a };")), Parts::Closed));
    let deep = format!("{}context.b{}", "(true && ".repeat(100), ")".repeat(100));
    let parts = Parts::of(&policy(&format!("permit (principal, action, resource) when {{ {deep} }};")));
    let Parts::Open(open) = parts else { panic!("{parts:?}") };
    assert_eq!(open.probes().len(), 65);
    assert!(matches!(open.rest(&[Some(true); 64]), Rest::Conditions(_, Needs::MORE)));
}
