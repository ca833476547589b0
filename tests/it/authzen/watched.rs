//! Decisions about a service's own entities, as those who watch decisions and people at the console see them.

use cedarpost::grpc::pb;
use cedarpost::grpc::pb::decision_service_client::DecisionServiceClient;
use tonic::Code;
use tonic::transport::Endpoint;

use super::*;
use crate::support::asked;
use crate::support::grpc::{next, told};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_sees_them_when_they_ask_for_them_and_from_any_place_on() {
    let point = Point::with(&RECORDS, &[("CEDARPOST_GRPC_ADDRESS", "127.0.0.1:0")]).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", point.sidecar.grpc.unwrap())).unwrap();
    let mut client = DecisionServiceClient::new(endpoint.connect().await.unwrap());
    let watch = |kinds: &[&str], from_seq| pb::WatchDecisionsRequest {
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        from_seq,
        ..pb::WatchDecisionsRequest::default()
    };
    let mut calls = client.watch_decisions(watch(&[], None)).await.unwrap().into_inner();
    let mut both = client.watch_decisions(watch(&["decision", "access"], None)).await.unwrap().into_inner();
    point.evaluate(&question("user alice", "read", "record record-1")).await;
    let denied = point.evaluate(&question("user nobody", "read", "record record-1")).await;
    point
        .search(
            "resource",
            &json!({"subject": {"type": "user", "id": "alice"}, "action": {"name": "read"}, "resource": {"type": "record"}}),
        )
        .await;
    let checked = client.check(asked("echo")).await.unwrap().into_inner();

    let first = next(&mut calls).await.unwrap().unwrap();
    assert_eq!((first.kind.as_str(), &first.decision_id), ("decision", &checked.decision_id), "as before there were others");
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(next(&mut both).await.unwrap().unwrap());
    }
    let words: Vec<_> = seen.iter().map(|one| (one.kind.as_str(), one.decision())).collect();
    assert_eq!(words[..2], [("access", pb::Decision::Allow), ("access", pb::Decision::Deny)], "a search is no decision");
    assert_eq!((words[2].0, &seen[2].decision_id), ("decision", &checked.decision_id));
    assert_eq!(seen[1].decision_id, denied["context"]["decision_id"].as_str().unwrap());
    let record: Value = serde_json::from_str(&seen[1].record_json).unwrap();
    assert_eq!(
        (&record["subject"], &record["resource"], &record["action"]),
        (&json!("nobody"), &json!("record-1"), &json!("read"))
    );
    let by = record["by"].as_str().unwrap().to_owned();

    let only = pb::WatchDecisionsRequest { decisions: vec![pb::Decision::Deny.into()], by, ..watch(&["access"], Some(0)) };
    let mut again = client.watch_decisions(only).await.unwrap().into_inner();
    assert_eq!(next(&mut again).await.unwrap().unwrap().seq, seen[1].seq);
    let unknown = client.watch_decisions(watch(&["gossip"], None)).await.unwrap_err();
    assert_eq!(told(&unknown), (Code::InvalidArgument, "kinds".to_owned()));
}
