//! Parts of policies are found where they stand, whatever strings and comments hold.

use super::{comments, conditions, slots};

/// The conjuncts of each condition, as text.
fn parts(text: &str) -> Vec<Vec<&str>> {
    conditions(text)
        .into_iter()
        .map(|condition| condition.conjuncts.into_iter().map(|range| text.get(range).unwrap()).collect())
        .collect()
}

#[test]
fn conditions_are_split_where_and_joins_on_the_outermost_level() {
    let cases: [(&str, &[&[&str]]); 12] = [
        ("", &[]),
        ("a", &[&["a"]]),
        ("a && b", &[&["a", "b"]]),
        ("a && (b && c)", &[&["a", "b", "c"]]),
        ("((a) && b)", &[&["a", "b"]]),
        ("(a && b) && (c || d)", &[&["a", "b", "c || d"]]),
        ("a && b || c", &[&["a && b || c"]]),
        ("if a && b then c else d && e", &[&["if a && b then c else d && e"]]),
        ("!(a && b) && f(c && d)", &[&["!(a && b)", "f(c && d)"]]),
        ("(a) && (b)", &[&["a", "b"]]),
        (
            "x == \"}&& when {\" && [a && b] == c // && d }\n && {k: a && b} == r",
            &[&["x == \"}&& when {\"", "[a && b] == c", "{k: a && b} == r"]],
        ),
        ("x like \"a\\\"&&\" && y", &[&["x like \"a\\\"&&\"", "y"]]),
    ];
    for (condition, expected) in cases {
        let text = format!("@when(\"{{\")\npermit (principal, action, resource) when {{ {condition} }};");
        let expected: Vec<Vec<&str>> =
            if expected.is_empty() { vec![vec![]] } else { expected.iter().map(|part| part.to_vec()).collect() };
        assert_eq!(parts(&text), expected, "{condition}");
    }
}

#[test]
fn each_condition_begins_with_its_keyword() {
    let text = "forbid (principal, action, resource)\nwhen { a && b }\nunless { c } ;";
    let keywords: Vec<&str> =
        conditions(text).iter().map(|condition| text.get(condition.keyword..).unwrap().split(' ').next().unwrap()).collect();
    assert_eq!(keywords, ["when", "unless"]);
    assert_eq!(parts(text), [vec!["a", "b"], vec!["c"]]);
}

#[test]
fn text_that_is_no_policy_harms_nobody() {
    for text in ["", "when {", "when { (", "}}}}", "unless { \"", "when { ) && ( }", "?", "? principal", "when {}"] {
        let _ = (conditions(text), slots(text));
    }
}

#[test]
fn slots_are_found_outside_of_strings_and_comments() {
    let text = "@n(\"?principal\") // ?resource\npermit (principal in ?principal, action, resource == ?resource);";
    let found: Vec<(&str, &str)> = slots(text).into_iter().map(|(range, name)| (text.get(range).unwrap(), name)).collect();
    assert_eq!(found, [("?principal", "principal"), ("?resource", "resource")]);
}

#[test]
fn comments_are_found_outside_of_strings() {
    let text = "// one\npermit (principal, // two // too\n action, resource) when { x like \"//no\" };\n  //three\n//";
    assert_eq!(comments(text), ["one", "two // too", "three", ""]);
}
