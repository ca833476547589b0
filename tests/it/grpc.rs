//! Decisions over gRPC, asked of the real binary: the same as those of calls, clear errors for bad questions, streams, health, reflection.

use std::time::Duration;

use cedarpost::grpc::pb;
use cedarpost::grpc::pb::decision_service_client::DecisionServiceClient;
use serde_json::{Value, json};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::{Era, Home, Mcp, Sidecar, Upstream, cedarpost};

const POLICIES: &str = r#"
@id("echo") permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/echo");
@id("destroy") @reason("Ask a person first.")
permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/destroy") when { context has approval };
"#;

struct Lab {
    sidecar: Sidecar,
    home: Home,
    client: DecisionServiceClient<Channel>,
    _upstream: Upstream,
}

impl Lab {
    async fn open() -> Self {
        let upstream = Upstream::start().await;
        let home = Home::new(upstream.address, POLICIES).with_listeners(
            "[listen]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"\n[grpc]\naddress = \"127.0.0.1:0\"",
        );
        let sidecar = Sidecar::start_with(&home, &[("CEDARPOST_APPROVALS_HOLD", "0s")]).await;
        // What the server offers is known from the first client on.
        let mut mcp = Mcp::connect(sidecar.address, Era::Modern).await.unwrap();
        mcp.call("1", "echo", json!({"message": "a"})).await.unwrap();
        let channel = Endpoint::from_shared(format!("http://{}", sidecar.grpc.unwrap())).unwrap().connect().await.unwrap();
        Self { sidecar, home, client: DecisionServiceClient::new(channel), _upstream: upstream }
    }

    async fn check(&mut self, request: pb::CheckRequest) -> Result<pb::CheckResponse, Status> {
        self.client.check(request).await.map(tonic::Response::into_inner)
    }
}

fn alice() -> pb::Caller {
    pb::Caller {
        agent: "assistant".to_owned(),
        person: Some(pb::caller::Person::Actor("alice".to_owned())),
        ..pb::Caller::default()
    }
}

fn call(tool: &str) -> pb::Call {
    pb::Call {
        server: "lab".to_owned(),
        target: Some(pb::call::Target::Tool(tool.to_owned())),
        arguments_json: r#"{"message":"a"}"#.to_owned(),
        ..pb::Call::default()
    }
}

fn question(tool: &str) -> pb::CheckRequest {
    pb::CheckRequest { caller: Some(alice()), call: Some(call(tool)), dry_run: false }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_gets_the_decision_that_a_call_gets() {
    let mut lab = Lab::open().await;
    let mut mcp = Mcp::connect(lab.sidecar.address, Era::Modern).await.unwrap();
    for (tool, decision) in
        [("echo", pb::Decision::Allow), ("destroy", pb::Decision::RequireApproval), ("no-such-tool", pb::Decision::Deny)]
    {
        let answer = lab.check(question(tool)).await.unwrap();
        assert_eq!(answer.decision(), decision, "{tool}");
        assert_eq!(answer.judgements.len(), 2, "one for the agent and one for the person");
        assert_eq!(answer.message.is_empty(), decision == pb::Decision::Allow);
        assert_eq!(answer.pending.is_some(), decision == pb::Decision::RequireApproval);
        let called = mcp.call("2", tool, json!({"message": "a"})).await.unwrap();
        assert_eq!(called.is_good(), decision == pb::Decision::Allow, "{tool}");
        let dry = lab.check(pb::CheckRequest { dry_run: true, ..question(tool) }).await.unwrap();
        assert_eq!((dry.decision(), dry.judgements, dry.pending), (decision, answer.judgements, None), "{tool}");
    }
    lab.sidecar.stop().await;
    let directory = lab.home.audit();
    let shown = cedarpost(&["audit", "show", "--limit", "1000", "--audit-dir", directory.to_str().unwrap(), "--json"]).await;
    let lines = String::from_utf8(shown.stdout).unwrap();
    let records: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let records: Vec<Value> = records.into_iter().filter(|record| !record["check"].is_null()).collect();
    assert_eq!(records.len(), 6);
    assert!(records.iter().all(|record| record["check"]["by"].as_str().unwrap().starts_with("127.0.0.1:")));
    assert_eq!(records.iter().filter(|record| record["check"]["dry_run"] == true).count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_question_gets_the_name_of_its_field_and_no_decision() {
    let mut lab = Lab::open().await;
    let with_caller = |change: fn(&mut pb::Caller)| {
        let mut caller = alice();
        change(&mut caller);
        pb::CheckRequest { caller: Some(caller), ..question("echo") }
    };
    let with_call = |change: fn(&mut pb::Call)| {
        let mut asked = call("echo");
        change(&mut asked);
        pb::CheckRequest { call: Some(asked), ..question("echo") }
    };
    let cases = [
        (pb::CheckRequest { caller: None, ..question("echo") }, "caller"),
        (pb::CheckRequest { call: None, ..question("echo") }, "call"),
        (with_caller(|caller| caller.agent.clear()), "caller.agent"),
        (with_caller(|caller| caller.agent = "x".repeat(2_000)), "caller.agent"),
        (with_caller(|caller| caller.person = None), "caller.person"),
        (with_caller(|caller| caller.person = Some(pb::caller::Person::Unattended(false))), "caller.unattended"),
        (with_caller(|caller| caller.person = Some(pb::caller::Person::Actor(String::new()))), "caller.actor"),
        (
            with_caller(|caller| {
                caller.person = Some(pb::caller::Person::Unattended(true));
                caller.actor_brings = Some(pb::Memberships::default());
            }),
            "caller.actor_brings",
        ),
        (with_caller(|caller| caller.token = Some(pb::Token::default())), "caller.token.issuer"),
        (with_call(|call| call.server = "No Server".to_owned()), "call.server"),
        (with_call(|call| call.target = None), "call.target"),
        (with_call(|call| call.target = Some(pb::call::Target::ServerItself(true))), "call.action"),
        (with_call(|call| call.action = "resources/read".to_owned()), "call.action"),
        (with_call(|call| call.arguments_json = r#"{"a":1,"a":2}"#.to_owned()), "call.arguments_json"),
        (with_call(|call| call.arguments_json = "[1]".to_owned()), "call.arguments_json"),
        (
            with_call(|call| call.arguments_json = format!("{{\"a\":{}1{}}}", "[".repeat(70), "]".repeat(70))),
            "call.arguments_json",
        ),
        (with_call(|call| call.traceparent = "00-abc".to_owned()), "call.traceparent"),
        (
            with_call(|call| call.source = Some(pb::Source { ip: "localhost".to_owned(), ..pb::Source::default() })),
            "call.source.ip",
        ),
        (with_call(|call| call.source = Some(pb::Source { transport: 77, ..pb::Source::default() })), "call.source.transport"),
    ];
    for (request, field) in cases {
        let status = lab.check(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{field}: {status:?}");
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations.iter().map(|violation| violation.field.as_str()).collect::<Vec<_>>(), [field]);
    }
    let long = with_call(|call| call.arguments_json = format!("{{\"a\":\"{}\"}}", "x".repeat(200_000)));
    assert_eq!(lab.check(long).await.unwrap_err().code(), Code::OutOfRange);
    let mut late = tonic::Request::new(question("echo"));
    late.set_timeout(Duration::from_nanos(1));
    assert!(matches!(lab.client.check(late).await.unwrap_err().code(), Code::DeadlineExceeded | Code::Cancelled));
    assert_eq!(lab.check(question("echo")).await.unwrap().decision(), pb::Decision::Allow, "nothing was hurt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_answered_in_its_order_each_for_itself() {
    let mut lab = Lab::open().await;
    let bad = pb::CheckRequest { caller: None, ..question("echo") };
    let checks = vec![question("no-such-tool"), bad, question("echo")];
    let results = lab.client.check_batch(pb::CheckBatchRequest { checks }).await.unwrap().into_inner().results;
    let told: Vec<_> = results
        .into_iter()
        .map(|result| match result.result.unwrap() {
            pb::check_result::Result::Response(response) => response.decision().as_str_name().to_owned(),
            pb::check_result::Result::Error(error) => format!("{} {}", error.code, error.message),
        })
        .collect();
    assert_eq!(told, ["DECISION_DENY", "3 `caller` is required", "DECISION_ALLOW"]);
    for count in [0, 101] {
        let checks = vec![question("echo"); count];
        assert_eq!(lab.client.check_batch(pb::CheckBatchRequest { checks }).await.unwrap_err().code(), Code::InvalidArgument);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_explanations_are_those_of_the_caller() {
    let mut lab = Lab::open().await;
    let ask = |server: &str| pb::ListVisibleToolsRequest { caller: Some(alice()), server: server.to_owned(), source: None };
    let seen = lab.client.list_visible_tools(ask("lab")).await.unwrap().into_inner();
    assert_eq!((seen.tools, seen.known), (vec!["destroy".to_owned(), "echo".to_owned()], 2));
    assert_eq!(lab.client.list_visible_tools(ask("other")).await.unwrap_err().code(), Code::NotFound);
    let asked = pb::ExplainRequest { caller: Some(alice()), call: Some(call("destroy")), at: None };
    let told = lab.client.explain(asked).await.unwrap().into_inner();
    let explanation: Value = serde_json::from_str(&told.explanation_json).unwrap();
    assert_eq!((told.decision(), &explanation["decision"]), (pb::Decision::RequireApproval, &json!("require_approval")));
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_are_watched_from_any_place_on_and_only_those_that_are_wanted() {
    let mut lab = Lab::open().await;
    let allowed = lab.check(question("echo")).await.unwrap();
    let watch = pb::WatchDecisionsRequest {
        from_seq: Some(0),
        decisions: vec![pb::Decision::Deny.into(), pb::Decision::RequireApproval.into()],
        agent: "assistant".to_owned(),
        server: "lab".to_owned(),
        ..pb::WatchDecisionsRequest::default()
    };
    let mut stream = lab.client.watch_decisions(watch).await.unwrap().into_inner();
    let denied = lab.check(question("no-such-tool")).await.unwrap();
    let seen = tokio::time::timeout(Duration::from_secs(20), stream.message()).await.unwrap().unwrap().unwrap();
    assert_eq!((seen.decision(), &seen.decision_id), (pb::Decision::Deny, &denied.decision_id));
    let record: Value = serde_json::from_str(&seen.record_json).unwrap();
    assert_eq!((&record["seq"], &record["tool"]), (&json!(seen.seq), &json!("no-such-tool")));
    drop(stream);
    let again = pb::WatchDecisionsRequest { from_seq: Some(0), ..pb::WatchDecisionsRequest::default() };
    let mut stream = lab.client.watch_decisions(again).await.unwrap().into_inner();
    let mut ids = Vec::new();
    while ids.last() != Some(&denied.decision_id) {
        ids.push(stream.message().await.unwrap().unwrap().decision_id);
    }
    assert!(ids.contains(&allowed.decision_id));
    let unknown = pb::WatchDecisionsRequest { decisions: vec![9], ..pb::WatchDecisionsRequest::default() };
    assert_eq!(lab.client.watch_decisions(unknown).await.unwrap_err().code(), Code::InvalidArgument);
}
