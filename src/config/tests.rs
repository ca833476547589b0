//! Tests of the configuration: what it refuses, which source wins, and what it never prints.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use tempfile::TempDir;

use super::flags::Command;
use super::*;

pub(super) const MINIMAL: &str = r#"
[identity]
agent = "assistant"
actor = "alice"
[policy]
policies = ["policies"]
[audit]
directory = "log"
[[server]]
name = "shop"
url = "http://127.0.0.1:9000/mcp"
"#;

pub(super) fn file(text: &str) -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("cedarpost.toml");
    std::fs::write(&path, text).unwrap();
    (directory, path)
}

/// Resolves `text` with the environment and the words after `cedarpost` (`serve --listen …`, `stdio … -- …`).
pub(super) fn resolve(text: &str, variables: &[(&str, &str)], words: &[&str]) -> Result<Config, ConfigReport> {
    let (_directory, path) = file(text);
    let environment = variables.iter().copied().collect();
    match Flags::try_parse_from(["cedarpost"].iter().chain(words)).unwrap().command {
        Command::Serve(flags) => Config::for_serve(&Sources { file: Some(&path), environment, flags: flags.overrides() }),
        Command::Stdio(flags) => {
            Config::for_stdio(&Sources { file: Some(&path), environment, flags: flags.overrides() }, &flags.server())
        }
        other => panic!("{other:?} resolves no whole configuration"),
    }
}

pub(super) fn serve(text: &str) -> Result<Config, ConfigReport> {
    resolve(text, &[], &["serve"])
}

/// The problems as lines, without the directory of the file.
pub(super) fn problems(result: Result<Config, ConfigReport>) -> String {
    let lines = result.expect_err("there should be a problem").lines();
    let short = |line: &str| line.split_once("cedarpost.toml").map_or_else(|| line.to_owned(), |(_, rest)| format!("file{rest}"));
    lines.lines().map(short).collect::<Vec<_>>().join("\n")
}

pub(super) fn with(section: &str, line: &str) -> String {
    let header = format!("[{section}]\n");
    match MINIMAL.contains(&header) {
        true => MINIMAL.replace(&header, &format!("{header}{line}\n")),
        false => format!("{header}{line}\n{MINIMAL}"),
    }
}

#[test]
fn a_minimal_file_has_safe_defaults_for_the_rest() {
    let config = serve(MINIMAL).unwrap();
    assert_eq!(config.listen.listener.address.to_string(), "127.0.0.1:8080");
    assert_eq!(config.admin.unwrap().listener.address.to_string(), "127.0.0.1:9090");
    assert!(!config.listen.listener.plaintext_non_loopback && !config.listen.legacy_sse);
    assert_eq!(config.limits.max_message_bytes, 4 << 20);
    assert_eq!(config.limits.upstream_response_timeout, Duration::from_secs(300));
    assert_eq!(config.audit.low_water_bytes, 64 << 20);
    assert_eq!(config.log.format, LogFormat::Auto);
    assert_eq!(config.servers[0].path, "/shop");
}

#[test]
fn all_problems_are_reported_at_once_with_line_and_column() {
    let text = r#"
[listn]
address = "127.0.0.1:1"
[listen]
adress = "127.0.0.1:1"
max_connections = "many"
[limits]
body_timeout = "1h30m"
max_depth = 1000
[identity]
agent = ""
[[server]]
nam = "shop"
url = "ftp://host/"
[policy]
timezone = "Mars/Base"
"#;
    insta::assert_snapshot!(problems(serve(text)), @r#"
    file:2:2: unknown key `listn` (did you mean `listen`?)
    file:5:1: unknown key `listen.adress` (did you mean `listen.address`?)
    file:6:1: `listen.max_connections` must be a whole number, not a string
    file:8:1: `limits.body_timeout`: `1h30m` is not a duration: write a whole number and one of ms, s, m, h, such as "5s"
    file:9:1: `limits.max_depth`: 1000 is not between 8 and 128
    file:11:1: `identity.agent`: an id has 1 to 256 bytes, no control characters and no space around it
    file:12:1: `name` is not set (policies and records need a name for the server: write `name = "…"`)
    file:13:1: unknown key `nam` (did you mean `name`?)
    file:14:1: `url`: a URL begins with http:// or https:// and a host
    file:16:1: `policy.timezone`: `Mars/Base` is not a time zone of the IANA database
    file: it is not said for whom the agent acts (set `actor` to a person's id, or `unattended = true` when nobody stands behind the agent (--actor, --unattended))
    file: `policy.policies` is not set (set `policies` in [policy], CEDARPOST_POLICY_POLICIES or --policies to the directory of your *.cedar files)
    file: `audit.directory` is not set (set `directory` in [audit], CEDARPOST_AUDIT_DIRECTORY or --audit-dir to where the log is kept)
    "#);
}

#[test]
fn broken_toml_is_reported_with_its_place_beside_other_problems() {
    let text = "[listen]\naddress = \nlegacy_sse = \"yes\"\n";
    let seen = problems(serve(text));
    assert!(seen.contains("file:2:"), "{seen}");
    assert!(seen.contains("`listen.legacy_sse` must be true or false, not a string"), "{seen}");
}

#[test]
fn what_has_no_safe_default_must_be_said() {
    insta::assert_snapshot!(problems(serve("")), @r"
    file: `identity.agent` is not set (set `agent` in [identity], CEDARPOST_IDENTITY_AGENT or --agent to the id policies know the calling program by)
    file: it is not said for whom the agent acts (set `actor` to a person's id, or `unattended = true` when nobody stands behind the agent (--actor, --unattended))
    file: `policy.policies` is not set (set `policies` in [policy], CEDARPOST_POLICY_POLICIES or --policies to the directory of your *.cedar files)
    file: `audit.directory` is not set (set `directory` in [audit], CEDARPOST_AUDIT_DIRECTORY or --audit-dir to where the log is kept)
    file: no MCP server is configured (add a [[server]] table with `name` and `url` or `command`)
    ");
}

#[test]
fn values_out_of_bounds_or_of_a_wrong_form_are_refused() {
    let cases = [
        ("listen", "address = \"localhost:80\"", "is not an IP address with a port"),
        ("listen", "address = \"0.0.0.0:8080\"", "other machines may reach"),
        ("listen", "address = \"[::]:8080\"", "other machines may reach"),
        ("listen", "address = \"[::ffff:10.0.0.1]:8080\"", "other machines may reach"),
        ("listen", "address = \"127.0.0.1:9090\"", "are both"),
        ("listen", "max_connections = 0", "is not between 1 and"),
        ("listen", "max_connections = -1", "is not between 1 and"),
        ("listen", "allowed_origins = [\"*\"]", "is not an origin"),
        ("listen", "allowed_origins = [\"null\"]", "is not an origin"),
        ("listen", "allowed_origins = [\"https://app.example/page\"]", "is not an origin"),
        ("listen", "allowed_hosts = [\"user@host\"]", "is not a host name"),
        ("listen", "allowed_hosts = [\"*.example\"]", "is not a host name"),
        ("listen", "allowed_hosts = [1]", "must be a list of strings"),
        ("admin", "address = \"10.0.0.1:9090\"", "other machines may reach"),
        ("limits", "max_message = \"4MB\"", "is not a size"),
        ("limits", "max_message = \"1B\"", "1B is not between 1KiB and 1GiB"),
        ("limits", "max_message = 4096", "must be a string, not a whole number"),
        ("limits", "max_message = \"99999999999999999GiB\"", "is not a size"),
        ("limits", "header_timeout = \"10\"", "is not a duration"),
        ("limits", "header_timeout = \"\"", "is not a duration"),
        ("limits", "header_timeout = \"-5s\"", "is not a duration"),
        ("limits", "header_timeout = \"1ms\"", "is not between"),
        ("identity", "unattended = true", "contradict each other"),
        ("identity", "agent_roles = [\"a\\nb\"]", "no control characters"),
        ("audit", "append_deadline = \"0ms\"", "is not between"),
        ("log", "level = \"loud\"", "is not a log level"),
        ("log", "format = \"xml\"", "is not one of auto, json, pretty"),
    ];
    for (section, line, expected) in cases {
        let seen = problems(serve(&with(section, line)));
        assert!(seen.contains(expected), "{line}: {seen}");
        assert!(seen.starts_with("file:"), "{line}: {seen}");
    }
}

#[test]
fn servers_that_cannot_be_served_are_refused() {
    let cases = [
        ("name = \"Shop\"\nurl = \"http://h/\"", "1 to 64 of a-z"),
        ("url = \"http://h/\"", "`name` is not set"),
        ("name = \"x\"", "neither `url` nor `command`"),
        ("name = \"x\"\nurl = \"http://h/\"\ncommand = [\"a\"]", "not both"),
        ("name = \"x\"\ncommand = []", "`command` is empty"),
        ("name = \"x\"\ncommand = [\"\"]", "`command` is empty"),
        ("name = \"x\"\nurl = \"http://me:secret@h/\"", "must not carry a user name"),
        ("name = \"x\"\nurl = \"/mcp\"", "begins with http://"),
        ("name = \"x\"\nurl = \"unix:///run/x.sock\"", "`socket = \"/run/app/mcp.sock\"` and `url = \"http://localhost/mcp\"`"),
        ("name = \"x\"\nurl = \"http://unix:/run/x.sock:/mcp\"", "a unix socket is written beside the URL"),
        ("name = \"x\"\nurl = \"http+unix://%2Frun%2Fx.sock/mcp\"", "a unix socket is written beside the URL"),
        ("name = \"x\"\nsocket = \"/run/x.sock\"", "neither `url` nor `command`"),
        ("name = \"x\"\nsocket = \"/run/x.sock\"\nurl = \"https://localhost/mcp\"", "TLS is not spoken over a unix socket"),
        ("name = \"x\"\nsocket = \"/run/\"\nurl = \"http://localhost/mcp\"", "`socket`: `/run/` is not the path of a socket"),
        ("name = \"x\"\nsocket = \"\"\nurl = \"http://localhost/mcp\"", "`socket`: a path is empty"),
        ("name = \"x\"\nsocket_uid = 1\nurl = \"http://localhost/mcp\"", "`socket_uid` means nothing without a `socket`"),
        ("name = \"x\"\nsocket = \"/s\"\nsocket_uid = -1\nurl = \"http://localhost/mcp\"", "-1 is not the number of a user"),
        ("name = \"x\"\nsocket = \"/s\"\ncommand = [\"a\"]", "`socket` means nothing for a server with a `command`"),
        ("name = \"x\"\nurl = \"http://h/\"\nenv = { A = \"b\" }", "`env` means nothing"),
        ("name = \"x\"\nurl = \"http://h/\"\npath = \"x\"", "is not a path"),
        ("name = \"x\"\nurl = \"http://h/\"\npath = \"/a/../b\"", "is not a path"),
        ("name = \"x\"\nurl = \"http://h/\"\npath = \"/a%2fb\"", "is not a path"),
        ("name = \"shop\"\nurl = \"http://h/\"\npath = \"/other\"", "two servers called `shop`"),
        ("name = \"x\"\nurl = \"http://h/\"\npath = \"/shop\"", "overlap"),
        ("name = \"x\"\nurl = \"http://h/\"\npath = \"/shop/sse\"", "overlap"),
        ("name = \"x\"\nurl = \"http://h/\"\npath = \"/\"", "overlap"),
        ("name = \"x\"\nurl = \"http://h/\"\nextension = []", "did you mean `extensions`?"),
        ("name = \"x\"\nurl = \"http://h/\"\nmeta_tools = [\"call\"]", "must be a list of tables of strings"),
        ("name = \"x\"\nurl = \"http://h/\"\nmeta_tools = [{ tool = \"a\", name = \"/n\" }]", "`arguments` is missing"),
        (
            "name = \"x\"\nurl = \"http://h/\"\nmeta_tools = [{ tool = \"a\", name = \"n\", arguments = \"/a\" }]",
            "`name`: a JSON pointer is empty or begins with `/`",
        ),
        (
            "name = \"x\"\nurl = \"http://h/\"\nmeta_tools = [{ tool = \"a\", name = \"/n\", arguments = \"/a\", server = \"x\" }]",
            "unknown key `server`",
        ),
        (
            "name = \"x\"\nurl = \"http://h/\"\nmeta_tools = [{ tool = \"\", name = \"/n\", arguments = \"/a\" }]",
            "`tool` must be a tool's name",
        ),
    ];
    for (server, expected) in cases {
        let seen = problems(serve(&format!("{MINIMAL}\n[[server]]\n{server}\n")));
        assert!(seen.contains(expected), "{server}: {seen}");
        assert!(!seen.contains("secret"), "{seen}");
    }
}

#[test]
fn meta_tools_are_tables_with_a_name_and_two_pointers() {
    let meta_tools = "meta_tools = [{ tool = \"call\", name = \"/a~1b\", arguments = \"\" }, { tool = \"run\", name = \"/n\", arguments = \"/a\" }]";
    let config = serve(&format!("{MINIMAL}\n[[server]]\nname = \"x\"\nurl = \"http://h/\"\n{meta_tools}\n")).unwrap();
    let found = &config.servers.last().unwrap().meta_tools;
    assert_eq!((found.len(), found[0].tool.as_str(), found[0].name.to_string().as_str()), (2, "call", "/a~1b"));
    assert_eq!(found[0].name.steps().collect::<Vec<_>>(), ["a/b"]);
    assert!(config.show().contains("{ arguments = \"/a\", name = \"/n\", tool = \"run\" }"), "{}", config.show());
    let twice = meta_tools.replace("run", "call");
    let twice = problems(serve(&format!("{MINIMAL}\n[[server]]\nname = \"x\"\nurl = \"http://h/\"\n{twice}\n")));
    assert!(twice.contains("each only once, and is `call`"), "{twice}");
}

#[test]
fn a_flag_beats_the_environment_and_the_environment_beats_the_file() {
    let text = with("listen", "address = \"127.0.0.1:1\"");
    let address = |variables: &[(&str, &str)], words: &[&str]| {
        resolve(&text, variables, words).unwrap().listen.listener.address.tcp().unwrap().port()
    };
    let variable = [("CEDARPOST_LISTEN_ADDRESS", "127.0.0.1:2")];
    assert_eq!(address(&[], &["serve"]), 1);
    assert_eq!(address(&variable, &["serve"]), 2);
    assert_eq!(address(&variable, &["serve", "--listen", "127.0.0.1:3"]), 3);
}

#[test]
fn another_agent_or_actor_does_not_get_the_roles_of_the_one_it_replaces() {
    let text = with("identity", "agent_roles = [\"trusted\"]\nactor_roles = [\"admin\"]");
    let stdio = |words: &[&str]| {
        let words: Vec<&str> = ["stdio"].iter().chain(words).chain(&["--", "server"]).copied().collect();
        resolve(&text, &[], &words).unwrap().identity.unwrap()
    };
    assert_eq!(stdio(&[]).agent_roles, ["trusted"]);
    let other = stdio(&["--agent", "other", "--actor", "bob"]);
    assert!(other.agent_roles.is_empty() && other.actor_roles.is_empty(), "{other:?}");
    let alone = stdio(&["--unattended"]);
    assert_eq!((alone.actor, alone.actor_roles.len()), (None, 0));
}

#[test]
fn a_variable_that_is_no_setting_is_refused_unless_kubernetes_made_it() {
    let seen = problems(resolve(MINIMAL, &[("CEDARPOST_LISTEN_ADRESS", "127.0.0.1:2")], &["serve"]));
    insta::assert_snapshot!(seen, @"environment CEDARPOST_LISTEN_ADRESS: unknown setting `CEDARPOST_LISTEN_ADRESS` (did you mean `CEDARPOST_LISTEN_ADDRESS`?)");
    let links = [
        ("CEDARPOST_SERVICE_HOST", "10.0.0.1"),
        ("CEDARPOST_SERVICE_PORT_MCP", "8080"),
        ("CEDARPOST_PORT", "tcp://10.0.0.1:8080"),
        ("CEDARPOST_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("CEDARPOST_ADMIN_PORT_9090_TCP_PROTO", "tcp"),
    ];
    assert!(resolve(MINIMAL, &links, &["serve"]).is_ok());
    assert!(resolve(MINIMAL, &[("CEDARPOST_PORT", "8080")], &["serve"]).is_err());
}

#[test]
fn lists_in_the_environment_are_separated_by_commas() {
    let variables =
        [("CEDARPOST_POLICY_POLICIES", "/a, b"), ("CEDARPOST_LIMITS_MAX_SESSIONS", "7"), ("CEDARPOST_LISTEN_LEGACY_SSE", "true")];
    let config = resolve(MINIMAL, &variables, &["serve"]).unwrap();
    assert_eq!(config.policy.policies, [Path::new("/a"), Path::new("b")]);
    assert_eq!(config.limits.max_sessions, 7);
    assert!(config.listen.legacy_sse);
    assert!(resolve(MINIMAL, &[("CEDARPOST_LISTEN_LEGACY_SSE", "1")], &["serve"]).is_err());
}

#[test]
fn paths_in_the_file_are_relative_to_the_file() {
    let (directory, path) = file(MINIMAL);
    let config = Config::for_serve(&Sources { file: Some(&path), ..Sources::default() }).unwrap();
    assert_eq!(config.policy.policies, [directory.path().join("policies")]);
    assert_eq!(config.audit.directory, directory.path().join("log"));
}

#[test]
fn the_file_can_be_named_by_the_environment_and_one_that_is_missing_is_an_error() {
    let (_directory, path) = file(MINIMAL);
    let environment = [("CEDARPOST_CONFIG", path.to_str().unwrap())].into_iter().collect();
    assert!(Config::for_serve(&Sources { environment, ..Sources::default() }).is_ok());
    let missing = Config::for_serve(&Sources { file: Some(Path::new("/nowhere/cedarpost.toml")), ..Sources::default() });
    assert!(missing.unwrap_err().lines().contains("flag --config: failed to read the settings file"));
}

#[test]
fn the_log_goes_to_the_state_directory_when_nobody_says_where() {
    let text = MINIMAL.replace("directory = \"log\"", "");
    let directory =
        |variables: &[(&str, &str)], words: &[&str]| resolve(&text, variables, words).map(|config| config.audit.directory);
    assert_eq!(directory(&[("HOME", "/h")], &["serve"]).unwrap(), Path::new("/h/.local/state/cedarpost/audit"));
    assert_eq!(directory(&[("HOME", "/h"), ("XDG_STATE_HOME", "/s")], &["serve"]).unwrap(), Path::new("/s/cedarpost/audit"));
    let stdio = ["stdio", "--name", "files", "--", "server"];
    assert_eq!(directory(&[("HOME", "/h")], &stdio).unwrap(), Path::new("/h/.local/state/cedarpost/audit-files"));
    assert!(directory(&[("XDG_STATE_HOME", "relative")], &["serve"]).is_err());
}

fn environment_of(config: &Config) -> Vec<(String, String)> {
    let ServerTarget::Child { environment, .. } = &config.servers[0].target else { panic!("not a child") };
    environment.iter().map(|(name, value)| (name.to_str().unwrap().into(), value.to_str().unwrap().into())).collect()
}

#[test]
fn a_child_of_serve_inherits_no_secrets_and_a_child_of_stdio_all_but_our_settings() {
    let variables = [("PATH", "/bin"), ("API_KEY", "hunter2"), ("CEDARPOST_LOG_LEVEL", "info")];
    let text = MINIMAL.replace("url = \"http://127.0.0.1:9000/mcp\"", "command = [\"a\"]\nenv = { MORE = \"1\" }");
    let names = |config: &Config| environment_of(config).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(&resolve(&text, &variables, &["serve"]).unwrap()), ["MORE", "PATH"]);
    let all = text.replace("env =", "inherit_env = true\nenv =");
    assert_eq!(names(&resolve(&all, &variables, &["serve"]).unwrap()), ["API_KEY", "MORE", "PATH"]);
    assert_eq!(names(&resolve(MINIMAL, &variables, &["stdio", "--", "a"]).unwrap()), ["API_KEY", "PATH"]);
}

#[test]
fn secrets_are_neither_shown_nor_debugged() {
    let text = MINIMAL.replace("url = \"http://127.0.0.1:9000/mcp\"", "command = [\"a\"]\nenv = { API_KEY = \"hunter2\" }")
        + "[[server]]\nname = \"web\"\nurl = \"https://h/mcp?key=hunter2\"\n";
    let config = serve(&text).unwrap();
    let shown = config.show();
    assert!(shown.contains("\"API_KEY\" = \"(hidden)\"") && shown.contains("https://h/mcp?(hidden)"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!format!("{:?}", config.servers[0]).contains("hunter2"));
}

#[test]
fn stdio_takes_its_server_from_the_command_line_or_from_the_file() {
    let url = "[[server]]\nname = \"files\"\ncommand = [\"from-file\"]\nextensions = [\"com.example/do\"]\n";
    let text = format!("{MINIMAL}{url}");
    let of = |words: &[&str]| resolve(&text, &[], words).map(|mut config| config.servers.remove(0));
    let program = |server: &ServerSettings| match &server.target {
        ServerTarget::Child { program, args, .. } => format!("{} {}", program.display(), args.len()),
        ServerTarget::Http { url, .. } => url.to_string(),
    };
    let given = of(&["stdio", "--", "server", "--flag", "x"]).unwrap();
    assert_eq!((given.name.as_str(), program(&given).as_str()), ("server", "server 2"));
    let named = of(&["stdio", "--name", "files"]).unwrap();
    assert_eq!((program(&named).as_str(), named.extensions.len()), ("from-file 0", 1));
    let both = of(&["stdio", "--name", "files", "--upstream", "https://h/mcp"]).unwrap();
    assert_eq!((program(&both).as_str(), both.extensions.len()), ("https://h/mcp", 1));
    assert!(problems(resolve(&text, &[], &["stdio"])).contains("neither `url` nor `command`"));
    assert!(problems(resolve(&text, &[], &["stdio", "--name", "missing"])).contains("neither `url` nor `command`"));
}

#[test]
fn a_server_on_a_socket_is_there_and_its_url_says_the_rest() {
    let text = MINIMAL.replace("url =", "socket = \"shop.sock\"\nsocket_uid = 7\nurl =");
    let (directory, path) = file(&text);
    let socket = |config: &Config| match &config.servers[0].target {
        ServerTarget::Http { url, socket, .. } => (url.to_string(), socket.clone()),
        ServerTarget::Child { .. } => panic!("not by HTTP"),
    };
    let of_file = Config::for_serve(&Sources { file: Some(&path), ..Sources::default() }).unwrap();
    let expected = crate::outbound::Socket::new(directory.path().join("shop.sock"), Some(7)).unwrap();
    assert_eq!(socket(&of_file), ("http://127.0.0.1:9000/mcp".to_owned(), Some(expected)));
    // What the command line says replaces all of it.
    let words = ["stdio", "--name", "shop", "--upstream", "http://localhost/m", "--upstream-socket", "/run/x.sock"];
    let said = crate::outbound::Socket::new("/run/x.sock".into(), None).unwrap();
    assert_eq!(socket(&resolve(&text, &[], &words).unwrap()), ("http://localhost/m".to_owned(), Some(said)));
    assert_eq!(socket(&resolve(&text, &[], &words[..5]).unwrap()).1, None);
    // A credential does not leave this machine, whatever the host is called.
    let shown =
        text.replace("http://127.0.0.1:9000/mcp\"", "http://shop/mcp\"\ncredential = \"static\"\ncredential_env = \"KEY\"");
    assert!(resolve(&shown, &[("KEY", "k")], &["serve"]).is_ok());
    let network = shown.replace("socket = \"shop.sock\"\nsocket_uid = 7\n", "");
    assert!(problems(resolve(&network, &[("KEY", "k")], &["serve"])).contains("in plain text"));
}

#[test]
fn ways_around_are_told_unless_something_else_is_said() {
    use crate::bypass::Check;
    let of = |more: &str| serve(&format!("{MINIMAL}{more}")).map(|config| (config.bypass.check, config.bypass.interval));
    assert_eq!(of("").unwrap(), (Check::Report, Duration::from_secs(5)));
    assert_eq!(of("[bypass]\ncheck = \"enforce\"\ninterval = \"1m\"").unwrap(), (Check::Enforce, Duration::from_secs(60)));
    let enforced = resolve(MINIMAL, &[("CEDARPOST_BYPASS_CHECK", "enforce")], &["serve"]).unwrap();
    assert_eq!(enforced.bypass.check, Check::Enforce);
    assert!(problems(serve(&format!("{MINIMAL}[bypass]\ncheck = \"on\""))).contains("`on` is not one of off, report, enforce"));
    for wrong in ["0s", "10ms", "2h"] {
        assert!(
            problems(serve(&format!("{MINIMAL}[bypass]\ninterval = \"{wrong}\""))).contains("`bypass.interval`: "),
            "{wrong}"
        );
    }
}

#[test]
fn stdio_has_an_admin_listener_only_when_somebody_asks_for_it() {
    assert!(resolve(MINIMAL, &[], &["stdio", "--", "a"]).unwrap().admin.is_none());
    assert!(resolve(MINIMAL, &[], &["stdio", "--admin-listen", "127.0.0.1:0", "--", "a"]).unwrap().admin.is_some());
    assert!(resolve(MINIMAL, &[], &["serve", "--admin-listen", "off"]).unwrap().admin.is_none());
    // The MCP listener is not opened, so its address is free.
    assert!(resolve(MINIMAL, &[], &["stdio", "--admin-listen", "127.0.0.1:8080", "--", "a"]).is_ok());
}

#[test]
fn what_is_shown_says_where_it_came_from_and_can_be_read_again() {
    let shown = resolve(MINIMAL, &[("CEDARPOST_LOG_LEVEL", "debug")], &["serve", "--listen", "127.0.0.1:3"]).unwrap().show();
    assert!(shown.contains("address = \"127.0.0.1:3\"  # flag --listen\n"), "{shown}");
    assert!(shown.contains("level = \"debug\"  # environment CEDARPOST_LOG_LEVEL\n"), "{shown}");
    assert!(shown.contains("agent = \"assistant\"  # file, line 3\n"), "{shown}");
    assert!(shown.contains("max_depth = 128\n"), "{shown}");
    let again = serve(&shown).unwrap();
    assert_eq!(again.listen.listener.address.tcp().unwrap().port(), 3);
}

#[test]
fn policy_check_and_audit_commands_need_only_their_own_settings() {
    let (_directory, path) = file(
        "[policy]\npolicies = [\"p\"]\n[audit]\ndirectory = \"log\"\n[[server]]\nname = \"shop\"
        meta_tools = [{ tool = \"call\", name = \"/name\", arguments = \"/with\" }]\n",
    );
    let sources = || Sources { file: Some(&path), ..Sources::default() };
    let check = Config::for_policy_check(&sources()).unwrap();
    assert_eq!((check.servers.len(), check.identity), (1, None));
    let meta_tools: Vec<&str> = check.servers.iter().flat_map(|server| &server.meta_tools).map(|it| it.tool.as_str()).collect();
    assert_eq!(meta_tools, ["call"], "a decision on paper is that of the sidecar");
    assert!(Config::for_audit(&sources()).unwrap().directory.ends_with("log"));
}

#[test]
fn durations_and_sizes_survive_being_shown() {
    for text in ["250ms", "5s", "90s", "10m", "2h"] {
        assert_eq!(units::show_duration(units::parse_duration(text).unwrap()), text);
    }
    for text in ["512B", "1KiB", "1500B", "4MiB", "1GiB"] {
        assert_eq!(units::show_size(units::parse_size(text).unwrap()), text);
    }
}

#[test]
fn each_key_has_a_default_of_its_kind_and_a_variable_of_its_own() {
    let mut variables = std::collections::BTreeSet::new();
    for key in keys::KEYS {
        assert!(variables.insert(keys::variable(key.path)), "{}", key.path);
        let default = key.default.map(|text| raw::Value::from_text(key.kind, text));
        assert!(!matches!(default, Some(Err(_))), "{}", key.path);
        for replaced in key.replaces {
            assert!(keys::find(keys::KEYS, replaced).is_some(), "{replaced}");
        }
    }
}

#[test]
fn the_lock_is_found_beside_the_file_and_servers_may_not_be_asked_again() {
    let plain = serve(MINIMAL).unwrap().policy;
    assert_eq!((plain.lock, plain.catalog_ttl), (None, Some(Duration::from_secs(300))));
    let (directory, path) = file(&with("policy", "lock = \"a/catalog.lock.json\"\ncatalog_ttl = \"off\""));
    let policy = Config::for_serve(&Sources { file: Some(&path), ..Sources::default() }).unwrap().policy;
    assert_eq!((policy.lock, policy.catalog_ttl), (Some(directory.path().join("a/catalog.lock.json")), None));
    for wrong in ["0", "10ms", "2000h", "never"] {
        let text = with("policy", &format!("catalog_ttl = \"{wrong}\""));
        assert!(problems(serve(&text)).contains("`policy.catalog_ttl`: "), "{wrong}");
    }
}
