//! What the report says about cases that pass, fail, or cannot be asked.

use std::path::Path;

use super::set::{Plan, TestedSet};
use super::{human, json, junit, set};
use crate::domain::Timestamp;
use crate::policy::Settings;

const POLICIES: &str = r#"
@id("small") permit (principal in Mcp::Role::"support", action == Mcp::Action::"shop/refund", resource) when { context.input.amount <= 100 };
@id("large") permit (principal in Mcp::Role::"support", action == Mcp::Action::"shop/refund", resource) when { context has approval };
@id("double") forbid (principal, action == Mcp::Action::"shop/refund", resource) when { context.input.amount * 2 > 2000 };
@id("search") permit (principal in Mcp::Role::"support", action in Mcp::Action::"tools/call", resource == Mcp::Tool::"shop/search");
"#;
const SCHEMA: &str = r#"namespace Mcp {
  action "shop/refund" in ["tools/call"] appliesTo { principal: [Agent, User], resource: [Tool], context: { input: { amount: Long } } };
}"#;
const ENTITIES: &str = r#"[
  { "uid": { "type": "Mcp::Agent", "id": "helper" }, "attrs": {}, "parents": [{ "type": "Mcp::Role", "id": "support" }] },
  { "uid": { "type": "Mcp::User", "id": "alice" }, "attrs": {}, "parents": [{ "type": "Mcp::Role", "id": "support" }] },
  { "uid": { "type": "Mcp::Tool", "id": "shop/refund" }, "attrs": {}, "parents": [] },
  { "uid": { "type": "Mcp::Tool", "id": "shop/search" }, "attrs": {}, "parents": [] }
]"#;
const DEFAULTS: &str = "[defaults]\nagent = \"helper\"\nactor = \"alice\"\nserver = \"shop\"\n";

/// Runs these tests beside the policies above; every text can be replaced by a file of the same name.
fn run(files: &[(&str, &str)], filter: Option<&str>) -> TestedSet {
    let directory = tempfile::tempdir().unwrap();
    let given = [("p.cedar", POLICIES), ("s.cedarschema", SCHEMA), ("e.json", ENTITIES)];
    for (name, text) in given.iter().chain(files) {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    tested(directory.path(), filter)
}

fn tested(directory: &Path, filter: Option<&str>) -> TestedSet {
    let mut settings = Settings::new(vec![directory.to_owned()]);
    settings.schema.clone_from(&settings.policies);
    settings.entities.clone_from(&settings.policies);
    let mut set = set::run(Plan { settings, filter: filter.map(str::to_lowercase) }).unwrap();
    let shown = |text: &str| text.replace(&format!("{}", directory.display()), "dir");
    set.name = shown(&set.name);
    set.files.iter_mut().for_each(|file| file.path = shown(&file.path));
    set
}

/// The failure of a single case with these lines, or "passed".
fn verdict(lines: &str) -> String {
    let set = run(&[("a.test.toml", &format!("{DEFAULTS}[[case]]\nname = \"it\"\n{lines}\n"))], None);
    assert!(set.is_sound(), "{:?}", set.problem_lines());
    let case = set.cases().next().unwrap();
    case.failure.clone().unwrap_or_else(|| "passed".to_owned())
}

#[test]
fn a_case_passes_only_when_all_that_it_expects_is_so() {
    let refund = |amount: &str, rest: &str| verdict(&format!("tool = \"refund\"\ninput.amount = {amount}\n{rest}"));
    for (amount, rest, expected) in [
        ("100", "expect = \"allow\"", "passed"),
        ("100", "expect = \"allow\"\ngrounds = [\"small\"]\ncause = \"permitted\"\ndecided_by = \"agent\"", "passed"),
        ("101", "expect = \"require_approval\"\ngrounds = [\"large\"]", "passed"),
        ("1001", "expect = \"deny\"\ngrounds = [\"double\"]", "passed"),
        ("100", "expect = \"deny\"", "expected deny, got allow: `small` (p.cedar:2) permits it"),
        (
            "101",
            "expect = \"allow\"",
            "expected allow, got require_approval: `large` (p.cedar:3) asks for an approval for the agent `helper`",
        ),
        ("1001", "expect = \"allow\"", "expected allow, got deny: `double` (p.cedar:4) forbids it to the agent `helper`"),
        (
            "100",
            "expect = \"allow\"\ngrounds = [\"smal\"]",
            "expected allow by `smal`, got allow: `small` (p.cedar:2) permits it; there is no policy `smal`",
        ),
        ("100", "expect = \"allow\"\ngrounds = []\n", "expected allow by no policy, got allow: `small` (p.cedar:2) permits it"),
        (
            "100",
            "expect = \"allow\"\ndecided_by = \"actor\"",
            "expected allow decided by the actor, got allow: `small` (p.cedar:2) permits it",
        ),
        (
            "1001",
            "expect = \"deny\"\ncause = \"no_permit\"",
            "expected deny for `no_permit`, got deny: `double` (p.cedar:4) forbids it to the agent `helper`",
        ),
    ] {
        assert_eq!(refund(amount, rest), expected, "{amount} {rest}");
    }
}

#[test]
fn a_deny_for_want_of_understanding_passes_only_where_the_case_names_it() {
    let hint = |cause: &str| format!(" (write `cause = \"{cause}\"` if that is what the case is about)");
    for (lines, cause, why) in [
        ("tool = \"refnd\"", "unknown_tool", "server `shop` has no tool `refnd`"),
        (
            "tool = \"search\"\nactor = \"alcie\"",
            "unknown_principal",
            "the actor `alcie` is not declared, by a file or by roles in the test",
        ),
        (
            "tool = \"search\"\nagent = \"x\"",
            "unknown_principal",
            "the agent `x` is not declared, by a file or by roles in the test",
        ),
        (
            "tool = \"refund\"\ninput.amount = \"1\"",
            "not_representable",
            "the arguments cannot be shown to policies: `/amount` is not",
        ),
        (
            "tool = \"refund\"\ninput.amount = 9223372036854775807",
            "not_evaluable",
            "for the agent `helper` `double` (p.cedar:4) fails (",
        ),
    ] {
        let unnamed = verdict(&format!("{lines}\nexpect = \"deny\""));
        assert!(unnamed.starts_with(&format!("expected deny, got deny: {why}")), "{unnamed}");
        assert!(unnamed.ends_with(&hint(cause)), "{unnamed}");
        assert_eq!(verdict(&format!("{lines}\nexpect = \"deny\"\ncause = \"{cause}\"")), "passed", "{lines}");
    }
}

#[test]
fn roles_in_a_case_declare_its_callers_for_that_case_only() {
    let callers = "agent = \"new\"\nagent_roles = [\"support\"]\nactor = \"bob\"\nactor_roles = [\"support\"]\n";
    assert_eq!(verdict(&format!("{callers}tool = \"search\"\nexpect = \"allow\"")), "passed");
    let without = verdict("actor = \"bob\"\nactor_roles = []\ntool = \"search\"\nexpect = \"allow\"");
    assert_eq!(without, "expected allow, got deny: no permit matches for the actor `bob`");
    let text = format!(
        "{DEFAULTS}tool = \"search\"\n[[case]]\nname = \"a\"\nactor = \"bob\"\nactor_roles = [\"support\"]\nexpect = \"allow\"\n\
         [[case]]\nname = \"b\"\nactor = \"bob\"\nexpect = \"deny\"\ncause = \"unknown_principal\"\n"
    );
    assert_eq!(run(&[("a.test.toml", &text)], None).failed(), 0);
}

#[test]
fn lists_are_compared_exactly_or_for_what_is_hidden() {
    assert_eq!(verdict("visible = [\"search\", \"refund\"]"), "passed");
    assert_eq!(verdict("hidden = [\"delete\"]"), "passed");
    assert_eq!(verdict("visible = [\"search\"]"), "the caller sees `refund`");
    assert_eq!(verdict("visible = [\"search\", \"refund\", \"delete\"]"), "the caller does not see `delete`");
    assert_eq!(verdict("visible = [\"x\"]\nhidden = [\"search\"]"), "the caller does not see `x` and sees `refund`, `search`");
    assert_eq!(verdict("actor = \"bob\"\nactor_roles = []\nvisible = []"), "passed");
}

const MIXED: &str = "[[case]]\nname = \"searching\"\ntool = \"search\"\nexpect = \"allow\"\n\
                     [[case]]\nname = \"Refunding\"\ntool = \"refund\"\ninput.amount = 1\nexpect = \"deny\"\n";

#[test]
fn the_report_for_people_names_failures_and_what_no_case_covered() {
    let set = run(&[("a.test.toml", &format!("{DEFAULTS}{MIXED}"))], None);
    let expected = "dir/a.test.toml:9: Refunding: expected deny, got allow: `small` (p.cedar:2) permits it\n\
                    dir: 1 of 2 cases failed\n  1 of 4 policies covered (25.0 %), less than the 50 % asked for\n  \
                    `small` (p.cedar:2): no case is allowed, or asked for approval, because of it\n  \
                    `large` (p.cedar:3): no case is allowed, or asked for approval, because of it\n  \
                    `double` (p.cedar:4): no case is denied, or asked for approval, because of it\n";
    assert_eq!(human::report(&[set], Some(50)), expected);
}

#[test]
fn a_filter_asks_some_cases_and_says_nothing_about_coverage() {
    let files = [("a.test.toml", &*format!("{DEFAULTS}{MIXED}"))];
    let set = run(&files, Some("SEARCH"));
    assert!(set.passed() && set.coverage.is_none());
    assert_eq!(human::report(&[set], None), "dir: 1 case passed\n");
    assert!(!run(&files, Some("nothing like it")).passed(), "no case is no success");
}

#[test]
fn only_judgements_that_decided_cover_a_policy() {
    // The agent's permit matches, but the person is denied: removing the permit would change nothing.
    let case = "[[case]]\nname = \"a\"\nactor = \"bob\"\nactor_roles = []\ntool = \"search\"\nexpect = \"deny\"\n";
    let set = run(&[("a.test.toml", &format!("{DEFAULTS}{case}"))], None);
    assert!(set.passed());
    assert_eq!(set.coverage.unwrap().covered(), 0);
}

#[test]
fn coverage_is_compared_without_rounding() {
    let coverage = super::coverage::Coverage { policies: 3, missing: Vec::new() };
    assert!(coverage.reaches(100));
    let listed = run(&[("a.test.toml", &format!("{DEFAULTS}{MIXED}"))], None).coverage.unwrap().missing;
    let coverage = super::coverage::Coverage { policies: 1000, missing: listed.into_iter().take(1).collect() };
    assert!(!coverage.reaches(100) && coverage.reaches(99), "{} %", coverage.percent());
    assert!(super::coverage::Coverage { policies: 0, missing: Vec::new() }.reaches(100));
}

#[test]
fn broken_policies_or_tests_are_never_a_success() {
    let good = format!("{DEFAULTS}[[case]]\nname = \"it\"\ntool = \"search\"\nexpect = \"allow\"\n");
    let broken = run(&[("a.test.toml", &good), ("b.test.toml", "[[case]]\n")], None);
    assert!(!broken.passed() && broken.coverage.is_none() && broken.failed() == 0);
    assert!(human::report(&[broken], None).starts_with("dir: 1 case passed, 1 problem in tests"));
    let broken = run(&[("a.test.toml", &good), ("q.cedar", "permit (principal, action, resource) when { principal.x };")], None);
    assert!(!broken.passed());
    assert!(human::report(&[broken], None).starts_with("dir: no case was asked: "));
    let none = run(&[], None);
    assert!(!none.passed());
    assert!(human::report(&[none], None).starts_with("dir: there are no tests"));
}

#[test]
fn a_caller_that_the_schema_does_not_allow_fails_its_case_and_no_other() {
    let schema = "namespace Mcp { entity User = { level: Long }; }";
    let entities = ENTITIES.replace(r#""id": "alice" }, "attrs": {}"#, r#""id": "alice" }, "attrs": { "level": 1 }"#);
    let text = format!(
        "{DEFAULTS}{MIXED}[[case]]\nname = \"new\"\nactor = \"bob\"\nactor_roles = []\ntool = \"search\"\nexpect = \"deny\"\n"
    );
    let set = run(&[("t.cedarschema", schema), ("e.json", &entities), ("a.test.toml", &text)], None);
    let failures: Vec<String> = set.cases().filter_map(|case| case.failure.clone()).collect();
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert!(failures[1].contains("level"), "{failures:?}");
}

#[test]
fn the_json_report_has_all_that_a_program_asks_for() {
    let set = run(&[("a.test.toml", &format!("{DEFAULTS}{MIXED}"))], None);
    let document: serde_json::Value = serde_json::from_str(&json::report(&[set])).unwrap();
    let set = &document["sets"][0];
    assert_eq!((&set["passed"], &set["failed"], &set["problems"]), (&1.into(), &1.into(), &serde_json::json!([])));
    let case = &set["cases"][1];
    assert_eq!((&case["file"], &case["line"], &case["passed"]), (&"dir/a.test.toml".into(), &9.into(), &false.into()));
    assert_eq!(case["got"]["judgements"][0]["grounds"], serde_json::json!([{ "id": "small", "file": "p.cedar", "line": 2 }]));
    assert_eq!(set["coverage"]["missing"][2]["effect"], "forbid");
    assert_eq!(set["coverage"]["percent"], 25.0);
}

#[test]
fn the_junit_report_is_as_the_schema_wants_it() {
    let hostile = "[[case]]\nname = \"a \\u0001<b> & \\\"c\\\"\"\ntool = \"search\"\nexpect = \"deny\"\n";
    let mut set = run(&[("a.test.toml", &format!("{DEFAULTS}{MIXED}{hostile}"))], None);
    set.files.iter_mut().flat_map(|file| &mut file.cases).for_each(|case| case.took = std::time::Duration::from_micros(1500));
    let report = junit::report(&[set], Timestamp::from_micros(1_772_447_400_000_000)).unwrap();
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="dir/a.test.toml" package="dir" id="0" timestamp="2026-03-02T10:30:00" hostname="localhost" tests="3" failures="2" errors="0" skipped="0" time="0.004500">
    <properties/>
    <testcase name="searching" classname="dir/a.test.toml" time="0.001500"/>
    <testcase name="Refunding" classname="dir/a.test.toml" time="0.001500">
      <failure message="expected deny, got allow: `small` (p.cedar:2) permits it" type="policy">dir/a.test.toml:9: expected deny, got allow: `small` (p.cedar:2) permits it</failure>
    </testcase>
    <testcase name="a �&lt;b&gt; &amp; &quot;c&quot;" classname="dir/a.test.toml" time="0.001500">
      <failure message="expected deny, got allow: `search` (p.cedar:5) permits it" type="policy">dir/a.test.toml:14: expected deny, got allow: `search` (p.cedar:5) permits it</failure>
    </testcase>
    <system-out/>
    <system-err/>
  </testsuite>
</testsuites>
"#;
    assert_eq!(report, expected);
}

#[test]
fn what_cannot_be_asked_is_an_error_in_the_junit_report() {
    let report = junit::report(&[run(&[], None)], Timestamp::from_micros(0)).unwrap();
    assert!(report.contains(r#"<error message="there are no tests""#), "{report}");
    let report = junit::report(&[run(&[("a.test.toml", "x = 1")], None)], Timestamp::from_micros(0)).unwrap();
    assert!(report.contains(r#"tests="1" failures="0" errors="1""#) && report.contains("unknown key `x`"), "{report}");
}
