//! Operations that fit, and those that do not.

use serde_json::json;

use super::*;

fn op(op: serde_json::Value) -> Op {
    serde_json::from_value(op).unwrap()
}

#[test]
fn operations_change_what_their_path_leads_to() {
    let cases = [
        (json!({"a": 1}), json!({"op": "add", "path": "/b", "value": 2}), json!({"a": 1, "b": 2})),
        (json!({"a": 1}), json!({"op": "add", "path": "/a", "value": 2}), json!({"a": 2})),
        (json!({"a": [1]}), json!({"op": "add", "path": "/a/0", "value": 2}), json!({"a": [2, 1]})),
        (json!({"a": [1]}), json!({"op": "add", "path": "/a/1", "value": 2}), json!({"a": [1, 2]})),
        (json!({"a": [1]}), json!({"op": "add", "path": "/a/-", "value": 2}), json!({"a": [1, 2]})),
        (json!({"a": [1]}), json!({"op": "replace", "path": "/a/0", "value": 2}), json!({"a": [2]})),
        (json!({"x/y": {"~": 1}}), json!({"op": "remove", "path": "/x~1y/~0"}), json!({"x/y": {}})),
        (json!({"a": [1, 2]}), json!({"op": "remove", "path": "/a/0"}), json!({"a": [2]})),
    ];
    for (mut document, change, expected) in cases {
        apply(&mut document, &op(change.clone())).unwrap();
        assert_eq!(document, expected, "{change}");
    }
}

#[test]
fn an_operation_that_does_not_fit_changes_nothing() {
    let document = json!({"a": [1], "b": "text"});
    for change in [
        json!({"op": "replace", "path": "/c", "value": 1}),
        json!({"op": "remove", "path": "/c"}),
        json!({"op": "add", "path": "/a/2", "value": 1}),
        json!({"op": "add", "path": "/a/01", "value": 1}),
        json!({"op": "add", "path": "/a/+1", "value": 1}),
        json!({"op": "remove", "path": "/a/-"}),
        json!({"op": "remove", "path": "/a/1"}),
        json!({"op": "add", "path": "/b/c", "value": 1}),
        json!({"op": "add", "path": "/c/d", "value": 1}),
        json!({"op": "remove", "path": ""}),
    ] {
        let mut changed = document.clone();
        assert!(apply(&mut changed, &op(change.clone())).is_err(), "{change}");
        assert_eq!(changed, document);
    }
}
