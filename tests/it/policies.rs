//! The policies that ship with the tree: their tests pass, cover every policy, and notice mistakes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cedarpost(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cedarpost"))
        .args(words)
        .env_clear()
        .current_dir(root())
        .output()
        .expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The directories of all examples, relative to the root of the tree.
fn examples() -> Vec<String> {
    let directories = fs::read_dir(root().join("policies/examples")).expect("there are examples");
    let directories = directories.map(|entry| entry.unwrap()).filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> =
        directories.map(|entry| format!("policies/examples/{}", entry.file_name().to_str().unwrap())).collect();
    names.sort();
    names
}

#[test]
fn every_example_passes_its_tests_and_they_cover_every_policy() {
    let examples = examples();
    assert!(examples.len() >= 9, "{examples:?}");
    let mut words = vec!["policy", "test", "--min-coverage", "100"];
    words.extend(examples.iter().map(String::as_str));
    let output = cedarpost(&words);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(text(&output.stdout).matches("(100.0 %)").count(), examples.len(), "{}", text(&output.stdout));
}

#[test]
fn every_example_is_valid_without_warnings_and_says_why_it_is_as_it_is() {
    for example in examples() {
        let output = cedarpost(&["policy", "check", &example]);
        assert_eq!(output.status.code(), Some(0), "{example}: {}", text(&output.stderr));
        assert_eq!(text(&output.stderr), "", "{example}");
        let readme = fs::read_to_string(root().join(&example).join("README.md")).expect("each example has a README.md");
        assert!(readme.len() > 400, "{example}");
    }
}

#[test]
fn the_policies_of_the_demo_pass_their_tests() {
    // One permit is there to be forbidden again, as the demo shows; it decides nothing while every call comes through an agent. Another
    // says who rules on calls, and cases are about calls.
    let output = cedarpost(&["policy", "test", "policies/demo", "--min-coverage", "77"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("`people-decide`"), "{}", text(&output.stdout));
}

/// A copy of a directory of policies in which one text is replaced by another.
fn with_mistake(directory: &str, file: &str, from: &str, to: &str) -> TempDir {
    let copy = tempfile::tempdir().expect("a directory");
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        fs::create_dir_all(copy.path().join(&folder)).unwrap();
        for entry in fs::read_dir(root().join(directory).join(&folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            let original = root().join(directory).join(&path);
            match original.is_dir() {
                true => folders.push(path),
                false => drop(fs::copy(original, copy.path().join(path)).unwrap()),
            }
        }
    }
    let path = copy.path().join(file);
    let before = fs::read_to_string(&path).unwrap();
    assert!(before.contains(from), "{directory}/{file} has no `{from}`");
    fs::write(&path, before.replacen(from, to, 1)).unwrap();
    copy
}

#[test]
fn a_mistake_in_an_example_is_noticed_by_its_tests() {
    for (example, file, from, to) in [
        ("amount-gate", "refunds.cedar", "amount <= 10000", "amount < 10000"),
        ("amount-gate", "refunds.cedar", "context.input.amount > 0 && ", ""),
        ("amount-gate", "refunds.cedar", "amount > 100000", "amount >= 100000"),
        ("amount-gate", "refunds.cedar", "&& context has approval", ""),
        ("amount-gate", "refunds.cedar", "context.input.currency != \"EUR\"", "context.input.currency == \"USD\""),
        (
            "break-glass",
            "incident.cedar",
            "resource in Mcp::ToolGroup::\"emergency\"",
            "resource == Mcp::Tool::\"ops/read_secret\"",
        ),
        ("break-glass", "incident.cedar", "unless { context has actor };", "unless { true };"),
        ("business-hours", "warehouse.cedar", "context.time.hour < 18", "context.time.hour <= 18"),
        ("business-hours", "warehouse.cedar", "hour >= 8", "hour > 8"),
        ("business-hours", "warehouse.cedar", "context.time.weekday <= 5 && ", ""),
        ("pii-tools", "customers.cedar", " && !context.input.fields.contains(\"*\")", ""),
        (
            "pii-tools",
            "customers.cedar",
            "context.input has fields && !context.input.fields.contains(\"iban\") && !context.input.fields.contains(\"*\")",
            "if context.input has fields then !context.input.fields.contains(\"iban\") else true",
        ),
        ("pii-tools", "customers.cedar", "resource.pinned && ", ""),
        ("pii-tools", "customers.cedar", "|| context has actor }", "|| true }"),
        ("production-guard", "databases.cedar", "\"reading\" || context has actor }", "\"reading\" || true }"),
        ("production-guard", "databases.cedar", "resource in Mcp::ToolGroup::\"irreversible\"", "false"),
        ("production-guard", "databases.cedar", "principal in Mcp::Role::\"on-call\"", "principal in Mcp::Role::\"developer\""),
        ("read-only-agent", "analyst.cedar", "resource.pinned && ", ""),
        ("read-only-agent", "analyst.cedar", "resource.openWorld }", "false }"),
        (
            "region",
            "region.cedar",
            "unless { principal in Mcp::Team::\"eu\" }",
            "unless { context has actor && context.actor in Mcp::Team::\"eu\" }",
        ),
        ("region", "region.cedar", "10.20.0.0/16", "10.20.0.0/15"),
        (
            "region",
            "region.cedar",
            "context.source has ip &&\n  (context.source.ip.isInRange(ip(\"10.20.0.0/16\")) || context.source.ip.isInRange(ip(\"fd00:20::/32\")))",
            "if context.source has ip then context.source.ip.isInRange(ip(\"10.0.0.0/8\")) else true",
        ),
        ("region", "region.cedar", ", \"eu-west\"]", ", \"eu-west\", \"us-east\"]"),
        ("separation-of-duties", "payments.cedar", "when { context has actor }", ""),
        (
            "separation-of-duties",
            "payments.cedar",
            "forbid (\n  principal in Mcp::Role::\"clerk\"",
            "forbid (\n  principal in Mcp::Role::\"clark\"",
        ),
        ("team-servers", "teams.cedar", "principal in Mcp::Team::\"payments\"", "principal in Mcp::Team::\"engineering\""),
    ] {
        let copy = with_mistake(&format!("policies/examples/{example}"), file, from, to);
        let output = cedarpost(&["policy", "test", copy.path().to_str().unwrap()]);
        let shown = text(&output.stdout);
        assert_eq!(output.status.code(), Some(3), "{example}: `{from}` as `{to}` is not noticed\n{shown}");
        assert!(shown.contains(" cases failed"), "{example}: `{to}` fails for another reason\n{shown}{}", text(&output.stderr));
    }
}

#[test]
fn a_mistake_in_the_policies_of_the_demo_is_noticed() {
    for (file, from, to) in [
        ("refunds.cedar", "amount <= 10000", "amount <= 100000"),
        ("outside.cedar", " && !(context.input.to like \"*@*@*\")", ""),
        ("outside.cedar", "https://docs.example.com/*", "https://docs.example.com*"),
        ("customers.cedar", "forbid (", "permit ("),
    ] {
        let copy = with_mistake("policies/demo", file, from, to);
        let output = cedarpost(&["policy", "test", copy.path().to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(3), "`{from}` as `{to}` is not noticed\n{}", text(&output.stdout));
    }
}

#[test]
fn a_report_goes_to_a_file_and_people_read_theirs() {
    let directory = tempfile::tempdir().unwrap();
    let report = directory.path().join("report.xml");
    let words = ["policy", "test", "policies/demo", "--format", "junit", "--output", report.to_str().unwrap()];
    let output = cedarpost(&words);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("policies/demo: "), "{}", text(&output.stdout));
    assert!(fs::read_to_string(report).unwrap().contains("<testsuite name=\"policies/demo/shop.test.toml\""));
    assert_eq!(text(&output.stderr), "", "progress is for terminals");
}

#[test]
fn what_is_no_success_exits_with_3_and_says_why() {
    let empty = tempfile::tempdir().unwrap();
    fs::write(empty.path().join("a.cedar"), "permit (principal, action, resource);").unwrap();
    let output = cedarpost(&["policy", "test", empty.path().to_str().unwrap()]);
    assert_eq!((output.status.code(), text(&output.stdout).contains("there are no tests")), (Some(3), true));

    let broken =
        with_mistake("policies/examples/amount-gate", "refunds.cedar", "context.input.amount > 0", "context.input.amont > 0");
    let output = cedarpost(&["policy", "test", broken.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        text(&output.stderr).contains("refunds.cedar:") && text(&output.stderr).contains("amont"),
        "{}",
        text(&output.stderr)
    );

    let unclear = with_mistake("policies/examples/amount-gate", "refunds.test.toml", "expect = \"deny\"", "expects = \"deny\"");
    let output = cedarpost(&["policy", "test", unclear.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("unknown key `expects`"), "{}", text(&output.stderr));

    let low = with_mistake(
        "policies/examples/amount-gate",
        "refunds.cedar",
        "@id(\"only-euros\")",
        "@id(\"dead\") permit (principal == Mcp::User::\"nobody\", action in Mcp::Action::\"tools/call\", resource);\n@id(\"only-euros\")",
    );
    let words = ["policy", "test", low.path().to_str().unwrap(), "--min-coverage", "100"];
    assert_eq!(cedarpost(&words[..3]).status.code(), Some(0));
    let output = cedarpost(&words);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stdout).contains("less than the 100 % asked for"), "{}", text(&output.stdout));
}

#[test]
fn a_command_line_that_means_nothing_exits_with_2() {
    for words in [
        &["policy", "test", "a", "--policies", "b"][..],
        &["policy", "test", "a", "--format", "xml"],
        &["policy", "test", "a", "--min-coverage", "101"],
        &["policy", "test", "a", "--min-coverage", "100", "--filter", "b"],
    ] {
        assert_eq!(cedarpost(words).status.code(), Some(2), "{words:?}");
    }
}
