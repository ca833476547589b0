//! Leaves of every kind are read, each missing member is missed, and times are what the calendar says.

use proptest::prelude::*;

use super::*;

#[test]
fn every_golden_leaf_is_read() {
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/audit");
    let mut read = 0;
    for file in std::fs::read_dir(golden).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let leaf = Leaf::read(text.trim_end_matches('\n').as_bytes());
        assert!(leaf.as_ref().is_ok_and(|leaf| leaf.seq == 7421 && leaf.is_known()), "{}: {leaf:?}", path.display());
        read += 1;
    }
    assert!(read >= 15, "{read}");
}

#[test]
fn every_kind_that_can_be_recorded_is_known() {
    for kind in super::super::super::Kind::ALL {
        let known = PLAIN_KINDS.contains(&kind.name()) || ["decision", "outcome", "key", "prune"].contains(&kind.name());
        assert!(known, "{}", kind.name());
    }
}

const ID: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
const PREV: &str = "L0y2kW+kIAVmDTY7XaEj9q/abmTwKXRiweYTUiFdWsk=";

fn leaf(members: &[(&str, &str)]) -> Result<String, FormFault> {
    let (prev, id) = (format!("\"{PREV}\""), format!("\"{ID}\""));
    let common = [("prev", prev.as_str()), ("seq", "7"), ("ts", "\"2026-11-22T10:15:14.000012Z\""), ("v", "1"), ("id", &id)];
    let mut all: std::collections::BTreeMap<&str, &str> = common.into();
    all.extend(members.iter().copied());
    all.retain(|_, value| *value != "none");
    let text: Vec<String> = all.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    Leaf::read(format!("{{{}}}", text.join(",")).as_bytes()).map(|leaf| format!("{:?}", leaf.body))
}

type Members<'a> = &'a [(&'a str, &'a str)];

#[test]
fn what_others_depend_on_is_read_and_what_is_missing_is_named() {
    let decision = |word| format!("Decision {{ id: DecisionId(Ulid(1777027686520646174104517696511196507)), allows: {word} }}");
    let key = [("t", "\"key\""), ("new", "\"b\""), ("old", "\"a\""), ("from", "9")];
    let cases: [(Members<'_>, Result<String, FormFault>); 20] = [
        (&[("t", "\"stop\"")], Ok("Plain".to_owned())),
        (&[("t", "\"erase\""), ("more", "[1]")], Ok("Plain".to_owned())),
        (&[("t", "\"decision\""), ("decision", "\"allow\"")], Ok(decision(true))),
        (&[("t", "\"decision\""), ("decision", "\"deny\"")], Ok(decision(false))),
        (&[("t", "\"decision\""), ("decision", "\"maybe\"")], Err(FormFault::Member("decision"))),
        (&[("t", "\"decision\""), ("decision", "\"deny\""), ("id", "none")], Err(FormFault::Member("id"))),
        (&[("t", "\"decision\""), ("decision", "\"deny\""), ("id", "\"x\"")], Err(FormFault::Member("id"))),
        (&[("t", "\"outcome\""), ("outcome", "\"ok\"")], Err(FormFault::Member("decision_seq"))),
        (&[("t", "\"outcome\""), ("decision_seq", "4")], Err(FormFault::Member("outcome"))),
        (&key, Ok("Key(KeyChange { old: \"a\", new: \"b\", from: 9 })".to_owned())),
        (&[("t", "\"key\""), ("new", "\"b\"")], Err(FormFault::Member("old"))),
        (&[("t", "\"prune\""), ("min_index", "256")], Ok("Prune(256)".to_owned())),
        (&[("t", "\"prune\""), ("min_index", "\"256\"")], Err(FormFault::Member("min_index"))),
        (&[("t", "\"gift\"")], Err(FormFault::Kind)),
        (&[("t", "7")], Err(FormFault::Member("t"))),
        (&[("t", "\"stop\""), ("v", "none")], Err(FormFault::Member("v"))),
        (&[("t", "\"stop\""), ("seq", "-1")], Err(FormFault::Member("seq"))),
        (&[("t", "\"stop\""), ("prev", "\"AAAA\"")], Err(FormFault::Member("prev"))),
        (&[("t", "\"stop\""), ("ts", "\"now\"")], Err(FormFault::Member("ts"))),
        // Of another version nothing is asked but what all have.
        (&[("t", "\"gift\""), ("v", "2")], Ok("Plain".to_owned())),
    ];
    for (members, expected) in cases {
        let found = leaf(members);
        let same = match (&found, &expected) {
            // The id's inner form is not what this is about.
            (Ok(found), Ok(expected)) if found.starts_with("Decision") => {
                found.split("allows").last() == expected.split("allows").last()
            }
            (found, expected) => found == expected,
        };
        assert!(same, "{members:?}: {found:?}");
    }
}

#[test]
fn only_one_form_of_times_is_read() {
    assert_eq!(read_time("1970-01-01T00:00:00.000000Z"), Some(Timestamp::from_micros(0)));
    for text in [
        "2026-11-22T10:15:14.000012",
        "2026-11-22T10:15:14.000012z",
        "2026-11-22T10:15:14.000012+00:00",
        "2026-11-22T10:15:14Z",
        "2026-11-22T10:15:14.00001Z",
        "2026-11-22 10:15:14.000012Z",
        "2026-13-22T10:15:14.000012Z",
        "2026-00-22T10:15:14.000012Z",
        "2026-02-29T10:15:14.000012Z",
        "2100-02-29T10:15:14.000012Z",
        "2026-11-31T10:15:14.000012Z",
        "2026-11-00T10:15:14.000012Z",
        "2026-11-22T24:15:14.000012Z",
        "2026-11-22T10:60:14.000012Z",
        "2026-11-22T10:15:60.000012Z",
        "02026-11-22T10:15:14.000012Z",
        "-026-11-22T10:15:14.000012Z",
        "",
    ] {
        assert_eq!(read_time(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn times_are_what_the_calendar_says(micros in -62_167_219_200_000_000_i64..253_402_207_200_000_000) {
        let at = Timestamp::from_micros(micros);
        prop_assert_eq!(read_time(super::super::super::time::TimeText::default().of(at)), Some(at));
    }
}
