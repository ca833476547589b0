//! What the routes answer, with a gate behind them: the operator sees everything, others what is their business, and nobody rules twice.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::request::Parts;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};

use super::*;
use crate::domain::{
    Action, Actor, AgentId, Arguments, Call, Caller, Channel, Memberships, ServerName, Source, Target, Transport, UserId,
};
use crate::gate::{Gate, Ruler, fixture};

const POLICIES: &str = r#"
@id("pay") @reason("Ask an owner.") permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"shop/pay")
  when { context has approval };
@id("olga") permit (principal == Mcp::User::"olga", action == Mcp::Action::"approve", resource);
@id("operator") permit (principal == Mcp::User::"operator", action == Mcp::Action::"approve", resource)
  when { context.comment != "" };
"#;

/// Whoever the header `x-person` names: in place of tokens.
struct Named;

impl People for Named {
    fn identify<'a>(&'a self, head: &'a Parts) -> Identifying<'a> {
        let named = head.headers.get("x-person").and_then(|name| name.to_str().ok());
        let nobody = || Nobody { status: StatusCode::UNAUTHORIZED, challenges: Vec::new(), sentence: "who are you?".to_owned() };
        let person = named.ok_or_else(nobody).map(|name| Person {
            ruler: Ruler { person: UserId::new(name), standing: Memberships::default(), evidence: None, channel: Channel::Api },
            sees_all: false,
            bearer: None,
        });
        Box::pin(std::future::ready(person))
    }
}

struct Scene {
    _directory: tempfile::TempDir,
    gate: Gate,
    operator: Router,
    people: Router,
}

impl Scene {
    async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let gate = fixture::gate_under(directory.path(), POLICIES).await;
        let operator = approvals_router(gate.clone(), Arc::new(Operator::new("operator")));
        let people = approvals_router(gate.clone(), Arc::new(Named));
        Self { _directory: directory, gate, operator, people }
    }

    /// The ticket of a call that ann's bot makes.
    async fn asked(&self, arguments: &'static str) -> String {
        let caller = Caller::new(AgentId::new("bot"), Actor::Person(UserId::new("ann")));
        let call = Call {
            server: ServerName::new("shop").unwrap(),
            action: Action::ToolsCall,
            target: Target::Tool("pay".into()),
            arguments: Arguments::from_checked_json(arguments.into()),
            source: Source { transport: Transport::Http, ip: None, session: None },
            request: None,
            trace: None,
        };
        let refusal = self.gate.admit(&caller, call).await.unwrap_err();
        refusal.pending().unwrap_or_else(|| panic!("{refusal:?}")).ticket.to_string()
    }
}

fn send(
    router: &Router,
    request: Request<Body>,
) -> impl Future<Output = Result<axum::response::Response, std::convert::Infallible>> + use<> {
    TowerToHyperService::new(router.clone()).call(request)
}

async fn ask(router: &Router, person: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    if !person.is_empty() {
        request = request.header("x-person", person);
    }
    let answer = send(router, request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

const APPROVE: &str = r#"{"verdict":"approve","comment":"fine"}"#;

#[tokio::test]
async fn the_operator_looks_and_rules_and_hears_why_something_does_not_count() {
    let scene = Scene::open().await;
    let id = scene.asked(r#"{"b": 1.0, "a": "x"}"#).await;
    let (status, listed) = ask(&scene.operator, "", "GET", "/approvals?state=waiting", "").await;
    assert_eq!((status, &listed["approvals"][0]["id"]), (200, &json!(id)));
    assert_eq!(ask(&scene.operator, "", "GET", "/approvals?state=granted", "").await, (200, json!({ "approvals": [] })));
    let (status, shown) = ask(&scene.operator, "", "GET", &format!("/approvals/{id}"), "").await;
    assert_eq!((status, &shown["approval"]["because"][0]["reason"]), (200, &json!("Ask an owner.")));

    let (one, rule) = (format!("/approvals/{id}"), format!("/approvals/{id}/rule"));
    let unknown = "/approvals/apr_00000000000000000000000000/rule";
    let cases = [
        ("GET", "/approvals?state=open", "", 400, "invalid"),
        ("GET", "/approvals?color=red", "", 400, "invalid"),
        ("GET", "/approvals/apr_x", "", 404, "unknown"),
        ("POST", unknown, APPROVE, 404, "unknown"),
        ("POST", &rule, r#"{"verdict":"allow"}"#, 400, "invalid"),
        ("POST", &rule, r#"{"verdict":"approve","forever":true}"#, 400, "invalid"),
        ("POST", &rule, r#"{"verdict":"approve"}"#, 403, "not_allowed"),
        ("POST", &rule, r#"{"verdict":"approve","comment":"x","window_seconds":60}"#, 422, "invalid"),
        ("POST", &rule, APPROVE, 200, ""),
        ("POST", &rule, APPROVE, 409, "over"),
        ("GET", &one, "", 200, ""),
    ];
    for (method, path, body, status, word) in cases {
        let (found, answer) = ask(&scene.operator, "", method, path, body).await;
        assert_eq!((found, answer["code"].as_str().unwrap_or_default()), (status, word), "{method} {path} {body}: {answer}");
    }
    let (_, shown) = ask(&scene.operator, "", "GET", &one, "").await;
    let vote = &shown["approval"]["votes"][0];
    assert_eq!(
        (&shown["approval"]["state"], &vote["ruler"], &vote["channel"]),
        (&json!("granted"), &json!("operator"), &json!("cli"))
    );
}

#[tokio::test]
async fn a_ruling_is_json_and_short() {
    let scene = Scene::open().await;
    let rule = format!("/approvals/{}/rule", scene.asked("{}").await);
    let form = Request::post(&rule).header("content-type", "text/plain").body(Body::from(APPROVE)).unwrap();
    assert_eq!(send(&scene.operator, form).await.unwrap().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let long = format!(r#"{{"verdict":"approve","comment":"{}"}}"#, "x".repeat(20_000));
    assert_eq!(ask(&scene.operator, "", "POST", &rule, &long).await.0, 413);
    let long = format!(r#"{{"verdict":"approve","comment":"{}"}}"#, "x".repeat(3_000));
    assert_eq!(ask(&scene.operator, "", "POST", &rule, &long).await.0, 422);
}

#[tokio::test]
async fn people_see_what_is_their_business_and_nothing_else() {
    let scene = Scene::open().await;
    let id = scene.asked("{}").await;
    let (one, rule) = (format!("/approvals/{id}"), format!("/approvals/{id}/rule"));
    for (person, sees) in [("olga", true), ("ann", true), ("mallory", false)] {
        let (status, listed) = ask(&scene.people, person, "GET", "/approvals", "").await;
        assert_eq!((status, listed["approvals"].as_array().unwrap().len()), (200, usize::from(sees)), "{person}");
        assert_eq!(ask(&scene.people, person, "GET", &one, "").await.0, if sees { 200 } else { 404 }, "{person}");
    }
    // Seeing is not ruling; and what does not exist for somebody cannot be ruled on.
    assert_eq!(ask(&scene.people, "ann", "POST", &rule, APPROVE).await.0, 403);
    assert_eq!(ask(&scene.people, "mallory", "POST", &rule, APPROVE).await.0, 404);
    for (method, path) in [("GET", "/approvals"), ("GET", one.as_str()), ("POST", rule.as_str()), ("GET", "/approvals/watch")] {
        assert_eq!(ask(&scene.people, "", method, path, APPROVE).await.0, 401, "{method} {path}");
    }
    assert_eq!(ask(&scene.people, "olga", "POST", &rule, APPROVE).await.0, 200);
}

#[tokio::test]
async fn whoever_listens_hears_of_what_waits_and_of_what_happens() {
    let scene = Scene::open().await;
    let id = scene.asked("{}").await;
    let listen = |person: &'static str| {
        let request = Request::get("/approvals/watch").header("x-person", person).body(Body::empty()).unwrap();
        send(&scene.people, request)
    };
    let mut lines = listen("olga").await.unwrap().into_body();
    let mut deaf = listen("mallory").await.unwrap().into_body();
    let mut line = async || -> Value {
        let frame = lines.frame().await.unwrap().unwrap();
        serde_json::from_slice(frame.data_ref().unwrap()).unwrap()
    };
    let first = line().await;
    assert_eq!((&first["event"], &first["approval"]["id"]), (&json!("waiting"), &json!(id)));
    let other = scene.asked(r#"{"n":2}"#).await;
    assert_eq!(ask(&scene.people, "olga", "POST", &format!("/approvals/{id}/rule"), APPROVE).await.0, 200);
    let (second, third) = (line().await, line().await);
    assert_eq!((&second["event"], &second["approval"]["id"]), (&json!("requested"), &json!(other)));
    assert_eq!((&third["event"], &third["approval"]["id"]), (&json!("granted"), &json!(id)));
    let nothing = tokio::time::timeout(std::time::Duration::from_millis(200), deaf.frame()).await;
    assert!(nothing.is_err(), "nothing of it is mallory's business");
    // Only so many may listen, and there is room again when somebody leaves.
    let mut others = Vec::new();
    for _ in 0..6 {
        others.push(listen("olga").await.unwrap());
    }
    assert!(others.iter().all(|answer| answer.status() == StatusCode::OK));
    assert_eq!(listen("olga").await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(others);
    let again = async {
        while listen("olga").await.unwrap().status() != StatusCode::OK {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), again).await.unwrap();
}
