//! Records that are signed and yet none: by whoever has the key, or by a defect of whatever wrote them.

use serde_json::{Value, json};

use super::super::super::support::tiles::Log;
use super::super::Asked;
use super::{Attack, only_ours, other, row};

/// What is done to the text of a record.
type Twist = fn(String) -> String;

/// The same for both verifiers: another spelling of what could be a record.
const SPELLINGS: [(&str, Twist); 17] = [
    ("white space", |text| text.replacen(',', ", ", 1)),
    ("a newline at the end", |text| text + "\n"),
    ("keys out of order", |text| text.replacen('{', "{\"zz\":1,", 1)),
    ("a key that stands twice", |text| text.replacen("\"v\":1", "\"v\":1,\"v\":1", 1)),
    ("a fraction", |text| text.replacen("\"v\":1", "\"v\":1.5", 1)),
    ("a whole fraction", |text| text.replacen("\"v\":1", "\"v\":1.0", 1)),
    ("a number in another spelling", |text| text.replacen("\"v\":1", "\"v\":1e0", 1)),
    ("a number of 2^53", |text| text.replacen("\"v\":1", "\"v\":9007199254740992", 1)),
    ("no number at all", |text| text.replacen("\"v\":1", "\"v\":NaN", 1)),
    ("a needless escape", |text| text.replacen("\"t\"", "\"\\u0074\"", 1)),
    ("an escaped slash", |text| text.replacen("\"v\":1", "\"v\":1,\"w\":\"\\/\"", 1)),
    ("half a character", |text| text.replacen("\"v\":1", "\"v\":1,\"w\":\"\\ud800\"", 1)),
    ("nested without end", |text| text.replacen('{', &format!("{{\"a\":{},", "[".repeat(20_000)), 1)),
    ("a list", |text| format!("[{text}]")),
    ("a list of pairs", |_| "[[1,2],[\"a\",3]]".to_owned()),
    ("no JSON", |_| "{".to_owned()),
    ("nothing", |_| String::new()),
];

/// The text with the first four letters of the hash before it changed.
fn unlinked(text: &str) -> String {
    let (before, rest) = text.split_at(text.find("\"prev\":\"").unwrap() + 8);
    format!("{before}AAAA{}", rest.split_at(4).1)
}

/// The text with another number.
fn renumbered(text: &str) -> String {
    text.replacen("\"seq\":", "\"seq\":1", 1)
}

pub(super) fn attacks(log: &Log) -> Vec<Attack> {
    let (none, place) = (Asked::default(), log.loose(550));
    let twisted = |twist: Twist| other(log, |log| log.entries[place].twist = twist).files();
    let member = |key: &str, value: Value| other(log, |log| _ = log.entries[place].members.insert(key.to_owned(), value)).files();
    let outcome = other(log, |log| {
        let at = (550..).find(|seq| log.entries[*seq].members["t"] == "outcome").unwrap();
        log.entries[at].members.insert("id".to_owned(), json!("01ARZ3NDEKTSV4RRFFQ9999999"));
    });
    let spellings = SPELLINGS.iter().map(|(name, twist)| row(*name, twisted(*twist), &none, "record_form"));
    let rest = [
        row("another number", twisted(|text| renumbered(&text)), &none, "record_number"),
        row("another hash before it", twisted(|text| unlinked(&text)), &none, "record_link"),
        only_ours("a kind that nobody knows", member("t", json!("gift")), &none, "record_form"),
        only_ours("a time that is none", member("ts", json!("yesterday")), &none, "record_form"),
        only_ours("a key that is not ASCII", member("ä", json!(1)), &none, "record_form"),
        only_ours("a later version", twisted(|text| text.replacen("\"v\":1", "\"v\":2", 1)), &none, "record_version"),
        only_ours("an outcome of nothing", outcome.files(), &none, "record_outcome"),
    ];
    spellings.chain(rest).collect()
}
