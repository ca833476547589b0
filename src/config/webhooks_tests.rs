//! What can be said about webhooks, and what is refused.

use super::super::{Config, Environment, Sources};
use crate::config::flags::ServeFlags;
use crate::hooks::{Event, Format, Target};

const BASE: &str = r#"
[policy]
policies = ["policies"]
[audit]
directory = "audit"
[identity]
agent = "bot"
unattended = true
[[server]]
name = "shop"
url = "http://127.0.0.1:1/mcp"
"#;

fn read(hooks: &str) -> Result<Config, String> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cedarpost.toml");
    std::fs::write(&file, format!("{BASE}{hooks}")).unwrap();
    let sources = Sources { file: Some(&file), environment: Environment::default(), flags: ServeFlags::default().overrides() };
    Config::for_serve(&sources).map_err(|report| report.lines())
}

#[test]
fn hooks_are_read_with_safe_defaults() {
    let config = read(
        r#"
        [[approvals.webhook]]
        url = "https://hooks.example/t0ps3cret?key=1"
        secret_file = "secret"
        [[approvals.webhook]]
        name = "chat"
        url_file = "slack"
        format = "slack"
        events = ["approval.requested"]
        "#,
    )
    .unwrap();
    let [first, second] = &config.webhooks[..] else { panic!("two hooks") };
    assert_eq!((first.name.as_str(), first.format, first.events.len()), ("webhook1", Format::Standard, 6));
    assert!(!first.include_arguments && !first.plaintext_non_loopback && first.secret_file.as_ref().unwrap().is_absolute());
    assert_eq!((second.name.as_str(), second.format, &second.events[..]), ("chat", Format::Slack, &[Event::Requested][..]));
    assert!(matches!(&second.target, Target::File(path) if path.is_absolute()));
    assert!(!format!("{:?}", config.webhooks).contains("t0ps3cret"));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let cases = [
        ("url = \"http://hooks.example/\"\nsecret_file = \"s\"", "plain http to another machine, `hooks.example`"),
        ("url = \"https://user:pw@hooks.example/\"\nsecret_file = \"s\"", "this is not an http or https URL without a user name"),
        ("url = \"ftp://hooks.example/\"\nsecret_file = \"s\"", "this is not an http or https URL"),
        ("url = \"https://a.example/\"", "`secret_file` is not set"),
        ("secret_file = \"s\"", "there is neither `url` nor `url_file`"),
        ("url = \"https://a.example/\"\nurl_file = \"u\"\nsecret_file = \"s\"", "`url` and `url_file` are both set"),
        ("url = \"https://a.example/\"\nsecret_file = \"s\"\nevents = [\"approval.maybe\"]", "`approval.maybe` is not one of"),
        ("url = \"https://a.example/\"\nsecret_file = \"s\"\nformat = \"teams\"", "`teams` is not one of standard, slack"),
        ("url = \"https://a.example/\"\nsecret_file = \"s\"\nsecret = \"whsec_x\"", "unknown key `secret`"),
        (
            "url = \"https://a.example/\"\nsecret_file = \"s\"\nname = \"x\"\n[[approvals.webhook]]\nname = \"x\"\nurl = \"https://a.example/\"\nsecret_file = \"s\"",
            "two webhooks are named `x`",
        ),
    ];
    for (text, expected) in cases {
        let error = read(&format!("[[approvals.webhook]]\n{text}\n")).unwrap_err();
        assert!(error.contains(expected), "{text}\n{error}");
    }
    // On this machine nobody listens on the way; elsewhere only if somebody takes it upon himself.
    for text in ["url = \"http://127.0.0.1:9/\"", "url = \"http://a.example/\"\nplaintext_non_loopback = true"] {
        read(&format!("[[approvals.webhook]]\nsecret_file = \"s\"\n{text}\n")).unwrap();
    }
}
