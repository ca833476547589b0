//! Which names are looked up.

use std::collections::BTreeSet;

use super::looked_up;
use crate::policy::syntax::Syntax;

fn found(condition: &str) -> Vec<String> {
    let set =
        format!("permit (principal == U::\"scope\", action, resource in R::\"scope\") when {{ {condition} }};").parse().unwrap();
    looked_up(&Syntax::of_set(&set))
        .unwrap()
        .iter()
        .map(|uid| uid.id().unescaped().to_owned())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

#[test]
fn what_is_only_compared_is_not_looked_up() {
    for condition in [
        "principal == U::\"a\"",
        "principal in R::\"a\" || principal in [R::\"a\", R::\"b\"]",
        "principal is U in R::\"a\"",
        "principal.friends.contains(U::\"a\")",
        "[U::\"a\"].containsAll([principal])",
        "if principal == U::\"a\" then true else principal != U::\"b\"",
        "{a: U::\"a\"} == context.pair",
    ] {
        assert!(found(condition).is_empty(), "{condition}");
    }
}

#[test]
fn whatever_may_be_looked_up_is_found() {
    for (condition, expected) in [
        ("U::\"a\".n == 1", "a"),
        ("U::\"a\" has n", "a"),
        ("R::\"a\" in R::\"b\"", "a"),
        ("U::\"a\" is U in R::\"b\"", "a"),
        ("U::\"a\".boss.boss in R::\"b\"", "a"),
        ("(if principal.n > 1 then U::\"a\" else U::\"b\").n == 1", "a b"),
        ("{x: {y: U::\"a\"}, z: 1}.x.y.n == 1", "a"),
        ("U::\"a\".hasTag(\"t\") && U::\"b\".getTag(\"t\") == U::\"c\"", "a b"),
        ("!(principal == (if U::\"a\".n == 1 then U::\"b\" else U::\"c\"))", "a"),
        ("[U::\"a\".boss, U::\"b\"].contains(principal)", "a"),
        ("A::B::\"q\\\"\\n\".n == 1", "q\"\n"),
    ] {
        assert_eq!(found(condition).join(" "), expected, "{condition}");
    }
}
