//! What makes a question, and what does not.

use super::*;

fn question(body: &str) -> Result<Question, String> {
    Inquiry::read(body.as_bytes(), mcp::Limits::default()).and_then(Inquiry::question).map_err(|error| error.to_string())
}

#[test]
fn the_target_says_which_action_is_meant() {
    for (members, expected) in [
        (r#""tool": "shop/refund""#, "shop tools/call Some(\"refund\")"),
        (r#""server": "shop", "tool": "a/b""#, "shop tools/call Some(\"a/b\")"),
        (r#""server": "fs", "resource": "file:///a""#, "fs resources/read Some(\"file:///a\")"),
        (
            r#""server": "fs", "resource": "file:///a", "action": "resources/subscribe""#,
            "fs resources/subscribe Some(\"file:///a\")",
        ),
        (r#""server": "fs", "prompt": "p""#, "fs prompts/get Some(\"p\")"),
        (r#""server": "fs", "action": "roots/list""#, "fs roots/list None"),
        (r#""server": "fs", "method": "com.example/do""#, "fs extension Some(\"com.example/do\")"),
    ] {
        let call = question(&format!(r#"{{"agent": "a", "unattended": true, {members}}}"#)).unwrap().call;
        assert_eq!(format!("{} {} {:?}", call.server, call.action, call.target.name()), expected, "{members}");
    }
}

#[test]
fn arguments_stay_as_they_were_written() {
    let asked =
        question(r#"{"agent": "a", "actor": "b", "tool": "s/t", "input": {"n": 1.0e2 }, "at": "2026-03-02T10:30:00+01:00"}"#);
    let Question { caller, call, at } = asked.unwrap();
    assert_eq!(call.arguments.json(), Some(&br#"{"n": 1.0e2 }"#[..]));
    assert_eq!(caller.actor.person().map(UserId::as_str), Some("b"));
    assert_eq!(at, Some(Timestamp::from_micros(1_772_443_800_000_000)));
}

#[test]
fn what_makes_no_sense_is_refused_in_a_sentence() {
    for (body, expected) in [
        ("[]", "the body is not an inquiry"),
        ("{", "the body is not JSON that every parser reads alike"),
        (r#"{"agent": "a", "agent": "b"}"#, "the body has a key twice in one object"),
        (r#"{"agent": "a", "unattended": true, "tool": "s/t", "input": {"x": 1, "\u0078": 2}}"#, "the body has a key twice"),
        (r#"{"agent": "a", "unattended": true, "tool": "s/t", "inputs": {}}"#, "unknown field `inputs`"),
        (r#"{"unattended": true, "tool": "s/t"}"#, "missing field `agent`"),
        (r#"{"agent": "", "unattended": true, "tool": "s/t"}"#, "`agent` is empty"),
        (r#"{"agent": "a", "tool": "s/t"}"#, "it must be said for whom the agent acts"),
        (r#"{"agent": "a", "actor": "b", "unattended": true, "tool": "s/t"}"#, "`unattended` says that there is none"),
        (r#"{"agent": "a", "unattended": true}"#, "`server` is missing"),
        (r#"{"agent": "a", "unattended": true, "server": "s"}"#, "what is asked for is missing"),
        (r#"{"agent": "a", "unattended": true, "tool": "t"}"#, "give `server`, or the tool as `server/name`"),
        (r#"{"agent": "a", "unattended": true, "tool": "S!/t"}"#, "`S!` is not the name of a server"),
        (r#"{"agent": "a", "unattended": true, "tool": "s/t", "prompt": "p"}"#, "only one of"),
        (
            r#"{"agent": "a", "unattended": true, "tool": "s/t", "action": "roots/list"}"#,
            "action `roots/list` does not go with this target; `tools/call` would",
        ),
        (
            r#"{"agent": "a", "unattended": true, "server": "s", "action": "root/list"}"#,
            "there is no action `root/list`: did you mean `roots/list`?",
        ),
        (
            r#"{"agent": "a", "unattended": true, "server": "s", "resource": "r", "input": {}}"#,
            "`input` is for tools and prompts only",
        ),
        (r#"{"agent": "a", "unattended": true, "tool": "s/t", "at": "noon"}"#, "`noon` is not a time like"),
        (r#"{"agent": "a", "unattended": true, "tool": "s/t", "ip": "localhost"}"#, "the body is not an inquiry"),
        (
            r#"{"agent": "a", "unattended": true, "tool": "s/t", "transport": "carrier pigeon"}"#,
            "unknown variant `carrier pigeon`",
        ),
    ] {
        let refused = question(body).map(|_| ()).unwrap_err();
        assert!(refused.contains(expected), "{body}: {refused}");
    }
}

#[test]
fn a_question_may_say_what_the_callers_token_says() {
    let token = r#""token": {"issuer": "https://idp", "scopes": ["refunds"], "claims": {"level": 2}}"#;
    let asked = question(&format!(r#"{{"agent": "a", "unattended": true, "tool": "s/t", {token}}}"#)).unwrap();
    let token = asked.caller.token.unwrap();
    assert_eq!((&*token.issuer, token.scopes.contains("refunds")), ("https://idp", true));
    assert_eq!(token.attributes.get("level"), Some(&crate::domain::Attribute::Number(2)));
    for (token, expected) in [
        (r#"{"issuer": "i", "claims": {"x": {}}}"#, "claim `x` is neither a text"),
        (r#"{"issuer": "i", "claims": {"x": 1.5}}"#, "claim `x` is neither a text"),
        (r#"{"scopes": []}"#, "missing field `issuer`"),
        (r#"{"issuer": "i", "scope": []}"#, "unknown field `scope`"),
    ] {
        let said = question(&format!(r#"{{"agent": "a", "unattended": true, "tool": "s/t", "token": {token}}}"#)).unwrap_err();
        assert!(said.contains(expected), "{token}: {said}");
    }
}
