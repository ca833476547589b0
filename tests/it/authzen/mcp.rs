//! Calls of MCP servers, asked about in both dialects: the same decisions, records and tickets as when the call itself comes.

use super::*;

const POLICIES: &str = r#"
@id("echo") permit (principal, action == Mcp::Action::"lab/echo", resource)
when { context.input has message && context.input.message != "secret" };
@id("operators-rule") permit (principal == Mcp::User::"operator", action == Mcp::Action::"approve", resource);
@id("destroy") @reason("Ask a person first.")
permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/destroy") when { context has approval };
@id("motd") permit (principal, action == Mcp::Action::"resources/read", resource == Mcp::Resource::"lab/file:///etc/motd");
@id("greet") permit (principal, action == Mcp::Action::"prompts/get", resource == Mcp::Prompt::"lab/greet");
@id("level") permit (principal == Mcp::User::"alice", action == Mcp::Action::"logging/setLevel", resource);
@id("level-by-agent") permit (principal is Mcp::Agent, action == Mcp::Action::"logging/setLevel", resource);
@id("not-from-there") forbid (principal, action, resource) when { context has source && context.source has ip && context.source.ip.isInRange(ip("203.0.113.0/24")) };
@id("not-mallory") forbid (principal == Mcp::User::"mallory", action, resource);
"#;

async fn lab() -> Point {
    let point = Point::with(&[("lab.cedar", POLICIES)], &[("CEDARPOST_APPROVALS_HOLD", "0s")]).await;
    // What the server offers is known from the first client on.
    let mut mcp = Mcp::connect(point.sidecar.address, Era::Modern).await.unwrap();
    mcp.call("1", "echo", json!({ "message": "a" })).await.unwrap();
    point
}

fn by_agent(action: &str, resource: Value) -> Value {
    let subject = json!({ "type": "agent", "id": "assistant", "properties": { "actor": "alice" } });
    let mut question = json!({ "subject": subject, "action": { "name": action } });
    question["resource"] = resource;
    question
}

fn by_coaz(action: &str, resource: Value) -> Value {
    let subject = json!({ "type": "identity", "id": "alice" });
    let mut question = json!({ "subject": subject, "context": { "agent": "assistant" }, "action": { "name": action } });
    question["resource"] = resource;
    question
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_about_a_call_has_the_answer_that_the_call_gets() {
    let point = lab().await;
    let mut mcp = Mcp::connect(point.sidecar.address, Era::Modern).await.unwrap();
    for (tool, effect) in [("echo", "allow"), ("destroy", "require_approval"), ("no-such-tool", "deny")] {
        let arguments = json!({ "message": "a" });
        let asked = ask_about_call(point.address, ("assistant", Some("alice")), "lab", tool, &arguments).await;
        assert_eq!(asked, effect, "{tool}");
        let called = mcp.call("2", tool, arguments).await.unwrap();
        assert_eq!(called.is_good(), effect == "allow", "{tool}");
        for question in [
            by_agent(
                "tools/call",
                json!({ "type": "tool", "id": format!("lab/{tool}"), "properties": { "arguments": { "message": "a" } } }),
            ),
            by_coaz(
                "tools/call",
                json!({ "type": "tool", "id": tool, "properties": { "server": "lab", "arguments": { "message": "a" } } }),
            ),
            by_coaz("tools/call", json!({ "type": "tool", "id": tool, "properties": { "arguments": { "message": "a" } } })),
        ] {
            let answer = point.evaluate(&question).await;
            assert_eq!(answer["decision"], effect == "allow", "{question}");
            let context = &answer["context"];
            assert_eq!(context["effect"], effect, "{answer}");
            assert_eq!(context["ticket"].is_string(), effect == "require_approval", "{answer}");
            if effect == "require_approval" {
                let reason = context["message"].as_str().unwrap();
                assert!(reason.contains("a person has to approve") && reason.contains("Ask a person first."), "{reason}");
                assert!(
                    reason.contains(context["ticket"].as_str().unwrap()) && context["ticket_expires"].is_string(),
                    "{answer}"
                );
            }
        }
    }
    assert_eq!(
        ask_about_call(point.address, ("assistant", Some("mallory")), "lab", "echo", &json!({})).await,
        "deny",
        "no more than the actor"
    );
    assert_eq!(ask_about_call(point.address, ("assistant", None), "lab", "echo", &json!({ "message": "a" })).await, "allow");
    let records = point.records().await;
    let checks: Vec<&Value> = records.iter().filter(|record| !record["check"].is_null()).collect();
    assert_eq!(checks.len(), 3 * 4 + 2);
    assert!(checks.iter().all(|record| record["t"] == "decision" && record["check"].get("dry_run").is_none()));
    assert!(checks.iter().all(|record| record["check"]["by"].as_str().unwrap().starts_with("127.0.0.1:")));
    let without_actor = checks.iter().filter(|record| record["unattended"] == true).count();
    assert_eq!(without_actor, 1);
    let tickets: std::collections::BTreeSet<&str> =
        checks.iter().filter_map(|record| record["approval"]["ticket"].as_str()).collect();
    assert_eq!(tickets.len(), 1, "the same call has the same ticket, whoever asks");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_approves_and_the_next_question_uses_the_ticket_up() {
    let point = lab().await;
    let question = by_agent("tools/call", json!({ "type": "tool", "id": "lab/destroy", "properties": { "arguments": {} } }));
    let asked = point.evaluate(&question).await;
    let ticket = asked["context"]["ticket"].as_str().unwrap().to_owned();
    let directory = point.home.audit();
    let ruled = cedarpost(&["approvals", "approve", &ticket, "--audit-dir", directory.to_str().unwrap()]).await;
    assert!(ruled.status.success(), "{}", String::from_utf8_lossy(&ruled.stderr));
    let used = point.evaluate(&question).await;
    assert_eq!((&used["decision"], &used["context"]["approved_by_ticket"]), (&json!(true), &json!(ticket)));
    let again = point.evaluate(&question).await;
    assert_eq!(again["decision"], false, "a ticket is good once");
    assert_ne!(again["context"]["ticket"], json!(ticket));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_of_the_binding_has_its_answer_and_no_other_has_one() {
    let point = lab().await;
    let server = json!({ "type": "mcp_server", "id": "https://mcp.example.com" });
    let thing = |kind: &str, id: &str| json!({ "type": kind, "id": id });
    let cases = [
        ("initialize", server.clone(), true),
        ("tools/list", server.clone(), true),
        ("tools/call", thing("tool", "echo"), false),
        ("resources/list", server.clone(), true),
        ("resources/read", thing("resource", "file:///etc/motd"), true),
        ("resources/read", thing("resource", "file:///etc/passwd"), false),
        ("resources/subscribe", thing("resource", "file:///etc/motd"), false),
        ("resources/unsubscribe", thing("resource", "file:///etc/motd"), false),
        ("prompts/list", server.clone(), true),
        ("prompts/get", thing("prompt", "greet"), true),
        ("completion/complete", thing("prompt", "greet"), false),
        ("completion/complete", thing("resource", "file:///etc/motd"), false),
        ("logging/setLevel", server.clone(), true),
        ("tasks/get", thing("task", "t-1"), false),
        ("tasks/result", thing("task", "t-1"), false),
        ("tasks/cancel", thing("task", "t-1"), false),
        ("tasks/list", server.clone(), false),
        ("ping", server.clone(), false),
        ("server/discover", server.clone(), false),
        ("subscriptions/listen", server.clone(), false),
        ("resources/templates/list", server.clone(), false),
        ("sampling/createMessage", server.clone(), false),
        ("read", thing("storage_object", "/bucket/a"), false),
        ("", server, false),
    ];
    for (method, resource, expected) in cases {
        if method.is_empty() {
            let reply = point.post("/access/v1/evaluation", &by_coaz(method, resource)).await;
            assert_eq!(reply.status, 400);
            continue;
        }
        let answer = point.evaluate(&by_coaz(method, resource.clone())).await;
        assert_eq!(answer["decision"], expected, "{method} {resource}: {answer}");
        assert_eq!(answer["context"]["reason"].is_string(), !expected, "{answer}");
    }
    // The policy reads an argument, and the default mapping sends none: it comes with the properties.
    let with_arguments = json!({ "type": "tool", "id": "echo", "properties": { "arguments": { "message": "a" } } });
    assert_eq!(point.evaluate(&by_coaz("tools/call", with_arguments)).await["decision"], true);
    let records = point.records().await;
    let fixed: Vec<_> = records.iter().filter(|record| record["why"].is_string()).collect();
    assert_eq!(fixed.iter().filter(|record| record["decision"] == "allow").count(), 4, "lists are recorded");
    assert_eq!(fixed.iter().filter(|record| record["decision"] == "deny").count(), 10, "and so is every no without a policy");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_a_call_is_known_by_name_or_refused() {
    let point = lab().await;
    let tool = json!({ "type": "tool", "id": "lab/echo", "properties": { "arguments": { "message": "a" } } });
    let agent = |change: &dyn Fn(&mut Value)| {
        let mut question = by_agent("tools/call", tool.clone());
        question["context"] = json!({});
        change(&mut question);
        question
    };
    let coaz = |change: &dyn Fn(&mut Value)| {
        let mut question = by_coaz("tools/call", json!({ "type": "tool", "id": "echo" }));
        change(&mut question);
        question
    };
    let source =
        |ip: &str| agent(&|question| question["context"]["source"] = json!({ "ip": ip, "transport": "http", "session": "s-1" }));
    assert_eq!(point.evaluate(&source("198.51.100.7")).await["decision"], true);
    assert_eq!(point.evaluate(&source("203.0.113.7")).await["decision"], false, "policies see where the call comes from");
    let cases = [
        (agent(&|q| q["subject"]["properties"] = json!({})), "/subject/properties/actor"),
        (agent(&|q| q["subject"].as_object_mut().unwrap().remove("properties").map_or((), drop)), "/subject/properties/actor"),
        (agent(&|q| q["subject"]["properties"] = json!({ "unattended": false })), "/subject/properties/actor"),
        (agent(&|q| q["subject"]["properties"] = json!({ "unattended": "true" })), "/subject/properties/actor"),
        (
            agent(&|q| q["subject"]["properties"] = json!({ "actor": "alice", "unattended": true })),
            "/subject/properties/unattended",
        ),
        (agent(&|q| q["subject"]["properties"] = json!({ "actor": 7 })), "/subject/properties/actor"),
        (agent(&|q| q["subject"]["properties"] = json!({ "actor": "" })), "/subject/properties/actor"),
        (agent(&|q| q["subject"]["properties"] = json!({ "Actor": "alice" })), "/subject/properties/Actor"),
        (
            agent(&|q| q["subject"]["properties"] = json!({ "unattended": true, "actor_roles": ["admin"] })),
            "/subject/properties/actor_roles",
        ),
        (agent(&|q| q["subject"]["properties"]["roles"] = json!("admin")), "/subject/properties/roles"),
        (agent(&|q| q["subject"]["properties"]["teams"] = json!(["a", 1])), "/subject/properties/teams/1"),
        (agent(&|q| q["subject"]["properties"]["token"] = json!({ "scopes": [] })), "/subject/properties/token/issuer"),
        (
            agent(&|q| q["subject"]["properties"]["token"] = json!({ "issuer": "i", "claims": { "a/b": { "c": 1 } } })),
            "/subject/properties/token/claims/a~1b",
        ),
        (agent(&|q| q["subject"]["id"] = "x".repeat(2_000).into()), "/subject/id"),
        (agent(&|q| q["action"]["name"] = "tools/cal".into()), "/action/name"),
        (agent(&|q| q["action"]["name"] = "resources/read".into()), "/action/name"),
        (agent(&|q| q["action"]["properties"] = json!({ "dry_run": true })), "/action/properties/dry_run"),
        (agent(&|q| q["resource"]["id"] = "echo".into()), "/resource/id"),
        (agent(&|q| q["resource"]["id"] = "lab/".into()), "/resource/id"),
        (agent(&|q| q["resource"]["id"] = "other/echo".into()), "/resource/id"),
        (agent(&|q| q["resource"]["type"] = "record".into()), "/resource/type"),
        (agent(&|q| q["resource"]["properties"]["server"] = "other".into()), "/resource/properties/server"),
        (agent(&|q| q["resource"]["properties"]["server"] = json!(1)), "/resource/properties/server"),
        (agent(&|q| q["resource"]["properties"]["argument"] = json!({})), "/resource/properties/argument"),
        (agent(&|q| q["resource"]["properties"]["arguments"] = json!("{}")), "/resource/properties/arguments"),
        (agent(&|q| q["context"]["arguments"] = json!({})), "/context/arguments"),
        (agent(&|q| q["context"]["dry_run"] = json!(true)), "/context/dry_run"),
        (agent(&|q| q["context"]["sorce"] = json!({})), "/context/sorce"),
        (agent(&|q| q["context"]["source"] = json!({ "ip": "localhost" })), "/context/source/ip"),
        (agent(&|q| q["context"]["source"] = json!({ "transport": "carrier-pigeon" })), "/context/source/transport"),
        (agent(&|q| q["context"]["source"] = json!({ "port": 1 })), "/context/source/port"),
        (agent(&|q| q["context"]["traceparent"] = "00-abc".into()), "/context/traceparent"),
        (agent(&|q| q["context"]["approval"] = json!({ "by": "alice" })), "/context/approval/id"),
        (coaz(&|q| q["context"] = json!({})), "/context/agent"),
        (coaz(&|q| q["context"]["agent"] = json!(["assistant"])), "/context/agent"),
        (coaz(&|q| q["context"]["case"] = "7".into()), "/context/case"),
        (coaz(&|q| q["subject"]["properties"] = json!({ "roles": ["admin"] })), "/subject/properties/roles"),
        (coaz(&|q| q["resource"]["type"] = "resource".into()), "/resource/type"),
        (coaz(&|q| q["resource"]["properties"] = json!({ "server": "other" })), "/resource/properties/server"),
        (coaz(&|q| q["resource"]["properties"] = json!({ "x-authzen-mapping": {} })), "/resource/properties/x-authzen-mapping"),
    ];
    for (question, pointer) in &cases {
        let reply = point.post("/access/v1/evaluation", question).await;
        let said = String::from_utf8_lossy(&reply.body);
        assert!(reply.status == 400 && said.starts_with(&format!("`{pointer}` ")), "{question}: {} {said}", reply.status);
    }
    // The id of a tool in COAZ is the server's word, whatever it looks like.
    let disguised = coaz(&|q| q["resource"]["id"] = "lab/echo".into());
    assert_eq!(point.evaluate(&disguised).await["decision"], false);
    let records = point.records().await;
    assert_eq!(records.iter().filter(|record| !record["check"].is_null()).count(), 3, "nothing was decided about the others");
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_about_calls_find_what_questions_allow() {
    let point = lab().await;
    let agent = json!({ "type": "agent", "id": "assistant", "properties": { "actor": "alice" } });
    let call = json!({ "name": "tools/call" });
    let arguments = json!({ "message": "a" });
    let tools =
        json!({ "subject": agent, "action": call, "resource": { "type": "tool", "properties": { "arguments": arguments } } });
    assert_eq!(point.search("resource", &tools).await, ["lab/echo"]);
    let of_server = json!({ "subject": agent, "action": call, "resource": { "type": "tool", "properties": { "server": "lab", "arguments": arguments } } });
    assert_eq!(point.search("resource", &of_server).await, ["echo"]);
    let agents = json!({ "subject": { "type": "agent", "properties": { "actor": "alice" } }, "action": call,
        "resource": { "type": "tool", "id": "lab/echo", "properties": { "arguments": arguments } } });
    assert_eq!(point.search("subject", &agents).await, ["assistant"]);
    let people = json!({ "subject": { "type": "identity" }, "context": { "agent": "assistant" }, "action": call,
        "resource": { "type": "tool", "id": "echo", "properties": { "arguments": arguments } } });
    assert_eq!(point.search("subject", &people).await, ["alice"]);
    let actions =
        json!({ "subject": agent, "resource": { "type": "tool", "id": "lab/echo", "properties": { "arguments": arguments } } });
    assert_eq!(point.search("action", &actions).await, ["tools/call"]);
    let methods = json!({ "subject": { "type": "identity", "id": "alice" }, "context": { "agent": "assistant" }, "resource": { "type": "mcp_server", "id": "lab" } });
    assert_eq!(
        point.search("action", &methods).await,
        ["initialize", "logging/setLevel", "prompts/list", "resources/list", "tools/list"]
    );
    // What needs an approval is not allowed yet, and nobody is asked because of a search.
    let destroy = json!({ "subject": agent, "resource": { "type": "tool", "id": "lab/destroy" } });
    assert_eq!(point.search("action", &destroy).await, Vec::<String>::new());
    let bad = json!({ "subject": agent, "action": call, "resource": { "type": "tool", "properties": { "sever": "lab" } } });
    assert_eq!(point.post("/access/v1/search/resource", &bad).await.status, 400);
    let records = point.records().await;
    assert!(records.iter().all(|record| record["approval"].is_null()));
}
