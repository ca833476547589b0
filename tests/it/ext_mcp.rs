//! agentgateway's question, asked of the real binary: calls that go on or do not, and lists that lose what their caller may not use.

use cedarpost::grpc::gateways::pb::agentgateway::dev::ext_mcp as wire;
use prost_types::Struct;
use prost_types::value::Kind;
use serde_json::{Value, json};
use tonic::transport::Channel;
use wire::authorization_error::Code;
use wire::ext_mcp_client::ExtMcpClient;
use wire::mcp_request_result::Result as Asked;
use wire::mcp_response_result::Result as Answered;
use wire::{AuthorizationError, McpHeader, McpRequest, McpRequestResult, McpResponse};

use crate::dialects::{Lab, POLICIES};
use crate::waiting::{rule, waiting};

struct Guard {
    lab: Lab,
    client: ExtMcpClient<Channel>,
    token: String,
}

fn header(key: &str, value: &str) -> McpHeader {
    McpHeader { key: key.to_owned(), value: value.as_bytes().to_vec() }
}

fn besides(fields: &[(&str, &str)]) -> Option<Struct> {
    let value = |text: &str| prost_types::Value { kind: Some(Kind::StringValue(text.to_owned())) };
    Some(Struct { fields: fields.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect() })
}

impl Guard {
    async fn open(policies: &str, end: &str) -> Self {
        Self::of(Lab::with(policies, "", end, &[]).await)
    }

    fn of(lab: Lab) -> Self {
        let client = ExtMcpClient::new(lab.channel.clone()).max_decoding_message_size(64 << 20);
        let token = format!("Bearer {}", lab.token("alice"));
        Self { lab, client, token }
    }

    fn request(&self, method: &str, params: &str) -> McpRequest {
        McpRequest {
            service_names: vec!["lab".to_owned()],
            method: method.to_owned(),
            mcp_request: (!params.is_empty()).then(|| params.as_bytes().to_vec()),
            headers: vec![header("authorization", &self.token), header(":method", "POST"), header(":path", "/mcp")],
            ..McpRequest::default()
        }
    }

    async fn ask(&mut self, request: McpRequest) -> McpRequestResult {
        self.client.check_request(request).await.unwrap().into_inner()
    }

    async fn passes(&mut self, request: McpRequest) -> bool {
        matches!(self.ask(request).await.result, Some(Asked::Pass(_)))
    }

    async fn error(&mut self, request: McpRequest) -> AuthorizationError {
        match self.ask(request).await.result {
            Some(Asked::Error(error)) => error,
            other => panic!("not denied: {other:?}"),
        }
    }

    fn response(&self, method: &str, result: &str) -> McpResponse {
        McpResponse {
            service_names: vec!["lab".to_owned()],
            method: method.to_owned(),
            metadata_context: besides(&[("authorization", &self.token)]),
            mcp_response: result.as_bytes().to_vec(),
        }
    }

    async fn answered(&mut self, response: McpResponse) -> Answered {
        self.client.check_response(response).await.unwrap().into_inner().result.unwrap()
    }
}

fn call(tool: &str, message: &str) -> String {
    json!({"name": tool, "arguments": {"message": message}}).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_or_do_not_and_headers_under_our_name_are_ours() {
    let mut guard = Guard::open(POLICIES, "").await;
    let mut request = guard.request("tools/call", &call("echo", "a"));
    request.headers.extend([header("x-cedarpost-decision-id", "01FORGED"), header("X-Cedarpost-Agent", "root")]);
    let answer = guard.ask(request).await;
    assert!(matches!(answer.result, Some(Asked::Pass(_))));
    let changes = answer.header_mutation.unwrap();
    assert_eq!(
        (changes.set.len(), changes.set[0].key.as_str(), changes.remove),
        (1, "x-cedarpost-decision-id", vec!["X-Cedarpost-Agent".to_owned()])
    );
    assert!(answer.metadata.unwrap().fields.contains_key("cedarpost_decision_id"));
    let request = guard.request("tools/call", &call("echo", "secret"));
    let denied = guard.error(request).await;
    assert_eq!(denied.code(), Code::PermissionDenied);
    assert!(
        denied.reason.starts_with("Denied by policy: this call is forbidden. Reason: No secrets in messages."),
        "{}",
        denied.reason
    );
    let error: Value = serde_json::from_slice(&denied.mcp_error.unwrap()).unwrap();
    assert_eq!((&error["code"], &error["message"]), (&json!(-31403), &json!(denied.reason)));
    assert_eq!(error["data"]["dev.cedarpost/decision"]["effect"], "deny");
    for (method, params) in [
        ("initialize", "{}"),
        ("ping", ""),
        ("tools/list", ""),
        ("tools/list", r#"{"cursor":"x"}"#),
        ("notifications/initialized", ""),
        ("prompts/list", ""),
        ("server/discover", ""),
    ] {
        let request = guard.request(method, params);
        assert!(guard.passes(request).await, "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_approved_goes_on_exactly_once() {
    let mut guard = Guard::open(POLICIES, "").await;
    let request = guard.request("tools/call", &call("destroy", "all"));
    let asked = guard.error(request.clone()).await;
    let ticket = waiting(&guard.lab.home.audit()).await;
    assert!(asked.reason.contains(&ticket), "{}", asked.reason);
    assert_eq!(rule(&guard.lab.home.audit(), &ticket, "approve").await["approval"]["state"], "granted");
    assert!(guard.passes(request.clone()).await);
    assert!(!guard.passes(request).await, "it is used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_beyond_doubt_or_comes_from_nobody_is_an_error_in_the_answer() {
    let mut guard = Guard::open(POLICIES, "").await;
    let good = call("echo", "a");
    let bad = [
        ("tools/call", format!("[{good}]")),
        ("tools/call", "{}".to_owned()),
        ("tools/call", format!("{good},\"method\":\"ping\"")),
        ("tools/call", good.replacen("\"name\"", "\"name\":\"x\",\"name\"", 1)),
        ("tools/call", good.replacen("\"name\"", "\"Name\":\"x\",\"name\"", 1)),
        ("tools/call", call("echo", &"x".repeat(70_000))),
        ("tools/destroy", "{}".to_owned()),
        ("", "{}".to_owned()),
        ("tasks/get", r#"{"taskId":"t"}"#.to_owned()),
        ("sampling/createMessage", "{}".to_owned()),
    ];
    for (method, params) in bad {
        let request = guard.request(method, &params);
        assert_eq!(guard.error(request).await.code(), Code::Invalid, "{method} {}", params.chars().take(99).collect::<String>());
    }
    let base = guard.request("tools/call", &good);
    let with =
        |headers: Vec<McpHeader>, context: Option<Struct>| McpRequest { headers, metadata_context: context, ..base.clone() };
    let nobody = [
        with(vec![], None),
        with(vec![header("authorization", "Bearer x")], None),
        with(vec![header("authorization", &guard.token), header("authorization", &guard.token)], None),
        with(vec![header("authorization", &guard.token)], besides(&[("authorization", "Bearer other")])),
        with(vec![header("x-forwarded-user", "alice")], besides(&[("agent", "helper"), ("sub", "alice")])),
    ];
    for request in nobody {
        let error = guard.error(request.clone()).await;
        assert_eq!(error.code(), Code::PermissionDenied, "{request:?}");
    }
    let token = guard.token.clone();
    assert!(guard.passes(with(vec![], besides(&[("authorization", &token)]))).await, "copied by the gateway");
    assert!(guard.passes(with(vec![header("Authorization", &token)], besides(&[("authorization", &token)]))).await, "both");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_says_which_server_it_is() {
    let mut guard = Guard::open(POLICIES, "[[server]]\nname = \"vault\"\nurl = \"http://UPSTREAM/mcp\"\n").await;
    let request = guard.request("tools/call", &call("echo", "a"));
    let of = |services: &[&str], context: Option<Struct>| McpRequest {
        service_names: services.iter().map(|name| (*name).to_owned()).collect(),
        metadata_context: context,
        ..request.clone()
    };
    assert!(guard.passes(of(&["lab"], None)).await);
    assert!(guard.passes(of(&["mcp-backend-7"], besides(&[("cedarpost.server", "lab")]))).await);
    for (services, context) in [
        (&["mcp-backend-7"][..], None),
        (&[], None),
        (&["lab", "vault"], None),
        (&["lab"], besides(&[("cedarpost.server", "nobody")])),
        (&["lab"], besides(&[("cedarpost.server", "vault")])),
    ] {
        assert!(!guard.passes(of(services, context.clone())).await, "{services:?} {context:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_list_loses_what_its_caller_may_not_use_and_nothing_else_of_it_changes() {
    let policies = POLICIES.replace("resource == Mcp::Tool::\"lab/destroy\")", "resource == Mcp::Tool::\"lab/elsewhere\")");
    let mut guard = Guard::open(&policies, "").await;
    let schema = r#"{"type":"object","properties":{"message":{"type":"string"}}}"#;
    let echo = format!(r#"{{ "name":"echo" ,"description":"Says it again.","inputSchema":{schema}, "x":1.50 }}"#);
    let destroy = format!(r#"{{"name":"destroy","inputSchema":{schema}}}"#);
    let cases = [
        (
            "tools/list",
            format!(r#"{{"tools":[{destroy}, {echo}],"nextCursor":null}}"#),
            format!(r#"{{"tools":[{echo}],"nextCursor":null}}"#),
        ),
        (
            "resources/list",
            r#"{"resources":[{"uri":"note:1"},{"uri":"note:2"}]}"#.to_owned(),
            r#"{"resources":[{"uri":"note:1"}]}"#.to_owned(),
        ),
        (
            "resources/templates/list",
            r#"{"resourceTemplates":[{"uriTemplate":"note:{n}"}]}"#.to_owned(),
            r#"{"resourceTemplates":[]}"#.to_owned(),
        ),
        (
            "prompts/list",
            r#"{"prompts":[{"name":"boast"},{"name":"greet"}]}"#.to_owned(),
            r#"{"prompts":[{"name":"greet"}]}"#.to_owned(),
        ),
        ("tasks/list", r#"{"tasks":[{"taskId":"t"}]}"#.to_owned(), r#"{"tasks":[]}"#.to_owned()),
        (
            "prompts/list",
            r#"{"resultType":"complete","ttlMs":86400000,"cacheScope":"public","prompts":[{"name":"greet"}]}"#.to_owned(),
            r#"{"resultType":"complete","ttlMs":10000,"cacheScope":"private","prompts":[{"name":"greet"}]}"#.to_owned(),
        ),
    ];
    for (method, result, expected) in cases {
        let response = guard.response(method, &result);
        match guard.answered(response).await {
            Answered::Mutated(bytes) => assert_eq!(String::from_utf8(bytes).unwrap(), expected, "{method}"),
            other => panic!("{method}: {other:?}"),
        }
    }
    let passing = [
        ("prompts/list", r#"{"prompts":[{"name":"greet"}]}"#),
        ("tools/call", r#"{"content":[]}"#),
        ("initialize", r#"{"protocolVersion":"2025-11-25"}"#),
    ];
    for (method, result) in passing {
        let response = guard.response(method, result);
        assert!(matches!(guard.answered(response).await, Answered::Pass(_)), "{method}");
    }
    let withheld = [
        guard.response("tools/list", r#"{"tools":[{"name":"echo"}],"tools":[{"name":"destroy"}]}"#),
        guard.response("tools/list", r#"{"content":[]}"#),
        guard.response("tools/list", r#"{"tools":[]},"x":{}"#),
        guard.response("tools/list", "not JSON"),
        guard.response("strange/list", "{}"),
        McpResponse { metadata_context: None, ..guard.response("tools/list", r#"{"tools":[]}"#) },
        McpResponse { service_names: vec!["lab".into(), "vault".into()], ..guard.response("tools/list", r#"{"tools":[]}"#) },
    ];
    for response in withheld {
        assert!(matches!(guard.answered(response.clone()).await, Answered::Error(_)), "{response:?}");
    }
}

/// Policy lets servers ask, for everything.
const ASKING: &str = r#"@id("ask") permit (principal, action in [Mcp::Action::"elicitation/create", Mcp::Action::"sampling/createMessage", Mcp::Action::"roots/list"], resource);"#;

fn result_of(answered: Answered) -> Value {
    match answered {
        Answered::Mutated(bytes) => serde_json::from_slice(&bytes).unwrap(),
        other => panic!("not changed: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_comes_by_is_its_callers_and_the_server_gets_its_own_back() {
    let mut guard = Guard::open(&format!("{POLICIES}\n{ASKING}"), "").await;
    let asks = r#"{"resultType":"input_required","requestState":"the server's","inputRequests":{"k":{"method":"elicitation/create","params":{"mode":"form","message":"m"}}}}"#;
    let response = guard.response("tools/call", asks);
    let mut given = result_of(guard.answered(response.clone()).await);
    let sealed = given["requestState"].as_str().unwrap().to_owned();
    assert!(!sealed.contains("server"), "{sealed}");
    given["requestState"] = "the server's".into();
    assert_eq!(given, serde_json::from_str::<Value>(asks).unwrap(), "nothing else changes");
    let retry = |state: &str, message: &str| {
        json!({"name": "echo", "arguments": {"message": message}, "requestState": state, "inputResponses": {"k": {"action": "accept"}}})
            .to_string()
    };
    let request = guard.request("tools/call", &retry(&sealed, "a"));
    let onward = match guard.ask(request.clone()).await.result {
        Some(Asked::Mutated(params)) => serde_json::from_slice::<Value>(&params).unwrap(),
        other => panic!("not changed: {other:?}"),
    };
    assert_eq!(onward, serde_json::from_str::<Value>(&retry("the server's", "a")).unwrap());
    let denied = guard.request("tools/call", &retry(&sealed, "a secret"));
    assert_eq!(guard.error(denied).await.code(), Code::PermissionDenied, "policy decides each leg");
    let bob = format!("Bearer {}", guard.lab.token("bob"));
    let bobs = McpRequest { headers: vec![header("authorization", &bob)], ..request };
    let unknown = guard.error(bobs).await;
    assert_eq!((unknown.code(), unknown.reason.as_str()), (Code::Invalid, "Unknown requestState"));
    for made_up in ["the server's", "", "cedarpost-approval1.AAAA", &sealed.replacen('1', "2", 1)] {
        let request = guard.request("tools/call", &retry(made_up, "a"));
        assert_eq!(guard.error(request).await.reason, "Unknown requestState", "{made_up}");
    }
    let of_nobody = McpResponse { metadata_context: None, ..response };
    assert!(matches!(guard.answered(of_nobody).await, Answered::Error(_)), "nobody would own it");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_asks_its_client_for_is_decided_and_so_is_an_answer_to_what_nobody_has_seen() {
    let question = |method: &str| {
        format!(r#"{{"resultType":"input_required","inputRequests":{{"k":{{"method":"{method}","params":{{}}}}}}}}"#)
    };
    let answer = r#"{"name":"echo","arguments":{"message":"a"},"inputResponses":{"k":{"action":"accept"}}}"#;
    for (policies, may_ask) in [(POLICIES.to_owned(), false), (format!("{POLICIES}\n{ASKING}"), true)] {
        let mut guard = Guard::open(&policies, "").await;
        for method in ["elicitation/create", "sampling/createMessage", "roots/list"] {
            let response = guard.response("tools/call", &question(method));
            match guard.answered(response).await {
                Answered::Pass(_) if may_ask => {}
                Answered::Error(error) if !may_ask => {
                    assert_eq!(error.code(), Code::PermissionDenied);
                    assert!(error.reason.starts_with("The server asked for something that is not allowed."), "{}", error.reason);
                }
                other => panic!("{method}: {other:?}"),
            }
        }
        let response = guard.response("tools/call", &question("tools/call"));
        assert!(matches!(guard.answered(response).await, Answered::Error(_)), "no server asks for that");
        let request = guard.request("tools/call", answer);
        assert_eq!(guard.passes(request).await, may_ask);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_comes_by_and_a_session_are_their_callers() {
    let mut guard = Guard::open(POLICIES, "").await;
    let bob = format!("Bearer {}", guard.lab.token("bob"));
    let as_bob = |request: McpRequest| McpRequest { headers: vec![header("authorization", &bob)], ..request };
    for (task, result) in [
        ("t-1", r#"{"task":{"taskId":"t-1","status":"working"}}"#),
        ("t-2", r#"{"resultType":"task","taskId":"t-2","status":"working"}"#),
    ] {
        let get = guard.request("tasks/get", &json!({"taskId": task}).to_string());
        assert!(!guard.passes(get.clone()).await, "{task} before it is made");
        let response = guard.response("tools/call", result);
        assert!(matches!(guard.answered(response).await, Answered::Pass(_)), "{task}");
        for method in ["tasks/get", "tasks/cancel"] {
            let request = guard.request(method, &json!({"taskId": task}).to_string());
            assert!(guard.passes(request.clone()).await, "{method} {task}");
            assert_eq!(guard.error(as_bob(request)).await.reason, "Task not found", "{method} {task}");
        }
    }
    let all = r#"{"tasks":[{"taskId":"t-1"},{"taskId":"t-3"}]}"#;
    let response = guard.response("tasks/list", all);
    assert_eq!(result_of(guard.answered(response).await), json!({"tasks": [{"taskId": "t-1"}]}));
    let in_session = |token: &str, request: McpRequest| McpRequest {
        headers: vec![header("authorization", token), header("mcp-session-id", "s-1")],
        ..request
    };
    let alice = guard.token.clone();
    let ping = guard.request("ping", "");
    assert!(guard.passes(in_session(&alice, ping.clone())).await);
    assert_eq!(guard.error(in_session(&bob, ping.clone())).await.reason, "Session not found");
    let call = guard.request("tools/call", &call("echo", "in a session"));
    assert!(guard.passes(in_session(&alice, call)).await);
    let recorded = guard.lab.records().await;
    assert!(recorded.iter().any(|record| record.to_string().contains("s-1")), "policies and the log know the session");
}
