//! The list of a bundle: one meaning, one text.

use proptest::prelude::*;

use super::super::tree::sha256;
use super::*;

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn text(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_list_is_read_as_it_is_written() {
    let files = [("a.cedar", "x"), ("b/c.json", ""), ("b.cedar", "y")];
    let files = files.into_iter().map(|(name, content)| (name.to_owned(), sha256(content.as_bytes()))).collect();
    let manifest = Manifest::new(7, files).unwrap();
    let written = manifest.to_string();
    assert!(written.starts_with(
        "cedarpost.dev/policy-bundle/v1\nversion 7\n2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881  a.cedar\n"
    ));
    // By bytes: a dot comes before a slash.
    assert!(written.find("b.cedar").unwrap() < written.find("b/c.json").unwrap());
    assert_eq!(Manifest::parse(&written), Ok(manifest));
    let empty = Manifest::new(MAX_VERSION, BTreeMap::new()).unwrap();
    assert_eq!(Manifest::parse(&empty.to_string()), Ok(empty));
}

#[test]
fn what_would_be_written_differently_is_refused() {
    let line = |name: &str| format!("{HEX}  {name}");
    let with = |more: &[&str]| text(&[&[FORMAT, "version 7"], more].concat());
    let name = |name: &str| ManifestError::Name(name.to_owned());
    let order = |name: &str| ManifestError::Order(name.to_owned());
    let long = "x".repeat(1025);
    for (wrong, error) in [
        (String::new(), ManifestError::Unfinished),
        ("\n".to_owned(), ManifestError::Format(String::new())),
        (text(&["audit.example/log", "7", "AAAA"]), ManifestError::Format("audit.example/log".to_owned())),
        (
            text(&["cedarpost.dev/policy-bundle/v2", "version 7"]),
            ManifestError::Format("cedarpost.dev/policy-bundle/v2".to_owned()),
        ),
        (text(&[FORMAT]), ManifestError::Version),
        (text(&[FORMAT, "7"]), ManifestError::Version),
        (text(&[FORMAT, "version 0"]), ManifestError::Version),
        (text(&[FORMAT, "version 07"]), ManifestError::Version),
        (text(&[FORMAT, "version +7"]), ManifestError::Version),
        (text(&[FORMAT, "version 7 "]), ManifestError::Version),
        (text(&[FORMAT, "version 9007199254740992"]), ManifestError::Version),
        (text(&[FORMAT, "version 99999999999999999999"]), ManifestError::Version),
        (with(&["trailing"]), ManifestError::Line(3)),
        (with(&[&line("a"), ""]), ManifestError::Line(4)),
        (with(&[&format!("{}  a", HEX.to_uppercase())]), ManifestError::Line(3)),
        (with(&[&line("a").replace("  ", " ")]), ManifestError::Line(3)),
        (with(&[line("a").get(1..).unwrap()]), ManifestError::Line(3)),
        (with(&[&format!("0{}", line("a"))]), ManifestError::Line(3)),
        (with(&[&line("b"), &line("a")]), order("a")),
        (with(&[&line("a"), &line("a")]), order("a")),
        (format!("{}{}", with(&[&line("a")]), line("b")), ManifestError::Unfinished),
        (with(&[&line("")]), name("")),
        (with(&[&line("../a")]), name("../a")),
        (with(&[&line("/a")]), name("/a")),
        (with(&[&line("a/../b")]), name("a/../b")),
        (with(&[&line("a//b")]), name("a//b")),
        (with(&[&line("a/")]), name("a/")),
        (with(&[&line("./a")]), name("./a")),
        (with(&[&line(".hidden")]), name(".hidden")),
        (with(&[&line("a/.hidden")]), name("a/.hidden")),
        (with(&[&line("a\\b")]), name("a\\b")),
        (with(&[&line("a\tb")]), name("a\tb")),
        (with(&[&line("a\rb")]), name("a\rb")),
        (with(&[&line("a/a/a/a/a/a/a/a/a/a")]), name("a/a/a/a/a/a/a/a/a/a")),
        (with(&[&line(&long)]), name(&long)),
    ] {
        assert_eq!(Manifest::parse(&wrong), Err(error), "{wrong:?}");
    }
}

#[test]
fn there_is_a_limit_to_the_number_of_files() {
    let lines = |count: usize| (0..count).map(|number| format!("{HEX}  {number:05}\n")).collect::<String>();
    let text = |count| format!("{FORMAT}\nversion 1\n{}", lines(count));
    assert_eq!(Manifest::parse(&text(MAX_FILES)).unwrap().files().len(), MAX_FILES);
    assert_eq!(Manifest::parse(&text(MAX_FILES + 1)), Err(ManifestError::TooMany));
}

proptest! {
    #[test]
    fn whatever_is_read_is_written_the_same(
        version in 0_u64..20,
        lines in proptest::collection::vec(("[0-9a-f]{64}", " {1,3}", "[a-c./]{1,4}"), 0..4),
        sorted in any::<bool>(),
    ) {
        let mut lines: Vec<String> = lines.into_iter().map(|(digest, gap, name)| format!("{digest}{gap}{name}\n")).collect();
        if sorted {
            lines.sort_by(|a, b| a.get(66..).cmp(&b.get(66..)));
        }
        let text = format!("{FORMAT}\nversion {version}\n{}", lines.concat());
        if let Ok(manifest) = Manifest::parse(&text) {
            prop_assert_eq!(manifest.to_string(), text);
        }
    }
}
