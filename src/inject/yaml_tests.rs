//! What plain words mean, what is refused, and that what is written reads as it was.

use serde_json::json;

use super::*;

fn one(text: &str) -> Value {
    read(text).unwrap().pop().unwrap().value
}

#[test]
fn plain_words_mean_what_they_mean_to_kubectl() {
    for (text, expected) in [
        ("yes", json!(true)),
        ("On", json!(true)),
        ("y", json!(true)),
        ("off", json!(false)),
        ("No", json!(false)),
        ("N", json!(false)),
        ("~", json!(null)),
        ("Null", json!(null)),
        ("0644", json!(420)),
        ("0o17", json!(15)),
        ("0x1F", json!(31)),
        ("0b11", json!(3)),
        ("1_000", json!(1000)),
        ("-7", json!(-7)),
        ("+7", json!(7)),
        ("1e3", json!(1000.0)),
        (".5", json!(0.5)),
        ("1.", json!(1.0)),
        ("0", json!(0)),
        ("08", json!(8.0)),
        ("18446744073709551615", json!(u64::MAX)),
        ("12:30", json!("12:30")),
        ("2024-01-01", json!("2024-01-01")),
        ("1.2.3", json!("1.2.3")),
        ("1.5Gi", json!("1.5Gi")),
        ("100m", json!("100m")),
        ("'on'", json!("on")),
        ("\"0644\"", json!("0644")),
        ("!!str 5", json!("5")),
        ("nope", json!("nope")),
        ("e3", json!("e3")),
        ("-x", json!("-x")),
        (".x", json!(".x")),
    ] {
        assert_eq!(one(&format!("a: {text}\n"))["a"], expected, "{text}");
    }
    assert_eq!(one("{1: a, true: b, 'on': c}"), json!({"1": "a", "true": "b", "on": "c"}));
}

#[test]
fn anchors_and_merges_are_copies() {
    let text = "base: &b {a: 1, c: [x]}\nmore: {<<: *b, a: 2}\nlist: {<<: [{d: 1}, {d: 2, e: 3}]}\nsame: *b\n";
    let base = json!({"a": 1, "c": ["x"]});
    assert_eq!(one(text), json!({"base": base, "more": {"a": 2, "c": ["x"]}, "list": {"d": 1, "e": 3}, "same": base}));
}

#[test]
fn documents_are_counted_and_empty_ones_left_out() {
    let documents = read("---\n# nothing\n---\na: 1\n---\n---\nb: 2\n...\n").unwrap();
    assert_eq!(documents.iter().map(|document| document.value.clone()).collect::<Vec<_>>(), [json!({"a": 1}), json!({"b": 2})]);
    assert_eq!(read("{\"a\": 1}\n{\"b\": 2}").unwrap().len(), 2);
    assert_eq!(one("{a: [1, {b: c}]}"), json!({"a": [1, {"b": "c"}]}));
    assert!(read("").unwrap().is_empty());
}

#[test]
fn what_has_no_one_meaning_is_refused_with_its_place() {
    for (text, expected) in [
        ("a: 1\na: 2\n", "line 2, column 4: the key `a` stands there twice"),
        ("{\"a\": 1, \"a\": 2}", "the key `a` stands there twice"),
        ("a: !!binary aGk=\n", "tags (`!…`) are not understood here"),
        ("a: !x 1\n", "tags (`!…`) are not understood here"),
        ("? [a]\n: 1\n", "a key must be text"),
        ("a: .nan\n", "`.nan` is no number in JSON"),
        ("a: &x [*x]\n", "line 1"),
        ("<<: 1\n", "`<<` needs a map, or a list of maps"),
        ("a: [\n", "line"),
        ("a: b: c\n", "line 1"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let deep = "[".repeat(70) + &"]".repeat(70);
    assert!(read(&format!("a: {deep}")).unwrap_err().to_string().contains("nested too deeply"));
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..9 {
        let before = level - 1;
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{before}"); 10].join(","));
    }
    assert!(read(&bomb).unwrap_err().to_string().contains("the aliases make the file too large"));
}

#[test]
fn what_is_written_reads_as_it_was() {
    let value = json!({
        "on": "on", "n": "n", "null": null, "empty": {}, "none": [], "text": "", "number": 1.5, "big": u64::MAX, "negative": -1,
        "words": ["yes", "0o17", "1e3", "017", "~", "-", "- a", "a: b", "a #b", "#x", "*a", "&a", "!a", "%a", "@a", "`a", "|", ">", "{", "[", "'", "\"", "\\", "?", ":",
            "a:", "a:b", " a", "a ", "2024-01-01", "12:30:45", ".inf", "<<", "=", "é", "\u{85}", "\u{2028}", "\u{feff}", "\u{7f}", "\u{0}", "😀", "a\tb"],
        "lines": ["a\nb", "a\nb\n", "a\n\nb\n\n\n", "\na", " a\nb", "a\n b\n", "a \nb", "a\n\tb", "\n", "\n\n", "a\r\nb", "a\n# b\n", "---\na\n"],
        "nested": [[1, [2, []]], [{"a": [{"b": "c\nd"}]}], [{}], [[]]],
        "a: b": 1, "- x": 2, "": 3, "a\nb": 4, "123": 5, "<<": 6,
    });
    let text = write(&[value.clone(), json!([]), json!("x\ny"), json!(5)]);
    let read: Vec<Value> = read(&text).unwrap().into_iter().map(|document| document.value).collect();
    assert_eq!(read, [value, json!([]), json!("x\ny"), json!(5)], "{text}");
}
