//! The examples are what they say: the settings file loads, its commented lines are the defaults, and no setting is left out.

use std::path::Path;

use cedarpost::config::{Config, Environment, Sources};

const EXAMPLE: &str = include_str!("../../examples/cedarpost.toml");
const CLIENT: &str = include_str!("../../examples/mcp-client.json");

/// What `config show` prints for a file with this text, without the comments that say where a value came from.
fn shown(text: &str) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("cedarpost.toml");
    std::fs::write(&path, text).expect("the file is written");
    let environment: Environment = [("HOME", "/home/somebody")].into_iter().collect();
    let sources = Sources { file: Some(Path::new(&path)), environment, ..Sources::default() };
    let config = Config::for_serve(&sources).unwrap_or_else(|report| panic!("{}", report.lines()));
    config.show().lines().map(|line| line.split("  # ").next().unwrap_or(line).to_owned() + "\n").collect()
}

/// The commented line of a setting, if this is one: `# key = value`.
fn commented(line: &str) -> Option<&str> {
    let setting = line.strip_prefix("# ")?;
    let (name, _) = setting.split_once(" = ")?;
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_').then_some(setting)
}

/// The part of the example before the servers: their commented lines are examples, not defaults.
fn settings() -> &'static str {
    EXAMPLE.split("\n[[server]]").next().expect("there is a first part")
}

const SERVER: &str = "\n[[server]]\nname = \"shop\"\nurl = \"http://127.0.0.1:9000/mcp\"\n";

const NO_DEFAULT: [&str; 23] = [
    "service",
    "namespace",
    "image",
    "url",
    "tokens_file",
    "oidc",
    "directory",
    "lock",
    "resource",
    "documentation",
    "deny",
    "hold_with_progress",
    "actor_token_file",
    "witness_quorum",
    "name",
    "ca_file",
    "client_ca_file",
    "origin",
    "feed_endpoint",
    "feed_headers",
    "keys",
    "tls_cert_file",
    "tls_key_file",
];

#[test]
fn the_commented_lines_are_the_defaults() {
    // The log's directory depends on the user, and of the others there is none unless somebody names one: their lines show no default.
    let uncommented: String = settings()
        .lines()
        .map(|line| {
            commented(line).filter(|setting| !NO_DEFAULT.iter().any(|name| setting.starts_with(name))).unwrap_or(line).to_owned()
                + "\n"
        })
        .collect();
    assert!(uncommented.contains("\nmax_depth = 128"));
    assert_eq!(shown(&(settings().to_owned() + SERVER)), shown(&(uncommented + SERVER)));
}

#[test]
fn every_setting_is_in_the_example() {
    let mut section = String::new();
    let mut written = Vec::new();
    for line in settings().lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            name.clone_into(&mut section);
        }
        if let Some((name, _)) = commented(line).unwrap_or(line).split_once(" = ").filter(|(name, _)| !name.contains(['#', '[']))
        {
            written.push(format!("{section}.{name}"));
        }
    }
    let mut section = String::new();
    for line in shown(EXAMPLE).lines().take_while(|line| *line != "[[server]]") {
        if let Some(name) = line.strip_prefix('[') {
            name.trim_end_matches(']').clone_into(&mut section);
        }
        if let Some((name, _)) = line.split_once(" = ") {
            assert!(written.contains(&format!("{section}.{name}")), "{section}.{name} is not in the example");
        }
    }
}

#[test]
fn the_decision_point_of_the_authzen_example_starts_with_its_files() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/authzen/cedarpost.toml");
    let environment: Environment = [("HOME", "/home/somebody")].into_iter().collect();
    let sources = Sources { file: Some(&file), environment, ..Sources::default() };
    let config = Config::for_serve(&sources).unwrap_or_else(|report| panic!("{}", report.lines()));
    assert!(config.authzen.is_some() && config.servers.is_empty());
    let policy = &config.policy;
    assert!(policy.policies.iter().chain(&policy.schema).chain(&policy.entities).all(|path| path.exists()), "{policy:?}");
}

#[test]
fn the_client_example_starts_cedarpost_with_flags_it_knows() {
    use clap::Parser;
    let client: serde_json::Value = serde_json::from_str(CLIENT).expect("valid JSON");
    let server = &client["mcpServers"]["files"];
    assert_eq!(server["command"], "cedarpost");
    let words = server["args"].as_array().expect("a list").iter().map(|word| word.as_str().expect("a string"));
    cedarpost::config::Flags::try_parse_from(std::iter::once("cedarpost").chain(words)).expect("a valid command line");
}
