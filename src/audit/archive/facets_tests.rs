//! Tests of what records are looked for by.

use super::*;

fn values(leaf: &str) -> Vec<(Facet, Vec<String>)> {
    let facets = Facets::of(leaf.as_bytes());
    let values = |facet| facets.values(facet).into_iter().map(str::to_owned).collect::<Vec<_>>();
    Facet::ALL.into_iter().map(|facet| (facet, values(facet))).filter(|(_, values)| !values.is_empty()).collect()
}

fn line(leaf: &str) -> String {
    let values = values(leaf).into_iter().map(|(facet, values)| format!("{facet:?}={}", values.join(",")));
    values.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_facets_of_our_records_are_found() {
    let golden = |name: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/audit").join(name);
        std::fs::read_to_string(path).unwrap()
    };
    let cases = [
        (
            "decision-deny.json",
            "Kind=decision Verdict=deny Agent=planner Actor=ann@shop.example Server=shop Action=tools/call Target=refund \
             Session=s-5f1c Policy=no-refund,office-hours,limit,no-refund,office-hours,limit",
        ),
        (
            "decision-allow-unattended.json",
            "Kind=decision Verdict=allow Agent=planner Server=shop Action=tools/call Policy=no-refund,office-hours",
        ),
        ("outcome-failed.json", "Kind=outcome Verdict=failed"),
        ("policy-refused.json", "Kind=policy Verdict=refused"),
        ("policy-accepted.json", "Kind=policy Verdict=accepted"),
        ("start.json", "Kind=start"),
        ("clock.json", "Kind=clock"),
    ];
    for (name, expected) in cases {
        assert_eq!(line(&golden(name)), expected, "{name}");
    }
    for (name, target) in [("prompt", "greet\u{1}\u{7f}ä😀"), ("resource", "file:///a?b=\"c\""), ("method", "com.example/do")]
    {
        let leaf = golden(&format!("decision-{name}.json"));
        assert_eq!(Facets::of(leaf.as_bytes()).values(Facet::Target), [target]);
    }
    let [outcome, decision] = ["outcome-ok.json", "decision-deny.json"].map(golden);
    let [outcome, decision] = [&outcome, &decision].map(|leaf| Facets::of(leaf.as_bytes()));
    assert_eq!((outcome.outcome_of(), decision.outcome_of()), (Some(7420), None));
    assert!(decision.is_decision_of(&outcome) && !outcome.is_decision_of(&decision));
    assert_eq!(outcome.time.unwrap().as_micros(), 1_795_342_514_000_012);
}

#[test]
fn what_was_cut_counts_as_what_is_left_of_it() {
    let cut = r#"{"cut":"long\n","len":2000,"sha256":"00"}"#;
    let leaf = format!(
        r#"{{"agent":{cut},"judgements":[{{"faults":[],"policies":[{{"file":"a","id":{cut},"line":1}},{{"more":7,"sha256":"00"}}]}}]}}"#
    );
    assert_eq!(line(&leaf), "Agent=long\n Policy=long\n");
}

#[test]
fn members_of_another_form_have_no_value_and_leaves_of_another_form_no_facets() {
    let cases = [
        (
            r#"{"t":"decision","agent":7,"actor":null,"server":["a"],"tool":{"cut":3},"session":{"a":"b"},"more":{}}"#,
            "Kind=decision",
        ),
        (r#"{"t":"decision","judgements":7}"#, ""),
        ("", ""),
        ("{\"t\":\"decision\"", ""),
        ("7", ""),
    ];
    for (leaf, expected) in cases {
        assert_eq!(line(leaf), expected, "{leaf}");
    }
    let facets = Facets::of(br#"{"t":"outcome","ts":"yesterday","id":"x","decision_seq":3}"#);
    assert_eq!((facets.time, facets.id, facets.outcome_of()), (None, None, Some(3)));
    assert!(!facets.is_decision_of(&facets));
}

#[test]
fn what_is_no_text_is_not_looked_for_and_hides_nothing_else() {
    for other in [
        "1",
        "-1",
        "1.5",
        "true",
        "null",
        "[]",
        "[{\"cut\":\"x\"}]",
        "{}",
        "{\"len\":1}",
        "{\"cut\":1}",
        "{\"cut\":{\"cut\":\"x\"}}",
        "{\"cut\":\"x\",\"cut\":\"y\"}",
        "{\"cut\":[\"x\"],\"len\":2}",
    ] {
        assert_eq!(
            line(&format!(r#"{{"action":{other},"agent":"a","server":{other},"tool":"t"}}"#)),
            "Agent=a Target=t",
            "{other}"
        );
    }
    for (some, expected) in [
        (r#""""#, ""),
        (r#""\u00e4\n""#, "ä\n"),
        (r#"{"len":9,"cut":"x","sha256":"00"}"#, "x"),
        (r#"{"cut":"\u00e4"}"#, "ä"),
        (r#"{"c\u0075t":"x"}"#, "x"),
    ] {
        assert_eq!(line(&format!(r#"{{"agent":{some}}}"#)), format!("Agent={expected}"), "{some}");
    }
}
