//! What is canonical, and every way not to be; and that a slow reader that has nothing in common with the fast one says the same.

use proptest::prelude::*;

use super::*;

fn scan(text: &[u8]) -> Result<Vec<(String, String)>, FormFault> {
    let mut seen = Vec::new();
    members(text, |key, value| seen.push((key.to_owned(), format!("{value:?}"))))?;
    Ok(seen)
}

#[test]
fn members_come_with_their_values() {
    let text = r#"{"":"","a":"b\n\"\\\u001f\b","b":12,"c":[1,"x",{"y":null}],"d":{"e":{}},"f":true,"g":-1,"h":9007199254740991,"i":0,"j":"ä😀"}"#;
    let values: Vec<String> = scan(text.as_bytes()).unwrap().into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    let expected = [
        "=Text(\"\")",
        r#"a=Text("b\\n\\\"\\\\\\u001f\\b")"#,
        "b=Integer(12)",
        "c=Other",
        "d=Other",
        "f=Other",
        "g=Other",
        "h=Integer(9007199254740991)",
        "i=Integer(0)",
        "j=Text(\"ä😀\")",
    ];
    assert_eq!(values, expected);
}

#[test]
fn each_other_spelling_is_refused() {
    use FormFault::{Depth, Escape, Key, NotAnObject, Number, Order, Syntax, Trailing, Utf8};

    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let deepest = nested(usize::from(MAX_DEPTH) - 1);
    assert!(scan(deepest.as_bytes()).is_ok());
    let cases: [(&[u8], FormFault); 52] = [
        (b"", NotAnObject),
        (b"[]", NotAnObject),
        (b" {}", NotAnObject),
        (b"{} ", Trailing),
        (b"{}{}", Trailing),
        (b"{\"a\":1}\n", Trailing),
        (b"{", Syntax),
        (b"{\"a\"", Syntax),
        (b"{\"a\":", Syntax),
        (b"{\"a\":1", Syntax),
        (b"{\"a\":1,", Syntax),
        (b"{\"a\":1,}", Syntax),
        (b"{\"a\" :1}", Syntax),
        (b"{\"a\": 1}", Syntax),
        (b"{\"a\":1 }", Syntax),
        (b"{ \"a\":1}", Syntax),
        (b"{\"a\":1;\"b\":2}", Syntax),
        (b"{a:1}", Syntax),
        (b"{\"a\":[1,]}", Syntax),
        (b"{\"a\":[1 ,2]}", Syntax),
        (b"{\"a\":[}", Syntax),
        (b"{\"a\":tru}", Syntax),
        (b"{\"a\":True}", Syntax),
        (b"{\"a\":NaN}", Syntax),
        (b"{\"a\":\"x}", Syntax),
        (b"{\"b\":1,\"a\":1}", Order),
        (b"{\"a\":1,\"a\":1}", Order),
        (b"{\"\":1,\"\":1}", Order),
        (b"{\"a\":{\"b\":1,\"b\":1}}", Order),
        (b"{\"aa\":1,\"a\":1}", Order),
        ("{\"ä\":1}".as_bytes(), Key),
        (b"{\"\\u0061\":1}", Key),
        (b"{\"a\x7f\":1}", Key),
        (b"{\"a\":1.0}", Number),
        (b"{\"a\":1e2}", Number),
        (b"{\"a\":1E2}", Number),
        (b"{\"a\":01}", Number),
        (b"{\"a\":00}", Number),
        (b"{\"a\":-0}", Number),
        (b"{\"a\":-}", Number),
        (b"{\"a\":9007199254740992}", Number),
        (b"{\"a\":-9007199254740992}", Number),
        (b"{\"a\":99999999999999999999999}", Number),
        (b"{\"a\":\"\\/\"}", Escape),
        (b"{\"a\":\"\\u0041\"}", Escape),
        (b"{\"a\":\"\\u000a\"}", Escape),
        (b"{\"a\":\"\\u001F\"}", Escape),
        (b"{\"a\":\"\\ud83d\\ude00\"}", Escape),
        (b"{\"a\":\"\x1f\"}", Escape),
        (b"{\"a\":\"\n\"}", Escape),
        (b"{\"a\":\"\xff\"}", Utf8),
        (b"{\"a\":\"\xed\xa0\x80\"}", Utf8),
    ];
    for (text, fault) in cases {
        assert_eq!(scan(text), Err(fault), "{}", String::from_utf8_lossy(text));
    }
    for too_deep in [nested(usize::from(MAX_DEPTH)), nested(1_000_000), "{\"a\":".repeat(100_000)] {
        assert_eq!(scan(too_deep.as_bytes()), Err(Depth));
    }
}

/// The same by the book: parse it, write it in canonical form, compare.
fn is_canonical(text: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(text)
        .is_ok_and(|value| value.is_object() && canonical(&value).is_some_and(|canonical| canonical.as_bytes() == text))
}

fn canonical(value: &serde_json::Value) -> Option<String> {
    use serde_json::Value;

    Some(match value {
        Value::Number(number) => {
            let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs))?;
            (magnitude <= MAX_INTEGER).then(|| number.to_string())?
        }
        Value::Array(list) => format!("[{}]", list.iter().map(canonical).collect::<Option<Vec<_>>>()?.join(",")),
        Value::Object(object) => {
            let mut members: Vec<_> = object.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            let member = |(key, value): &(&String, &Value)| {
                let plain = key.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\');
                plain.then(|| Some(format!("\"{key}\":{}", canonical(value)?)))?
            };
            format!("{{{}}}", members.iter().map(member).collect::<Option<Vec<_>>>()?.join(","))
        }
        // serde_json escapes as RFC 8785 has it.
        Value::String(_) | Value::Bool(_) | Value::Null => value.to_string(),
    })
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;

    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-(1_i64 << 53)..(1_i64 << 53)).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\\x00-\\x20\"\\\\/aä]{0,6}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c_ ]{0,3}", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[a-c_ ]{0,3}", value, 0..5).prop_map(|map| Value::Object(map.into_iter().collect()))
}

proptest! {
    #[test]
    fn what_is_written_in_canonical_form_is_read(value in json()) {
        let text = canonical(&value).unwrap_or_else(|| "{}".to_owned());
        prop_assert!(scan(text.as_bytes()).is_ok(), "{text}");
    }

    #[test]
    fn the_fast_reader_says_what_the_slow_one_says(value in json(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 0..3)) {
        let mut text = canonical(&value).unwrap_or_else(|| "{}".to_owned()).into_bytes();
        let alphabet = b"{}[]\",:\\0123456789.eEuabtrufn \n\t-/\x00\x1f\x7f\xc3\xa4";
        for (place, byte, what) in changes {
            let at = place.index(text.len());
            let byte = alphabet[usize::from(byte) % alphabet.len()];
            match what {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => { text.remove(at); text.push(b'}'); }
            }
        }
        prop_assert_eq!(scan(&text).is_ok(), is_canonical(&text), "{}", String::from_utf8_lossy(&text));
    }
}
