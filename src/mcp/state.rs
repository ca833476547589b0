//! `requestState`: what a server gives a client to bring back in the next leg of a request that takes several (2026-07-28). Found and
//! replaced without touching anything else of a message.

use bytes::Bytes;

use super::jsonrpc::Message;
use super::list::Unreadable;
use super::malformed::Malformed;
use super::splice::Splice;
use crate::json;

/// Its name in results and parameters.
const STATE: &str = "requestState";

/// Replaces the state in a server's result by what `seal` makes of it; `None` when the result has none.
///
/// # Errors
///
/// [`Unreadable`] when it is no text, or `seal` makes nothing of it. The result must not be passed on then.
pub fn sealed(message: &Message, seal: impl FnOnce(&str) -> Option<String>) -> Result<Option<Bytes>, Unreadable> {
    let Some(result) = message.outcome() else { return Ok(None) };
    let text = std::str::from_utf8(result).map_err(|_| Unreadable::Json)?;
    if !json::is_object(text) {
        return Ok(None);
    }
    let members = json::members(text).map_err(|_| Unreadable::Json)?;
    let Some(raw) = members.iter().find(|member| member.key == STATE).map(|member| member.value).filter(|raw| *raw != "null")
    else {
        return Ok(None);
    };
    let state = json::string(raw).map_err(|_| Unreadable::Json)?;
    let sealed = seal(&state).ok_or(Unreadable::Json)?;
    Ok(Some(with(message, raw, &sealed)))
}

/// The request with this state in place of the one that the client sent.
///
/// # Errors
///
/// When it has none.
pub fn reopened(message: &Message, state: &str) -> Result<Bytes, Malformed> {
    let missing = || Malformed::params("`requestState` is missing.").answering(message.id());
    let params = message.params().and_then(|params| std::str::from_utf8(params).ok()).ok_or_else(missing)?;
    let members = json::members(params).map_err(|_| missing())?;
    let raw = members.iter().find(|member| member.key == STATE).map(|member| member.value).ok_or_else(missing)?;
    Ok(with(message, raw, state))
}

fn with(message: &Message, raw: &str, state: &str) -> Bytes {
    let mut splice = Splice::of(message.body());
    splice.replace(raw, serde_json::Value::from(state).to_string());
    splice.apply()
}

#[cfg(test)]
mod tests {
    //! Only the state changes, and what is no state is not taken for one.

    use super::*;
    use crate::mcp::Limits;

    fn answer(result: &str) -> Message {
        let body = Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":1, "result": {result} }}"#));
        Message::parse_from_server(&body, &Limits::default()).unwrap()
    }

    #[test]
    fn only_the_state_of_a_result_changes() {
        let seal = |state: &str| Some(format!("<{state}>"));
        let body =
            |result: &str| sealed(&answer(result), seal).map(|body| body.map(|body| String::from_utf8(body.to_vec()).unwrap()));
        let changed = body(r#"{ "resultType":"input_required" ,"requestState" : "a\"\u00e4" , "x":[1 ] }"#).unwrap().unwrap();
        assert_eq!(
            changed,
            r#"{"jsonrpc":"2.0","id":1, "result": { "resultType":"input_required" ,"requestState" : "<a\"ä>" , "x":[1 ] } }"#
        );
        for none in ["{}", r#"{"requestState":null}"#, r#"{"x":{"requestState":"a"}}"#] {
            assert!(matches!(body(none), Ok(None)), "{none}");
        }
        assert!(body(r#"{"requestState":7}"#).is_err());
        assert!(sealed(&answer(r#"{"requestState":"a"}"#), |_| None).is_err(), "what cannot be sealed is withheld");
    }

    #[test]
    fn only_the_state_of_a_request_changes() {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t", "requestState":"sealed","arguments":{"requestState":"mine"}}}"#;
        let message = Message::parse(&Bytes::from(body), &Limits::default()).unwrap();
        let opened = reopened(&message, "s\n").unwrap();
        assert_eq!(opened, body.replace("\"sealed\"", r#""s\n""#));
        let without = Message::parse(&Bytes::from(body.replace("\"requestState\":\"sealed\",", "")), &Limits::default()).unwrap();
        assert!(reopened(&without, "s").is_err());
    }
}
