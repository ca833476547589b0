//! Whatever the bytes of a record are, it is exported, and what comes out is of the form it should be.

use base64::Engine as _;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::ocsf::tests::{ORIGIN, leaves, misfits};
use super::*;
use crate::audit::chain::LeafHash;

/// The leaves that golden files exist for. What is added later is held to the forms, but not to bytes.
pub(super) const GOLDEN: [&str; 15] = [
    "clock",
    "decision-allow-unattended",
    "decision-deny",
    "decision-drifted",
    "decision-method",
    "decision-prompt",
    "decision-resource",
    "decision-standing-via",
    "outcome-failed",
    "outcome-ok",
    "policy-accepted",
    "policy-refused",
    "recovery",
    "start",
    "stop",
];

fn line(leaf: &[u8]) -> String {
    let mut out = Vec::new();
    jsonl::write(&Entry::new(ORIGIN, 7421, leaf), &mut out);
    String::from_utf8(out).unwrap()
}

/// What a consumer does: the record's bytes are what stands between the last member's name and the closing brace.
fn record_of(line: &str) -> &str {
    line.split_once(r#","record":"#).unwrap().1.strip_suffix("}\n").unwrap()
}

#[test]
fn a_line_has_the_record_byte_for_byte_and_its_hash_can_be_checked() {
    let golden = include_str!("../../../tests/golden/export/records.jsonl");
    let mut golden = golden.split_inclusive('\n');
    for (name, leaf) in leaves() {
        let line = line(&leaf);
        assert_eq!(record_of(&line).as_bytes(), leaf, "{name}");
        let said: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(said["leaf_hash"], LeafHash::of(&leaf).to_string());
        assert_eq!((&said["seq"], &said["origin"]), (&json!(7421), &json!(ORIGIN)));
        if GOLDEN.contains(&name.as_str()) {
            assert_eq!(Some(line.as_str()), golden.next(), "{name}");
        }
    }
    assert_eq!(golden.next(), None);
}

#[test]
fn a_record_that_would_break_its_line_comes_in_base64() {
    for leaf in [&b"{\"t\":\xff}"[..], b"{\n\"t\":\"stop\"}", b"[]", b"", b"{\"t\":\"stop\"}x"] {
        let line = line(leaf);
        assert_eq!(line.matches('\n').count(), 1);
        let said: Value = serde_json::from_str(&line).unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(said["damaged"].as_str().unwrap()).unwrap();
        assert_eq!(bytes, leaf);
        assert_eq!(said["record"], Value::Null);
    }
}

/// JSON of any form.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        proptest::collection::vec(any::<char>(), 0..20).prop_map(|letters| Value::from(String::from_iter(letters))),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let key = prop_oneof!["cut|id|file|line|cause|policies|roles|teams|ip|transport|message", "\\PC{0,6}"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Something like a leaf: members that leaves have, with values that they do not have.
fn like_a_leaf() -> impl Strategy<Value = Value> {
    let name = "action|actor|actor_brings|agent|bytes|change|decision|decision_seq|failure|found|id|judgements|leaf_hash|method\
                |new|origin|outcome|policy|problems|prompt|request|resource|seq|server|session|source|tool|trace|ts|us|version|via";
    let kind = "decision|outcome|policy|start|stop|recovery|clock|key|erase|prune|[a-z]{0,5}";
    let members = proptest::collection::vec((name, any_json()), 0..20);
    (kind, members).prop_map(|(kind, members)| {
        let mut leaf: serde_json::Map<_, _> = members.into_iter().collect();
        leaf.insert("t".to_owned(), kind.into());
        Value::Object(leaf)
    })
}

fn all_forms_hold(leaf: &[u8]) -> Result<(), TestCaseError> {
    let said: Value = serde_json::from_str(&line(leaf)).unwrap();
    prop_assert_eq!(&said["leaf_hash"], &json!(LeafHash::of(leaf).to_string()));
    let rows = csv::tests::read(&csv::tests::row(leaf));
    prop_assert_eq!((rows.len(), rows[0].len()), (1, csv::COLUMNS.len()));
    for cell in &rows[0] {
        prop_assert!(!cell.trim_start().starts_with(['=', '+', '-', '@']), "{}", cell);
    }
    let mut out = Vec::new();
    ocsf::write(&Entry::new(ORIGIN, 7421, leaf), &mut out);
    prop_assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
    let event: Value = serde_json::from_slice(&out).unwrap();
    prop_assert_eq!(misfits(&event), Vec::<String>::new());
    prop_assert_eq!(&event["unmapped"]["seq"], &json!(7421));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn any_bytes_are_exported_in_every_form(leaf in proptest::collection::vec(any::<u8>(), 0..200)) {
        all_forms_hold(&leaf)?;
    }

    #[test]
    fn anything_like_a_leaf_is_exported_in_every_form(leaf in like_a_leaf()) {
        all_forms_hold(leaf.to_string().as_bytes())?;
    }

    #[test]
    fn a_leaf_with_a_few_bytes_changed_is_exported_in_every_form(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let leaves = leaves();
        let (_, mut leaf) = which.get(&leaves).clone();
        for (at, byte) in changes {
            let at = at.index(leaf.len());
            leaf[at] = byte;
        }
        all_forms_hold(&leaf)?;
    }
}
