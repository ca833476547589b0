//! The bytes of every kind of leaf, held fast by golden files in `tests/golden/audit`, and what hostile input makes of them.

use std::net::IpAddr;
use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use super::super::chain::LeafHash;
use super::super::json::Hex;
use super::super::record::{ClockRecord, RecoveryRecord};
use super::super::time::TimeText;
use super::*;
use crate::domain::{
    Action, AgentId, Arguments, Call, Caller, Cause, Decision, DecisionId, Fingerprint, Grounds, Memberships, Principal,
    ServerName, Standing, Timestamp, TraceId, Transport, UserId,
};

const AT: Timestamp = Timestamp::from_micros(1_795_342_514_000_012);

fn leaf(record: &Record<'_>) -> String {
    let draft = Draft::of(record).unwrap();
    let mut out = Vec::new();
    draft.finish(&LeafHash::of(b"before"), 7421, TimeText::default().of(AT), &mut out);
    assert!(out.len() <= draft.max_len() && out.len() <= MAX_LEAF, "{}", out.len());
    String::from_utf8(out).unwrap()
}

/// The RFC 8785 form of what a leaf says. serde_json keeps members sorted by bytes, which for our ASCII keys is the RFC's order, and
/// escapes as the RFC asks.
fn canonical(leaf: &str) -> String {
    serde_json::from_str::<Value>(leaf).unwrap().to_string()
}

fn id() -> DecisionId {
    DecisionId::from_parts(1_795_342_514_000, 0x1234_5678_9abc_def0)
}

fn policy(name: &str) -> PolicyRef {
    PolicyRef { id: name.into(), file: "shop.cedar".into(), line: 12, reason: Some("not this one".into()) }
}

fn judgement(principal: Principal, cause: Cause) -> Judgement {
    let fault = PolicyFault { policy: policy("limit"), message: "attribute `amount` is missing".into() };
    Judgement { principal, cause, policies: vec![policy("no-refund"), policy("office-hours")], faults: vec![fault] }
}

fn call(target: Target) -> Call {
    Call {
        server: ServerName::new("shop").unwrap(),
        action: Action::ToolsCall,
        target,
        arguments: Arguments::ABSENT,
        source: Source { transport: Transport::Http, ip: Some(IpAddr::from([10, 1, 2, 3])), session: Some("s-5f1c".into()) },
        request: Some("\"req-1\"".into()),
        trace: TraceId::from_traceparent("00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"),
    }
}

fn decided(caller: &Caller, call: &Call, judgements: Vec<Judgement>) -> String {
    decided_via(None, caller, call, judgements)
}

fn decided_via(via: Option<&str>, caller: &Caller, call: &Call, judgements: Vec<Judgement>) -> String {
    let decision = Decision::from_grounds(Grounds { snapshot: Fingerprint::new([0xab; 32]), judgements });
    leaf(&Record::Decision(DecisionRecord { id: id(), caller, call, via, decision: &decision, micros: 412 }))
}

fn memberships(roles: &[&str], teams: &[&str]) -> Memberships {
    let set = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
    Memberships { roles: set(roles), teams: set(teams) }
}

fn attended() -> Caller {
    Caller::new(AgentId::new("planner"), Actor::Person(UserId::new("ann@shop.example")))
}

fn every_kind() -> Vec<(&'static str, String)> {
    let unattended = Caller::new(AgentId::new("planner"), Actor::Unattended);
    let standing = Standing { agent: memberships(&["bot"], &[]), actor: memberships(&["support", "\"lead\""], &["shop/eu"]) };
    let standing = attended().with_standing(standing);
    let both =
        vec![judgement(Principal::Agent, Cause::Forbidden), judgement(Principal::Actor, Cause::InvalidRequest("no".into()))];
    let permitted = vec![Judgement { faults: vec![], ..judgement(Principal::Agent, Cause::Permitted) }];
    let bare = Call { trace: None, request: None, ..call(Target::Server) };
    let bare = Call { source: Source { transport: Transport::Stdio, ip: None, session: None }, ..bare };
    let outcome = |outcome| OutcomeRecord { decision: id(), seq: 7420, outcome, micros: 80_411, bytes: 1_204 };
    let problems = [Problem { file: "shop.cedar", line: 3, column: 9, message: "unexpected `;`" }];
    let fingerprint = Fingerprint::new([0xcd; 32]);
    let start = StartRecord { version: "0.1.0", config: "sha256:00ff", origin: "audit.example/host-7", boot: "0d9c2e4a" };
    let clock = ClockRecord { reached: Timestamp::from_micros(AT.as_micros() + 3_600_000_000), now: AT };
    vec![
        ("decision-deny", decided(&attended(), &call(Target::Tool("refund".into())), both)),
        (
            "decision-standing-via",
            decided_via(Some("call_tool"), &standing, &call(Target::Tool("refund".into())), permitted.clone()),
        ),
        ("decision-allow-unattended", decided(&unattended, &bare, permitted.clone())),
        ("decision-resource", decided(&attended(), &call(Target::Resource("file:///a?b=\"c\"".into())), permitted.clone())),
        ("decision-prompt", decided(&attended(), &call(Target::Prompt("greet\u{1}\u{7f}ä😀".into())), permitted.clone())),
        ("decision-method", decided(&attended(), &call(Target::Method("com.example/do".into())), permitted)),
        ("outcome-ok", leaf(&Record::Outcome(outcome(Outcome::Ok)))),
        ("outcome-failed", leaf(&Record::Outcome(outcome(Outcome::Failed("connection reset".into()))))),
        ("policy-accepted", leaf(&Record::Policy(PolicyRecord::Accepted { fingerprint, policies: 12 }))),
        ("policy-refused", leaf(&Record::Policy(PolicyRecord::Refused { in_force: Some(fingerprint), problems: &problems }))),
        ("start", leaf(&Record::Start(start))),
        ("stop", leaf(&Record::Stop)),
        ("recovery", leaf(&Record::Recovery(RecoveryRecord { found: 7421 }))),
        ("clock", leaf(&Record::Clock(clock))),
    ]
}

#[test]
fn every_kind_of_leaf_has_the_bytes_of_its_golden_file() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/audit");
    for (name, leaf) in every_kind() {
        let expected = std::fs::read_to_string(golden.join(format!("{name}.json"))).unwrap_or_default();
        assert_eq!(leaf, expected.trim_end_matches('\n'), "{name}: logs that exist could not be read as they were written");
    }
}

#[test]
fn every_kind_of_leaf_is_in_canonical_form() {
    for (name, leaf) in every_kind() {
        assert_eq!(canonical(&leaf), leaf, "{name}");
    }
}

#[test]
fn arguments_are_committed_to_and_never_shown() {
    let arguments = br#"{"card":"4111111111111111"}"#;
    let call =
        Call { arguments: Arguments::from_checked_json(Bytes::from_static(arguments)), ..call(Target::Tool("pay".into())) };
    let decision = Decision::from_grounds(Grounds { snapshot: Fingerprint::new([0; 32]), judgements: vec![] });
    let draft = |()| {
        let record = DecisionRecord { id: id(), caller: &attended(), call: &call, via: None, decision: &decision, micros: 1 };
        Draft::of(&Record::Decision(record)).unwrap()
    };
    let (one, other) = (draft(()), draft(()));
    assert_ne!(one.salt, other.salt);
    let mut text = Vec::new();
    one.finish(&LeafHash::ZERO, 0, "", &mut text);
    let text = String::from_utf8(text).unwrap();
    assert!(!text.contains("4111"), "{text}");
    let said: Value = serde_json::from_str(&text).unwrap();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &one.salt.unwrap()), arguments);
    let commit = String::from_utf8(encode_base64(tag.as_ref().try_into().unwrap()).to_vec()).unwrap();
    assert_eq!(said["args"], serde_json::json!({"alg": "hmac-sha256-salted", "commit": commit, "len": arguments.len()}));
}

#[test]
fn what_is_too_long_is_cut_and_says_so() {
    let long = "é".repeat(5_000);
    let said: Value = serde_json::from_str(&decided(&attended(), &call(Target::Tool(long.as_str().into())), vec![])).unwrap();
    let digest = Hex(ring::digest::digest(&ring::digest::SHA256, long.as_bytes()).as_ref()).to_string();
    assert_eq!(said["tool"]["len"], 10_000);
    assert_eq!(said["tool"]["sha256"], digest);
    assert!(long.starts_with(said["tool"]["cut"].as_str().unwrap()) && said["tool"]["cut"].as_str().unwrap().len() == NAME);

    let many = Judgement { policies: vec![policy("one-of-many"); 1_000], ..judgement(Principal::Agent, Cause::Forbidden) };
    let said: Value = serde_json::from_str(&decided(&attended(), &call(Target::Server), vec![many])).unwrap();
    let shown = said["judgements"][0]["policies"].as_array().unwrap();
    assert_eq!(shown.len() as u64 - 1 + shown.last().unwrap()["more"].as_u64().unwrap(), 1_000);
}

#[test]
fn times_are_written_with_six_digits_and_the_second_is_not_mixed_up() {
    let mut text = TimeText::default();
    for (micros, expected) in [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_795_342_514_999_999, "2026-11-22T10:15:14.999999Z"),
        (1_795_342_515_000_001, "2026-11-22T10:15:15.000001Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (i64::MAX, "1970-01-01T00:00:00.775807Z"),
    ] {
        assert_eq!(text.of(Timestamp::from_micros(micros)), expected);
    }
}

/// Text that nobody well-meaning sends: control characters, quotes, characters of all lengths, any length.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "[\\x00-\\x1f\"\\\\]{0,4000}",
        "\\PC{0,300}",
        proptest::collection::vec(any::<char>(), 0..200).prop_map(String::from_iter),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_leaf_is_canonical_and_bounded_and_says_what_was_asked(
        agent in hostile(), actor in hostile(), target in hostile(), request in hostile(), session in hostile(), detail in hostile(),
    ) {
        let names = [&actor, &request, &session, &detail].map(|text| (0..30).map(|n| format!("{n}{text}").into()).collect());
        let [first, second, third, fourth] = names;
        let agents = Memberships { roles: first, teams: second };
        let standing = Standing { agent: agents, actor: Memberships { roles: third, teams: fourth } };
        let caller = Caller::new(AgentId::new(agent.as_str()), Actor::Person(UserId::new(actor))).with_standing(standing);
        let mut call = call(Target::Tool(target.into()));
        call.request = Some(request.into());
        call.source.session = Some(session.into());
        let hostile: std::sync::Arc<str> = detail.into();
        let policy = PolicyRef { id: hostile.clone(), file: hostile.clone(), line: u32::MAX, reason: None };
        let fault = PolicyFault { policy: policy.clone(), message: hostile.clone() };
        let judge = |principal| Judgement {
            principal,
            cause: Cause::InvalidRequest(hostile.clone()),
            policies: vec![policy.clone(); 20],
            faults: vec![fault.clone(); 20],
        };
        let leaf = decided_via(Some(&hostile), &caller, &call, vec![judge(Principal::Agent), judge(Principal::Actor)]);
        prop_assert_eq!(&canonical(&leaf), &leaf);
        let said: Value = serde_json::from_str(&leaf).unwrap();
        match &said["agent"] {
            Value::String(said) => prop_assert_eq!(said, &agent),
            cut => prop_assert!(agent.starts_with(cut["cut"].as_str().unwrap()) && cut["len"] == agent.len()),
        }
    }
}
