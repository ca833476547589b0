//! The bytes of every kind of leaf, held fast by golden files in `tests/golden/audit`, and what hostile input makes of them.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;

use super::super::chain::LeafHash;
use super::super::json::{Hex, encode_base64};
use super::super::private::content::{Part, Sealed};
use super::super::private::detail::{Keeping, Level};
use super::super::private::mask::Masks;
use super::super::private::salts::{SaltReader, Salts};
use super::super::private::{commitment, digest_of, unseal};
use super::super::record::{
    AskedRecord, BundleRecord, CheckRecord, ClockRecord, GrantRecord, Problem, RecoveryRecord, RulerRecord, Ruling, TicketRecord,
};
use super::super::time::TimeText;
use super::*;
use crate::domain::{
    Action, AgentId, Arguments, Call, Caller, Cause, Channel, Decision, DecisionId, Evidence, Fingerprint, Grounds, JsonPointer,
    Judgement, Memberships, PolicyFault, PolicyRef, Principal, ServerName, Source, Standing, TicketId, Timestamp, TokenName,
    TraceId, Transport, UserId, Way,
};
use crate::storage::LocalDisk;

const AT: Timestamp = Timestamp::from_micros(1_795_342_514_000_012);

fn leaf(record: &Record<'_>) -> String {
    let draft = Draft::of(record).unwrap();
    let sealed = Sealed { commit: Some([0x5a; 32]), kept: None };
    let mut out = Vec::new();
    draft.finish(&LeafHash::of(b"before"), 7421, TimeText::default().of(AT), &sealed, &mut out);
    assert!(out.len() <= draft.max_leaf() && out.len() <= MAX_LEAF, "{}", out.len());
    String::from_utf8(out).unwrap()
}

fn keeping(level: Level, mask: &[&str]) -> Keeping {
    let pointers: Vec<JsonPointer> = mask.iter().map(|pointer| pointer.parse().unwrap()).collect();
    Keeping { level, limit: 100, masks: Masks::new(&pointers) }
}

fn content(text: &str, level: Level, mask: &[&str], part: Part) -> Content {
    Content::of(text.as_bytes(), &keeping(level, mask), part)
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
    decided_with(via, None, caller, call, judgements)
}

fn decided_with(via: Option<&str>, args: Option<&Content>, caller: &Caller, call: &Call, judgements: Vec<Judgement>) -> String {
    let decision = Decision::from_grounds(Grounds { snapshot: Fingerprint::new([0xab; 32]), judgements });
    let catalog = args.map(|_| Fingerprint::new([0xef; 32]));
    leaf(&Record::Decision(DecisionRecord {
        id: id(),
        caller,
        call,
        via,
        args,
        catalog,
        decision: &decision,
        approval: None,
        check: None,
        micros: 412,
    }))
}

fn decided_under(approval: Option<TicketRecord<'_>>, check: Option<CheckRecord<'_>>, call: &Call) -> String {
    let asks = approval.is_some_and(|approval| approval.approvers.is_none());
    let (caller, cause) = (attended(), if asks { Cause::ApprovalMissing } else { Cause::Permitted });
    let judgements = vec![Judgement { faults: vec![], ..judgement(Principal::Agent, cause) }];
    let decision = Decision::from_grounds(Grounds { snapshot: Fingerprint::new([0xab; 32]), judgements });
    let (id, caller, decision) = (id(), &caller, &decision);
    let record = DecisionRecord { id, caller, call, via: None, args: None, catalog: None, decision, approval, check, micros: 9 };
    leaf(&Record::Decision(record))
}

fn memberships(roles: &[&str], teams: &[&str]) -> Memberships {
    let set = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
    Memberships { roles: set(roles), teams: set(teams) }
}

fn attended() -> Caller {
    Caller::new(AgentId::new("planner"), Actor::Person(UserId::new("ann@shop.example")))
}

fn by_oauth() -> Caller {
    let token = |issuer: &str, id: Option<&str>| TokenName { issuer: issuer.into(), id: id.map(Into::into), sha256: [0x7a; 32] };
    attended().with_evidence(Evidence {
        token: Some(token("https://idp.example/main", Some("t-1"))),
        actor: Some(token("https://people.example", None)),
        chain: vec!["gateway".into(), "portal".into()],
        ..Evidence::of(Way::OAUTH)
    })
}

fn by_cluster() -> Caller {
    let token = TokenName { issuer: "https://kubernetes.default.svc".into(), id: None, sha256: [0x7a; 32] };
    let pod = Some("0d9c2e4a-1f".into());
    let evidence = Evidence { token: Some(token), pod, ..Evidence::of(Way::KUBERNETES) };
    Caller::new(AgentId::new("planner"), Actor::Unattended).with_evidence(evidence)
}

fn every_kind() -> Vec<(&'static str, String)> {
    let unattended = Caller::new(AgentId::new("planner"), Actor::Unattended);
    let drifted = Judgement { principal: Principal::Agent, cause: Cause::Drifted, policies: vec![], faults: vec![] };
    let standing = Standing { agent: memberships(&["bot"], &[]), actor: memberships(&["support", "\"lead\""], &["shop/eu"]) };
    let standing = attended().with_standing(standing);
    let both =
        vec![judgement(Principal::Agent, Cause::Forbidden), judgement(Principal::Actor, Cause::InvalidRequest("no".into()))];
    let permitted = vec![Judgement { faults: vec![], ..judgement(Principal::Agent, Cause::Permitted) }];
    let bare = Call { trace: None, request: None, ..call(Target::Server) };
    let bare = Call { source: Source { transport: Transport::Stdio, ip: None, session: None }, ..bare };
    let outcome = |outcome| OutcomeRecord { decision: id(), seq: 7420, outcome, micros: 80_411, bytes: 1_204, result: None };
    let refund = call(Target::Tool("refund".into()));
    let arguments = r#"{"order":"A-10045","amount":25,"card":"4111111111111111"}"#;
    let kept = content(arguments, Level::Arguments, &["/card", "/note"], Part::Arguments);
    let committed = content(arguments, Level::Commitment, &[], Part::Arguments);
    let withheld = content("{\"order\":", Level::Results, &["/card"], Part::Arguments);
    let result = content(r#"{"content":[]}"#, Level::Results, &[], Part::Result);
    let answered = OutcomeRecord { result: Some(result), ..outcome(Outcome::ToolError) };
    let key = KeyRecord { old: "audit.example/host-7+23e2f5a1+AepK", new: "audit.example/host-7+11aabbcc+AbCd", from: 7_421 };
    let (ticket, olga) = (TicketId::from_parts(1_795_000_000_000, 7), UserId::new("olga@shop.example"));
    let evidence = Evidence::of(Way::OAUTH);
    let owners = [PolicyRef { id: "owners-rule".into(), file: "approvals.cedar".into(), line: 4, reason: None }];
    let ruled = ApprovalRecord {
        ticket,
        decision: id(),
        seq: 7_420,
        ruling: Ruling::Granted,
        ruler: Some(RulerRecord { person: &olga, channel: Channel::Console, evidence: Some(&evidence) }),
        comment: Some("once, for \"A-10045\""),
        grant: Some(GrantRecord { until: AT, uses: Some(3), any_arguments: false }),
        policies: &owners,
    };
    let expired = ApprovalRecord { ruling: Ruling::Expired, ruler: None, comment: None, grant: None, policies: &[], ..ruled };
    let approvers = BTreeSet::from([olga.clone(), UserId::new("bea \"b\"")]);
    let asked = TicketRecord { ticket, approvers: None };
    let used = TicketRecord { approvers: Some(&approvers), ..asked };
    let refunds = |approval| decided_under(Some(approval), None, &refund);
    let checked = |dry_run| decided_under(None, Some(CheckRecord { by: "spiffe://shop/till", dry_run }), &refund);
    let judged = Judgement { faults: vec![], ..judgement(Principal::Agent, Cause::Permitted) };
    let shop = ServerName::new("shop").unwrap();
    let source = Source { transport: Transport::Http, ip: refund.source.ip, session: None };
    let (listener, reason) = ("mcp", "expired");
    let turned_away = UnidentifiedRecord { listener, server: &shop, reason, count: 17, since: AT, source: &source };
    let said = |cause| {
        let judgement = Judgement { faults: vec![], ..judgement(Principal::Subject, cause) };
        Decision::from_grounds(Grounds { snapshot: Fingerprint::new([0xab; 32]), judgements: vec![judgement] })
    };
    let (allows, denies) = (said(Cause::Permitted), said(Cause::Forbidden));
    let (yes, no) = (AccessAnswer::Decided(&allows), AccessAnswer::Decided(&denies));
    let fixed = AccessAnswer::Fixed { allow: false, why: "nothing is known of it" };
    let found = AccessAnswer::Found { what: "subject", found: 2, tried: 17, snapshot: Fingerprint::new([0xab; 32]) };
    let words = AskedRecord {
        subject_type: "App::User",
        subject: Some("ann \"a\""),
        action: Some("read"),
        resource_type: "App::Record",
        resource: Some("record-1"),
    };
    let searched = AskedRecord { subject: None, ..words };
    let access = AccessRecord { id: id(), by: "till", asked: words, args: None, answer: fixed, trace: refund.trace, micros: 412 };
    let accessed = |args, answer| leaf(&Record::Access(AccessRecord { args: Some(args), answer, ..access }));
    let problems = [Problem { file: "shop.cedar", line: 3, column: 9, message: "unexpected `;`" }];
    let fingerprint = Fingerprint::new([0xcd; 32]);
    let keys = ["policies.example+0a1b2c3d".to_owned()];
    let bundle = BundleRecord { version: 7, digest: Fingerprint::new([0xef; 32]), keys: &keys };
    let start = StartRecord { version: "0.1.0", config: "sha256:00ff", origin: "audit.example/host-7", boot: "0d9c2e4a" };
    let clock = ClockRecord { reached: Timestamp::from_micros(AT.as_micros() + 3_600_000_000), now: AT };
    vec![
        ("decision-deny", decided(&attended(), &call(Target::Tool("refund".into())), both)),
        (
            "decision-standing-via",
            decided_via(Some("call_tool"), &standing, &call(Target::Tool("refund".into())), permitted.clone()),
        ),
        ("decision-drifted", decided(&attended(), &call(Target::Tool("refund".into())), vec![drifted])),
        ("decision-allow-unattended", decided(&unattended, &bare, permitted.clone())),
        ("decision-resource", decided(&attended(), &call(Target::Resource("file:///a?b=\"c\"".into())), permitted.clone())),
        ("decision-prompt", decided(&attended(), &call(Target::Prompt("greet\u{1}\u{7f}ä😀".into())), permitted.clone())),
        ("decision-method", decided(&attended(), &call(Target::Method("com.example/do".into())), permitted.clone())),
        ("decision-args-kept", decided_with(None, Some(&kept), &attended(), &refund, permitted.clone())),
        ("decision-args-committed", decided_with(None, Some(&committed), &attended(), &refund, permitted.clone())),
        ("decision-args-withheld", decided_with(None, Some(&withheld), &attended(), &refund, permitted)),
        ("outcome-ok", leaf(&Record::Outcome(outcome(Outcome::Ok)))),
        ("outcome-result", leaf(&Record::Outcome(answered))),
        ("outcome-failed", leaf(&Record::Outcome(outcome(Outcome::Failed("connection reset".into()))))),
        ("policy-accepted", leaf(&Record::Policy(PolicyRecord::Accepted { fingerprint, policies: 12, bundle: None }))),
        (
            "policy-accepted-signed",
            leaf(&Record::Policy(PolicyRecord::Accepted { fingerprint, policies: 12, bundle: Some(bundle) })),
        ),
        ("policy-refused", leaf(&Record::Policy(PolicyRecord::Refused { in_force: Some(fingerprint), problems: &problems }))),
        ("start", leaf(&Record::Start(start))),
        ("stop", leaf(&Record::Stop)),
        ("recovery", leaf(&Record::Recovery(RecoveryRecord { found: 7421 }))),
        ("clock", leaf(&Record::Clock(clock))),
        ("key", leaf(&Record::Key(key))),
        ("prune", leaf(&Record::Prune(PruneRecord { min_index: 7_168, before: Some(AT) }))),
        ("erase", leaf(&Record::Erase(EraseRecord { seq: 7_001, reason: Some("request 2026/118 of ann@shop.example") }))),
        ("erase-without-reason", leaf(&Record::Erase(EraseRecord { seq: 0, reason: None }))),
        ("approval-granted", leaf(&Record::Approval(ruled))),
        ("approval-expired", leaf(&Record::Approval(expired))),
        ("decision-asks", refunds(asked)),
        ("decision-approved", refunds(used)),
        ("decision-checked", checked(false)),
        ("decision-dry-run", checked(true)),
        ("decision-identity-oauth", decided(&by_oauth(), &refund, vec![judged.clone()])),
        ("decision-identity-kubernetes", decided(&by_cluster(), &refund, vec![judged])),
        ("unidentified", leaf(&Record::Unidentified(turned_away))),
        ("access-allow", accessed(&kept, yes)),
        ("access-deny", accessed(&committed, no)),
        ("access-fixed", leaf(&Record::Access(AccessRecord { args: None, answer: fixed, trace: None, ..access }))),
        (
            "access-search",
            leaf(&Record::Access(AccessRecord { asked: searched, args: None, answer: found, trace: None, ..access })),
        ),
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
fn every_kind_has_a_golden_file() {
    let seen: std::collections::BTreeSet<String> = every_kind()
        .iter()
        .map(|(_, leaf)| serde_json::from_str::<Value>(leaf).unwrap()["t"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(seen, Kind::ALL.iter().map(|kind| kind.name().to_owned()).collect());
}

#[test]
fn texts_are_committed_to_and_never_shown() {
    let log = tempfile::tempdir().unwrap();
    let (mut salts, reader) = (Salts::new(log.path(), Arc::new(LocalDisk)), SaltReader::new(log.path()));
    let text = r#"{"card":"4111111111111111"}"#;
    let call = call(Target::Tool("pay".into()));
    let decision = Decision::from_grounds(Grounds { snapshot: Fingerprint::new([0; 32]), judgements: vec![] });
    let args = content(text, Level::Arguments, &[], Part::Arguments);
    let (id, caller, args) = (id(), &attended(), Some(&args));
    let decided = DecisionRecord {
        id,
        caller,
        call: &call,
        via: None,
        args,
        catalog: None,
        decision: &decision,
        approval: None,
        check: None,
        micros: 1,
    };
    let result = Some(content(text, Level::Results, &[], Part::Result));
    let outcome = OutcomeRecord { decision: id, seq: 0, outcome: Outcome::Ok, micros: 1, bytes: 99, result };
    for (seq, key, record) in [(0, "args", Record::Decision(decided)), (1, "result", Record::Outcome(outcome))] {
        let draft = Draft::of(&record).unwrap();
        assert_eq!(draft.max_len() - draft.max_leaf(), text.len() + 16);
        let sealed = draft.seal(&mut salts, seq).unwrap();
        let mut leaf = Vec::new();
        draft.finish(&LeafHash::ZERO, seq, "", &sealed, &mut leaf);
        let leaf = String::from_utf8(leaf).unwrap();
        assert!(!leaf.contains("4111"), "{leaf}");
        let said: Value = serde_json::from_str(&leaf).unwrap();
        let salt = reader.salt(seq).unwrap().unwrap();
        let commit = String::from_utf8(encode_base64(&commitment(&salt, &digest_of(text.as_bytes()))).to_vec()).unwrap();
        assert_eq!(said[key], serde_json::json!({"alg": "hmac-sha256", "commit": commit, "kept": true, "len": text.len()}));
        assert_eq!(unseal(&salt, seq, &sealed.kept.unwrap()).unwrap(), text.as_bytes());
    }
    let sealed = Draft::of(&Record::Stop).unwrap().seal(&mut salts, 2).unwrap();
    assert!(sealed.commit.is_none() && sealed.kept.is_none());
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
        keys in proptest::collection::vec(hostile(), 0..6),
    ) {
        let names = [&actor, &request, &session, &detail].map(|text| (0..30).map(|n| format!("{n}{text}").into()).collect());
        let [first, second, third, fourth] = names;
        let agents = Memberships { roles: first, teams: second };
        let standing = Standing { agent: agents, actor: Memberships { roles: third, teams: fourth } };
        let caller = Caller::new(AgentId::new(agent.as_str()), Actor::Person(UserId::new(actor))).with_standing(standing);
        let name = |id: Option<&String>| TokenName { issuer: agent.as_str().into(), id: id.map(|id| id.as_str().into()), sha256: [9; 32] };
        let caller = caller.with_evidence(Evidence {
            token: Some(name(Some(&request))),
            actor: Some(name(Some(&session))),
            chain: (0..30).map(|n| format!("{n}{detail}").into()).collect(),
            pod: Some(detail.as_str().into()),
            ..Evidence::of(Way::OAUTH)
        });
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
        let pointers: Vec<String> =
            keys.iter().enumerate().map(|(at, key)| format!("/{at}{}", key.replace('~', "~0").replace('/', "~1"))).collect();
        let members = keys.iter().enumerate().map(|(at, key)| (format!("{at}{key}"), Value::Bool(true)));
        let text = Value::Object(members.collect()).to_string();
        let pointers: Vec<&str> = pointers.iter().map(String::as_str).collect();
        let args = content(&text, Level::Results, &pointers, Part::Arguments);
        let judgements = vec![judge(Principal::Agent), judge(Principal::Actor)];
        let leaf = decided_with(Some(&hostile), Some(&args), &caller, &call, judgements);
        let said: Value = serde_json::from_str(&leaf).unwrap();
        let masked = said["args"]["masked"].as_array().map_or(0, |masked| {
            let more = masked.last().and_then(|last| last["more"].as_u64());
            more.map_or(masked.len() as u64, |more| masked.len() as u64 - 1 + more)
        });
        prop_assert_eq!(masked, keys.len() as u64);
        prop_assert_eq!(&canonical(&leaf), &leaf);
        let said: Value = serde_json::from_str(&leaf).unwrap();
        match &said["agent"] {
            Value::String(said) => prop_assert_eq!(said, &agent),
            cut => prop_assert!(agent.starts_with(cut["cut"].as_str().unwrap()) && cut["len"] == agent.len()),
        }
    }

    #[test]
    fn any_ruling_erasure_and_key_is_canonical_and_bounded(one in hostile(), other in hostile(), third in hostile(), seq: u64) {
        let records = [
            Record::Approval(ApprovalRecord {
                ticket: TicketId::from_parts(seq, seq.into()),
                decision: id(),
                seq,
                ruling: Ruling::Rejected,
                ruler: Some(RulerRecord { person: &UserId::new(other.clone()), channel: Channel::Api, evidence: None }),
                comment: Some(&third),
                grant: None,
                policies: &[],
            }),
            Record::Access(AccessRecord {
                id: id(),
                by: &one,
                asked: AskedRecord {
                    subject_type: &other,
                    subject: Some(&third),
                    action: Some(&one),
                    resource_type: &third,
                    resource: Some(&other),
                },
                args: None,
                answer: AccessAnswer::Fixed { allow: true, why: &third },
                trace: None,
                micros: seq >> 11,
            }),
            Record::Erase(EraseRecord { seq, reason: Some(&one) }),
            Record::Key(KeyRecord { old: &one, new: &other, from: seq }),
            Record::Prune(PruneRecord { min_index: seq, before: Some(Timestamp::from_micros(seq.cast_signed())) }),
        ];
        for record in records {
            let leaf = leaf(&record);
            prop_assert_eq!(&canonical(&leaf), &leaf);
        }
    }
}
