//! The log over gRPC, asked of the real binary: every record is found once, followed without a hole, proven to whoever has the key, and
//! nothing of what was masked is there.

use std::collections::BTreeSet;
use std::time::Duration;

use cedarpost::audit::read_schedule;
use cedarpost::audit::tlog::{Proof, SignedCheckpoint, TreeHash, Trust};
use cedarpost::grpc::pb;
use serde_json::{Value, json};
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::support::grpc::{Face, next, question, told};

fn everything() -> pb::QueryRecordsRequest {
    pb::QueryRecordsRequest::default()
}

/// All records that a question finds, page by page.
async fn pages(face: &Face, question: pb::QueryRecordsRequest) -> Vec<pb::AuditRecord> {
    let (mut audit, mut found, mut token) = (face.audit(), Vec::new(), String::new());
    loop {
        let asked = pb::QueryRecordsRequest { page_token: token, ..question.clone() };
        let page = audit.query_records(asked).await.unwrap().into_inner();
        found.extend(page.records);
        token = page.next_page_token;
        if token.is_empty() {
            return found;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_found_once_whatever_the_pages_and_by_what_it_says() {
    let face = Face::open().await;
    for number in 0..7 {
        face.check("echo", &json!({ "message": number.to_string() })).await;
        face.check("no-such-tool", &json!({})).await;
    }
    let size = face.audit().query_records(everything()).await.unwrap().into_inner().size;
    let to_seq = Some(size);
    for (page_size, order) in [(1, 1), (3, 2), (5, 0), (1_000, 2)] {
        let found = pages(&face, pb::QueryRecordsRequest { page_size, order, to_seq, ..everything() }).await;
        let mut places: Vec<u64> = found.iter().map(|record| record.seq).collect();
        if order != 2 {
            places.reverse();
        }
        assert_eq!(places, (0..size).collect::<Vec<_>>(), "{page_size} {order}");
        for record in &found {
            let leaf: Value = serde_json::from_str(&record.record_json).unwrap();
            assert_eq!((&leaf["seq"], &leaf["t"]), (&json!(record.seq), &json!(record.kind)));
            assert!(record.time.is_some());
        }
    }
    let count = async |question| pages(&face, question).await.len();
    let text = |text: &str| text.to_owned();
    assert_eq!(count(pb::QueryRecordsRequest { verdict: text("deny"), ..everything() }).await, 7);
    assert_eq!(count(pb::QueryRecordsRequest { target: text("no-*"), ..everything() }).await, 7);
    assert_eq!(count(pb::QueryRecordsRequest { policy: text("echo"), kind: text("decision"), ..everything() }).await, 8);
    assert_eq!(count(pb::QueryRecordsRequest { agent: text("nobody"), ..everything() }).await, 0);
    assert_eq!(count(pb::QueryRecordsRequest { until: Some(prost_types::Timestamp::default()), ..everything() }).await, 0);
    let with = count(pb::QueryRecordsRequest { agent: text("assistant"), actor: text("alice"), ..everything() }).await;
    let without = pb::QueryRecordsRequest { agent: text("assistant"), without_outcomes: true, ..everything() };
    assert_eq!((with, count(without).await), (16, 15), "the call of the start has an outcome");
    let allowed = face.check("echo", &json!({})).await;
    let one = pages(&face, pb::QueryRecordsRequest { decision_id: allowed.decision_id.clone(), ..everything() }).await;
    assert_eq!((one.len(), one[0].kind.as_str(), one[0].seq >= size), (1, "decision", true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_question_about_the_log_gets_the_name_of_its_field() {
    let face = Face::open().await;
    let mut audit = face.audit();
    let bad_time = Some(prost_types::Timestamp { seconds: 0, nanos: -1 });
    let cases = [
        (pb::QueryRecordsRequest { kind: "gossip".to_owned(), ..everything() }, "kind"),
        (pb::QueryRecordsRequest { decision_id: "1".to_owned(), ..everything() }, "decision_id"),
        (pb::QueryRecordsRequest { agent: "x".repeat(1_025), ..everything() }, "agent"),
        (pb::QueryRecordsRequest { order: 3, ..everything() }, "order"),
        (pb::QueryRecordsRequest { page_size: 1_001, ..everything() }, "page_size"),
        (pb::QueryRecordsRequest { page_size: u32::MAX, ..everything() }, "page_size"),
        (pb::QueryRecordsRequest { page_token: "x".to_owned(), ..everything() }, "page_token"),
        (pb::QueryRecordsRequest { since: bad_time, ..everything() }, "since"),
        (pb::QueryRecordsRequest { until: bad_time, ..everything() }, "until"),
    ];
    for (question, field) in cases {
        let status = audit.query_records(question).await.unwrap_err();
        assert_eq!(told(&status), (Code::InvalidArgument, field.to_owned()), "{status:?}");
    }
    let one = audit.query_records(pb::QueryRecordsRequest { page_size: 1, ..everything() }).await.unwrap().into_inner();
    let other = pb::QueryRecordsRequest { page_token: one.next_page_token, kind: "decision".to_owned(), ..everything() };
    assert_eq!(told(&audit.query_records(other).await.unwrap_err()).1, "page_token", "a page belongs to its question");
    let huge = pb::QueryRecordsRequest { agent: "x".repeat(100_000), ..everything() };
    assert_eq!(audit.query_records(huge).await.unwrap_err().code(), Code::OutOfRange);
    let nothing = pb::QueryRecordsRequest { from_seq: Some(u64::MAX), to_seq: Some(0), ..everything() };
    assert_eq!(audit.query_records(nothing).await.unwrap().into_inner().records, []);
    let mut late = Request::new(everything());
    late.set_timeout(Duration::from_nanos(1));
    assert!(matches!(audit.query_records(late).await.unwrap_err().code(), Code::DeadlineExceeded | Code::Cancelled));
    let missing = audit.prove_record(pb::ProveRecordRequest { seq: 1_000_000 }).await.unwrap_err();
    assert_eq!(told(&missing), (Code::NotFound, "UNKNOWN_RECORD".to_owned()));
    let beyond = pb::TailRecordsRequest { from_seq: Some(1_000_000), ..pb::TailRecordsRequest::default() };
    let beyond = audit.tail_records(beyond).await.unwrap_err();
    assert_eq!(told(&beyond), (Code::OutOfRange, "OUT_OF_RANGE".to_owned()));
    assert!(beyond.get_details_error_info().unwrap().metadata.contains_key("size"));
    assert!(audit.get_checkpoint(pb::GetCheckpointRequest {}).await.is_ok(), "nothing was hurt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_has_no_hole_and_goes_on_where_it_was_cut_off() {
    let face = Face::open().await;
    let tail = async |from_seq, kinds: &[&str]| {
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let request = pb::TailRecordsRequest { from_seq, kinds, ..pb::TailRecordsRequest::default() };
        face.audit().tail_records(request).await.unwrap().into_inner()
    };
    let mut seen = Vec::new();
    let mut stream = tail(Some(0), &[]).await;
    // Whoever watches leaves in the middle, again and again, while records are written.
    for round in 0..5 {
        face.check("echo", &json!({ "message": round.to_string() })).await;
        seen.push(next(&mut stream).await.unwrap().unwrap().record.unwrap().seq);
        drop(stream);
        stream = tail(seen.last().map(|last| last + 1), &[]).await;
    }
    let last = face.check("echo", &json!({})).await.decision_id;
    loop {
        let record = next(&mut stream).await.unwrap().unwrap().record.unwrap();
        seen.push(record.seq);
        if record.record_json.contains(&last) {
            break;
        }
    }
    assert_eq!(seen, (0..u64::try_from(seen.len()).unwrap()).collect::<Vec<_>>());
    // From now on, and only what is wanted.
    let mut fresh = tail(None, &["decision"]).await;
    let allowed = face.check("echo", &json!({"message": "new"})).await;
    let record = next(&mut fresh).await.unwrap().unwrap().record.unwrap();
    assert_eq!((record.kind.as_str(), record.record_json.contains(&allowed.decision_id)), ("decision", true));
    let mut none = tail(Some(0), &["gossip"]).await;
    assert!(tokio::time::timeout(Duration::from_millis(200), none.message()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_holds_for_its_record_under_the_logs_key_and_for_no_other() {
    let face = Face::open().await;
    let mut audit = face.audit();
    let decided = face.check("echo", &json!({})).await;
    let asked = pb::QueryRecordsRequest { decision_id: decided.decision_id, ..everything() };
    let seq = audit.query_records(asked).await.unwrap().into_inner().records[0].seq;
    face.check("echo", &json!({})).await;
    let proven = audit.prove_record(pb::ProveRecordRequest { seq }).await.unwrap().into_inner();
    let (proof, record) = (Proof::parse(proven.proof.as_bytes()).unwrap(), proven.record.unwrap());
    let head = audit.get_checkpoint(pb::GetCheckpointRequest {}).await.unwrap().into_inner();
    let signed = SignedCheckpoint::parse(head.checkpoint.as_bytes()).unwrap();
    assert_eq!((signed.checkpoint().size(), signed.checkpoint().origin()), (head.size, head.origin.as_str()));
    assert_eq!(signed.checkpoint().root().as_bytes().as_slice(), head.root_hash);
    assert!(head.size > seq);
    let trust = Trust::new(head.origin, read_schedule(&face.home.audit()).unwrap());
    let verified = proof.verify(record.record_json.as_bytes(), &trust).unwrap();
    assert!(verified.checkpoint().size() > seq);
    let changed = record.record_json.replace("echo", "ecno");
    assert!(proof.verify(changed.as_bytes(), &trust).is_err());
    assert!(proof.verify_hash(&TreeHash::leaf(b"{}"), &trust).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_arguments_are_in_any_answer() {
    let secret = "correct-horse-battery";
    let face = Face::open().await;
    face.check("echo", &json!({ "message": secret })).await;
    let found = pages(&face, everything()).await;
    assert!(found.iter().all(|record| !record.record_json.contains(secret)));
    let kinds: BTreeSet<&str> = found.iter().map(|record| record.kind.as_str()).collect();
    assert!(kinds.contains("decision") && kinds.contains("policy"), "{kinds:?}");
    // A question that nobody acts on is a record as well.
    let dry = pb::CheckRequest { dry_run: true, ..question("echo", &json!({ "message": secret })) };
    face.decisions().check(dry).await.unwrap();
    assert!(pages(&face, everything()).await.iter().all(|record| !record.record_json.contains(secret)));
}
