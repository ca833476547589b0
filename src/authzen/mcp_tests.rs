//! Questions about MCP to calls: both dialects, and which server is meant.

use super::super::read::{Parts, body};
use super::*;

fn servers(names: &[(&str, Option<&str>)]) -> Servers {
    let known = names.iter().map(|(name, identifier)| KnownServer {
        name: ServerName::new(name).unwrap(),
        identifier: identifier.map(str::to_owned),
    });
    Servers::new(known.collect())
}

/// What a question means, as a line.
fn line(text: &str, servers: &Servers) -> String {
    let members = body(text, 64).unwrap();
    let asked = Parts::of(&members).unwrap().whole().unwrap();
    match read(&asked, servers) {
        Err(bad) => bad.to_string(),
        Ok(Meant::List(_)) => "a list".to_owned(),
        Ok(Meant::Nothing(_, why)) => format!("no: {why}"),
        Ok(Meant::Call(caller, call, _)) => {
            let actor = caller.actor.person().map_or("nobody", UserId::as_str);
            let (target, arguments) = (call.target.name().unwrap_or("-"), call.arguments.json().unwrap_or(b"none"));
            let arguments = std::str::from_utf8(arguments).unwrap();
            assert!(caller.vouched, "whoever asks vouches");
            format!("{} for {actor}: {} {target} at {} with {arguments}", caller.agent, call.action, call.server)
        }
    }
}

fn agent(subject: &str, action: &str, resource: &str, context: &str) -> String {
    format!(
        r#"{{"subject":{{"type":"agent","id":"bot","properties":{subject}}},"action":{{"name":"{action}"}},"resource":{resource},"context":{context}}}"#
    )
}

fn coaz(id: &str, action: &str, resource: &str, context: &str) -> String {
    format!(
        r#"{{"subject":{{"type":"identity","id":"{id}"}},"action":{{"name":"{action}"}},"resource":{resource},"context":{context}}}"#
    )
}

#[test]
fn a_question_is_the_call_that_it_names() {
    let two = servers(&[("shop", Some("https://mcp.example.com/shop")), ("lab", None)]);
    let ann = r#"{"actor":"ann"}"#;
    let cases = [
        (
            agent(ann, "tools/call", r#"{"type":"tool","id":"shop/refund"}"#, "{}"),
            "bot for ann: tools/call refund at shop with none",
        ),
        (agent(ann, "tools/call", r#"{"type":"tool","id":"shop/a/b"}"#, "{}"), "bot for ann: tools/call a/b at shop with none"),
        (
            agent(ann, "tools/call", r#"{"type":"tool","id":"shop/refund","properties":{"server":"lab"}}"#, "{}"),
            "bot for ann: tools/call shop/refund at lab with none",
        ),
        (
            agent(
                r#"{"unattended":true}"#,
                "tools/call",
                r#"{"type":"tool","id":"lab/x","properties":{"arguments":{"a" : 1.0}}}"#,
                "{}",
            ),
            r#"bot for nobody: tools/call x at lab with {"a" : 1.0}"#,
        ),
        (
            agent(ann, "tools/call", r#"{"type":"tool","id":"lab/x"}"#, r#"{"arguments":{"b":[]}}"#),
            r#"bot for ann: tools/call x at lab with {"b":[]}"#,
        ),
        (
            agent(ann, "resources/subscribe", r#"{"type":"resource","id":"lab/file:///etc/motd"}"#, "{}"),
            "bot for ann: resources/subscribe file:///etc/motd at lab with none",
        ),
        (agent(ann, "roots/list", r#"{"type":"mcp_server","id":"lab"}"#, "{}"), "bot for ann: roots/list - at lab with none"),
        (
            agent(ann, "resources/read", r#"{"type":"resource","id":"lab/x"}"#, r#"{"arguments":{}}"#),
            "`/context/arguments` are for tools and prompts only",
        ),
        (
            coaz(
                "ann",
                "tools/call",
                r#"{"type":"tool","id":"shop/refund","properties":{"server":"lab"}}"#,
                r#"{"agent":"bot"}"#,
            ),
            "bot for ann: tools/call shop/refund at lab with none",
        ),
        (
            coaz("bot", "tools/call", r#"{"type":"tool","id":"x","properties":{"server":"lab"}}"#, r#"{"agent":"bot"}"#),
            "bot for nobody: tools/call x at lab with none",
        ),
        (
            coaz("ann", "tools/call", r#"{"type":"tool","id":"shop/refund"}"#, r#"{"agent":"bot"}"#),
            "`/resource/properties/server` does not say which server is meant (the servers are `shop`, `lab`)",
        ),
        (
            coaz(
                "ann",
                "logging/setLevel",
                r#"{"type":"mcp_server","id":"https://mcp.example.com/shop/"}"#,
                r#"{"agent":"bot","level":"debug"}"#,
            ),
            "bot for ann: logging/setLevel - at shop with none",
        ),
        (coaz("ann", "tools/list", r#"{"type":"mcp_server","id":"lab"}"#, r#"{"agent":"bot"}"#), "a list"),
        (
            coaz("ann", "tools/list", r#"{"type":"mcp_server","id":"https://elsewhere.example"}"#, r#"{"agent":"bot"}"#),
            "`/resource/id` does not say which server is meant (the servers are `shop`, `lab`)",
        ),
        (
            coaz("ann", "tools/list", r#"{"type":"tool","id":"x"}"#, r#"{"agent":"bot"}"#),
            "`/resource/type` is not what `tools/list` is asked about",
        ),
        (
            coaz(
                "ann",
                "initialize",
                r#"{"type":"mcp_server","id":"lab"}"#,
                r#"{"agent":"bot","protocol_version":"2026-07-28"}"#,
            ),
            "a list",
        ),
        (
            coaz("ann", "tools/list", r#"{"type":"mcp_server","id":"lab"}"#, r#"{"agent":"bot","level":"debug"}"#),
            "`/context/level` is nothing that a question about MCP can say (known are `agent`, `approval`, `arguments`, `business_justification`, `source`, `traceparent`)",
        ),
        (
            coaz("ann", "server/discover", r#"{"type":"mcp_server","id":"lab"}"#, r#"{"agent":"bot"}"#),
            "no: the method has no default mapping, and what is not mapped is denied",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(line(&text, &two), expected, "{text}");
    }
}

#[test]
fn the_only_server_is_meant_when_coaz_names_none() {
    let one = servers(&[("lab", None)]);
    let asked = coaz("ann", "tools/call", r#"{"type":"tool","id":"lab/echo"}"#, r#"{"agent":"bot"}"#);
    assert_eq!(line(&asked, &one), "bot for ann: tools/call lab/echo at lab with none", "an id is the server's own word");
    let listed = coaz("ann", "prompts/list", r#"{"type":"mcp_server","id":"https://any.example"}"#, r#"{"agent":"bot"}"#);
    assert_eq!(line(&listed, &one), "a list");
    let asked = agent(r#"{"actor":"ann"}"#, "tools/call", r#"{"type":"tool","id":"echo"}"#, "{}");
    assert!(line(&asked, &one).starts_with("`/resource/id` does not begin with the name of a server"), "our own dialect says it");
}
