//! The page about `policy check` is true: it has every code, and its examples have the problems it says they have.

use super::Code;
use super::fixture::World;

const PAGE: &str = include_str!("../../docs/policy-check.md");

/// The fenced blocks of a part, each with its language.
fn blocks(part: &str) -> Vec<(&str, &str)> {
    part.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n')).collect()
}

/// The part about a code.
fn part(code: Code) -> &'static str {
    let heading = format!("\n### `{code}`\n");
    let rest = PAGE.split_once(&heading).unwrap_or_else(|| panic!("no part about `{code}`")).1;
    rest.split("\n## ").next().unwrap().split("\n### ").next().unwrap()
}

/// The codes that a set of blocks leads to.
fn codes(blocks: &[(&str, &str)]) -> Vec<Code> {
    let mut world = World::new("");
    for (language, text) in blocks {
        let text = (*text).to_owned();
        match *language {
            "cedar" => world.policies = vec![("p.cedar", text)],
            "cedarschema" => world.schema = vec![("s.cedarschema", text)],
            "yaml" => world.entities = vec![("e.yaml", text)],
            "links" => world.links = vec![("t.links.json", text)],
            other => panic!("unknown language {other}"),
        }
    }
    let found = world.load().map_or_else(|error| error.problems(), |snapshot| snapshot.lint());
    found.iter().map(|problem| problem.code).collect()
}

#[test]
fn the_table_has_every_code_with_its_severity_and_no_other() {
    for (codes, severity) in [(&Code::ERRORS[..], "error"), (&Code::WARNINGS[..], "warning")] {
        for code in codes {
            assert!(PAGE.contains(&format!("| [`{code}`](#{code}) | {severity} |")), "{code}");
            part(*code);
        }
        let column = format!("| {severity} |");
        let rows = PAGE.lines().filter(|line| line.starts_with("| [`") && line.contains(&column)).count();
        assert_eq!(rows, codes.len());
    }
}

#[test]
fn the_first_example_of_a_code_has_the_problem_and_the_second_has_not() {
    let mut tried = 0;
    for code in Code::ERRORS.into_iter().chain(Code::WARNINGS) {
        let blocks = blocks(part(code));
        let Some((first, _)) = blocks.first() else { continue };
        let second = blocks.iter().skip(1).position(|(language, _)| language == first).map_or(blocks.len(), |at| at + 1);
        let (wrong, right) = blocks.split_at(second);
        assert!(codes(wrong).contains(&code), "{code}: {:?}", codes(wrong));
        let left = if right.is_empty() { Vec::new() } else { codes(right) };
        assert!(!left.iter().any(|found| *found == code || Code::ERRORS.contains(found)), "{code}: {left:?}");
        tried += 1;
    }
    assert!(tried >= 26, "only {tried} examples");
}
