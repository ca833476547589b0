//! Rows as others read them, and cells that would like to be formulas.

use super::super::ocsf::tests::{ORIGIN, leaves};
use super::super::tests::GOLDEN;
use super::*;

/// The cells of a text, as RFC 4180 says that they are read.
pub(in crate::audit::export) fn read(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => cell.extend(letters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {
                assert_eq!(letters.next(), Some('\n'));
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    assert!(!quoted && cell.is_empty() && row.is_empty(), "{text}");
    rows
}

pub(in crate::audit::export) fn row(leaf: &[u8]) -> String {
    let mut out = Vec::new();
    write(&Entry::new(ORIGIN, 7421, leaf), &mut out);
    String::from_utf8(out).unwrap()
}

/// What stands in a column for a leaf whose agent has this name.
fn cell(agent: &str) -> String {
    let leaf = serde_json::json!({ "agent": agent, "t": "decision" }).to_string();
    let rows = read(&row(leaf.as_bytes()));
    assert_eq!((rows.len(), rows[0].len()), (1, COLUMNS.len()));
    rows[0][6].clone()
}

#[test]
fn rows_are_those_of_the_golden_file() {
    let mut out = Vec::new();
    write_header(&mut out);
    let mut text = String::from_utf8(out).unwrap();
    for (name, leaf) in leaves().into_iter().filter(|(name, _)| GOLDEN.contains(&name.as_str())) {
        assert_eq!(read(&row(&leaf))[0].len(), COLUMNS.len(), "{name}");
        text.push_str(&row(&leaf));
    }
    assert_eq!(text, include_str!("../../../tests/golden/export/records.csv"));
}

#[test]
fn no_cell_is_a_formula_and_each_can_be_read_back() {
    let formulas =
        ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "  =1", "\u{feff}=1", "\u{a0}@x", "=\"a\",\"b\""];
    let plain = ["planner", "a=b", "über, alles", "say \"hi\"", "two\nlines", "", " spaced ", "a;=b", "1-2"];
    for formula in formulas {
        assert_eq!(cell(formula), format!("'{formula}"), "{formula:?}");
        assert!(row(serde_json::json!({ "agent": formula }).to_string().as_bytes()).contains("\"'"), "{formula:?}");
    }
    for text in plain {
        assert_eq!(cell(text), text);
    }
    assert_eq!(cell("'=1"), "''=1", "one apostrophe can always be taken away");
    assert_eq!(cell("a\u{1b}[31m\u{0}b\u{9b}"), "a\u{fffd}[31m\u{fffd}b\u{fffd}");
}
