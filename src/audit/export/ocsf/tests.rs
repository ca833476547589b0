//! Events held against golden files, and against what OCSF 1.8.0 says of the attributes that there are: their types, their numbers,
//! and which must be there. `tests/foreign/check_ocsf.py` makes that table, and holds the golden files against the whole schema.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::super::entry::Entry;
use super::event;

/// What the schema says, by class and object.
static TABLE: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../../tests/golden/export/ocsf-1.8.0.json")).unwrap());
pub(in crate::audit::export) const ORIGIN: &str = "audit.example/host-7";

/// Everything in an event that the schema does not know.
pub(in crate::audit::export) fn misfits(event: &Value) -> Vec<String> {
    let profiles: Vec<&str> =
        event["metadata"]["profiles"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect();
    let mut found = Vec::new();
    let class = format!("class {}", event["class_uid"]);
    check(&TABLE, &class, &profiles, event, &class, &mut found);
    let type_uid = event["class_uid"].as_u64().unwrap() * 100 + event["activity_id"].as_u64().unwrap();
    if event["type_uid"] != type_uid {
        found.push(format!("type_uid is not {type_uid}"));
    }
    found
}

fn check(table: &Value, part: &str, profiles: &[&str], value: &Value, at: &str, found: &mut Vec<String>) {
    let Some(known) = table[part].as_object() else { return found.push(format!("{at}: {part} is not in the table")) };
    let members = value.as_object().unwrap_or_else(|| panic!("{at}: {value}"));
    for (name, value) in members {
        match known.get(name) {
            None => found.push(format!("{at}/{name} is unknown")),
            Some(words) => attribute(table, words.as_str().unwrap(), profiles, value, &format!("{at}/{name}"), found),
        }
    }
    for (name, words) in known {
        let words = words.as_str().unwrap();
        if name == "one of" {
            if !words.split(' ').any(|name| members.contains_key(name)) {
                found.push(format!("{at} has none of {words}"));
            }
        } else if words.split(' ').any(|word| word == "required") && applies(words, profiles) && !members.contains_key(name) {
            found.push(format!("{at}/{name} is missing"));
        }
    }
}

fn applies(words: &str, profiles: &[&str]) -> bool {
    let mut of = words.split(' ').filter_map(|word| word.strip_prefix('@')).peekable();
    of.peek().is_none() || of.any(|profile| profiles.contains(&profile))
}

fn attribute(table: &Value, words: &str, profiles: &[&str], value: &Value, at: &str, found: &mut Vec<String>) {
    if !applies(words, profiles) {
        found.push(format!("{at} belongs to a profile that the event does not name"));
    }
    let kind = words.split(' ').next().unwrap();
    let (kind, values) = match (kind.strip_suffix("[]"), value) {
        (Some(kind), Value::Array(values)) => (kind, values.iter().collect()),
        (None, value) => (kind, vec![value]),
        (Some(_), other) => return found.push(format!("{at} is no list: {other}")),
    };
    let numbers: Vec<i64> = words.split(' ').filter_map(|word| word.parse().ok()).collect();
    for value in values {
        let fits = match kind {
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
            "long" => value.is_i64() || value.is_u64(),
            "json" => true,
            "{object}" => value.is_object(),
            object if object.starts_with('{') => {
                check(table, object.trim_matches(['{', '}']), profiles, value, at, found);
                true
            }
            other => panic!("{other}"),
        };
        if !fits {
            found.push(format!("{at} is no {kind}: {value}"));
        }
        if !numbers.is_empty() && !value.as_i64().is_some_and(|number| numbers.contains(&number)) {
            found.push(format!("{at} is none of {numbers:?}: {value}"));
        }
    }
}

fn golden(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(folder)
}

/// Every leaf that there is a golden file of, by its name.
pub(in crate::audit::export) fn leaves() -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(golden("audit")).unwrap().map(|file| file.unwrap().path());
    let mut leaves: Vec<_> = files
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap().trim_end().as_bytes().to_vec())
        })
        .collect();
    leaves.sort();
    leaves
}

/// The event of a leaf, without the version of this program.
fn event_of(leaf: &[u8]) -> Value {
    let mut event = event(&Entry::new(ORIGIN, 7421, leaf));
    assert_eq!(event["metadata"]["product"]["version"], env!("CARGO_PKG_VERSION"));
    event["metadata"]["product"]["version"] = "…".into();
    event
}

#[test]
fn events_are_those_of_the_golden_files() {
    let leaves = leaves();
    for file in std::fs::read_dir(golden("export/ocsf")).unwrap().map(|file| file.unwrap().path()) {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let (_, leaf) = leaves.iter().find(|(of, _)| of == name).unwrap_or_else(|| panic!("there is no leaf `{name}`"));
        let expected: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let made = event_of(leaf);
        assert!(made == expected, "{name}: {made:#}");
    }
}

#[test]
fn events_of_all_leaves_fit_the_schema() {
    for (name, leaf) in leaves() {
        assert_eq!(misfits(&event_of(&leaf)), [""; 0], "{name}");
    }
}

type Change = fn(&mut Map<String, Value>);

#[test]
fn the_check_finds_what_does_not_fit() {
    let (_, leaf) = leaves().into_iter().find(|(name, _)| name == "decision-deny").unwrap();
    let cases: [(Change, &str); 6] = [
        (|event| drop(event.remove("api")), "class 6003/api is missing"),
        (|event| drop(event.insert("severity_id".into(), json!(7))), "class 6003/severity_id is none of"),
        (|event| drop(event.insert("verdict".into(), json!("deny"))), "class 6003/verdict is unknown"),
        (|event| event["metadata"]["profiles"] = json!(["trace"]), "class 6003/action_id belongs to a profile"),
        (|event| event["trace"] = json!({}), "class 6003/trace/uid is missing"),
        (|event| event["actor"] = json!({ "app_name": 7 }), "class 6003/actor/app_name is no string"),
    ];
    for (change, expected) in cases {
        let mut event = event_of(&leaf);
        change(event.as_object_mut().unwrap());
        let found = misfits(&event);
        assert!(found.iter().any(|misfit| misfit.starts_with(expected)), "{expected}: {found:?}");
    }
}

/// The event of the decision to deny with some members exchanged, down to one value.
fn of_changed(changes: &Value, pointer: &str) -> Value {
    let (_, leaf) = leaves().into_iter().find(|(name, _)| name == "decision-deny").unwrap();
    let mut leaf: Value = serde_json::from_slice(&leaf).unwrap();
    leaf.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let event = event(&Entry::new(ORIGIN, 7421, leaf.to_string().as_bytes()));
    assert_eq!(misfits(&event), [""; 0]);
    event.pointer(pointer).cloned().unwrap_or(Value::Null)
}

#[test]
fn what_a_decision_says_is_told_in_the_words_of_the_schema() {
    let because = |cause: &str| json!({ "judgements": [{ "cause": cause, "faults": [], "policies": [], "principal": "agent" }] });
    let cases = [
        (json!({ "action": "resources/read" }), "/activity_id", json!(2)),
        (json!({ "action": "prompts/get" }), "/type_uid", json!(600_302)),
        (json!({ "action": "resources/subscribe" }), "/activity_name", json!("resources/subscribe")),
        (json!({ "action": "extension", "method": "com.example/do" }), "/api/operation", json!("com.example/do")),
        (json!({ "decision": "allow" }), "/disposition", json!("Allowed")),
        (json!({ "decision": "require_approval" }), "/severity", json!("Low")),
        (json!({ "decision": "require_approval" }), "/action", json!("Denied")),
        (json!({ "decision": "perhaps" }), "/action", json!("Unknown")),
        (because("no_permit"), "/disposition_id", json!(26)),
        (because("invalid_request"), "/disposition_id", json!(27)),
        (because("drifted"), "/disposition_id", json!(2)),
        (because("permitted"), "/authorizations/0/decision", json!("allowed")),
        (because("approval_missing"), "/authorizations/0/decision", json!("approval required")),
        (json!({ "source": { "transport": "stdio" } }), "/src_endpoint", json!({ "name": "stdio" })),
        (json!({ "source": { "ip": "::ffff:10.1.2.3" } }), "/src_endpoint", json!({ "ip": "10.1.2.3" })),
        (json!({ "source": { "ip": "not an address" } }), "/src_endpoint", json!({ "name": "unknown" })),
        (json!({ "tool": { "cut": "ref", "len": 6, "sha256": "…" } }), "/resources/0/name", json!("ref…")),
        (json!({ "something_new": [1] }), "/unmapped/something_new", json!([1])),
        (json!({ "ts": "yesterday" }), "/time", json!(0)),
        (json!({ "ts": "1969-12-31T23:59:59.999999Z" }), "/time", json!(-1)),
    ];
    for (changes, pointer, expected) in cases {
        assert_eq!(of_changed(&changes, pointer), expected, "{changes} {pointer}");
    }
}

#[test]
fn what_is_unknown_or_damaged_is_an_event_all_the_same() {
    let unknown = event(&Entry::new(ORIGIN, u64::MAX, br#"{"t":"approval","by":"bea"}"#));
    assert_eq!((&unknown["class_uid"], &unknown["activity_name"]), (&json!(0), &json!("approval")));
    assert_eq!((&unknown["unmapped"]["by"], &unknown["metadata"]["sequence"]), (&json!("bea"), &Value::Null));
    let damaged = event(&Entry::new(ORIGIN, 3, b"{\"t\":\xff"));
    assert_eq!((&damaged["activity_name"], &damaged["unmapped"]["damaged"]), (&json!("Damaged"), &json!("{\"t\":\u{fffd}")));
    for event in [unknown, damaged] {
        assert_eq!(misfits(&event), [""; 0]);
    }
}
