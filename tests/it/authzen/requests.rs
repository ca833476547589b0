//! Access requests: a denial that a person lifts, asked for, looked at, used once; and everything that does not fit together.

use serde_json::{Value, json};

use super::Point;
use crate::support::{Era, Mcp, Reply, cedarpost};

const POLICIES: &str = r#"
@id("guarded") permit (principal, action in Mcp::Action::"tools/call", resource) when { context has approval };
@id("operator") permit (principal == Mcp::User::"operator", action == Mcp::Action::"approve", resource);
@id("never") forbid (principal, action, resource == Mcp::Tool::"lab/destroy");
"#;
const URL: &str = "https://pdp.example.com";
const PROBLEM: &str = "urn:openid:authzen:access-request:error:";

async fn open() -> Point {
    let settings = [("CEDARPOST_AUTHZEN_URL", URL)];
    let point = Point::with(&[("approvals.cedar", POLICIES)], &settings).await;
    learn(&point).await;
    point
}

/// What the server offers is known from the first client on.
async fn learn(point: &Point) {
    let mut mcp = Mcp::connect(point.sidecar.address, Era::Modern).await.unwrap();
    mcp.call("1", "destroy", json!({})).await.unwrap();
}

/// A question about a call by an agent for alice.
fn call(tool: &str, message: &str) -> Value {
    json!({
        "subject": { "type": "agent", "id": "assistant", "properties": { "actor": "alice" } },
        "action": { "name": "tools/call" },
        "resource": { "type": "tool", "id": tool, "properties": { "server": "lab", "arguments": { "message": message } } },
    })
}

fn with(mut question: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    question.pointer_mut(parent).unwrap()[name] = value;
    question
}

/// The request about a denial.
fn request(question: &Value, denial: &Value) -> Value {
    let context = &denial["context"];
    let denial = json!({ "evaluation_id": context["evaluation_id"], "expires_at": context["access_request"]["expires_at"] });
    with(question.clone(), "/denial", denial)
}

fn showing(question: &Value, approval: &Value) -> Value {
    with(question.clone(), "/context", json!({ "approval": approval }))
}

impl Point {
    async fn submit(&self, request: &Value) -> Reply {
        self.post("/access/v1/requests", request).await
    }

    async fn task(&self, task: &Value) -> Value {
        let id = task["task"]["id"].as_str().unwrap();
        let reply = self.send(http::Method::GET, &format!("/access/v1/requests/{id}"), &[], b"").await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("retry-after").is_some(), reply.json()["task"]["status"] == "pending");
        reply.json()
    }

    async fn rule(&self, verdict: &str, task: &Value) {
        let (config, id) = (self.home.config(), task["task"]["id"].as_str().unwrap());
        let ruled = cedarpost(&["approvals", verdict, "--config", config.to_str().unwrap(), id]).await;
        assert!(ruled.status.success(), "{}", String::from_utf8_lossy(&ruled.stderr));
    }

    /// A denial, and the task that a request about it made.
    async fn asked(&self, question: &Value) -> (Value, Value) {
        let denial = self.evaluate(question).await;
        let reply = self.submit(&request(question, &denial)).await;
        assert_eq!(reply.status, 202, "{}", String::from_utf8_lossy(&reply.body));
        (denial, reply.json())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_requested_approved_and_the_call_is_allowed_once() {
    let point = open().await;
    let question = call("echo", "hello");
    let denial = point.evaluate(&question).await;
    let context = &denial["context"];
    assert_eq!((&denial["decision"], &context["reason"]), (&json!(false), &json!("approval_required")), "{denial}");
    assert_eq!(context["access_request"]["endpoint"], format!("{URL}/access/v1/requests"));

    let reply = point.submit(&request(&question, &denial)).await;
    let task = reply.json();
    let place = task["task"]["status_endpoint"].as_str().unwrap();
    assert_eq!((reply.status, reply.header("location").as_deref()), (202, Some(place)), "{task}");
    assert_eq!(
        (&task["task"]["status"], &task["task"]["expires_at"]),
        (&json!("pending"), &context["access_request"]["expires_at"])
    );
    assert_eq!(place, format!("{URL}/access/v1/requests/{}", task["task"]["id"].as_str().unwrap()));
    // The same request again, and another evaluation of the same call, lead to the same task.
    assert_eq!(point.submit(&request(&question, &denial)).await.json(), task);
    assert_eq!(point.asked(&question).await.1["task"]["id"], task["task"]["id"]);

    let early = point.evaluate(&showing(&question, &json!({ "id": task["task"]["id"] }))).await;
    let said = |answer: &Value| {
        (answer["decision"].clone(), answer["context"]["reason"].clone(), answer["context"]["next_action"].clone())
    };
    assert_eq!(said(&early), (json!(false), json!("grant_pending"), json!("retry")), "{early}");
    assert!(early["context"]["retry_after"].is_u64());

    point.rule("approve", &task).await;
    let done = point.task(&task).await;
    let approval = &done["result"]["approval"];
    assert_eq!((&done["task"]["status"], &done["result"]["mode"]), (&json!("approved"), &json!("reevaluate")), "{done}");
    assert!(approval["approved_at"].is_string() && approval["approved_until"].is_string());
    assert!(!done.to_string().contains("operator"), "who approved is nothing for whoever asked");

    let allowed = point.evaluate(&showing(&question, approval)).await;
    assert_eq!((&allowed["decision"], &allowed["context"]["approval"]["id"]), (&json!(true), &approval["id"]), "{allowed}");
    let again = point.evaluate(&showing(&question, approval)).await;
    assert_eq!(said(&again), (json!(false), json!("approval_expired"), json!("request")), "an approval is good for one call");
    assert_ne!(point.asked(&question).await.1["task"]["id"], task["task"]["id"]);
    assert_eq!(point.task(&task).await["task"]["status"], "approved", "a task that has ended stays as it is");
    assert!(again["context"]["access_request"].is_object());

    let allowed = point.records().await;
    let allowed = allowed.iter().filter(|record| record["t"] == "decision" && record["decision"] == "allow").count();
    assert_eq!(allowed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_to_an_approval_only_takes_away() {
    let point = open().await;
    let (mine, other) = (call("echo", "mine"), call("echo", "other"));
    let (_, task) = point.asked(&other).await;
    point.rule("approve", &task).await;
    let approval = point.task(&task).await["result"]["approval"].clone();
    let foreign = [
        (showing(&mine, &approval), "an approval of other arguments"),
        (with(showing(&other, &approval), "/subject/properties/actor", json!("bob")), "one for another person"),
        (with(showing(&other, &approval), "/subject/id", json!("rogue")), "one for another agent"),
        (showing(&other, &json!({ "id": "apr_01HX4Y8E2NE3Y2X7P0K4JE6WVH" })), "one that does not exist"),
        (showing(&other, &json!({ "id": "1" })), "a name of nothing"),
    ];
    for (question, what) in foreign {
        let answer = point.evaluate(&question).await;
        let context = &answer["context"];
        let said = (&answer["decision"], &context["reason"], &context["next_action"], context.get("access_request"));
        assert_eq!(said, (&json!(false), &json!("approval_unverifiable"), &json!("none"), None), "{what}: {answer}");
    }
    // The approval was not used up by any of them, and needs no reference.
    assert_eq!(point.evaluate(&other).await["decision"], true);

    let (_, task) = point.asked(&mine).await;
    point.rule("deny", &task).await;
    let denied = point.task(&task).await;
    assert_eq!((&denied["task"]["status"], denied.get("result")), (&json!("denied"), None));
    let forbidden = point.evaluate(&call("destroy", "all")).await;
    assert_eq!(
        (&forbidden["decision"], forbidden["context"].get("access_request")),
        (&json!(false), None),
        "no person can lift that"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_the_denial_is_refused() {
    let point = open().await;
    let question = call("echo", "hello");
    let denial = point.evaluate(&question).await;
    let good = request(&question, &denial);
    let other = point.evaluate(&call("echo", "other")).await;
    let own = json!({ "type": "App::User", "id": "x" });
    let without = |name: &str| {
        let mut denial = good["denial"].clone();
        denial.as_object_mut().unwrap().remove(name);
        with(good.clone(), "/denial", denial)
    };
    let cases = [
        (with(good.clone(), "/denial/evaluation_id", other["context"]["evaluation_id"].clone()), 400, "invalid_denial_binding"),
        (with(good.clone(), "/denial/evaluation_id", json!("01HX4Y8E2NE3Y2X7P0K4JE6WVH")), 400, "invalid_denial_binding"),
        (with(good.clone(), "/denial/evaluation_id", json!("x")), 400, "invalid_denial_binding"),
        (with(good.clone(), "/denial/expires_at", json!("2030-01-01T00:00:00Z")), 400, "invalid_denial_binding"),
        (with(good.clone(), "/denial/binding_token", json!("x")), 400, "invalid_denial_binding"),
        (without("evaluation_id"), 400, "invalid_denial_binding"),
        (without("expires_at"), 400, "invalid_denial_binding"),
        (with(good.clone(), "/subject/properties/actor", json!("bob")), 400, "invalid_denial_binding"),
        (with(good.clone(), "/resource/properties/arguments/message", json!("else")), 400, "invalid_denial_binding"),
        (with(good.clone(), "/resource/id", json!("add")), 400, "invalid_denial_binding"),
        (with(with(good.clone(), "/subject", own), "/resource/type", json!("App::Record")), 400, "not_requestable"),
    ];
    for (request, status, kind) in cases {
        let reply = point.submit(&request).await;
        assert_eq!((reply.status, reply.json()["type"].as_str()), (status, Some(&*format!("{PROBLEM}{kind}"))), "{request}");
        assert_eq!(reply.header("content-type").as_deref(), Some("application/problem+json"));
        assert_eq!(reply.json()["status"], status);
    }
    for (request, part) in [
        (with(good.clone(), "/denial/expires_at", json!("soon")), "/denial/expires_at"),
        (with(good.clone(), "/denial", json!("x")), "/denial"),
        (with(good.clone(), "/items", json!([])), "/items"),
        (with(good.clone(), "/resource/type", json!(1)), "/resource/type"),
    ] {
        let reply = point.submit(&request).await;
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(reply.status == 400 && text.contains(part), "{request}: {text}");
    }
    let unknown = point.send(http::Method::GET, "/access/v1/requests/apr_01HX4Y8E2NE3Y2X7P0K4JE6WVH", &[], b"").await;
    assert_eq!((unknown.status, &unknown.json()["type"]), (404, &json!(format!("{PROBLEM}unknown_task"))));

    let keyed = |body: Value| {
        let headers = [("content-type", "application/json"), ("idempotency-key", "k-1")];
        let point = &point;
        async move { point.send(http::Method::POST, "/access/v1/requests", &headers, body.to_string().as_bytes()).await }
    };
    let more = with(good.clone(), "/requested_access", json!({ "emergency": true }));
    let (first, same, changed) = (keyed(good.clone()).await, keyed(good.clone()).await, keyed(more).await);
    assert_eq!((first.status, first.json()), (same.status, same.json()));
    assert_eq!((changed.status, &changed.json()["type"]), (409, &json!(format!("{PROBLEM}duplicate_request"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_knows_no_url_offers_no_requests() {
    let point = Point::open(&[("approvals.cedar", POLICIES)]).await;
    learn(&point).await;
    let denial = point.evaluate(&call("echo", "hello")).await;
    assert_eq!((&denial["context"]["effect"], denial["context"].get("access_request")), (&json!("require_approval"), None));
    assert_eq!(point.submit(&call("echo", "hello")).await.status, 404);

    let point = open().await;
    let metadata = point.send(http::Method::GET, "/.well-known/authzen-configuration", &[], b"").await.json();
    assert_eq!(metadata["access_request_endpoint"], format!("{URL}/access/v1/requests"));
    assert_eq!(metadata["capabilities"], json!(["urn:openid:authzen:capability:access-request"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_nobody_ruled_on_in_time_has_expired_and_people_are_asked_anew() {
    let settings = [("CEDARPOST_AUTHZEN_URL", URL), ("CEDARPOST_APPROVALS_LIFETIME", "8s")];
    let point = Point::with(&[("approvals.cedar", POLICIES)], &settings).await;
    learn(&point).await;
    let question = call("echo", "hello");
    let (denial, task) = point.asked(&question).await;
    assert_eq!(task["task"]["status"], "pending");
    let mut last = point.task(&task).await;
    for _ in 0..100 {
        if last["task"]["status"] != "pending" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        last = point.task(&task).await;
    }
    assert_eq!(
        (&last["task"]["status"], last.get("result"), last["task"].get("expires_at")),
        (&json!("expired"), None, None),
        "{last}"
    );
    let late = point.submit(&request(&question, &denial)).await;
    assert_eq!((late.status, &late.json()["type"]), (410, &json!(format!("{PROBLEM}expired_denial"))), "{}", late.json());
    // The name of what has expired is no approval, and another one is asked for.
    let shown = point.evaluate(&showing(&question, &json!({ "id": task["task"]["id"] }))).await;
    assert_eq!((&shown["decision"], &shown["context"]["reason"]), (&json!(false), &json!("approval_expired")), "{shown}");
    let (_, anew) = point.asked(&question).await;
    assert_ne!(anew["task"]["id"], task["task"]["id"]);
    assert_eq!(point.task(&task).await["task"]["status"], "expired", "what has ended stays as it is");
    point.rule("approve", &anew).await;
    let approval = point.task(&anew).await["result"]["approval"].clone();
    assert_eq!(point.evaluate(&showing(&question, &approval)).await["decision"], true);
}
