//! Calls that another service carries out: the same decisions, records and tickets as those of our own.

use super::*;
use crate::domain::{Channel, Memberships, TicketState, Verdict};
use crate::gate::{Refusal, Ruler, Ruling};

const POLICIES: &str = r#"
@id("reads") permit (principal, action in Mcp::Action::"tools/call", resource) when { resource.readOnly };
@id("pay") permit (principal, action, resource == Mcp::Tool::"shop/pay") when { context has approval };
@id("anybody-rules") permit (principal, action == Mcp::Action::"approve", resource);
"#;

#[tokio::test]
async fn a_check_is_the_same_decision_as_a_call() {
    let house = House::open(POLICIES, 0).await;
    for tool in ["look", "drop", "pay", "nobody-knows-me"] {
        let checked = house.gate.check(&caller(), &call(tool), "till").await.unwrap();
        let admitted = house.gate.admit(&caller(), call(tool)).await;
        let dry = house.gate.check_dry(&caller(), &call(tool), "till").await.unwrap();
        assert_eq!(checked.decision.grounds(), dry.decision.grounds(), "{tool}");
        let refusal = admitted.err();
        assert_eq!(checked.refusal.as_ref().map(Refusal::doubt), refusal.as_ref().map(Refusal::doubt), "{tool}");
        assert_eq!(checked.pending, refusal.and_then(|refusal| refusal.pending().copied()), "{tool}");
    }
    let records = house.records("decision", 12).await;
    let by = |record: &serde_json::Value| record["check"].clone();
    let told: Vec<_> = records.iter().take(3).map(by).collect();
    assert_eq!(
        told,
        [serde_json::json!({"by": "till"}), serde_json::Value::Null, serde_json::json!({"by": "till", "dry_run": true})]
    );
}

#[tokio::test]
async fn an_approval_is_used_up_by_a_check_and_not_by_a_question() {
    let house = House::open(POLICIES, 0).await;
    let pending = house.gate.check(&caller(), &call("pay"), "till").await.unwrap().pending.unwrap();
    let ruler = Ruler { person: UserId::new("olga"), standing: Memberships::default(), evidence: None, channel: Channel::Api };
    house.gate.rule(&ruler, pending.ticket, Ruling::plain(Verdict::Approve)).await.unwrap();
    let dry = house.gate.check_dry(&caller(), &call("pay"), "till").await.unwrap();
    assert_eq!((dry.decision.name(), dry.pending), ("require_approval", None));
    assert_eq!(house.gate.ticket(pending.ticket).unwrap().state, TicketState::Granted);
    let checked = house.gate.check(&caller(), &call("pay"), "till").await.unwrap();
    assert_eq!((checked.decision.name(), checked.approved), ("allow", Some(pending.ticket)));
    assert!(checked.refusal.is_none());
    assert_eq!(house.gate.ticket(pending.ticket).unwrap().state, TicketState::Spent);
    assert!(house.gate.admit(&caller(), call("pay")).await.is_err(), "whoever asked has had it");
}

#[tokio::test]
async fn a_question_that_cannot_be_recorded_has_no_answer() {
    let house = House::open(POLICIES, 0).await;
    house.gate.shared.audit.clone().close().await.unwrap();
    assert_eq!(house.gate.check_dry(&caller(), &call("look"), "till").await.unwrap_err().doubt(), Doubt::NotRecorded);
    assert_eq!(house.gate.check(&caller(), &call("look"), "till").await.unwrap_err().doubt(), Doubt::NotRecorded);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_ends_only_the_waiting() {
    let house = House::open(POLICIES, 0).await;
    let pending = house.gate.check(&caller(), &call("pay"), "till").await.unwrap().pending.unwrap();
    let ruler = Ruler { person: UserId::new("olga"), standing: Memberships::default(), evidence: None, channel: Channel::Api };
    house.gate.rule(&ruler, pending.ticket, Ruling::plain(Verdict::Approve)).await.unwrap();
    let mut left = Box::pin(house.gate.check_to_the_end(caller(), call("pay"), "till".into()));
    assert!(futures_util::poll!(left.as_mut()).is_pending());
    drop(left);
    let records = house.records("decision", 2).await;
    assert_eq!(
        (&records[1]["decision"], &records[1]["approval"]["ticket"]),
        (&"allow".into(), &pending.ticket.to_string().into())
    );
    assert_eq!(house.gate.ticket(pending.ticket).unwrap().state, TicketState::Spent);
}
