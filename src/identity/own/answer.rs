//! What an authorization server answers to whoever asks it for a token (RFC 6749, section 5; RFC 8693, section 2.2).

use std::time::Duration;

use http::{Response, StatusCode};
use serde_json::Value;

use super::ask::{Granted, Ungranted};
use crate::identity::remote::AskError;
use crate::identity::secret::Secret;

/// How deep an answer may be nested.
const MAX_DEPTH: u32 = 16;
/// The longest token, in bytes: it has to fit into a header.
const MAX_TOKEN: usize = 16 * 1024;
/// How long a token is taken to hold whose server does not say.
const UNSAID: Duration = Duration::from_secs(60);
/// The longest a token is believed to hold.
const LONGEST: Duration = Duration::from_secs(86_400);
/// What `issued_token_type` must be, where it is said.
const ACCESS_TOKEN: [&str; 2] = ["urn:ietf:params:oauth:token-type:access_token", "urn:ietf:params:oauth:token-type:jwt"];

/// Reads an answer.
pub(super) fn read(answer: &Response<bytes::Bytes>) -> Result<Granted, Ungranted> {
    let said = std::str::from_utf8(answer.body()).ok().and_then(|text| crate::json::value(text, MAX_DEPTH).ok());
    match answer.status() {
        StatusCode::OK => said.as_ref().and_then(granted).ok_or(Ungranted::Unfit),
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(match code(said.as_ref()) {
            Some(code) => Ungranted::Refused(code),
            None => Ungranted::Refused(format!("status {}", answer.status().as_u16()).into()),
        }),
        status => Err(Ungranted::Unavailable(Box::new(AskError::Status(status)))),
    }
}

fn granted(said: &Value) -> Option<Granted> {
    let text = |name: &str| said.get(name).and_then(Value::as_str);
    let token = text("access_token").filter(|token| is_token(token))?;
    // What is no bearer's token we could not show as one.
    text("token_type").filter(|kind| kind.eq_ignore_ascii_case("bearer"))?;
    if said.get("issued_token_type").is_some_and(|kind| !ACCESS_TOKEN.iter().any(|known| kind == known)) {
        return None;
    }
    let lasts = match said.get("expires_in") {
        None | Some(Value::Null) => UNSAID,
        // There are servers that write the number as a text.
        Some(Value::String(seconds)) => Duration::from_secs(seconds.parse().ok()?),
        Some(seconds) => Duration::from_secs(seconds.as_u64()?),
    };
    Some(Granted { token: Secret::new(token.to_owned()), lasts: lasts.min(LONGEST) })
}

/// Whether a text can be shown as a bearer's token.
fn is_token(text: &str) -> bool {
    (1..=MAX_TOKEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The code of an error, as far as it is one: it ends up in logs and records.
fn code(said: Option<&Value>) -> Option<Box<str>> {
    let code = said?.get("error")?.as_str()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    ((1..=64).contains(&code.len()) && code.bytes().all(plain)).then(|| code.into())
}

#[cfg(test)]
mod tests {
    //! Answers of every kind, also ones that only look like tokens.

    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: impl Into<Bytes>) -> Result<(String, u64), String> {
        let response = Response::builder().status(status).body(body.into()).unwrap();
        read(&response)
            .map(|granted| (granted.token.expose().to_owned(), granted.lasts.as_secs()))
            .map_err(|error| error.word().to_owned())
    }

    #[test]
    fn only_a_bearers_token_is_one() {
        let good = json!({ "access_token": "abc.def-~+/=", "token_type": "bEarer", "expires_in": 300, "scope": "mcp" });
        assert_eq!(answer(200, good.to_string()), Ok(("abc.def-~+/=".to_owned(), 300)));
        let changed = |change: serde_json::Value| {
            let mut body = good.clone();
            for (name, value) in change.as_object().unwrap() {
                body[name] = value.clone();
            }
            answer(200, body.to_string())
        };
        let lasts =
            [(json!({"expires_in": null}), 60), (json!({"expires_in": "90"}), 90), (json!({"expires_in": u64::MAX}), 86_400)];
        for (change, seconds) in lasts {
            assert_eq!(changed(change.clone()).unwrap().1, seconds, "{change}");
        }
        let bad = [
            json!({"access_token": ""}),
            json!({"access_token": "a b"}),
            json!({"access_token": "a\nb: c"}),
            json!({"access_token": "ä"}),
            json!({"access_token": 7}),
            json!({"access_token": "x".repeat(16 * 1024 + 1)}),
            json!({"token_type": "DPoP"}),
            json!({"token_type": "N_A"}),
            json!({"token_type": null}),
            json!({"expires_in": -1}),
            json!({"expires_in": 1.5}),
            json!({"issued_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}),
        ];
        for change in bad {
            assert_eq!(changed(change.clone()), Err("unfit answer".to_owned()), "{change}");
        }
        for garbage in ["", "<html>", "[]", r#"{"access_token":"a","access_token":"b","token_type":"bearer"}"#] {
            assert_eq!(answer(200, garbage), Err("unfit answer".to_owned()), "{garbage}");
        }
    }

    #[test]
    fn a_refusal_says_its_code_and_nothing_else() {
        let cases = [
            (400, r#"{"error":"invalid_grant","error_description":"token abc is bad"}"#, "refused"),
            (401, "no", "refused"),
            (403, r#"{"error":"a\nb"}"#, "refused"),
            (500, r#"{"error":"invalid_grant"}"#, "unavailable"),
            (302, "", "unavailable"),
            (404, "", "unavailable"),
        ];
        for (status, body, word) in cases {
            assert_eq!(answer(status, body), Err(word.to_owned()), "{status} {body}");
        }
        let response = Response::builder().status(400).body(Bytes::from(cases[0].1)).unwrap();
        let error = read(&response).unwrap_err().to_string();
        assert_eq!(error, "the authorization server refuses (invalid_grant)");
    }
}
