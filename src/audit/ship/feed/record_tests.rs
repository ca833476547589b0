//! What each kind of record becomes, as a collector reads it; and that any record becomes something.

use std::path::Path;

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::logs::v1::LogRecord as Decoded;
use proptest::prelude::*;

use super::super::{json, protobuf};
use super::*;
use crate::audit::chain::LeafHash;
use crate::audit::ship::fixtures::collector::{attribute, decode, records};

const ORIGIN: &str = "audit.example/host-7";
const OBSERVED: Timestamp = Timestamp::from_micros(1_795_342_515_000_000);

fn leaf(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/audit").join(format!("{name}.json"));
    std::fs::read_to_string(path).unwrap().trim_end().as_bytes().to_vec()
}

/// What a collector reads of a record, which must be the same in both encodings.
fn decoded(leaf: &[u8]) -> Decoded {
    let entry = Entry::new(ORIGIN, 7421, leaf);
    let record = LogRecord::of(&entry, OBSERVED);
    let resource = attributes::of_resource(ORIGIN, "1.2.3");
    let binary = protobuf::request(&resource, ("scope", "1"), [protobuf::record(&record).as_slice()].into_iter());
    let text = json::request(&resource, ("scope", "1"), [json::record(&record).as_slice()].into_iter());
    let binary = decode("x\r\ncontent-type: application/x-protobuf", &binary);
    let text = decode("x\r\ncontent-type: application/json", &text);
    assert_eq!(binary, text, "the two encodings say the same");
    let mut found = records(&binary);
    assert_eq!(found.len(), 1);
    found.remove(0)
}

fn text(record: &Decoded, name: &str) -> Option<String> {
    match attribute(record, name)? {
        Any::StringValue(text) => Some(text),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn a_decision_says_by_whom_and_what_for_in_the_words_of_the_conventions() {
    let bytes = leaf("decision-deny");
    let record = decoded(&bytes);
    assert_eq!(record.time_unix_nano, 1_795_342_514_000_012_000);
    assert_eq!(record.observed_time_unix_nano, 1_795_342_515_000_000_000);
    assert_eq!((record.severity_number, record.severity_text.as_str()), (13, "WARN"));
    assert_eq!(record.event_name, "cedarpost.decision");
    assert_eq!(record.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
    assert!(record.span_id.is_empty());
    assert_eq!(record.body.clone().unwrap().value, Some(Any::StringValue(String::from_utf8(bytes.clone()).unwrap())));
    let hash = LeafHash::of(&bytes).to_string();
    let expected = [
        ("audit.origin", ORIGIN),
        ("audit.leaf_hash", &hash),
        ("cedarpost.decision.id", "01M81C1DTG00014D2PF2DBSQQG"),
        ("cedarpost.verdict", "deny"),
        ("cedarpost.server", "shop"),
        ("client.address", "10.1.2.3"),
        ("enduser.id", "ann@shop.example"),
        ("error.type", "forbidden"),
        ("gen_ai.agent.id", "planner"),
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "refund"),
        ("jsonrpc.request.id", "req-1"),
        ("mcp.method.name", "tools/call"),
        ("mcp.session.id", "s-5f1c"),
        ("network.transport", "tcp"),
    ];
    for (name, value) in expected {
        assert_eq!(text(&record, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(attribute(&record, "audit.seq"), Some(Any::IntValue(7421)));
    let Some(Any::ArrayValue(causes)) = attribute(&record, "cedarpost.causes") else { panic!() };
    assert_eq!(causes.values.len(), 2);
    let names: std::collections::BTreeSet<_> = record.attributes.iter().map(|pair| &pair.key).collect();
    assert_eq!(names.len(), record.attributes.len(), "each name once");
}

#[test]
fn each_kind_of_record_has_its_name_and_severity() {
    let cases = [
        ("decision-allow-unattended", "cedarpost.decision", "INFO", None),
        ("decision-drifted", "cedarpost.decision", "WARN", Some("drifted")),
        ("outcome-ok", "cedarpost.outcome", "INFO", None),
        ("outcome-failed", "cedarpost.outcome", "ERROR", Some("failed")),
        ("policy-accepted", "cedarpost.policy", "INFO", None),
        ("policy-refused", "cedarpost.policy", "ERROR", Some("refused")),
        ("start", "cedarpost.start", "INFO", None),
        ("stop", "cedarpost.stop", "INFO", None),
        ("recovery", "cedarpost.recovery", "WARN", None),
        ("clock", "cedarpost.clock", "WARN", None),
        ("unidentified", "cedarpost.unidentified", "WARN", None),
        ("access-allow", "cedarpost.access", "INFO", None),
        ("access-deny", "cedarpost.access", "WARN", Some("forbidden")),
        ("access-search", "cedarpost.access", "INFO", None),
    ];
    for (name, event, severity, error) in cases {
        let record = decoded(&leaf(name));
        assert_eq!((record.event_name.as_str(), record.severity_text.as_str()), (event, severity), "{name}");
        assert_eq!(text(&record, "error.type").as_deref(), error, "{name}");
    }
    let with = |member: &str, leaf: &str| text(&decoded(leaf.as_bytes()), member);
    assert_eq!(with("network.transport", r#"{"source":{"transport":"stdio"}}"#).as_deref(), Some("pipe"));
    assert_eq!(with("mcp.method.name", r#"{"action":"extension","method":"com.example/do"}"#).as_deref(), Some("com.example/do"));
    assert_eq!(with("error.type", r#"{"t":"decision","decision":"require_approval"}"#).as_deref(), Some("require_approval"));
    assert_eq!(decoded(br#"{"t":"decision","decision":"require_approval"}"#).severity_text, "WARN");
}

#[test]
fn a_damaged_record_goes_out_as_its_bytes() {
    let record = decoded(b"{\"t\":\xff");
    assert_eq!((record.event_name.as_str(), record.severity_text.as_str()), ("cedarpost.damaged", "ERROR"));
    assert_eq!(record.body.unwrap().value, Some(Any::BytesValue(b"{\"t\":\xff".to_vec())));
    let text = decoded(br#"{"t":"no such\nkind","trace":"00000000000000000000000000000000","ts":"never"}"#);
    assert_eq!((text.event_name.as_str(), text.trace_id.len(), text.time_unix_nano), ("cedarpost.damaged", 0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn any_bytes_become_a_log_record_that_both_encodings_agree_about(
        bytes in prop_oneof![proptest::collection::vec(any::<u8>(), 0..100), "\\PC{0,60}".prop_map(String::into_bytes)],
        name in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
    ) {
        let mut changed = leaf(["decision-deny", "outcome-failed", "policy-refused", "start"][name.index(4)]);
        let at = at.index(changed.len());
        changed.splice(at..at, bytes.iter().copied().take(8));
        for leaf in [bytes.as_slice(), &changed] {
            let record = decoded(leaf);
            prop_assert_eq!(attribute(&record, "audit.seq"), Some(Any::IntValue(7421)));
            match record.body.unwrap().value.unwrap() {
                Any::StringValue(text) => prop_assert_eq!(text.as_bytes(), leaf),
                Any::BytesValue(bytes) => prop_assert_eq!(bytes.as_slice(), leaf),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
