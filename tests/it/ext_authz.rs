//! Envoy's question, asked of the real binary: what goes on, what does not and with which words, who is behind it, and for which server.

use std::time::Duration;

use cedarpost::grpc::gateways::pb::envoy::config::core::v3::address::Address as Kind;
use cedarpost::grpc::gateways::pb::envoy::config::core::v3::{Address, SocketAddress};
use cedarpost::grpc::gateways::pb::envoy::service::auth::v3 as auth;
use serde_json::{Value, json};
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use auth::attribute_context::{HttpRequest, Peer};
use auth::authorization_client::AuthorizationClient;
use auth::check_response::HttpResponse;
use auth::{CheckRequest, CheckResponse, OkHttpResponse};

use crate::dialects::{Lab, POLICIES, Verdict, check, refusal};
use crate::support::{LEGACY, MODERN, modern_meta};
use crate::waiting::{rule, waiting};

/// What the client of a gateway gets: the answer of the server, or this.
#[derive(Debug)]
struct Denied {
    status: i32,
    body: Value,
    headers: Vec<(String, String)>,
}

impl Denied {
    fn code(&self) -> i64 {
        self.body["error"]["code"].as_i64().unwrap_or_default()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

fn ok(answer: CheckResponse) -> OkHttpResponse {
    match answer.http_response {
        Some(HttpResponse::OkResponse(ok)) if answer.status.as_ref().is_some_and(|status| status.code == 0) => ok,
        _ => panic!("not let through: {answer:?}"),
    }
}

fn denied(answer: CheckResponse) -> Denied {
    assert_ne!(answer.status.as_ref().unwrap().code, 0, "{answer:?}");
    let Some(HttpResponse::DeniedResponse(denied)) = answer.http_response else { panic!("not denied: {answer:?}") };
    assert!(denied.headers.iter().all(|header| header.append == Some(false)), "Envoy appends to nothing that is not there");
    let header = |option: auth_header::Option| option.header.map(|header| (header.key, header.value)).unwrap();
    Denied {
        status: denied.status.unwrap().code,
        body: serde_json::from_str(&denied.body).unwrap_or_default(),
        headers: denied.headers.into_iter().map(header).collect(),
    }
}

mod auth_header {
    pub(super) use cedarpost::grpc::gateways::pb::envoy::config::core::v3::HeaderValueOption as Option;
}

struct Gate {
    lab: Lab,
    client: AuthorizationClient<Channel>,
    token: String,
}

impl Gate {
    async fn open(grpc: &str) -> Self {
        Self::of(Lab::open(grpc, "").await)
    }

    fn of(lab: Lab) -> Self {
        let client = AuthorizationClient::new(lab.channel.clone());
        let token = format!("Bearer {}", lab.token("alice"));
        Self { lab, client, token }
    }

    async fn ask(&mut self, request: CheckRequest) -> CheckResponse {
        self.client.check(request).await.unwrap().into_inner()
    }

    /// A request of alice's, with these headers besides.
    fn request(&self, headers: &[(&str, &str)], body: &str) -> CheckRequest {
        check(&[&[("authorization", self.token.as_str())], headers].concat(), body.as_bytes())
    }

    async fn post(&mut self, headers: &[(&str, &str)], body: &str) -> CheckResponse {
        let request = self.request(headers, body);
        self.ask(request).await
    }
}

/// Headers that do not go with a body, and the status and code of the answer.
type Contradiction<'a> = (&'a [(&'a str, &'a str)], i32, i64);

fn http(request: &mut CheckRequest) -> &mut HttpRequest {
    request.attributes.as_mut().unwrap().request.as_mut().unwrap().http.as_mut().unwrap()
}

fn call(tool: &str, arguments: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": "7", "method": "tools/call", "params": {"name": tool, "arguments": arguments}}).to_string()
}

fn modern(method: &str, mut params: Value) -> String {
    params["_meta"] = modern_meta();
    json!({"jsonrpc": "2.0", "id": "7", "method": method, "params": params}).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_allowed_goes_on_with_its_decision_and_without_what_the_client_showed() {
    let mut gate = Gate::open("").await;
    let forged = [("x-cedarpost-decision-id", "01FORGED"), ("x-cedarpost-agent", "root"), ("cookie", "a=b"), ("x-other", "1")];
    let mut request = gate.request(&forged, &call("echo", &json!({"message": "a"})));
    let socket = SocketAddress { address: "203.0.113.9".to_owned(), port_value: 7 };
    let address = Some(Address { address: Some(Kind::SocketAddress(socket)) });
    request.attributes.as_mut().unwrap().source = Some(Peer { address, principal: "spiffe://prod/root".to_owned() });
    let answer = gate.ask(request).await;
    let facts = answer.dynamic_metadata.clone().unwrap().fields;
    let fact = |name: &str| format!("{:?}", facts[name].kind.as_ref().unwrap());
    let allowed = ok(answer);
    let header = allowed.headers[0].clone();
    assert_eq!((allowed.headers.len(), header.append), (1, Some(false)), "it replaces what the client says");
    let header = header.header.unwrap();
    assert_eq!(header.key, "x-cedarpost-decision-id");
    assert_eq!(allowed.response_headers_to_add[0].header.as_ref().unwrap().value, header.value);
    let mut hidden = allowed.headers_to_remove;
    hidden.sort();
    assert_eq!(hidden, ["authorization", "cookie", "x-cedarpost-agent"]);
    for (name, value) in [
        ("agent", "helper"),
        ("actor", "alice"),
        ("server", "lab"),
        ("method", "tools/call"),
        ("target", "echo"),
        ("effect", "allow"),
    ] {
        assert_eq!(fact(name), format!("StringValue({value:?})"));
    }
    assert_eq!(fact("decision_id"), format!("StringValue({:?})", header.value));
    let record = gate.lab.records().await.into_iter().find(|record| record["id"] == *header.value).unwrap();
    assert_eq!((&record["agent"], &record["actor"], &record["request"]), (&json!("helper"), &json!("alice"), &json!("\"7\"")));
    assert_eq!(record["source"]["ip"], "203.0.113.9");
    assert!(record["check"]["by"].as_str().unwrap().starts_with("127.0.0.1:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_denied_gets_the_answer_that_the_proxy_gives() {
    let mut gate = Gate::open("").await;
    let mut client = gate.lab.client("alice").await;
    for (tool, arguments) in [("echo", json!({"message": "secret"})), ("no-such-tool", json!({})), ("destroy", json!({}))] {
        let told = denied(gate.post(&[], &call(tool, &arguments)).await);
        let proxied = client.request("7", "tools/call", None, json!({"name": tool, "arguments": arguments})).await.unwrap();
        assert_eq!(told.status, i32::from(proxied.status), "{tool}");
        let (ours, theirs) = (refusal(&told.body), refusal(&proxied.json()));
        assert_eq!((ours.verdict, ours.sentence), (theirs.verdict, theirs.sentence), "{tool}");
        assert_eq!(told.header("content-type"), Some("application/json"));
        assert_eq!(told.header("cedarpost-decision-id"), Some(ours.decision.as_str()));
        assert_eq!(told.body["id"], "7");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_approved_goes_on_exactly_once() {
    let mut gate = Gate::open("").await;
    let body = call("destroy", &json!({"message": "all"}));
    let asked = denied(gate.post(&[], &body).await);
    assert_eq!(refusal(&asked.body).verdict, Verdict::RequireApproval);
    assert_eq!(asked.body["result"]["_meta"]["dev.cedarpost/decision"]["retryable"], true);
    let directory = gate.lab.home.audit();
    let ticket = waiting(&directory).await;
    assert!(asked.body.to_string().contains(&ticket));
    assert_eq!(rule(&directory, &ticket, "approve").await["approval"]["state"], "granted");
    let other = denied(gate.post(&[], &call("destroy", &json!({"message": "other"}))).await);
    assert_eq!(refusal(&other.body).verdict, Verdict::RequireApproval, "the approval is for these arguments only");
    let reordered =
        r#"{"id":"8","method":"tools/call","jsonrpc":"2.0","params":{"arguments":{ "message" : "all" },"name":"destroy"}}"#;
    ok(gate.post(&[], reordered).await);
    assert_eq!(refusal(&denied(gate.post(&[], &body).await).body).verdict, Verdict::RequireApproval, "it is used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_read_beyond_doubt_is_denied_as_the_proxy_denies_it() {
    let mut gate = Gate::open("").await;
    let good = call("echo", &json!({"message": "a"}));
    let before = gate.lab.records().await.len();
    let bodies = [
        (format!("[{good}]"), 400, -32600),
        (good.replacen("\"method\"", "\"method\":\"ping\",\"method\"", 1), 400, -32600),
        (good.replacen("\"name\"", "\"n\\u0061me\":\"x\",\"name\"", 1), 400, -32600),
        (good.replacen("\"name\"", "\"Name\":\"x\",\"name\"", 1), 400, -32600),
        (good.replacen("\"7\"", "null", 1), 400, -32600),
        (format!("\u{feff}{good}"), 400, -32700),
        (format!("{good}{good}"), 400, -32700),
        (good.trim_end_matches('}').to_owned(), 400, -32700),
        ("true".to_owned(), 400, -32600),
        (json!({"jsonrpc": "2.0", "id": 1, "method": "tools/destroy"}).to_string(), 200, -32601),
        (json!({"jsonrpc": "2.0", "method": "notifications/strange"}).to_string(), 400, -32601),
        (json!({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "echo"}}).to_string(), 400, -32600),
        (json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {}}).to_string(), 200, -32602),
        (json!({"jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage"}).to_string(), 200, -32601),
        (json!({"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {"taskId": "t"}}).to_string(), 200, -32602),
        (
            format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{{\"name\":\"echo\",\"arguments\":{}{}}}}}",
                "{\"a\":".repeat(70),
                "1".to_owned() + &"}".repeat(70)
            ),
            400,
            -32700,
        ),
        (call("echo", &json!({"message": "x".repeat(70_000)})), 413, -32600),
    ];
    for (body, status, code) in &bodies {
        let told = denied(gate.post(&[], body).await);
        assert_eq!((told.status, told.code()), (*status, *code), "{}", body.chars().take(200).collect::<String>());
    }
    let headers: [Contradiction<'_>; 7] = [
        (&[("mcp-method", "ping")], 400, -32020),
        (&[("mcp-name", "other")], 400, -32020),
        (&[("mcp-method", "tools/call,ping")], 400, -32020),
        (&[("mcp-protocol-version", MODERN)], 400, -32602),
        (&[("content-type", "text/plain")], 415, -32600),
        (&[("content-encoding", "gzip")], 415, -32600),
        (&[("content-type", "application/json; charset=utf-16")], 415, -32600),
    ];
    for (headers, status, code) in headers {
        let told = denied(gate.post(headers, &good).await);
        assert_eq!((told.status, told.code()), (status, code), "{headers:?}");
    }
    let latin = check(&[("authorization", &gate.token)], b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}");
    assert_eq!(denied(gate.ask(latin).await).code(), -32700);
    assert_eq!(gate.lab.records().await.len(), before, "nothing of it was decided");
    ok(gate.post(&[("mcp-method", "tools/call"), ("mcp-name", "echo")], &good).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modern_message_has_the_headers_that_say_what_it_says() {
    let mut gate = Gate::open("").await;
    let body = modern("tools/call", json!({"name": "echo", "arguments": {"message": "a"}}));
    let headers = [("mcp-protocol-version", MODERN), ("mcp-method", "tools/call"), ("mcp-name", "echo")];
    let mut allowed = ok(gate.post(&[&headers[..], &[("mcp-session-id", "s")]].concat(), &body).await).headers_to_remove;
    allowed.sort();
    assert_eq!(allowed, ["authorization", "mcp-session-id"], "the revision has no sessions");
    for left_out in 0..headers.len() {
        let mut some = headers.to_vec();
        some.remove(left_out);
        assert_eq!(denied(gate.post(&some, &body).await).code(), -32020, "{some:?}");
    }
    let unknown = modern("resources/subscribe", json!({"uri": "note:1"}));
    let headers = [("mcp-protocol-version", MODERN), ("mcp-method", "resources/subscribe"), ("mcp-name", "note:1")];
    let told = denied(gate.post(&headers, &unknown).await);
    assert_eq!((told.status, told.code()), (404, -32601), "what that revision removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_did_not_come_whole_is_denied() {
    let mut gate = Gate::open("").await;
    let good = call("echo", &json!({"message": "a"}));
    let changes: [fn(&mut HttpRequest); 6] = [
        |http| drop(http.headers.insert("x-envoy-auth-partial-body".to_owned(), "true".to_owned())),
        |http| http.raw_body.clear(),
        |http| drop(http.headers.insert("content-length".to_owned(), "9999".to_owned())),
        |http| drop(http.headers.remove("content-length")),
        |http| http.size = 9_999,
        |http| http.body = "{}".to_owned(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut request = gate.request(&[], &good);
        change(http(&mut request));
        let told = denied(gate.ask(request).await);
        assert_eq!((told.status, told.code()), (400, -32600), "{number}");
    }
    let mut chunked = gate.request(&[("x-envoy-auth-partial-body", "false")], &good);
    http(&mut chunked).headers.remove("content-length");
    ok(gate.ask(chunked).await);
    let mut text = gate.request(&[], &good);
    http(&mut text).raw_body.clear();
    http(&mut text).body = good.clone();
    ok(gate.ask(text).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_by_what_is_not_verified() {
    let mut gate = Gate::open("").await;
    let good = call("echo", &json!({"message": "a"}));
    let expired = format!("Bearer {}", gate.lab.idp.token(json!({"exp": 1, "iat": 0})));
    let other = format!("Bearer {}", gate.lab.idp.token(json!({"aud": "https://mcp.example.com/other"})));
    let good_token = gate.token.clone();
    let twice = format!("{good_token},{good_token}");
    let shown: [&[(&str, &str)]; 8] = [
        &[],
        &[("authorization", "Bearer opaque")],
        &[("authorization", &expired)],
        &[("authorization", &other)],
        &[("authorization", &twice)],
        &[("x-forwarded-client-cert", "URI=spiffe://prod/helper")],
        &[("x-forwarded-user", "alice"), ("x-cedarpost-agent", "helper")],
        &[("authorization", &good_token), ("cedarpost-actor-token", "x")],
    ];
    for headers in shown {
        let mut request = check(headers, good.as_bytes());
        let attributes = request.attributes.as_mut().unwrap();
        attributes.source = Some(Peer { address: None, principal: "spiffe://prod/helper".to_owned() });
        let told = denied(gate.ask(request).await);
        assert_eq!(told.status, 401, "{headers:?}");
        let challenge = told.header("www-authenticate").unwrap();
        assert!(challenge.contains("resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/lab\""));
    }
    // Nobody waits for that to be recorded.
    let turned_away = |record: &Value| record["t"] == "unidentified" && record["listener"] == "grpc";
    let recorded = async {
        while !gate.lab.records().await.iter().any(turned_away) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), recorded).await.expect("it is recorded");
    let mut metadata = check(&[], b"");
    (http(&mut metadata).method, http(&mut metadata).path) =
        ("GET".to_owned(), "/.well-known/oauth-protected-resource/lab".to_owned());
    let told = denied(gate.ask(metadata).await);
    assert_eq!(
        (told.status, &told.body["resource"]),
        (200, &json!("https://mcp.example.com/lab")),
        "how to get in, for everybody"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateways_configuration_says_which_server_it_is_and_clients_have_no_say() {
    let more = "[[server]]\nname = \"vault\"\nurl = \"http://UPSTREAM/mcp\"\n";
    let open = |grpc: &'static str| async move { Gate::of(Lab::open(grpc, more).await) };
    let mut gate = open("").await;
    let good = call("echo", &json!({"message": "a"}));
    let named = |mut request: CheckRequest, server: &str| {
        let attributes = request.attributes.as_mut().unwrap();
        attributes.context_extensions.insert("cedarpost.server".to_owned(), server.to_owned());
        request
    };
    let lab = named(gate.request(&[], &good), "lab");
    ok(gate.ask(lab).await);
    let vault = format!("Bearer {}", gate.lab.idp.token(json!({"aud": "https://mcp.example.com/vault"})));
    let vault = named(check(&[("authorization", &vault)], good.as_bytes()), "vault");
    assert_eq!(refusal(&denied(gate.ask(vault).await).body).verdict, Verdict::Deny, "decided for that server");
    let wrong_audience = named(gate.request(&[], &good), "vault");
    assert_eq!(denied(gate.ask(wrong_audience).await).status, 401, "a token is for one server");
    for (server, headers) in [
        ("nobody", &[][..]),
        ("No Server", &[]),
        ("", &[("cedarpost.server", "lab"), ("host", "lab"), ("x-cedarpost-server", "lab")]),
    ] {
        let request = gate.request(headers, &good);
        let request = if server.is_empty() { request } else { named(request, server) };
        assert_eq!(denied(gate.ask(request).await).status, 403, "{server}");
    }
    let mut gate = open("ext_authz_hosts = ['gateway.example=lab', 'vault.example=vault']").await;
    ok(gate.post(&[], &good).await);
    let mut elsewhere = gate.request(&[], &good);
    http(&mut elsewhere).host = "Vault.example:8443".to_owned();
    assert_eq!(denied(gate.ask(elsewhere).await).status, 401, "it is for the other server");
    let mut nowhere = gate.request(&[], &good);
    http(&mut nowhere).host = "else.example".to_owned();
    assert_eq!(denied(gate.ask(nowhere).await).status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_go_on_whole_as_far_as_the_settings_say() {
    let ask = |method: &str| json!({"jsonrpc": "2.0", "id": 1, "method": method}).to_string();
    let nothing = "@id(\"x\") permit (principal == Mcp::User::\"nobody\", action, resource);";
    let all = "@id(\"x\") permit (principal, action, resource);";
    for (grpc, policies, tools, prompts) in [
        ("", POLICIES, true, true),
        ("", nothing, false, true),
        ("ext_authz_lists = 'all'", POLICIES, true, false),
        ("ext_authz_lists = 'none'", all, false, false),
    ] {
        let mut gate = Gate::of(Lab::with(policies, grpc, "", &[]).await);
        for (method, goes) in [("tools/list", tools), ("prompts/list", prompts), ("tasks/list", false)] {
            let answer = gate.post(&[], &ask(method)).await;
            if goes {
                ok(answer);
            } else {
                let told = denied(answer);
                assert_eq!(told.status, 200, "{grpc} {method}: {told:?}");
                assert!(matches!(told.code(), -31403 | -32601), "{grpc} {method}: {told:?}");
            }
        }
    }
    let some = POLICIES.replace("resource == Mcp::Tool::\"lab/destroy\")", "resource == Mcp::Tool::\"lab/elsewhere\")");
    let mut gate = Gate::of(Lab::with(&some, "ext_authz_lists = 'all'", "", &[]).await);
    assert_eq!(denied(gate.post(&[], &ask("tools/list")).await).code(), -31403, "one of them is not for alice");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_no_decision_goes_on_and_a_session_is_whose_it_was_first() {
    let mut gate = Gate::open("").await;
    let before = gate.lab.records().await.len();
    let say = |method: &str| json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {}}).to_string();
    let tell = |method: &str| json!({"jsonrpc": "2.0", "method": method}).to_string();
    ok(gate.post(&[], &say("initialize")).await);
    let session = [("mcp-session-id", "s-1"), ("mcp-protocol-version", LEGACY)];
    for body in [tell("notifications/initialized"), say("ping"), say("resources/unsubscribe"), tell("notifications/cancelled")] {
        let going = ok(gate.post(&session, &body).await);
        assert!(going.headers.is_empty() && going.headers_to_remove == ["authorization"], "{body}");
    }
    assert_eq!(gate.lab.records().await.len(), before, "nothing is decided");
    let bob = format!("Bearer {}", gate.lab.token("bob"));
    let stream = |method: &str, token: &str, headers: &[(&str, &str)]| {
        let mut request = check(&[&[("authorization", token)], headers].concat(), b"");
        http(&mut request).method = method.to_owned();
        request
    };
    for method in ["GET", "DELETE"] {
        let alices = stream(method, &gate.token, &session);
        ok(gate.ask(alices).await);
        assert_eq!(denied(gate.ask(stream(method, &bob, &session)).await).status, 404, "somebody else's session");
        assert_eq!(denied(gate.ask(stream(method, &bob, &[])).await).status, 405, "no session");
        let modern = [("mcp-session-id", "s-1"), ("mcp-protocol-version", MODERN)];
        let request = stream(method, &gate.token, &modern);
        assert_eq!(denied(gate.ask(request).await).status, 405, "no sessions in that revision");
    }
    let bobs = check(&[&[("authorization", bob.as_str())], &session[..]].concat(), say("ping").as_bytes());
    let told = denied(gate.ask(bobs).await);
    assert_eq!((told.status, told.code()), (404, -32001));
    let strange = stream("PUT", &gate.token, &[]);
    assert_eq!(denied(gate.ask(strange).await).status, 405);
    // Nobody here has seen the question, and policy permits none.
    let answer = json!({"jsonrpc": "2.0", "id": "q", "result": {"action": "accept"}}).to_string();
    assert_eq!(denied(gate.post(&session, &answer).await).status, 202, "an answer to a server that may not ask");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_nobody_saw_given_out_is_refused_or_its_first_showers_as_the_settings_say() {
    let asking = r#"@id("ask") permit (principal, action in [Mcp::Action::"elicitation/create", Mcp::Action::"sampling/createMessage", Mcp::Action::"roots/list"], resource);"#;
    let headers = [("mcp-protocol-version", MODERN), ("mcp-method", "tools/call"), ("mcp-name", "echo")];
    let leg = |more: Value| {
        let mut params = json!({"name": "echo", "arguments": {"message": "a"}});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        modern("tools/call", params)
    };
    let state = leg(json!({"requestState": "s"}));
    let answer = leg(json!({"inputResponses": {"k": {"action": "accept"}}}));
    let mut gate = Gate::open("").await;
    let before = gate.lab.records().await.len();
    let refused = denied(gate.post(&headers, &state).await);
    assert_eq!((refused.status, refused.code()), (200, -31403));
    assert!(refused.body["error"]["message"].as_str().unwrap().contains("`requestState` is not accepted here"), "{refused:?}");
    assert_eq!(gate.lab.records().await.len(), before, "nothing was decided");
    assert_eq!(denied(gate.post(&headers, &answer).await).status, 200, "an answer to a question that no server may ask");

    let mut gate = Gate::of(Lab::with(&format!("{POLICIES}\n{asking}"), "ext_authz_states = 'first'", "", &[]).await);
    let bob = format!("Bearer {}", gate.lab.token("bob"));
    ok(gate.post(&headers, &answer).await);
    for _ in 0..2 {
        ok(gate.post(&headers, &state).await);
    }
    let bobs = check(&[&[("authorization", bob.as_str())], &headers[..]].concat(), state.as_bytes());
    assert_eq!(denied(gate.ask(bobs).await).code(), -32602, "somebody else's");
    let bobs_own = leg(json!({"requestState": "another"}));
    ok(gate.ask(check(&[&[("authorization", bob.as_str())], &headers[..]].concat(), bobs_own.as_bytes())).await);
    for ours in ["cedarpost-approval1.AAAA", ""] {
        let body = leg(json!({"requestState": ours}));
        assert_eq!(denied(gate.post(&headers, &body).await).code(), -32602, "{ours}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_subscribes_does_so_for_what_they_may_and_nothing_else() {
    let policies = format!(
        "{POLICIES}\n@id(\"sub\") permit (principal, action == Mcp::Action::\"resources/subscribe\", resource == Mcp::Resource::\"lab/note:1\");"
    );
    let mut gate = Gate::of(Lab::with(&policies, "", "", &[]).await);
    let headers = [("mcp-protocol-version", MODERN), ("mcp-method", "subscriptions/listen")];
    let listen = |resources: &[&str], tasks: &[&str]| {
        modern(
            "subscriptions/listen",
            json!({"notifications": {"toolsListChanged": true, "resourceSubscriptions": resources, "taskIds": tasks}}),
        )
    };
    ok(gate.post(&headers, &listen(&[], &[])).await);
    ok(gate.post(&headers, &listen(&["note:1"], &[])).await);
    assert_eq!(denied(gate.post(&headers, &listen(&["note:1", "note:2"], &[])).await).code(), -31403);
    assert_eq!(denied(gate.post(&headers, &listen(&[], &["t"])).await).code(), -32602);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_cannot_be_recorded_is_a_denial() {
    let settings = [("CEDARPOST_AUDIT_LOW_WATER", "1048576GiB")];
    let mut gate = Gate::of(Lab::with(POLICIES, "", "", &settings).await);
    let told = denied(gate.post(&[], &call("echo", &json!({"message": "a"}))).await);
    assert_eq!(told.status, 200);
    assert_eq!(told.body["result"]["_meta"]["dev.cedarpost/decision"]["effect"], "error", "{told:?}");
    assert!(told.body.to_string().contains("could not be recorded"));
    assert_eq!(denied(gate.ask(CheckRequest { attributes: None }).await).status, 403, "nothing is asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_are_answered_only_where_the_settings_say_so_and_health_knows_it() {
    let adapters = ["envoy.service.auth.v3.Authorization", "agentgateway.dev.ext_mcp.ExtMcp"];
    let off = [("CEDARPOST_GRPC_EXT_AUTHZ", "false"), ("CEDARPOST_GRPC_EXT_MCP", "false")];
    for (settings, served) in [(&[][..], true), (&off, false)] {
        let lab = Lab::with(POLICIES, "", "", settings).await;
        let mut health = HealthClient::new(lab.channel.clone());
        for service in ["", "cedarpost.v1.DecisionService"].into_iter().chain(adapters) {
            let asked = HealthCheckRequest { service: service.to_owned() };
            let status = health.check(asked).await.map(|answer| answer.into_inner().status());
            let known = served || !adapters.contains(&service);
            assert_eq!(status.ok(), known.then_some(ServingStatus::Serving), "{service}");
        }
        let token = format!("Bearer {}", lab.token("alice"));
        let body = call("echo", &json!({"message": "a"}));
        let asked =
            AuthorizationClient::new(lab.channel.clone()).check(check(&[("authorization", &token)], body.as_bytes())).await;
        assert_eq!(
            asked.map(|_| ()).map_err(|status| status.code()),
            if served { Ok(()) } else { Err(tonic::Code::Unimplemented) }
        );
    }
}
