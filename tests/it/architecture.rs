//! The floors of the house as data, read against the source: a module names only modules on floors below its own, and each outside
//! library has one home. `ARCHITECTURE.md` draws the same table for people.
//!
//! This reads text, not Rust: it drops comments and string literals and looks for paths. That is enough, because what it looks for is
//! how the compiler finds things too. Test files are read like the rest, except where a rule says so.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Who may name whom: a module, and the modules of the house it may name besides itself.
const FLOORS: &[(&str, &[&str])] = &[
    // Ground.
    ("domain", &[]),
    ("clock", &["domain"]),
    ("lifecycle", &["domain", "clock"]),
    ("listen", &["domain", "clock", "lifecycle"]),
    ("storage", &["domain", "clock", "lifecycle"]),
    ("telemetry", &["domain", "clock", "lifecycle"]),
    // Rooms: ground, and no other room.
    ("audit", GROUND),
    ("identity", GROUND),
    ("mcp", GROUND),
    ("policy", GROUND),
    // The gate: the rooms it guards, and ground.
    ("gate", &["policy", "audit", "domain", "clock", "lifecycle", "listen", "storage", "telemetry"]),
    // Faces: gate, identity and ground; the proxy also speaks MCP.
    ("proxy", &["gate", "identity", "mcp", "domain", "clock", "lifecycle", "listen", "storage", "telemetry"]),
    ("rest", &["gate", "identity", "domain", "clock", "lifecycle", "listen", "storage", "telemetry"]),
    // Roof: the configuration knows the parts it configures, not who runs them; the rest may name everything.
    (
        "config",
        &[
            "proxy",
            "rest",
            "gate",
            "policy",
            "audit",
            "identity",
            "mcp",
            "domain",
            "clock",
            "lifecycle",
            "listen",
            "storage",
            "telemetry",
        ],
    ),
    ("app", ROOF),
    ("cli", ROOF),
    ("demo", ROOF),
];

const GROUND: &[&str] = &["domain", "clock", "lifecycle", "listen", "storage", "telemetry"];
const ROOF: &[&str] = &["*"];

/// What only some modules may write: a text in the source, and its homes.
const HOMES: &[(&str, &[&str])] = &[
    ("cedar_policy::", &["policy"]),
    ("cedar_policy_core", &[]),
    ("sled::", &["storage"]),
    ("SystemTime::now", &["clock"]),
    ("Timestamp::now", &[]),
    ("Zoned::now", &[]),
    ("std::env", &["config"]),
    ("env::var", &["config"]),
    ("env::args", &["config"]),
    ("io::stdout", &["cli", "demo"]),
    ("tokio::io::stdout", &["proxy", "cli", "demo"]),
    ("io::stdin", &["proxy", "cli", "demo"]),
    ("print!", &["demo"]),
    ("println!", &["demo"]),
    ("process::exit", &[]),
    ("unsafe ", &[]),
    ("#[allow", &[]),
];

/// What the words of the house are kept free of.
const NOT_IN_DOMAIN: &[&str] =
    &["serde", "tokio", "async fn", "async move", ".await", "std::fs", "std::net::Tcp", "hyper", "axum"];

/// Everything in `text` that breaks the plan, for a file of module `module`; `test` files may print and read the environment.
fn violations(module: &str, text: &str, test: bool) -> Vec<String> {
    let mut found = Vec::new();
    if !text.starts_with("//! ") {
        found.push("does not open with `//! `".to_owned());
    }
    let code = without_comments_and_strings(text);
    let allowed = FLOORS.iter().find(|(name, _)| *name == module).map(|(_, allowed)| *allowed);
    match allowed {
        None => found.push(format!("module `{module}` is not on the plan")),
        Some(allowed) => {
            let upward = named(&code).into_iter().filter(|name| name != module && !is_allowed(allowed, name));
            found.extend(upward.map(|name| format!("`{module}` names `{name}`")));
        }
    }
    for (word, homes) in HOMES {
        let exempt = test && !matches!(*word, "cedar_policy::" | "sled::" | "#[allow");
        if !exempt && !homes.contains(&module) && contains_word(&code, word) {
            found.push(format!("`{word}` belongs to {homes:?}"));
        }
    }
    if module == "domain" {
        found.extend(NOT_IN_DOMAIN.iter().filter(|word| code.contains(**word)).map(|word| format!("`domain` knows `{word}`")));
    }
    found
}

fn is_allowed(allowed: &[&str], name: &str) -> bool {
    allowed == ROOF || allowed.contains(&name)
}

/// The modules of the house that the code names: `crate::x`, `cedarpost::x`, and each branch of `use crate::{x, y::z}`.
fn named(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for root in ["crate::", "cedarpost::"] {
        for (at, _) in code.match_indices(root).filter(|(at, _)| starts_a_path(code, *at)) {
            let rest = after(code, at + root.len());
            match rest.strip_prefix('{') {
                Some(group) => names.extend(branches(group)),
                None => names.push(word_at(rest)),
            }
        }
    }
    // A macro of the house is called by its name alone.
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

fn sources() -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut files = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).expect("it is inside").to_path_buf();
                files.insert(name, fs::read_to_string(&path).expect("the file can be read"));
            }
        }
    }
    files
}

fn module_of(file: &Path) -> String {
    let first = file.iter().next().expect("a path has a part").to_string_lossy();
    let stem = first.trim_end_matches(".rs");
    // `clock_tests.rs` holds the tests of `clock.rs`.
    stem.trim_end_matches("_tests").to_owned()
}

fn is_test(file: &Path) -> bool {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    name == "tests" || name.ends_with("_tests") || file.iter().any(|part| part == "tests")
}

#[test]
fn each_module_names_only_the_floors_below_it() {
    let mut found = Vec::new();
    for (file, text) in sources() {
        // These two only list the modules.
        if file == Path::new("lib.rs") || file == Path::new("main.rs") {
            continue;
        }
        let broken = violations(&module_of(&file), &text, is_test(&file));
        found.extend(broken.into_iter().map(|what| format!("src/{}: {what}", file.display())));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn each_module_is_on_the_plan_and_each_planned_module_exists() {
    let mut modules: Vec<String> = sources().keys().map(|file| module_of(file)).collect();
    modules.retain(|module| module != "lib" && module != "main");
    modules.sort();
    modules.dedup();
    let mut planned: Vec<&str> = FLOORS.iter().map(|(name, _)| *name).collect();
    planned.sort_unstable();
    assert_eq!(modules, planned);
}

#[test]
fn the_checker_finds_what_it_is_there_for() {
    let cases = [
        ("domain", "use crate::policy::Store;", "`domain` names `policy`"),
        ("policy", "use crate::audit::Record;", "`policy` names `audit`"),
        ("policy", "fn f() { crate::gate::admit() }", "`policy` names `gate`"),
        ("policy", "use crate::{domain::Call, audit::{Record, Receipt}};", "`policy` names `audit`"),
        ("policy", "use crate::{\n    domain::{self, Call},\n    gate,\n};", "`policy` names `gate`"),
        ("mcp", "pub(in crate::proxy) fn f() {}", "`mcp` names `proxy`"),
        ("gate", "use cedar_policy::Policy;", "`cedar_policy::` belongs to [\"policy\"]"),
        ("audit", "let tree = sled::open(path);", "`sled::` belongs to [\"storage\"]"),
        ("gate", "let now = SystemTime::now();", "`SystemTime::now` belongs to [\"clock\"]"),
        ("proxy", "use std::env;", "`std::env` belongs to [\"config\"]"),
        ("rest", "println!(\"{x}\");", "`println!` belongs to [\"demo\"]"),
        ("policy", "let out = std::io::stdout();", "`io::stdout` belongs to [\"cli\", \"demo\"]"),
        ("domain", "#[derive(serde::Serialize)] struct A;", "`domain` knows `serde`"),
        ("domain", "async fn f() {}", "`domain` knows `async fn`"),
        ("attic", "", "module `attic` is not on the plan"),
    ];
    for (module, code, expected) in cases {
        let found = violations(module, &format!("//! Opens well.\n{code}\n"), false);
        assert!(found.iter().any(|what| what == expected), "{code}: {found:?}");
    }
    assert_eq!(violations("policy", "fn f() {}", false), ["does not open with `//! `"]);
}

#[test]
fn the_checker_lets_pass_what_is_fine() {
    let cases = [
        ("policy", "use crate::domain::Call;"),
        ("policy", "use crate::policy::snapshot::Snapshot;"),
        ("policy", "use cedar_policy::Policy;"),
        ("policy", "// crate::audit is another room\nlet text = \"crate::audit\";"),
        ("policy", "/// See `crate::gate`.\nfn f() {}"),
        ("policy", "let text = r#\"use crate::gate; \"quoted\" \"#; let c = '\"'; let d = '\\''; fn g<'a>(a: &'a str) {}"),
        ("gate", "use crate::{audit::Writer, domain::Call, policy::Store};"),
        ("config", "let all = std::env::vars_os();"),
        ("app", "use crate::{audit, cli, proxy};"),
        ("mcp", "eprintln!(\"{x}\");"),
    ];
    for (module, code) in cases {
        let found = violations(module, &format!("//! Opens well.\n{code}\n"), false);
        assert!(found.is_empty(), "{code}: {found:?}");
    }
    assert!(violations("policy", "//! Opens well.\nprintln!(\"{x}\"); std::env::temp_dir();", true).is_empty());
}
