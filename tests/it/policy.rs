//! `cedarpost policy check` and `policy fmt` as scripts see them: streams, exit codes, and the JSON document.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn run(words: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cedarpost"));
    command.arg("policy").args(words).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("the program prints UTF-8")
}

/// A directory with one policy file.
fn set(policies: &str) -> TempDir {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("p.cedar"), policies).unwrap();
    directory
}

fn check(policies: &str, flags: &[&str]) -> Output {
    let directory = set(policies);
    run(&[&["check", directory.path().to_str().unwrap()], flags].concat(), "")
}

const DEAD: &str = "permit (principal, action, resource)\nwhen { principal has actor };\n";

#[test]
fn a_check_says_by_its_exit_code_whether_the_set_could_be_put_in_force() {
    let cases = [
        ("permit (principal, action, resource) when { context has actor };", &[][..], 0),
        (DEAD, &[], 0),
        (DEAD, &["--deny-warnings"], 3),
        ("permit (", &[], 3),
        ("permit (", &["--format", "json"], 3),
        (DEAD, &["--format", "xml"], 2),
        (DEAD, &["--policies", "elsewhere"], 2),
    ];
    for (policies, flags, expected) in cases {
        let output = check(policies, flags);
        assert_eq!(output.status.code(), Some(expected), "{policies} {flags:?}: {}", text(&output.stderr));
    }
    assert_eq!(run(&["check", "no-such-directory"], "").status.code(), Some(3));
}

#[test]
fn people_get_drawings_and_a_summary_without_colour() {
    let output = check(DEAD, &[]);
    let drawn = text(&output.stderr);
    assert!(drawn.contains("dead-policy") && drawn.contains("╭─[p.cedar:2:8]"), "{drawn}");
    assert!(!drawn.contains('\u{1b}'));
    assert!(text(&output.stdout).starts_with("1 policy is valid, 1 warning\nsha256:"), "{}", text(&output.stdout));
    let output = check("permit (", &[]);
    assert!(text(&output.stderr).ends_with("the policies are not valid: 1 error\n"), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty());
}

#[test]
fn scripts_get_one_document_whatever_the_outcome() {
    let document = |policies: &str| -> Value {
        let output = check(policies, &["--format", "json"]);
        assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let valid = document(&format!("@id(\"x\") {DEAD}"));
    assert_eq!(
        (&valid["version"], &valid["valid"], &valid["policies"], &valid["warnings"]),
        (&1.into(), &true.into(), &1.into(), &1.into())
    );
    assert!(valid["fingerprint"].as_str().unwrap().starts_with("sha256:"));
    let problem = &valid["problems"][0];
    let members: std::collections::BTreeSet<&str> = problem.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["code", "column", "file", "help", "length", "line", "message", "policy", "severity"].into());
    assert_eq!(
        (
            &problem["severity"],
            &problem["code"],
            &problem["policy"],
            &problem["file"],
            &problem["line"],
            &problem["column"],
            &problem["length"]
        ),
        (&"warning".into(), &"dead-policy".into(), &"x".into(), &"p.cedar".into(), &2.into(), &8.into(), &19.into())
    );
    let wrong = document("permit (");
    assert_eq!((&wrong["valid"], &wrong["policies"], &wrong["errors"]), (&false.into(), &Value::Null, &1.into()));
    assert_eq!((&wrong["problems"][0]["severity"], &wrong["problems"][0]["code"]), (&"error".into(), &"syntax".into()));
}

#[test]
fn standard_input_is_formatted_to_standard_output() {
    let output = run(&["fmt", "-"], "permit(principal,action,resource);");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "permit (principal, action, resource);\n"));
    let output = run(&["fmt", "--check", "-"], "permit(principal,action,resource);");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(3), ""));
    let output = run(&["fmt", "-"], "permit(");
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("standard input:1:8"), "{}", text(&output.stderr));
    assert_eq!(run(&["fmt"], "").status.code(), Some(2));
}

#[test]
fn files_that_would_change_are_named() {
    let directory = set("permit(principal,action,resource);");
    let path = directory.path().to_str().unwrap();
    let output = run(&["fmt", "--check", path], "");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(3), format!("{path}/p.cedar\n").as_str()));
    assert_eq!(run(&["fmt", path], "").status.code(), Some(0));
    assert_eq!(run(&["fmt", "--check", path], "").status.code(), Some(0));
}
