//! What a log has of arguments and results, read by somebody who knows nothing but the form: records, files of salts, kept bytes.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use ring::{digest, hmac};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::shown;
use cedarpost::audit::private::{Salt, unseal};
use cedarpost::storage::Copy;

/// The JSON text of the result or error in a JSON-RPC message, byte for byte.
pub(crate) fn result_text(message: &str) -> String {
    #[derive(Deserialize)]
    struct Response<'a> {
        #[serde(borrow)]
        result: Option<&'a RawValue>,
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }
    let response: Response<'_> = serde_json::from_str(message).unwrap_or_else(|error| panic!("{error}: {message}"));
    response.result.or(response.error).unwrap().get().to_owned()
}

/// The data of an event, as a client reads it.
pub(crate) fn event_data(event: &str) -> String {
    event
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|data| data.strip_prefix(' ').unwrap_or(data))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The decision about the request with this id, and its outcome.
pub(crate) async fn records_of(directory: &Path, id: &str) -> (Value, Value) {
    for _ in 0..60 {
        let records = shown(directory).await;
        let decision = records.iter().find(|record| record["t"] == "decision" && record["request"] == format!("\"{id}\""));
        let outcome = decision
            .and_then(|decision| records.iter().find(|record| record["t"] == "outcome" && record["id"] == decision["id"]));
        if let (Some(decision), Some(outcome)) = (decision, outcome) {
            return (decision.clone(), outcome.clone());
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("the request {id} has left no decision and outcome: {:#?}", shown(directory).await);
}

fn salt(directory: &Path, record: &Value) -> [u8; 32] {
    let seq = usize::try_from(record["seq"].as_u64().unwrap()).unwrap();
    assert!(seq < 65_536, "a test has fewer records");
    let salts = std::fs::read(directory.join("private/salts/0000000000000000")).unwrap();
    salts[seq * 32..seq * 32 + 32].try_into().unwrap()
}

/// Recomputes the commitment of a record's member to this text, and holds it against the record.
pub(crate) fn assert_commits(directory: &Path, record: &Value, member: &str, text: &str) {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &salt(directory, record));
    let tag = hmac::sign(&key, digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    let commit = base64::engine::general_purpose::STANDARD.encode(tag.as_ref());
    assert_eq!(record[member]["commit"], commit, "{member} of {record} is not about {text:?}");
    assert_eq!(record[member]["len"], text.len(), "{record}");
}

/// What was kept of a record.
pub(crate) fn kept(directory: &Path, record: &Value) -> Option<String> {
    let seq = record["seq"].as_u64().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let copy = Copy::of(&directory.join("epochs/00000000"), scratch.path()).unwrap();
    let prefix = [&b"P"[..], &seq.to_be_bytes()].concat();
    let sealed: Vec<u8> = copy.database().range(&prefix, &prefix).flat_map(|part| part.unwrap().1.to_vec()).collect();
    let salt = Salt::from_bytes(salt(directory, record))?;
    (!sealed.is_empty()).then(|| String::from_utf8(unseal(&salt, seq, &sealed).unwrap()).unwrap())
}

/// Holds the outcome of a request against the result that its client received, which is kept.
pub(crate) async fn assert_recorded(directory: &Path, id: &str, received: &str) -> (Value, Value) {
    let (decision, outcome) = records_of(directory, id).await;
    assert_commits(directory, &outcome, "result", received);
    assert_eq!(outcome["result"]["kept"], true, "{outcome}");
    assert_eq!(kept(directory, &outcome).as_deref(), Some(received), "{outcome}");
    (decision, outcome)
}
