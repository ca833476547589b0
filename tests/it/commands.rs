//! The built program as scripts see it: what goes to which stream, and the exit code.

use std::process::{Command, Output};

/// Runs the program with an empty environment but `variables`.
fn run(words: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cedarpost"));
    command.args(words).env_clear().envs(variables.iter().copied()).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("the program prints UTF-8")
}

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/cedarpost.toml");

#[test]
fn help_and_version_go_to_standard_output_and_succeed() {
    for words in [&["--help"][..], &["stdio", "--help"], &["--version"], &["version"], &["completions", "bash"]] {
        let output = run(words, &[]);
        assert_eq!(output.status.code(), Some(0), "{words:?}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{words:?}");
    }
    let help = run(&["--help"], &[]);
    assert!(text(&help.stdout).contains("Examples:") && text(&help.stdout).contains("Exit codes:"));
}

#[test]
fn a_command_line_that_cannot_be_understood_exits_with_2() {
    let cases = [
        &["frobnicate"][..],
        &["serve", "--no-such-flag"],
        &["stdio", "--unattended", "--actor", "alice", "--", "a"],
        &["stdio", "--upstream", "http://h/", "--", "a"],
        &["audit", "show", "--limit", "many"],
        &[],
    ];
    for words in cases {
        let output = run(words, &[]);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{words:?}");
    }
}

#[test]
fn a_wrong_configuration_exits_with_78_and_names_each_problem_on_a_line() {
    for words in [
        &["serve"][..],
        &["config", "check"],
        &["config", "show"],
        &["stdio", "--", "a"],
        &["policy", "check"],
        &["audit", "verify"],
    ] {
        let output = run(words, &[("CEDARPOST_LOG_LEVLE", "debug")]);
        assert_eq!(output.status.code(), Some(78), "{words:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{words:?}");
        let expected =
            "environment CEDARPOST_LOG_LEVLE: unknown setting `CEDARPOST_LOG_LEVLE` (did you mean `CEDARPOST_LOG_LEVEL`?)";
        assert!(text(&output.stderr).lines().any(|line| line == expected), "{words:?}: {}", text(&output.stderr));
        assert!(!text(&output.stderr).contains('\u{1b}'), "colour without a terminal");
    }
}

#[test]
fn a_valid_configuration_is_said_to_be_valid_and_can_be_shown() {
    let home = [("HOME", "/home/somebody")];
    let check = run(&["config", "check", "--config", EXAMPLE], &home);
    assert_eq!(check.status.code(), Some(0), "{}", text(&check.stderr));
    assert_eq!(text(&check.stdout), "the configuration is valid: 2 servers, listening on 127.0.0.1:8080\n");
    let show = run(&["config", "show", "--config", EXAMPLE, "--listen", "127.0.0.1:1"], &home);
    assert!(text(&show.stdout).contains("address = \"127.0.0.1:1\"  # flag --listen\n"), "{}", text(&show.stdout));
}

/// What a server might list: one tool whose name and arguments need quotes.
const TOOLS: &str = r#"[{"name":"read file","inputSchema":{"type":"object","properties":{
    "path":{"type":"string"},"content-type":{"enum":["text","binary"],"default":"text"},"filter":{}},"required":["path"]}}]"#;

#[test]
fn a_generated_schema_is_printed_accepted_beside_policies_and_shown_with_them() {
    let directory = tempfile::tempdir().expect("a folder can be made");
    let path = |name: &str| directory.path().join(name).to_str().expect("the folder's name is text").to_owned();
    let policy = r#"permit (principal, action == Mcp::Action::"fs/read file", resource)
        when { context.input.path like "/srv/*" && context.input["content-type"] == "text" };"#;
    std::fs::write(path("a.cedar"), policy).expect("the policy can be written");
    for list in [
        TOOLS.to_owned(),
        format!("{{\"tools\":{TOOLS}}}"),
        format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"tools\":{TOOLS}}}}}"),
    ] {
        std::fs::write(path("tools.txt"), list).expect("the list can be written");
        let generated = run(&["schema", "generate", "--server", "fs", &path("tools.txt")], &[]);
        assert_eq!(generated.status.code(), Some(0), "{}", text(&generated.stderr));
        std::fs::write(path("fs.cedarschema"), &generated.stdout).expect("the schema can be written");
        let check = run(&["policy", "check", &path("")], &[]);
        assert_eq!(check.status.code(), Some(0), "{}", text(&check.stderr));
    }
    let shown = run(&["schema", "show", &path("")], &[]);
    assert_eq!(shown.status.code(), Some(0), "{}", text(&shown.stderr));
    for line in [
        "  entity Role in [Role];\n",
        "  action \"fs/read file\" in",
        "  // `context.input.filter` may be anything: /properties/filter\n",
    ] {
        assert!(text(&shown.stdout).contains(line), "{line} in {}", text(&shown.stdout));
    }
    let json = run(&["schema", "show", &path(""), "--format", "json"], &[]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("it is JSON");
    assert!(json["Mcp"]["actions"]["fs/read file"].is_object());
}

#[test]
fn what_is_no_list_of_tools_or_no_schema_is_said_and_has_an_exit_code() {
    let directory = tempfile::tempdir().expect("a folder can be made");
    let path = directory.path().join("x.cedarschema").to_str().expect("the folder's name is text").to_owned();
    std::fs::write(&path, "{\"tools\":7}").expect("the file can be written");
    let path = path.as_str();
    for (words, code, said) in [
        (&["schema", "generate", "--server", "fs", path][..], 1, "this is no list of tools"),
        (&["schema", "generate", "--server", "fs", "/no/such/file"], 1, "failed to open `/no/such/file`"),
        (&["schema", "generate", "--server", "No", path], 2, "the name of a server has"),
        (&["schema", "generate"], 2, "--server"),
        (&["schema", "show", path], 3, "x.cedarschema"),
    ] {
        let output = run(words, &[]);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty() && text(&output.stderr).contains(said), "{words:?}: {}", text(&output.stderr));
    }
}

/// The arguments of `check` after the program's name, for the demo's policies.
fn check(words: &[&str]) -> Output {
    let policies = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/demo");
    run(&[&["check", policies, "--agent", "assistant", "--at", "2026-03-02T10:30:00Z"], words].concat(), &[])
}

#[test]
fn a_decision_is_explained_and_the_exit_code_says_whether_it_is_a_yes() {
    for (words, code, first) in [
        (&["--actor", "alice", "--tool", "shop/search_orders"][..], 0, "allow: "),
        (&["--actor", "alice", "--tool", "shop/delete_customer"], 3, "deny: "),
        (&["--actor", "nobody", "--tool", "shop/search_orders"], 3, "deny: "),
        (&["--actor", "alice", "--tool", "shop/search_order"], 3, "deny: "),
    ] {
        let output = check(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", text(&output.stderr));
        assert!(text(&output.stdout).starts_with(first) && output.stderr.is_empty(), "{words:?}: {}", text(&output.stdout));
    }
    let output = check(&["--actor", "alice", "--tool", "shop/search_order", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["decision"], "deny");
    assert_eq!(json["judgements"][0]["unknown"]["nearest"], "search_orders");
}

#[test]
fn a_question_that_makes_no_sense_exits_with_2() {
    for (words, expected) in [
        (&["--tool", "shop/refund"][..], "for whom the agent acts"),
        (&["--unattended", "--tool", "refund"], "the server is missing"),
        (&["--unattended", "--tool", "shop/refund", "--input", "{\"a\":1,\"a\":2}"], "`--input` has a key twice in one object"),
        (&["--unattended", "--tool", "shop/refund", "--input", "1, \"agent\": \"root\""], "`--input` is not JSON"),
        (&["--unattended", "--server", "shop", "--action", "root/list"], "did you mean `roots/list`?"),
        (&["--unattended", "--tool", "a/b", "--prompt", "c"], "cannot be used with"),
    ] {
        let output = check(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", text(&output.stdout));
        assert!(text(&output.stderr).contains(expected) && output.stdout.is_empty(), "{words:?}: {}", text(&output.stderr));
    }
}
