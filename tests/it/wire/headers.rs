//! What the headers say against what the body says, and where a request claims to come from.

use super::{Case, FORBIDDEN, LEGACY, Lab, MISMATCH, MODERN, Want, call, json, modern_call, modern_meta};

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_disagree_with_the_body_are_refused() {
    let mut lab = Lab::open().await;
    let row = |name: &str, tool: &str| lab.modern(name, tool, modern_call("echo"), MISMATCH);
    let table = vec![
        row("no version", "echo").without("mcp-protocol-version"),
        row("no method", "echo").without("mcp-method"),
        row("no name", "echo").without("mcp-name"),
        row("another version", "echo").with("mcp-protocol-version", "2026-07-29"),
        row("a legacy version", "echo").with("mcp-protocol-version", LEGACY),
        row("another method", "echo").with("mcp-method", "tools/list"),
        row("the method in capitals", "echo").with("mcp-method", "TOOLS/CALL"),
        row("another name", "destroy"),
        row("the name in capitals", "ECHO"),
        row("an empty name", ""),
        row("two versions", "echo").also("mcp-protocol-version", LEGACY),
        row("two methods", "echo").also("mcp-method", "tools/list"),
        row("the same method twice", "echo").also("mcp-method", "tools/call"),
        row("two names", "echo").also("mcp-name", "destroy"),
        row("two names, the other first", "destroy").also("mcp-name", "echo"),
        row("two names in one line", "echo, destroy"),
        row("another name in base64", "=?base64?ZGVzdHJveQ==?="),
        row("base64 that is none", "=?base64?!!!?="),
        row("base64 without end", "=?base64?ZWNobw=="),
        row("base64 that is not UTF-8", "=?base64?/w==?="),
        // Legacy requests need no such headers, but those that they have must not say something else.
        lab.legacy("legacy, another method", call("destroy"), MISMATCH).with("mcp-method", "tools/list"),
        lab.legacy("legacy, another name", call("destroy"), MISMATCH).with("mcp-name", "echo"),
    ];
    lab.refuses(table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn policy_is_decided_on_the_body_even_when_every_header_agrees_with_it() {
    let mut lab = Lab::open().await;
    let table = vec![
        lab.modern("plain", "destroy", modern_call("destroy"), Want::Denied),
        lab.modern("name in base64", "=?base64?ZGVzdHJveQ==?=", modern_call("destroy"), Want::Denied),
        // Which versions a server speaks is its own business; that nobody knows this one opens no door.
        lab.legacy("a version that is none", call("destroy"), Want::Denied).with("mcp-protocol-version", "latest"),
        lab.legacy("no version", call("destroy"), Want::Denied).without("mcp-protocol-version"),
    ];
    lab.refuses(table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_half_stateless_and_half_not_is_refused() {
    let mut lab = Lab::open().await;
    let without = |key: &str| {
        let mut meta = modern_meta();
        meta.as_object_mut().unwrap().remove(key);
        let params = json!({"name": "echo", "arguments": {}, "_meta": meta});
        json!({"jsonrpc": "2.0", "id": "wire", "method": "tools/call", "params": params}).to_string()
    };
    let missing = Want::Refused(&[400], &[-32602]);
    let either = Want::Refused(&[400], &[-32602, -32020]);
    let table = vec![
        lab.modern("no _meta", "echo", call("echo"), either),
        lab.modern("no version in _meta", "echo", without("io.modelcontextprotocol/protocolVersion"), either),
        lab.modern("no capabilities in _meta", "echo", without("io.modelcontextprotocol/clientCapabilities"), missing),
        lab.legacy("a stateless body in a session", modern_call("echo"), MISMATCH),
        lab.legacy("a stateless version over a legacy body", call("echo"), either).with("mcp-protocol-version", MODERN),
    ];
    lab.refuses(table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_host_or_origin_is_turned_away() {
    let mut lab = Lab::open().await;
    let port = lab.sidecar.address.port();
    let hosts =
        ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "user@127.0.0.1"];
    let origins = [
        "http://evil.example",
        "https://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://evil.example:80",
        "null",
        "file://",
        "",
        "http://127.0.0.1@evil.example",
    ];
    let refused_host = Want::Refused(&[400, 403], &[]);
    let mut table: Vec<Case> = Vec::new();
    table.extend(hosts.map(|host| lab.legacy(host, call("echo"), refused_host).with("host", host)));
    table.push(lab.legacy("no host", call("echo"), refused_host).without("host"));
    table.push(lab.legacy("two hosts", call("echo"), refused_host).also("host", "evil.example"));
    table.extend(origins.map(|origin| lab.legacy(origin, call("echo"), FORBIDDEN).with("origin", origin)));
    let local = format!("http://127.0.0.1:{port}");
    table.push(lab.legacy("two origins", call("echo"), FORBIDDEN).with("origin", &local).also("origin", "http://evil.example"));
    table.push(lab.modern("stateless", "echo", modern_call("echo"), FORBIDDEN).with("origin", "http://evil.example"));
    lab.refuses(table).await;
}
