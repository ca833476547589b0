//! A person rules: who may, what it comes to, what is written down, and what cannot be done with a ticket.

use std::time::Duration;

use super::*;
use crate::domain::{Channel, Memberships, TicketId, TicketState, Verdict};
use crate::gate::{Refusal, RuleError, Ruler, Ruling, Ticket};
use crate::lifecycle::Stop;

const POLICIES: &str = r#"
@id("pay") @window("1h") permit (principal, action, resource == Mcp::Tool::"shop/pay")
  when { context has approval && context.time.now < context.approval.expires };
@id("move") permit (principal, action, resource == Mcp::Tool::"shop/move")
  when { context has approval && context.approval.count >= 2 && context.approval.by in Mcp::Role::"owner" };
@id("drop") @breakglass("30m") @confirm("form") @approval("owners") @reason("Ask an owner.")
  permit (principal, action, resource == Mcp::Tool::"shop/drop") when { context has approval };
@id("owners-rule") permit (principal in Mcp::Role::"owner", action == Mcp::Action::"approve", resource);
@id("not-ones-own") forbid (principal, action == Mcp::Action::"approve", resource)
  when { context has actor && principal == context.actor && context.verdict == "approve" };
"#;

fn owner(person: &str) -> Ruler {
    let standing = Memberships { roles: ["owner".into()].into(), ..Memberships::default() };
    Ruler { person: UserId::new(person), standing, evidence: None, channel: Channel::Console }
}

fn with(tool: &str, arguments: &'static str) -> Call {
    Call { arguments: Arguments::from_checked_json(bytes::Bytes::from_static(arguments.as_bytes())), ..call(tool) }
}

const fn approve() -> Ruling {
    Ruling::plain(Verdict::Approve)
}

impl House {
    async fn refused(&self, call: Call) -> Refusal {
        self.gate.admit(&caller(), call).await.unwrap_err()
    }

    async fn asked(&self, call: Call) -> TicketId {
        self.refused(call).await.pending().unwrap().ticket
    }

    async fn rule(&self, person: &str, ticket: TicketId, ruling: Ruling) -> Result<Arc<Ticket>, RuleError> {
        self.gate.rule(&owner(person), ticket, ruling).await
    }
}

#[tokio::test]
async fn an_approved_call_goes_on_once_and_the_log_says_by_whom() {
    let house = House::open(POLICIES, 0).await;
    let ticket = house.asked(with("pay", r#"{"to": "bea", "amount": 5}"#)).await;
    let seen = house.gate.ticket(ticket).unwrap();
    assert_eq!(seen.bound.arguments.as_deref(), Some(&br#"{"amount":5,"to":"bea"}"#[..]));
    assert_eq!(seen.terms.because[0].id.as_ref(), "pay");
    // Asking again is the same question, however the arguments are written.
    assert_eq!(house.asked(with("pay", r#"{"amount":5,"to":"bea"}"#)).await, ticket);

    let ruled = house.rule("olga", ticket, Ruling { comment: Some(" fine ".to_owned()), ..approve() }).await.unwrap();
    assert_eq!(ruled.state, TicketState::Granted);
    // Another call is another call.
    assert!(house.gate.admit(&caller(), with("pay", r#"{"amount":6,"to":"bea"}"#)).await.is_err());
    let permit = house.gate.admit(&caller(), with("pay", r#"{"amount":5,"to":"bea"}"#)).await.unwrap();
    assert_eq!(house.gate.ticket(ticket).unwrap().state, TicketState::Spent);
    drop(permit);
    let next = house.asked(with("pay", r#"{"amount":5,"to":"bea"}"#)).await;
    assert_ne!(next, ticket, "it is used up");

    let decisions = house.records("decision", 4).await;
    let id = ticket.to_string();
    assert_eq!(
        (&decisions[0]["approval"], &decisions[1]["approval"]),
        (&serde_json::json!({"ticket": id}), &serde_json::json!({"ticket": id}))
    );
    assert_eq!(decisions[3]["approval"], serde_json::json!({"by": ["olga"], "ticket": id}));
    assert_eq!(decisions[3]["decision"], "allow");
    let ruling = house.records("approval", 1).await.remove(0);
    assert_eq!(
        (&ruling["ruling"], &ruling["ruler"], &ruling["comment"], &ruling["channel"], &ruling["decision_seq"]),
        (&"granted".into(), &"olga".into(), &"fine".into(), &"console".into(), &decisions[0]["seq"])
    );
    assert_eq!(ruling["policies"][0]["id"], "owners-rule");
    assert_eq!(house.gate.last_approved(&house.gate.ticket(next).unwrap()).unwrap().ticket, ticket);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_callers_with_one_approval_one_goes_on() {
    let house = House::open(POLICIES, 0).await;
    let ticket = house.asked(call("pay")).await;
    house.rule("olga", ticket, approve()).await.unwrap();
    let all: Vec<_> = (0..100)
        .map(|_| {
            let gate = house.gate.clone();
            tokio::spawn(async move { gate.admit(&caller(), call("pay")).await.is_ok() })
        })
        .collect();
    let mut admitted = 0;
    for one in all {
        admitted += usize::from(one.await.unwrap());
    }
    assert_eq!(admitted, 1);
}

#[tokio::test]
async fn who_may_rule_is_policy_and_those_who_may_not_are_recorded() {
    let house = House::open(POLICIES, 0).await;
    let ticket = house.asked(call("pay")).await;
    let nobody = Ruler { standing: Memberships::default(), ..owner("eve") };
    let own = owner("ann");
    for ruler in [&nobody, &own] {
        assert!(!house.gate.may_rule(ruler, &house.gate.ticket(ticket).unwrap(), &approve()));
        assert!(matches!(house.gate.rule(ruler, ticket, approve()).await, Err(RuleError::NotAllowed)), "{ruler:?}");
    }
    assert_eq!(house.gate.ticket(ticket).unwrap().votes, []);
    let records = house.records("approval", 2).await;
    let told: Vec<_> = records
        .iter()
        .map(|record| format!("{} {} {}", record["ruling"], record["ruler"], record["policies"][0]["id"]))
        .collect();
    assert_eq!(told, ["\"refused\" \"eve\" null", "\"refused\" \"ann\" \"not-ones-own\""]);
    // The person may still say no to what is done in their name.
    assert_eq!(house.gate.rule(&own, ticket, Ruling::plain(Verdict::Deny)).await.unwrap().state, TicketState::Rejected);
    assert!(matches!(house.rule("olga", ticket, approve()).await, Err(RuleError::Over(TicketState::Rejected))));
    assert!(matches!(house.rule("olga", TicketId::from_parts(1, 1), approve()).await, Err(RuleError::Unknown)));
}

#[tokio::test]
async fn a_quorum_is_what_policy_counts() {
    let house = House::open(POLICIES, 0).await;
    let ticket = house.asked(call("move")).await;
    assert_eq!(house.rule("olga", ticket, approve()).await.unwrap().state, TicketState::Waiting);
    assert!(matches!(house.rule("olga", ticket, approve()).await, Err(RuleError::Already)));
    assert!(house.gate.admit(&caller(), call("move")).await.is_err());
    assert_eq!(house.rule("bea", ticket, approve()).await.unwrap().state, TicketState::Granted);
    drop(house.gate.admit(&caller(), call("move")).await.unwrap());
    let told: Vec<_> = house.records("approval", 2).await.iter().map(|record| record["ruling"].clone()).collect();
    assert_eq!(told, ["approved", "granted"]);
}

#[tokio::test]
async fn a_policy_that_changed_in_between_voids_what_was_granted() {
    let house = House::open(POLICIES, 0).await;
    let ticket = house.asked(call("pay")).await;
    house.rule("olga", ticket, approve()).await.unwrap();
    let stricter =
        POLICIES.replace(r#"context.approval.expires };"#, r#"context.approval.expires && context.approval.count >= 2 };"#);
    house.adopt(&stricter).await.unwrap();
    let refusal = house.refused(call("pay")).await;
    assert_eq!(house.gate.ticket(ticket).unwrap().state, TicketState::Void);
    assert_ne!(refusal.pending().unwrap().ticket, ticket, "people are asked anew");
    assert_eq!(house.records("approval", 2).await[1]["ruling"], "void");
    house.adopt("permit (principal, action, resource == Mcp::Tool::\"shop/look\");").await.unwrap();
    assert_eq!(house.refused(call("pay")).await.doubt(), Doubt::NotPermitted);
}

#[tokio::test]
async fn a_tool_that_changed_in_between_needs_another_approval() {
    let house = House::open(POLICIES, 0).await;
    let redefine = |text: &'static str| {
        vec![ToolDefinition { definition: bytes::Bytes::from_static(text.as_bytes()), ..tool("pay", false) }]
    };
    house.gate.learn(&server(), true, redefine(r#"{"name":"pay"}"#)).await;
    let ticket = house.asked(call("pay")).await;
    house.rule("olga", ticket, approve()).await.unwrap();
    house.gate.learn(&server(), true, redefine(r#"{"name":"pay","description":"pays twice"}"#)).await;
    assert_ne!(house.asked(call("pay")).await, ticket);
    house.gate.learn(&server(), true, redefine(r#"{"name":"pay"}"#)).await;
    drop(house.gate.admit(&caller(), call("pay")).await.unwrap());
}

#[tokio::test]
async fn a_ticket_is_of_no_use_to_anybody_else() {
    let house = House::open(POLICIES, 0).await;
    let ticket = house.asked(call("pay")).await;
    house.rule("olga", ticket, approve()).await.unwrap();
    let alone = Caller { actor: Actor::Unattended, ..caller() };
    let pending = *house.gate.admit(&alone, call("pay")).await.unwrap_err().pending().unwrap();
    assert_ne!(pending.ticket, ticket);
    assert_eq!(house.gate.ticket(ticket).unwrap().state, TicketState::Granted);
}

#[tokio::test]
async fn more_than_one_call_is_granted_only_where_policy_says_so_and_with_a_reason() {
    let house = House::open(POLICIES, 0).await;
    let hour = Duration::from_secs(3600);
    let because = |ruling: Ruling| Ruling { comment: Some("incident 7".to_owned()), ..ruling };
    let window = |window| Ruling { window: Some(window), ..approve() };
    let any = |ruling: Ruling| Ruling { any_arguments: true, ..ruling };
    let (pay, drop_, move_) = (house.asked(call("pay")).await, house.asked(call("drop")).await, house.asked(call("move")).await);
    for (ticket, ruling) in [
        (move_, because(window(hour))),
        (pay, window(hour)),
        (pay, because(window(hour * 2))),
        (pay, because(window(Duration::ZERO))),
        (pay, because(Ruling { uses: Some(0), ..window(hour) })),
        (pay, because(any(window(hour / 60)))),
        (drop_, because(window(hour / 60))),
        (drop_, because(any(approve()))),
        (drop_, because(any(window(hour)))),
        (pay, because(Ruling { verdict: Verdict::Deny, ..window(hour) })),
    ] {
        let told = house.rule("olga", ticket, ruling.clone()).await.map(|ticket| ticket.state);
        assert!(matches!(told, Err(RuleError::Invalid(..) | RuleError::TooLong(_))), "{ruling:?}: {told:?}");
    }
    house.rule("olga", pay, because(Ruling { uses: Some(2), ..window(hour) })).await.unwrap();
    drop(house.gate.admit(&caller(), call("pay")).await.unwrap());
    drop(house.gate.admit(&caller(), call("pay")).await.unwrap());
    assert!(house.gate.admit(&caller(), call("pay")).await.is_err(), "twice and no more");
    house.rule("olga", drop_, because(any(window(hour / 4)))).await.unwrap();
    for arguments in [r#"{"a":1}"#, r#"{"b":2}"#, "{}"] {
        drop(house.gate.admit(&caller(), with("drop", arguments)).await.unwrap());
    }
    let grants: Vec<_> = house.records("approval", 2).await.iter().map(|record| record["grant"].clone()).collect();
    assert_eq!((&grants[0]["uses"], &grants[0]["any_arguments"]), (&2.into(), &false.into()));
    assert_eq!((&grants[1]["uses"], &grants[1]["any_arguments"]), (&serde_json::Value::Null, &true.into()));
    // A door that stands open is closed again by a denial.
    house.gate.rule(&owner("bea"), drop_, Ruling::plain(Verdict::Deny)).await.unwrap();
    assert!(house.gate.admit(&caller(), with("drop", "{}")).await.is_err());
}

#[tokio::test]
async fn what_an_agent_is_told_says_how_to_go_on_and_nothing_of_policies() {
    let house = House::open(POLICIES, 0).await;
    let refusal = house.refused(call("drop")).await;
    let pending = *refusal.pending().unwrap();
    assert!(pending.confirm);
    let sentence = refusal.sentence();
    let expected = format!(
        "Not executed: a person has to approve this call first. Reason: Ask an owner. Decision {}. Ticket {}. Once it is approved, make the \
         same call again with identical arguments.",
        refusal.id(),
        pending.ticket
    );
    assert_eq!(sentence, expected);
    assert!(refusal.retryable() && !house.refused(call("pay")).await.pending().unwrap().confirm);
}

#[tokio::test]
async fn nobody_is_asked_about_more_calls_than_may_wait_or_about_one_that_nobody_would_read() {
    let house = House::open(POLICIES, 0).await;
    for number in 0..10 {
        let arguments = bytes::Bytes::from(format!("[{number}]"));
        house.asked(Call { arguments: Arguments::from_checked_json(arguments), ..call("pay") }).await;
    }
    let refusal = house.refused(with("pay", "[11]")).await;
    assert_eq!((refusal.doubt(), refusal.pending()), (Doubt::ApprovalRequired, None));
    assert!(refusal.sentence().contains("nobody can be asked now"), "{}", refusal.sentence());
    house.asked(with("pay", "[3]")).await;
    let long = Call { arguments: Arguments::from_checked_json(format!("\"{}\"", "x".repeat(300 << 10)).into()), ..call("drop") };
    assert_eq!(house.refused(long).await.pending(), None);
    // Each of these is six characters long where people see it.
    let hidden = "\u{202e}".repeat(50 << 10);
    let hidden = Call { arguments: Arguments::from_checked_json(format!("\"{hidden}\"").into()), ..call("drop") };
    assert_eq!(house.refused(hidden).await.pending(), None);
}

#[tokio::test]
async fn a_ruling_that_cannot_be_recorded_does_not_count() {
    let house = House::open(POLICIES, 0).await;
    let ticket = house.asked(call("pay")).await;
    house.gate.shared.audit.clone().close().await.unwrap();
    assert!(matches!(house.rule("olga", ticket, approve()).await, Err(RuleError::NotRecorded(_))));
    assert_eq!(house.gate.ticket(ticket).unwrap().state, TicketState::Waiting);
}

#[tokio::test]
async fn tickets_end_by_themselves_and_the_log_says_so() {
    let house = House::open(POLICIES, 0).await;
    let ticket = house.asked(call("pay")).await;
    let other = house.asked(call("move")).await;
    let late = house.gate.ticket(ticket).unwrap().expires;
    let (stop, waiting) = (Stop::new(), house.gate.clone());
    let waits = tokio::spawn(async move { waiting.ruling(ticket, Duration::from_secs(20)).await });
    house.clock.set(late);
    let running = tokio::spawn(house.gate.clone().expire_tickets(stop.clone()));
    assert_eq!(waits.await.unwrap(), Some(TicketState::Expired));
    assert!(matches!(house.rule("olga", other, approve()).await, Err(RuleError::Over(TicketState::Expired))));
    assert_eq!(house.records("approval", 2).await[0]["ruling"], "expired");
    stop.request();
    running.await.unwrap();
    assert_ne!(house.asked(call("pay")).await, ticket);
}
