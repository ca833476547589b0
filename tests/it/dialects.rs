//! The same question in every language that is spoken here: as a call through the proxy, as a check over gRPC, as gateways put it, and in
//! both dialects of AuthZEN. The verdict, the words and the grounds in the log are the same.
//!
//! Whoever teaches the sidecar another language adds a [`Dialect`] to [`Lab::dialects`].

use std::collections::BTreeMap;
use std::net::SocketAddr;

use cedarpost::grpc::gateways::pb::agentgateway::dev::ext_mcp;
use cedarpost::grpc::gateways::pb::envoy::service::auth::v3 as auth;
use cedarpost::grpc::pb;
use ext_mcp::ext_mcp_client::ExtMcpClient;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use tonic::transport::{Channel, Endpoint};

use auth::attribute_context::{HttpRequest, Request};
use auth::authorization_client::AuthorizationClient;
use auth::check_response::HttpResponse;

use crate::support::{Connection, Era, Home, Idp, Mcp, Reply, Sidecar, Upstream, cedarpost};

pub(crate) const POLICIES: &str = r#"
@id("echo") permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/echo");
@id("no-secrets") @reason("No secrets in messages.")
forbid (principal, action == Mcp::Action::"lab/echo", resource) when { context.input has message && context.input.message like "*secret*" };
@id("destroy") @reason("Ask a person first.")
permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/destroy") when { context has approval };
@id("notes") permit (principal == Mcp::User::"alice", action == Mcp::Action::"resources/read", resource == Mcp::Resource::"lab/note:1");
@id("helper-notes") permit (principal == Mcp::Agent::"helper", action == Mcp::Action::"resources/read", resource);
@id("greet") permit (principal, action == Mcp::Action::"prompts/get", resource == Mcp::Prompt::"lab/greet");
@id("operators-rule") permit (principal == Mcp::User::"operator", action == Mcp::Action::"approve", resource);
"#;

/// A verdict, in whatever language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allow,
    Deny,
    RequireApproval,
}

/// What somebody says of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) verdict: Verdict,
    /// The sentence, without the names of decision and ticket; empty for an allow.
    pub(crate) sentence: String,
    /// The decision as the log knows it.
    pub(crate) decision: String,
}

/// A question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// `tools/call`, `resources/read` or `prompts/get`.
    pub(crate) method: &'static str,
    /// The tool, resource or prompt.
    pub(crate) target: &'static str,
    /// As JSON; empty for none.
    pub(crate) arguments: &'static str,
    /// The person behind the agent `helper`.
    pub(crate) person: &'static str,
    pub(crate) verdict: Verdict,
}

const CASES: [Case; 10] = {
    const fn tool(name: &'static str, target: &'static str, arguments: &'static str, verdict: Verdict) -> Case {
        Case { name, method: "tools/call", target, arguments, person: "alice", verdict }
    }
    const fn other(name: &'static str, method: &'static str, target: &'static str, verdict: Verdict) -> Case {
        Case { name, method, target, arguments: "", person: "alice", verdict }
    }
    [
        tool("a call that is permitted", "echo", r#"{"message":"a"}"#, Verdict::Allow),
        tool("one without arguments", "echo", "", Verdict::Allow),
        tool("one whose arguments are forbidden", "echo", r#"{"message":"a secret"}"#, Verdict::Deny),
        tool("one whose arguments have no type that fits", "echo", r#"{"message":7}"#, Verdict::Deny),
        tool("one that a person has to approve", "destroy", r#"{"message":"b"}"#, Verdict::RequireApproval),
        tool("a tool that nobody knows", "no-such-tool", "{}", Verdict::Deny),
        other("a resource that both may read", "resources/read", "note:1", Verdict::Allow),
        Case { person: "bob", ..other("one that the person may not", "resources/read", "note:1", Verdict::Deny) },
        other("a prompt that is permitted", "prompts/get", "greet", Verdict::Allow),
        other("one that is not", "prompts/get", "boast", Verdict::Deny),
    ]
};

/// A way to ask.
#[tonic::async_trait]
pub(crate) trait Dialect: Send {
    /// Its name, for messages of tests.
    fn name(&self) -> &'static str;
    /// Asks, and says what was said.
    async fn ask(&mut self, case: &Case) -> Said;
}

/// A sidecar that believes one identity provider and answers gateways, in front of a server without scruples.
pub(crate) struct Lab {
    _upstream: Upstream,
    pub(crate) idp: Idp,
    pub(crate) home: Home,
    pub(crate) sidecar: Sidecar,
    pub(crate) channel: Channel,
}

impl Lab {
    /// `grpc` says more of `[grpc]`; `end` is put behind the whole configuration: more of the server, and more servers.
    pub(crate) async fn open(grpc: &str, end: &str) -> Self {
        Self::with(POLICIES, grpc, end, &[]).await
    }

    pub(crate) async fn with(policies: &str, grpc: &str, end: &str, settings: &[(&str, &str)]) -> Self {
        let (upstream, idp) = (Upstream::start().await, Idp::start().await);
        let listeners = "[listen]\naddress = '127.0.0.1:0'\n[admin]\naddress = '127.0.0.1:0'\n[grpc]\naddress = '127.0.0.1:0'";
        let home = Home::new(upstream.address, policies)
            .with_listeners(&format!("{listeners}\next_authz = true\next_mcp = true\n{grpc}\n"))
            .with_identity(&format!(
                "accept = ['oauth']\nresource = 'https://mcp.example.com'\nscopes = ['mcp']\n[[identity.issuer]]\nissuer = '{}'\n",
                idp.issuer()
            ))
            .with_server(&end.replace("UPSTREAM", &upstream.address.to_string()));
        let hold = [("CEDARPOST_APPROVALS_HOLD", "0s"), ("CEDARPOST_AUTHZEN_ADDRESS", "127.0.0.1:0")];
        let sidecar = Sidecar::start_with(&home, &[&hold[..], settings].concat()).await;
        let channel = Endpoint::from_shared(format!("http://{}", sidecar.grpc.unwrap())).unwrap().connect().await.unwrap();
        let lab = Self { _upstream: upstream, idp, home, sidecar, channel };
        // What the server offers is known from the first list on.
        let mut client = lab.client("alice").await;
        client.request("tools", "tools/list", None, json!({})).await.unwrap();
        lab
    }

    pub(crate) fn token(&self, person: &str) -> String {
        self.idp.token(json!({ "sub": person }))
    }

    pub(crate) async fn client(&self, person: &str) -> Mcp {
        let value = HeaderValue::from_str(&format!("Bearer {}", self.token(person))).unwrap();
        let shows = HeaderMap::from_iter([(HeaderName::from_static("authorization"), value)]);
        Mcp::connect_showing(self.sidecar.address, Era::Legacy, shows).await.unwrap()
    }

    /// Every language that is spoken here.
    async fn dialects(&self) -> Vec<Box<dyn Dialect>> {
        let clients = BTreeMap::from([("alice", self.client("alice").await), ("bob", self.client("bob").await)]);
        let tokens: BTreeMap<_, _> = ["alice", "bob"].into_iter().map(|person| (person, self.token(person))).collect();
        let check = pb::decision_service_client::DecisionServiceClient::new(self.channel.clone());
        vec![
            Box::new(Proxied { clients }),
            Box::new(Checked { client: check, issuer: self.idp.issuer() }),
            Box::new(Envoy { client: AuthorizationClient::new(self.channel.clone()), tokens: tokens.clone() }),
            Box::new(Agentgateway { client: ExtMcpClient::new(self.channel.clone()), tokens }),
            Box::new(Authzen { address: self.sidecar.authzen.unwrap(), issuer: Some(self.idp.issuer()) }),
            Box::new(Authzen { address: self.sidecar.authzen.unwrap(), issuer: None }),
        ]
    }

    /// The records of the log.
    pub(crate) async fn records(&self) -> Vec<Value> {
        let directory = self.home.audit();
        let arguments = ["audit", "show", "--limit", "100000", "--audit-dir", directory.to_str().unwrap(), "--json"];
        let shown = cedarpost(&arguments).await;
        let lines = String::from_utf8(shown.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The parameters of a message that asks this.
pub(crate) fn params(case: &Case) -> Value {
    let mut params = match case.method {
        "resources/read" => json!({ "uri": case.target }),
        _ => json!({ "name": case.target }),
    };
    if !case.arguments.is_empty() {
        params["arguments"] = serde_json::from_str(case.arguments).unwrap();
    }
    params
}

/// A sentence without what is different each time: the ULIDs of decision and ticket.
pub(crate) fn plain(sentence: &str) -> String {
    let is_ulid = |word: &str| word.trim_end_matches('.').trim_start_matches("apr_").len() == 26;
    sentence.split(' ').map(|word| if is_ulid(word) { "ULID" } else { word }).collect::<Vec<_>>().join(" ")
}

/// What a client is told by a JSON-RPC message that is no good result.
pub(crate) fn refusal(message: &Value) -> Said {
    let (sentence, decision) = match &message["error"] {
        Value::Null => (&message["result"]["content"][0]["text"], &message["result"]["_meta"]["dev.cedarpost/decision"]),
        error => (&error["message"], &error["data"]["dev.cedarpost/decision"]),
    };
    let verdict = match decision["effect"].as_str() {
        Some("require_approval") => Verdict::RequireApproval,
        _ => Verdict::Deny,
    };
    let decision = decision["id"].as_str().unwrap_or_else(|| panic!("no decision: {message}")).to_owned();
    Said { verdict, sentence: plain(sentence.as_str().unwrap()), decision }
}

fn allowed(decision: impl Into<String>) -> Said {
    Said { verdict: Verdict::Allow, sentence: String::new(), decision: decision.into() }
}

/// A real call, by a client of 2025-11-25.
struct Proxied {
    clients: BTreeMap<&'static str, Mcp>,
}

#[tonic::async_trait]
impl Dialect for Proxied {
    fn name(&self) -> &'static str {
        "a call through the proxy"
    }

    async fn ask(&mut self, case: &Case) -> Said {
        let client = self.clients.get_mut(case.person).unwrap();
        let reply: Reply = client.request("7", case.method, Some(case.target), params(case)).await.unwrap();
        if reply.is_good() { allowed(reply.header("cedarpost-decision-id").unwrap()) } else { refusal(&reply.json()) }
    }
}

/// `cedarpost.v1.DecisionService/Check`: who asks vouches for everything.
struct Checked {
    client: pb::decision_service_client::DecisionServiceClient<Channel>,
    issuer: String,
}

#[tonic::async_trait]
impl Dialect for Checked {
    fn name(&self) -> &'static str {
        "cedarpost.v1"
    }

    async fn ask(&mut self, case: &Case) -> Said {
        let token = pb::Token { issuer: self.issuer.clone(), scopes: vec!["mcp".to_owned()], ..pb::Token::default() };
        let caller = pb::Caller {
            agent: "helper".to_owned(),
            person: Some(pb::caller::Person::Actor(case.person.to_owned())),
            token: Some(token),
            ..pb::Caller::default()
        };
        let target = match case.method {
            "tools/call" => pb::call::Target::Tool(case.target.to_owned()),
            "prompts/get" => pb::call::Target::Prompt(case.target.to_owned()),
            _ => pb::call::Target::Resource(case.target.to_owned()),
        };
        let call = pb::Call {
            server: "lab".to_owned(),
            target: Some(target),
            arguments_json: case.arguments.to_owned(),
            ..pb::Call::default()
        };
        let request = pb::CheckRequest { caller: Some(caller), call: Some(call), dry_run: false };
        let answer = self.client.check(request).await.unwrap().into_inner();
        let verdict = match answer.decision() {
            pb::Decision::Allow => Verdict::Allow,
            pb::Decision::RequireApproval => Verdict::RequireApproval,
            pb::Decision::Deny | pb::Decision::Unspecified => Verdict::Deny,
        };
        Said { verdict, sentence: plain(&answer.message), decision: answer.decision_id }
    }
}

/// An HTTP request of a client as Envoy tells of it.
pub(crate) fn check(headers: &[(&str, &str)], body: &[u8]) -> auth::CheckRequest {
    let length = body.len().to_string();
    let base = [("content-type", "application/json"), ("content-length", length.as_str()), (":path", "/mcp")];
    let all = base.iter().chain(headers).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let http = HttpRequest {
        method: "POST".to_owned(),
        path: "/mcp".to_owned(),
        host: "gateway.example".to_owned(),
        headers: all.collect(),
        raw_body: body.to_vec(),
        size: -1,
        ..HttpRequest::default()
    };
    let attributes = auth::AttributeContext { request: Some(Request { http: Some(http) }), ..auth::AttributeContext::default() };
    auth::CheckRequest { attributes: Some(attributes) }
}

/// Envoy's question.
struct Envoy {
    client: AuthorizationClient<Channel>,
    tokens: BTreeMap<&'static str, String>,
}

#[tonic::async_trait]
impl Dialect for Envoy {
    fn name(&self) -> &'static str {
        "ext_authz"
    }

    async fn ask(&mut self, case: &Case) -> Said {
        let body = json!({"jsonrpc": "2.0", "id": "7", "method": case.method, "params": params(case)}).to_string();
        let token = format!("Bearer {}", self.tokens[case.person]);
        let answer = self.client.check(check(&[("authorization", &token)], body.as_bytes())).await.unwrap().into_inner();
        match answer.http_response.unwrap() {
            HttpResponse::OkResponse(ok) => {
                assert_eq!(answer.status.unwrap().code, 0);
                allowed(ok.headers[0].header.as_ref().unwrap().value.clone())
            }
            HttpResponse::DeniedResponse(denied) => {
                assert_ne!(answer.status.unwrap().code, 0);
                refusal(&serde_json::from_str(&denied.body).unwrap())
            }
        }
    }
}

/// AuthZEN: about the agent, with what its token says, or as COAZ has it, about the person (`issuer` is `None`).
struct Authzen {
    address: SocketAddr,
    issuer: Option<String>,
}

impl Authzen {
    fn question(&self, case: &Case) -> Value {
        let kind = match case.method {
            "tools/call" => "tool",
            "prompts/get" => "prompt",
            _ => "resource",
        };
        let mut properties = json!({ "server": "lab" });
        if !case.arguments.is_empty() {
            properties["arguments"] = serde_json::from_str(case.arguments).unwrap();
        }
        let resource = json!({ "type": kind, "id": case.target, "properties": properties });
        let action = json!({ "name": case.method });
        match &self.issuer {
            Some(issuer) => {
                let properties = json!({ "actor": case.person, "token": { "issuer": issuer, "scopes": ["mcp"] } });
                let subject = json!({ "type": "agent", "id": "helper", "properties": properties });
                json!({ "subject": subject, "action": action, "resource": resource })
            }
            None => {
                let subject = json!({ "type": "identity", "id": case.person });
                json!({ "subject": subject, "action": action, "resource": resource, "context": { "agent": "helper" } })
            }
        }
    }
}

#[tonic::async_trait]
impl Dialect for Authzen {
    fn name(&self) -> &'static str {
        if self.issuer.is_some() { "AuthZEN" } else { "AuthZEN with COAZ" }
    }

    async fn ask(&mut self, case: &Case) -> Said {
        let headers = [("host", self.address.to_string()), ("content-type", "application/json".to_owned())];
        let headers: HeaderMap =
            headers.into_iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect();
        let (mut connection, body) = (Connection::open(self.address).await.unwrap(), self.question(case).to_string());
        let reply = connection.send(Method::POST, "/access/v1/evaluation", &headers, body.as_bytes()).await.unwrap();
        let answer = reply.json();
        let context = &answer["context"];
        let verdict = match (answer["decision"].as_bool(), context["effect"].as_str()) {
            (Some(true), Some("allow")) => Verdict::Allow,
            (Some(false), Some("require_approval")) => Verdict::RequireApproval,
            (Some(false), Some("deny")) => Verdict::Deny,
            _ => panic!("{}", String::from_utf8_lossy(&reply.body)),
        };
        let sentence = plain(context["message"].as_str().unwrap_or_default());
        Said { verdict, sentence, decision: context["decision_id"].as_str().unwrap().to_owned() }
    }
}

/// agentgateway's question.
struct Agentgateway {
    client: ExtMcpClient<Channel>,
    tokens: BTreeMap<&'static str, String>,
}

#[tonic::async_trait]
impl Dialect for Agentgateway {
    fn name(&self) -> &'static str {
        "ExtMcp"
    }

    async fn ask(&mut self, case: &Case) -> Said {
        let token = format!("Bearer {}", self.tokens[case.person]).into_bytes();
        let request = ext_mcp::McpRequest {
            service_names: vec!["lab".to_owned()],
            method: case.method.to_owned(),
            mcp_request: Some(params(case).to_string().into_bytes()),
            headers: vec![ext_mcp::McpHeader { key: "authorization".to_owned(), value: token }],
            ..ext_mcp::McpRequest::default()
        };
        let answer = self.client.check_request(request).await.unwrap().into_inner();
        match answer.result.unwrap() {
            ext_mcp::mcp_request_result::Result::Pass(_) => {
                let set = &answer.header_mutation.unwrap().set[0];
                allowed(String::from_utf8(set.value.clone()).unwrap())
            }
            ext_mcp::mcp_request_result::Result::Error(error) => {
                let said: Value = serde_json::from_slice(error.mcp_error.as_ref().unwrap()).unwrap();
                assert_eq!(said["message"], error.reason);
                refusal(&json!({ "error": said }))
            }
            ext_mcp::mcp_request_result::Result::Mutated(_) => panic!("nothing is ever put in the place of a call"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_question_gets_the_same_verdict_and_reasons_in_every_language() {
    let lab = Lab::open("", "").await;
    let mut said = Vec::new();
    for mut dialect in lab.dialects().await {
        for case in &CASES {
            let answer = dialect.ask(case).await;
            assert_eq!(answer.verdict, case.verdict, "{}: {}: {answer:?}", dialect.name(), case.name);
            said.push((dialect.name(), case, answer));
        }
    }
    let records: BTreeMap<String, Value> = lab
        .records()
        .await
        .into_iter()
        .filter(|record| record["t"] == "decision")
        .map(|record| (record["id"].as_str().unwrap().to_owned(), record))
        .collect();
    for case in &CASES {
        let of_case = || said.iter().filter(|(_, of, _)| of.name == case.name);
        let (_, _, first) = of_case().next().unwrap();
        for (dialect, _, answer) in of_case() {
            // Who only checks a decision is told of it in the words of a decision; MCP has one of its own for unknown tools.
            let sentence = |said: &Said| {
                said.sentence
                    .rsplit_once("Unknown tool: no-such-tool. ")
                    .map_or(said.sentence.clone(), |(_, rest)| rest.to_owned())
            };
            assert_eq!(sentence(answer), sentence(first), "{dialect}: {}", case.name);
            let (record, expected) = (&records[&answer.decision], &records[&first.decision]);
            for member in [
                "decision",
                "judgements",
                "policy",
                "action",
                "server",
                "agent",
                "actor",
                "tool",
                "resource",
                "prompt",
                "catalog",
            ] {
                assert_eq!(record[member], expected[member], "{dialect}: {}: {member}", case.name);
            }
        }
    }
    lab.sidecar.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_no_policies_are_in_force_the_answer_is_no_in_every_language() {
    let lab = Lab::with("permit (\n", "", "", &[]).await;
    let mut said = Vec::new();
    for mut dialect in lab.dialects().await {
        for case in CASES.iter().filter(|case| ["echo", "note:1", "greet"].contains(&case.target)) {
            let answer = dialect.ask(case).await;
            assert_eq!(answer.verdict, Verdict::Deny, "{}: {}: {answer:?}", dialect.name(), case.name);
            let sentence = "Denied: no policies are in force, so nothing is allowed now. Decision ULID Try again later.";
            assert_eq!(answer.sentence, sentence, "{}: {}", dialect.name(), case.name);
            said.push(answer.decision);
        }
    }
    let records = lab.records().await;
    for decision in said {
        let record = records.iter().find(|record| record["id"] == decision.as_str()).expect("every answer is recorded");
        let causes = record["judgements"].as_array().unwrap().iter().map(|judgement| &judgement["cause"]);
        assert_eq!(causes.collect::<Vec<_>>(), ["no_policies_in_force"; 2], "{record}");
    }
    lab.sidecar.stop().await;
}
