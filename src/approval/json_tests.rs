//! The form that others rely on: it does not change by accident, and an outline tells nothing of the arguments.

use serde_json::{Value, json};

use super::super::fixture::{at, once, ticket, vote};
use super::*;
use crate::domain::{PolicyRef, TicketState, Verdict};

fn asked() -> Ticket {
    let mut ticket = ticket(7, r#"{"amount":1.50,"big":12345678901234567890123,"to":"\u202ebea"}"#);
    let (id, file) = ("big-refunds".into(), "shop.cedar".into());
    ticket.terms.because = vec![PolicyRef { id, file, line: 3, reason: Some("Ask an owner.".into()) }];
    ticket
}

#[test]
fn the_form_of_a_ticket_is_stable() {
    let mut asked = asked();
    asked.votes.push(vote("olga", Verdict::Approve, 1_500_000));
    (asked.state, asked.grant) = (TicketState::Granted, Some(once(600_000_000)));
    (asked.used, asked.ended) = (1, Some(at(2_000_000)));
    let text = serde_json::to_string(&asked.json()).unwrap();
    let expected = json!({
        "id": "apr_01M7Q5CQG00000000000000007", "state": "granted",
        "asked": "2026-11-18T11:06:40.000000Z", "expires": "2026-11-18T11:21:40.000000Z", "ended": "2026-11-18T11:06:42.000000Z",
        "agent": "bot", "actor": "ann", "server": "shop", "action": "tools/call", "target": "refund",
        "digest": asked.digest.to_string(), "decision": asked.decision.to_string(), "seq": 7,
        "because": [{"policy": "big-refunds", "file": "shop.cedar", "line": 3, "reason": "Ask an owner."}],
        "terms": {"groups": ["owners"], "confirm": false},
        "votes": [{"ruler": "olga", "verdict": "approve", "at": "2026-11-18T11:06:41.500000Z", "comment": "fine", "channel": "cli"}],
        "grant": {"until": "2026-11-18T11:16:40.000000Z", "uses_left": 1, "any_arguments": false, "window": false},
        "used": 1,
    });
    let mut found: Value = serde_json::from_str(&text).unwrap();
    found.as_object_mut().unwrap().remove("arguments");
    assert_eq!(found, expected, "{found:#}");
    assert!(
        text.contains(r#""arguments":{"amount":1.50,"big":12345678901234567890123,"to":"\u202ebea"},"#),
        "to the letter: {text}"
    );
}

#[test]
fn an_outline_tells_nothing_of_the_arguments() {
    let mut asked = asked();
    asked.votes.push(vote("olga", Verdict::Deny, 0));
    let outline = serde_json::to_value(asked.json().outline()).unwrap();
    for absent in ["arguments", "digest"] {
        assert!(outline.get(absent).is_none(), "{outline}");
    }
    assert!(outline["votes"][0].get("comment").is_none(), "{outline}");
    assert_eq!((&outline["agent"], &outline["target"]), (&json!("bot"), &json!("refund")));
}
