//! What must hold for every body: no panic, and nothing is accepted that an ordinary JSON parser reads differently.

use bytes::Bytes;
use cedarpost::domain::Action;
use cedarpost::mcp::{self, Era, Inspection, Kind, Limits, ListKind, Message, Sender, list};
use serde_json::Value;

/// Parses `data` as a message from either side and does with it what the proxy might.
pub(crate) fn check(data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    if let Ok(message) = Message::parse(&body, &Limits::default()) {
        agrees_with_an_ordinary_parser(&message);
        use_it(&message, Sender::Client);
    }
    if let Ok(message) = Message::parse_from_server(&body, &Limits::default()) {
        use_it(&message, Sender::Server);
        filtered_lists_are_json(&body);
    }
}

/// What was extracted is what the last of several parsers would see, too.
fn agrees_with_an_ordinary_parser(message: &Message) {
    let value: Value = serde_json::from_slice(message.body()).expect("an accepted body is JSON");
    assert!(value.is_object(), "an accepted body is one object");
    let method = value.get("method").and_then(Value::as_str);
    assert_eq!(message.method().map(|method| method.name()), method);
    assert_eq!(matches!(message.kind(), Kind::Response { .. }), method.is_none());
    let id = message.id().map(|id| serde_json::from_slice::<Value>(id.as_json()).expect("an id is JSON"));
    assert_eq!(id.as_ref(), value.get("id"));
    let params = value.get("params");
    if message.method().is_some_and(|method| method.row().is_some()) {
        let text = |key| params.and_then(|params| params.get(key)).and_then(Value::as_str);
        assert_eq!(message.name().map(|name| &**name), text("name"));
        assert_eq!(message.uri().map(|uri| &**uri), text("uri"));
        let arguments = message.arguments().map(|text| serde_json::from_slice::<Value>(text).expect("arguments are JSON"));
        assert_eq!(arguments.as_ref(), params.and_then(|params| params.get("arguments")));
    }
    let version = params.and_then(|params| params.pointer("/_meta/io.modelcontextprotocol~1protocolVersion"));
    assert_eq!(message.era() == Era::Modern, version.is_some());
}

/// Calls everything that takes a message; only panics would be wrong.
fn use_it(message: &Message, sender: Sender) {
    let _ = mcp::route(message, sender, |_| true);
    for action in Action::ALL {
        let _ = mcp::target(message, action);
    }
    let _ = Inspection::of(message);
    let _ = mcp::elicitation(message);
    let _ = mcp::listen::filter(message);
    let _ = mcp::listen::retain(message, |_| false, |task| task.len() % 2 == 0);
    let _ = mcp::headers::check(message, |_| Vec::new());
}

/// Cutting a list leaves valid JSON behind, with the entries that were to stay, in their order.
fn filtered_lists_are_json(body: &Bytes) {
    let _ = list::tools(body);
    for kind in ListKind::ALL {
        let mut names = Vec::new();
        let mut every_other = |item: &list::Item<'_>| {
            names.push(item.name.to_string());
            names.len() % 2 == 0
        };
        let private = list::CachePolicy::Private { max_ttl_ms: 1000 };
        let Ok(filtered) = list::filter(body, kind, &mut every_other, private) else { continue };
        assert!(serde_json::from_slice::<Value>(&filtered).is_ok() || serde_json::from_slice::<Value>(body).is_err());
        let mut left = Vec::new();
        let mut all = |item: &list::Item<'_>| {
            left.push(item.name.to_string());
            true
        };
        let again = list::filter(&filtered, kind, &mut all, private);
        assert_eq!(again.as_ref(), Ok(&filtered), "filtering a filtered list changes nothing");
        let expected: Vec<_> = names.into_iter().skip(1).step_by(2).collect();
        assert_eq!(left, expected);
    }
}
