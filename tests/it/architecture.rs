//! The floors of the house as data, read against the source: a module names only modules on floors below its own, and each outside
//! library has one home. `ARCHITECTURE.md` draws the same table for people.
//!
//! This reads text, not Rust: it drops comments and string literals and looks for paths. That is enough, because what it looks for is
//! how the compiler finds things too. Test files are read like the rest, except where a rule says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Who may name whom: a module, and the modules of the house it may name besides itself.
const FLOORS: &[(&str, &[&str])] = &[
    // Ground.
    ("domain", &[]),
    // What the kernel tells of listeners: it opens none and speaks to nobody.
    ("bypass", &["domain", "clock", "lifecycle"]),
    ("clock", &["domain"]),
    ("json", &[]),
    ("lifecycle", &["domain", "clock"]),
    ("listen", &["domain", "clock", "lifecycle"]),
    // Signed texts, of the log and of policies.
    ("note", &[]),
    ("outbound", &["domain", "clock", "lifecycle"]),
    ("storage", &["domain", "clock", "lifecycle"]),
    ("telemetry", &["domain", "clock", "lifecycle"]),
    // Rooms: ground, and no other room.
    ("approval", GROUND),
    ("audit", GROUND),
    ("identity", GROUND),
    // What pods of Kubernetes get: a pure function, with nothing to judge and nobody to talk to.
    ("inject", GROUND),
    ("mcp", GROUND),
    ("policy", GROUND),
    // The gate: the rooms it guards, and ground.
    ("gate", &["policy", "audit", "approval", "domain", "clock", "lifecycle", "listen", "outbound", "storage", "telemetry"]),
    // The threshold: what MCP and the gate have to do with each other.
    ("passage", &["gate", "mcp", "domain", "clock"]),
    // Faces: gate, identity and ground; the proxy also speaks MCP, and so does what answers gateways.
    (
        "proxy",
        &["passage", "gate", "identity", "mcp", "domain", "clock", "lifecycle", "listen", "outbound", "storage", "telemetry"],
    ),
    ("control", &["gate", "domain", "clock", "lifecycle", "listen", "outbound", "storage", "telemetry"]),
    (
        "grpc",
        &[
            "passage",
            "gate",
            "identity",
            "mcp",
            "domain",
            "json",
            "clock",
            "lifecycle",
            "listen",
            "outbound",
            "storage",
            "telemetry",
        ],
    ),
    ("authzen", &["gate", "identity", "domain", "json", "clock", "lifecycle", "listen", "outbound", "storage", "telemetry"]),
    // It answers API servers and has no calls to let through, so it stands before no gate.
    ("injector", &["inject", "domain", "clock", "lifecycle", "listen", "outbound", "storage", "telemetry"]),
    // It only sends.
    ("hooks", &["gate", "domain", "clock", "lifecycle", "outbound"]),
    ("console", &["gate", "identity", "domain", "clock", "lifecycle", "listen", "outbound", "storage", "telemetry"]),
    ("rest", &["gate", "identity", "domain", "clock", "lifecycle", "listen", "outbound", "storage", "telemetry"]),
    // Roof: the configuration knows the parts it configures, not who runs them; the rest may name everything.
    (
        "config",
        &[
            "bypass",
            "proxy",
            "rest",
            "hooks",
            "gate",
            "inject",
            "policy",
            "approval",
            "audit",
            "identity",
            "mcp",
            "domain",
            "clock",
            "lifecycle",
            "listen",
            "note",
            "outbound",
            "storage",
            "telemetry",
        ],
    ),
    ("app", ROOF),
    ("cli", ROOF),
    ("demo", ROOF),
];

const GROUND: &[&str] = &["domain", "clock", "json", "lifecycle", "listen", "note", "outbound", "storage", "telemetry"];
const ROOF: &[&str] = &["*"];

/// What only some places may write: a text in the source, and its homes, each a module or the beginning of a file's path.
const HOMES: &[(&str, &[&str])] = &[
    ("cedar_policy::", &["policy"]),
    ("cedar_policy_core", &[]),
    ("cedar_policy_formatter", &["policy"]),
    ("serde_saphyr", &["policy", "inject"]),
    ("sled::", &["storage"]),
    ("tonic", &["grpc"]),
    ("prost", &["grpc"]),
    ("notify::", &["policy"]),
    ("toml::", &["config"]),
    ("clap::", &["config"]),
    ("tracing_subscriber", &["telemetry"]),
    ("object_store::", &["audit/ship"]),
    ("flate2::", &["audit/ship/feed"]),
    // Notes: only to find a key in a PEM file.
    ("rustls::", &["audit", "identity", "listen", "note", "outbound", "proxy/upstream"]),
    ("x509_cert::", &["listen"]),
    ("rcgen::", &["injector"]),
    ("peer_cred(", &["listen", "outbound"]),
    ("client::legacy", &["outbound", "proxy/upstream", "demo"]),
    ("load_native_certs", &["outbound"]),
    ("tokio::signal", &["lifecycle"]),
    ("TcpListener::bind", &["listen", "demo"]),
    ("SystemTime::now", &["clock"]),
    ("Timestamp::now", &[]),
    ("Zoned::now", &[]),
    ("std::env", &["config"]),
    ("env::var", &["config"]),
    ("env::args", &["config"]),
    ("io::stdout", &["cli", "demo", "proxy/stdio"]),
    ("io::stdin", &["cli", "proxy/stdio"]),
    ("print!", &["demo"]),
    ("println!", &["demo"]),
    ("process::exit", &[]),
    ("crate::*", &[]),
    ("crate as", &[]),
    ("#[allow", &[]),
];

/// The rules that hold for test files too: which library has which home.
const EVEN_IN_TESTS: &[&str] = &["cedar_policy::", "sled::", "crate::*", "crate as", "#[allow"];

/// What the words of the house are kept free of.
const NOT_IN_DOMAIN: &[&str] =
    &["serde", "tokio", "async fn", "async move", ".await", "std::fs", "std::net::Tcp", "hyper", "axum"];

/// A source file by its path below `src/`, such as `policy/load.rs`.
#[derive(Clone, Copy)]
struct File<'a>(&'a str);

impl<'a> File<'a> {
    /// The module of the house it belongs to; `clock_tests.rs` holds tests of `clock`.
    fn module(&self) -> &'a str {
        let first = self.0.split('/').next().unwrap_or(self.0);
        let stem = first.trim_end_matches(".rs");
        stem.strip_suffix("_tests").unwrap_or(stem)
    }

    /// How many times `super` leads from here to the root of the crate.
    fn depth(&self) -> usize {
        let folders = self.0.matches('/').count();
        match () {
            () if self.0.ends_with("/mod.rs") => folders,
            // The file of these is beside that of their parent.
            () if self.0.ends_with("_tests.rs") => folders + 2,
            () => folders + 1,
        }
    }

    fn is_test(&self) -> bool {
        let folder = self.0.contains("/tests/") || self.0.contains("/fixtures/");
        self.0.ends_with("/tests.rs") || self.0.ends_with("_tests.rs") || folder
    }

    fn is_at_home(&self, homes: &[&str]) -> bool {
        homes.iter().any(|home| *home == self.module() || (home.contains('/') && self.0.starts_with(home)))
    }
}

/// Everything in the file that breaks the plan.
fn violations(file: File<'_>, text: &str) -> Vec<String> {
    let module = file.module();
    let mut found = Vec::new();
    if !text.starts_with("//! ") {
        found.push("does not open with `//! `".to_owned());
    }
    let code = without_comments_and_strings(text);
    match FLOORS.iter().find(|(name, _)| *name == module) {
        None => found.push(format!("module `{module}` is not on the plan")),
        Some((_, allowed)) => {
            let upward = named(&code, file.depth()).into_iter().filter(|name| name != module && !is_allowed(allowed, name));
            found.extend(upward.map(|name| format!("`{module}` names `{name}`")));
        }
    }
    let away = HOMES.iter().filter(|(word, homes)| {
        let holds = !file.is_test() || EVEN_IN_TESTS.contains(word);
        holds && !file.is_at_home(homes) && contains_word(&code, word)
    });
    found.extend(away.map(|(word, homes)| format!("`{word}` belongs to {homes:?}")));
    if module == "domain" {
        found.extend(NOT_IN_DOMAIN.iter().filter(|word| code.contains(**word)).map(|word| format!("`domain` knows `{word}`")));
    }
    found
}

fn is_allowed(allowed: &[&str], name: &str) -> bool {
    allowed == ROOF || allowed.contains(&name)
}

/// The modules of the house that the code names: `crate::x`, `cedarpost::x`, enough of `super::`, and each branch of a group.
fn named(code: &str, depth: usize) -> Vec<String> {
    let mut names = Vec::new();
    let up = "super::".repeat(depth);
    for root in ["crate::", "cedarpost::", &up] {
        for (at, _) in code.match_indices(root).filter(|(at, _)| starts_a_path(code, *at)) {
            let rest = after(code, at + root.len());
            match rest.strip_prefix('{') {
                Some(group) => names.extend(branches(group)),
                None => names.push(word_at(rest)),
            }
        }
    }
    names.retain(|name| FLOORS.iter().any(|(module, _)| module == name));
    names.sort();
    names.dedup();
    names
}

/// The first word of each branch of a `use` group, up to its closing brace.
fn branches(group: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let mut words = vec![word_at(group.trim_start())];
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => words.push(word_at(after(group, at + 1).trim_start())),
            _ => {}
        }
    }
    words
}

fn before(text: &str, at: usize) -> &str {
    text.split_at(at).0
}

fn after(text: &str, at: usize) -> &str {
    text.split_at(at).1
}

fn word_at(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

fn starts_a_path(code: &str, at: usize) -> bool {
    !before(code, at).ends_with(|letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':')
        || before(code, at).ends_with("$")
}

/// Whether the code has `word`, not as the end of a longer word: `println!` is not in `eprintln!`.
fn contains_word(code: &str, word: &str) -> bool {
    let longer = |at: usize| before(code, at).ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
    code.match_indices(word).any(|(at, _)| !longer(at))
}

/// The code with comments, string and character literals blanked, so that prose does not count.
fn without_comments_and_strings(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let skipped = comment(rest).or_else(|| raw_string(rest)).or_else(|| string(rest)).or_else(|| character(rest));
        match skipped {
            Some(length) => {
                code.push(' ');
                rest = after(rest, length);
            }
            None => {
                // A word is taken whole, so that the `r` in `for` does not begin a raw string.
                let length = word_at(rest).len().max(letter.len_utf8());
                code.push_str(before(rest, length));
                rest = after(rest, length);
            }
        }
    }
    code
}

fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    rest.starts_with("/*").then(|| rest.find("*/").map_or(rest.len(), |end| end + 2))
}

fn raw_string(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let quoted = after(body, hashes).strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = quoted.find(&close).map_or(quoted.len(), |end| end + close.len());
    Some(rest.len() - quoted.len() + end)
}

fn string(rest: &str) -> Option<usize> {
    let prefix = usize::from(rest.starts_with("b\""));
    let body = after(rest, prefix).strip_prefix('"')?;
    let mut escaped = false;
    let end = body.char_indices().find(|(_, letter)| {
        let closes = *letter == '"' && !escaped;
        escaped = *letter == '\\' && !escaped;
        closes
    });
    Some(prefix + 1 + end.map_or(body.len(), |(at, _)| at + 1))
}

/// A character literal, told from a lifetime by its closing quote.
fn character(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('\'')?;
    let mut letters = body.char_indices();
    match letters.next()?.1 {
        '\\' => body.get(2..)?.find('\'').map(|end| end + 4),
        _ => letters.next().filter(|(_, letter)| *letter == '\'').map(|(at, _)| at + 2),
    }
}

fn sources() -> BTreeMap<String, String> {
    let mut files = rust_files("src");
    // These two only list the modules and call the first.
    files.retain(|name, _| name != "lib.rs" && name != "main.rs");
    files
}

/// The text of each Rust file in a folder of the tree, by its path in there.
fn rust_files(folder: &str) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut folders = vec![root.clone()];
    let mut files = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).expect("it is inside").to_string_lossy().into_owned();
                files.insert(name, fs::read_to_string(&path).expect("the file can be read"));
            }
        }
    }
    files
}

#[test]
fn each_module_names_only_the_floors_below_it() {
    let mut found = Vec::new();
    for (name, text) in sources() {
        found.extend(violations(File(&name), &text).into_iter().map(|what| format!("src/{name}: {what}")));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn each_module_is_on_the_plan_and_each_planned_module_exists() {
    let files = sources();
    let modules: BTreeSet<&str> = files.keys().map(|name| File(name).module()).collect();
    let planned: BTreeSet<&str> = FLOORS.iter().map(|(name, _)| *name).collect();
    assert_eq!(modules, planned);
}

#[test]
fn each_invariant_names_a_test_that_exists() {
    let text = include_str!("../../ARCHITECTURE.md");
    let section = text.split("\n## ").find(|section| section.starts_with("What always holds")).unwrap();
    let files = [rust_files("src"), rust_files("tests")];
    let numbered = (1..).map(|number| format!("\n{number}. ")).take_while(|number| section.contains(number.as_str())).count();
    let named: Vec<&str> = section.split('*').skip(1).step_by(2).collect();
    assert_eq!(named.len(), numbered, "one test for each: {named:?}");
    for test in named {
        let declared = format!("fn {test}(");
        assert!(files.iter().flat_map(BTreeMap::values).any(|code| code.contains(&declared)), "there is no test `{test}`");
    }
}

#[test]
fn the_checker_finds_what_it_is_there_for() {
    let cases = [
        ("domain/call.rs", "use crate::policy::Store;", "`domain` names `policy`"),
        ("policy/load.rs", "use crate::audit::Record;", "`policy` names `audit`"),
        ("policy/load.rs", "fn f() { crate::gate::admit() }", "`policy` names `gate`"),
        ("policy/load.rs", "use crate::{domain::Call, audit::{Record, Receipt}};", "`policy` names `audit`"),
        ("policy/load.rs", "use crate::{\n    domain::{self, Call},\n    gate,\n};", "`policy` names `gate`"),
        ("policy/load.rs", "use super::super::audit;", "`policy` names `audit`"),
        ("policy/mod.rs", "use super::audit;", "`policy` names `audit`"),
        ("clock.rs", "use super::{domain, audit};", "`clock` names `audit`"),
        ("clock_tests.rs", "use super::super::gate;", "`clock` names `gate`"),
        ("mcp/sse.rs", "pub(in crate::proxy) fn f() {}", "`mcp` names `proxy`"),
        ("config/raw.rs", "use crate::app;", "`config` names `app`"),
        ("policy/load.rs", "use crate::*;", "`crate::*` belongs to []"),
        ("gate/admit.rs", "use cedar_policy::Policy;", "`cedar_policy::` belongs to [\"policy\"]"),
        ("gate/tests.rs", "use cedar_policy::Policy;", "`cedar_policy::` belongs to [\"policy\"]"),
        ("audit/writer.rs", "let tree = sled::open(path);", "`sled::` belongs to [\"storage\"]"),
        ("gate/admit.rs", "let now = SystemTime::now();", "`SystemTime::now` belongs to [\"clock\"]"),
        ("proxy/http.rs", "use std::env;", "`std::env` belongs to [\"config\"]"),
        ("rest/routes.rs", "println!(\"{x}\");", "`println!` belongs to [\"demo\"]"),
        ("proxy/http.rs", "let out = std::io::stdout();", "`io::stdout` belongs to [\"cli\", \"demo\", \"proxy/stdio\"]"),
        ("domain/call.rs", "#[derive(serde::Serialize)] struct A;", "`domain` knows `serde`"),
        ("domain/call.rs", "async fn f() {}", "`domain` knows `async fn`"),
        ("attic/old.rs", "", "module `attic` is not on the plan"),
    ];
    for (file, code, expected) in cases {
        let found = violations(File(file), &format!("//! Opens well.\n{code}\n"));
        assert!(found.iter().any(|what| what == expected), "{file}: {code}: {found:?}");
    }
    assert_eq!(violations(File("policy/load.rs"), "fn f() {}"), ["does not open with `//! `"]);
}

#[test]
fn the_checker_lets_pass_what_is_fine() {
    let cases = [
        ("policy/load.rs", "use crate::domain::Call;"),
        ("policy/load.rs", "use crate::policy::snapshot::Snapshot;"),
        ("policy/load.rs", "use super::audit_of_policies;\nuse super::gate;"),
        ("policy/load.rs", "use cedar_policy::Policy;"),
        ("policy/load.rs", "// crate::audit is another room\nlet text = \"crate::audit\";"),
        ("policy/load.rs", "/// See `crate::gate`.\nfn f() {}"),
        (
            "policy/load.rs",
            "let text = r#\"use crate::gate; \"quoted\" \"#; let c = '\"'; let d = '\\''; fn g<'a>(a: &'a str) {}",
        ),
        ("gate/admit.rs", "use crate::{audit::Writer, domain::Call, policy::Store};"),
        ("config/environment.rs", "let all = std::env::vars_os();"),
        ("proxy/stdio.rs", "let out = tokio::io::stdout();"),
        ("proxy/stdio/run.rs", "let out = tokio::io::stdout();"),
        ("app.rs", "use crate::{audit, cli, proxy};"),
        ("mcp/sse.rs", "eprintln!(\"{x}\");"),
        ("policy/tests.rs", "println!(\"{x}\"); std::env::temp_dir();"),
        ("policy/load_tests.rs", "use super::super::gate;"),
    ];
    for (file, code) in cases {
        let found = violations(File(file), &format!("//! Opens well.\n{code}\n"));
        assert!(found.is_empty(), "{file}: {code}: {found:?}");
    }
}
