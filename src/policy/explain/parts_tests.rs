//! Where conditions are cut, and where they must not be.

use super::{Clause, exceptions, needs};

fn cut(conditions: &str) -> Vec<(String, bool)> {
    let policy = format!("@id(\"when {{ a }}\") permit (principal, action, resource == T::\"unless {{\") {conditions};");
    needs(&policy).into_iter().map(|piece| (piece.text, piece.wanted)).collect()
}

#[test]
fn conditions_are_cut_where_each_part_is_needed_and_nowhere_else() {
    let cases: [(&str, &[(&str, bool)]); 17] = [
        ("", &[]),
        ("when { a }", &[("a", true)]),
        ("when { a && b.c == 1 }", &[("a", true), ("b.c == 1", true)]),
        ("when { (a && (b && c)) } when { d }", &[("a", true), ("b", true), ("c", true), ("d", true)]),
        ("when { a || b && c }", &[("a || b && c", true)]),
        ("when { (a || b) && c }", &[("a || b", true), ("c", true)]),
        ("when { !(a || b) && !c }", &[("a", false), ("b", false), ("!c", true)]),
        ("when { !(a && b) }", &[("a && b", false)]),
        ("when { !(!(a && b)) }", &[("a", true), ("b", true)]),
        ("when { !(a) == b }", &[("!(a) == b", true)]),
        ("unless { a || b }", &[("a", false), ("b", false)]),
        ("unless { a && b || c }", &[("a && b", false), ("c", false)]),
        ("unless { !(a && b) }", &[("a", true), ("b", true)]),
        ("when { if a && b then c else d && e }", &[("if a && b then c else d && e", true)]),
        (
            "when { f(a && b) && [c || d].contains({x: \"&&\"}) }",
            &[("f(a && b)", true), ("[c || d].contains({x: \"&&\"})", true)],
        ),
        ("when { a.s like \"x\\\"} && *\" && b }", &[("a.s like \"x\\\"} && *\"", true), ("b", true)]),
        ("when {\n  a && // && not this }\n  b\n    == c\n}", &[("a", true), ("b == c", true)]),
    ];
    for (conditions, expected) in cases {
        let expected: Vec<(String, bool)> = expected.iter().map(|(text, wanted)| ((*text).to_owned(), *wanted)).collect();
        assert_eq!(cut(conditions), expected, "{conditions}");
    }
}

#[test]
fn exceptions_are_the_ways_in_which_an_unless_can_hold() {
    let ways = |conditions: &str| -> Vec<Vec<(String, bool)>> {
        let policy = format!("forbid (principal, action, resource) {conditions};");
        let way = |way: Vec<super::Piece>| way.into_iter().map(|piece| (piece.text, piece.wanted)).collect();
        exceptions(&policy).into_iter().map(way).collect()
    };
    let part = |text: &str, wanted| (text.to_owned(), wanted);
    assert_eq!(ways("when { a } unless { b && (c || d) }"), [vec![part("b", true), part("c || d", true)]]);
    assert_eq!(ways("unless { b || !(c || d) }"), [vec![part("b", true)], vec![part("c", false), part("d", false)]]);
    assert!(ways("when { a || b }").is_empty());
}

#[test]
fn a_part_knows_where_it_stands() {
    let policy = "permit (principal, action, resource)\nwhen { a }\nunless {\n  b\n};";
    let pieces = needs(policy);
    assert_eq!(pieces.iter().map(|piece| policy.get(piece.start..=piece.start).unwrap()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(pieces.iter().map(|piece| piece.clause).collect::<Vec<_>>(), [Clause::When, Clause::Unless]);
}

#[test]
fn conditions_of_a_hundred_parts_stay_whole() {
    let many = vec!["a"; 100].join(" && ");
    assert_eq!(cut(&format!("when {{ {many} }}")), [(many, true)]);
}

#[test]
fn text_that_is_no_policy_is_no_reason_to_fail() {
    for text in
        ["", "when {", "when { ((", "unless { && || }", "when { !( }", "\"", "when { \"\\", "}}} when {}", "when { é && ü }"]
    {
        let _ = (needs(text), exceptions(text));
    }
}
