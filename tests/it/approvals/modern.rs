//! 2026-07-28: results that ask for input or for another try, and what clients bring back.

use super::*;

const URL: &str = r#"{"url": {}, "form": {}}"#;

fn url() -> Value {
    serde_json::from_str(URL).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_opens_pages_is_given_the_page_and_waits_for_the_ruling() {
    let lab = Lab::with_console("300ms").await;
    let arguments = json!({"what": "one"});
    let asked = lab.leg(&url(), &arguments, json!({})).await;
    let ticket = lab.waiting().await;
    let question = asked["result"]["inputRequests"]["dev.cedarpost/approval"].clone();
    assert_eq!((&asked["result"]["resultType"], &question["method"]), (&json!("input_required"), &json!("elicitation/create")));
    assert_eq!(
        (&question["params"]["mode"], &question["params"]["url"]),
        (&json!("url"), &json!(format!("{CONSOLE}/approvals/{ticket}")))
    );
    assert_eq!(question["params"]["elicitationId"], Value::Null, "this revision has no such thing");
    // That the user opened the page is no ruling, and neither is what else the client says with it.
    let accepted = json!({"action": "accept", "content": {"approve": true}});
    let again = lab.leg(&url(), &arguments, back(&asked, &accepted)).await;
    assert_eq!(
        (&again["result"]["resultType"], &again["result"]["inputRequests"]),
        (&json!("input_required"), &Value::Null),
        "{again}"
    );
    assert_eq!(lab.executed("destroy").len(), 0);
    lab.rule(&ticket, "approve").await;
    assert!(is_done(&lab.leg(&url(), &arguments, back(&again, &Value::Null)).await));
    assert_eq!(lab.executed("destroy").len(), 1);
    lab.knows_nothing();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ruling_between_two_legs_is_heard_in_the_next() {
    for (verdict, executed) in [("approve", 1), ("deny", 0)] {
        let lab = Lab::with_console("300ms").await;
        let asked = lab.leg(&url(), &json!({}), json!({})).await;
        lab.rule(&lab.waiting().await, verdict).await;
        let heard = lab.leg(&url(), &json!({}), back(&asked, &json!({"action": "accept"}))).await;
        assert_eq!(is_done(&heard), verdict == "approve", "{heard}");
        assert_eq!(text(&heard).starts_with("Denied: a person declined this call. Decision "), verdict == "deny", "{heard}");
        assert_eq!((lab.executed("destroy").len(), lab.all_waiting().await), (executed, vec![]), "nobody is asked anew");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_declines_ends_the_call_and_not_the_ticket() {
    let lab = Lab::with_console("300ms").await;
    let asked = lab.leg(&url(), &json!({}), json!({})).await;
    let declined = lab.leg(&url(), &json!({}), back(&asked, &json!({"action": "decline"}))).await;
    assert!(text(&declined).starts_with("Not executed: the user of this client declined. Decision "), "{declined}");
    assert_eq!(declined["result"]["_meta"]["dev.cedarpost/decision"]["retryable"], false, "{declined}");
    let cancelled = lab.leg(&url(), &json!({}), back(&asked, &json!({"action": "cancel"}))).await;
    assert!(text(&cancelled).contains("make the same call again with identical arguments"), "{cancelled}");
    let ticket = lab.waiting().await;
    lab.rule(&ticket, "approve").await;
    assert_eq!(lab.executed("destroy").len(), 0);
    assert!(is_done(&lab.leg(&Value::Null, &json!({}), json!({})).await), "a plain new call goes on with the grant");
    assert_eq!(lab.executed("destroy").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_tries_again_for_as_long_as_clients_do_and_is_then_told_how_to_go_on() {
    let lab = Lab::open("20ms").await;
    let mut heard = lab.leg(&Value::Null, &json!({}), json!({})).await;
    let mut tries = 0;
    while heard["result"]["resultType"] == "input_required" {
        tries += 1;
        heard = lab.leg(&Value::Null, &json!({}), back(&heard, &Value::Null)).await;
    }
    let ticket = lab.waiting().await;
    assert_eq!((tries, &heard["result"]["isError"]), (9, &json!(true)), "{heard}");
    assert!(text(&heard).contains(&format!("Ticket {ticket}. Once it is approved, make the same call again")), "{heard}");
    assert_eq!(lab.all_waiting().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_brought_back_is_for_its_call_and_its_question_and_for_once() {
    let lab = Lab::open("300ms").await;
    let form = json!({});
    let yes = json!({"action": "accept", "content": {"approve": true}});
    let asked = lab.leg(&form, &json!({"n": 1}), json!({})).await;
    assert_eq!(asked["result"]["inputRequests"]["dev.cedarpost/approval"]["params"]["mode"], "form");
    for (what, arguments, more) in [
        ("other arguments", json!({"n": 2}), back(&asked, &yes)),
        ("arguments as text", json!({"n": "1"}), back(&asked, &yes)),
        ("an answer without a state", json!({"n": 1}), json!({"inputResponses": {"dev.cedarpost/approval": yes}})),
        (
            "an answer with a made up state",
            json!({"n": 1}),
            json!({"requestState": "cedarpost-approval1.AAAA", "inputResponses": {"dev.cedarpost/approval": yes}}),
        ),
        (
            "the state as one of a server's",
            json!({"n": 1}),
            json!({"requestState": asked["result"]["requestState"].as_str().unwrap().replace("-approval", "")}),
        ),
    ] {
        let refused = lab.leg(&form, &arguments, more).await;
        assert_eq!(refused["error"]["code"], -32602, "{what}: {refused}");
    }
    assert_eq!(lab.executed("destroy").len(), 0);
    // A try that asked for nothing is answered by nothing.
    let waiting = lab.leg(&form, &json!({"n": 1}), back(&asked, &json!({"action": "accept"}))).await;
    let still = lab.leg(&form, &json!({"n": 1}), back(&waiting, &yes)).await;
    assert_eq!((lab.executed("destroy").len(), &still["result"]["resultType"]), (0, &json!("input_required")), "{still}");

    assert!(is_done(&lab.leg(&form, &json!({"n": 1}), back(&asked, &yes)).await));
    for _ in 0..2 {
        let replayed = lab.leg(&form, &json!({"n": 1}), back(&asked, &yes)).await;
        assert_eq!(replayed["error"]["code"], -32602, "{replayed}");
    }
    assert_eq!((lab.executed("destroy").len(), lab.all_waiting().await), (1, vec![]));
    lab.knows_nothing();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_shows_the_whole_call_or_is_not_shown() {
    let lab = Lab::open("100ms").await;
    let hidden = lab.leg(&json!({}), &json!({"b": "a\u{202e}b", "a": 1}), json!({})).await;
    let message = hidden["result"]["inputRequests"]["dev.cedarpost/approval"]["params"]["message"].as_str().unwrap();
    assert!(
        message.ends_with(r#"May assistant call the tool destroy with these arguments? {"a":1,"b":"a\u202eb"}"#),
        "{message}"
    );
    let long = lab.leg(&json!({}), &json!({"text": "x".repeat(2_000)}), json!({})).await;
    assert_eq!(long["result"]["inputRequests"], Value::Null, "{long}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_on_its_own_gets_its_state_and_its_answers_through_an_approval() {
    let lab = Lab::with(&[("CEDARPOST_APPROVALS_HOLD", "300ms")], |_, message| {
        let params = &message["params"];
        let first = message["method"] == "tools/call" && params["name"] == "destroy" && params["requestState"].is_null();
        first.then(|| {
            let question = json!({"method": "elicitation/create", "params": {"mode": "form", "message": "which?", "requestedSchema": {"type": "object", "properties": {}}}});
            Answer::result(message, json!({"resultType": "input_required", "requestState": "the server's", "inputRequests": {"which": question}}))
        })
    })
    .await;
    let arguments = json!({"n": 1});
    let asked = lab.leg(&Value::Null, &arguments, json!({})).await;
    lab.rule(&lab.waiting().await, "approve").await;
    let theirs = lab.leg(&Value::Null, &arguments, back(&asked, &Value::Null)).await;
    assert!(theirs["result"]["inputRequests"]["which"].is_object(), "{theirs}");
    let answer = json!({"requestState": theirs["result"]["requestState"], "inputResponses": {"which": {"action": "accept", "content": {}}}});
    let anew = lab.leg(&Value::Null, &arguments, answer).await;
    assert_eq!(anew["result"]["inputRequests"], Value::Null, "people are asked about the next leg: {anew}");
    lab.rule(&lab.waiting().await, "approve").await;
    let done = lab.leg(&Value::Null, &arguments, back(&anew, &json!({"action": "accept"}))).await;
    assert!(is_done(&done), "{done}");
    let executed = lab.executed("destroy");
    assert_eq!(executed.len(), 2);
    assert_eq!(
        (&executed[1]["params"]["requestState"], &executed[1]["params"]["inputResponses"]),
        (&json!("the server's"), &json!({"which": {"action": "accept", "content": {}}}))
    );
    lab.knows_nothing();
}
