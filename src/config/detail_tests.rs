//! What the configuration may say about what is kept.

use super::super::tests::{MINIMAL, problems, resolve, serve, with};
use super::*;
use crate::domain::ServerName;

fn tool(lines: &str) -> String {
    format!("{MINIMAL}\n[[audit.tool]]\n{lines}\n")
}

#[test]
fn arguments_of_bearable_size_are_kept_when_nobody_says_otherwise() {
    assert_eq!(serve(MINIMAL).unwrap().audit.detail, DetailSettings::default());
}

#[test]
fn everything_can_be_said_for_all_and_for_some() {
    let all = with("audit", "detail = \"commitment\"\nkeep_limit = \"1KiB\"\nmask = [\"/card\", \"/a~1b/*\"]");
    let text = format!(
        "{all}\n[[audit.tool]]\nname = \"shop/pay\"\ndetail = \"results\"\nmask = [\"/pin\"]\n[[audit.tool]]\nname = \"shop/*\"\nmask = []\n\
         [[audit.tool]]\nname = \"*\"\ndetail = \"arguments\"\n"
    );
    let config = serve(&text).unwrap();
    let pointers = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<JsonPointer>>();
    let shop = ServerName::new("shop").unwrap();
    let rule = |scope, level, mask: &[&str]| Rule { scope, level, mask: pointers(mask) };
    let expected = DetailSettings {
        level: Level::Commitment,
        limit: 1 << 10,
        mask: pointers(&["/card", "/a~1b/*"]),
        rules: vec![
            rule(Scope::Tool(shop.clone(), "pay".into()), Some(Level::Results), &["/pin"]),
            rule(Scope::Server(shop), None, &[]),
            rule(Scope::All, Some(Level::Arguments), &[]),
        ],
    };
    assert_eq!(config.audit.detail, expected);
    let again = serve(&config.show()).unwrap();
    assert_eq!(again.audit.detail, expected, "what is shown can be read again: {}", config.show());
    let variables = [("CEDARPOST_AUDIT_DETAIL", "results"), ("CEDARPOST_AUDIT_MASK", "/a, /b")];
    let detail = resolve(MINIMAL, &variables, &["serve"]).unwrap().audit.detail;
    assert_eq!((detail.level, detail.mask), (Level::Results, pointers(&["/a", "/b"])));
}

#[test]
fn wrong_words_pointers_and_names_are_refused() {
    let deep = format!("mask = [\"{}\"]", "/a".repeat(33));
    let many = format!("mask = [{}]", "\"/a\",".repeat(65));
    let cases = [
        (with("audit", "detail = \"none\""), "`none` is not one of commitment, arguments, results"),
        (with("audit", "detail = 1"), "must be a string, not a whole number"),
        (with("audit", "keep_limit = \"2MiB\""), "2MiB is not between 0B and 1MiB"),
        (with("audit", "keep_limit = 1024"), "must be a string"),
        (with("audit", "mask = \"/a\""), "must be a list of strings"),
        (with("audit", "mask = [\"card\"]"), "`card`: a JSON pointer is empty or begins with `/`"),
        (with("audit", "mask = [\"/a~2\"]"), "`/a~2`: a JSON pointer"),
        (with("audit", &deep), "has more than 32 steps"),
        (with("audit", &many), "there are more than 64 pointers"),
        (with("audit", "tool = \"shop/pay\""), "`audit.tool` is not a list of tables"),
        (with("audit", "tool = [1]"), "`audit.tool` is not a list of tables"),
        (with("audit", "tool = {}"), "`audit.tool` is not a list of tables"),
        (tool("detail = \"results\""), "`name` is not set"),
        (tool("name = \"shop/pay\""), "says neither `detail` nor `mask`"),
        (tool("name = \"shop\"\nmask = []"), "`shop` is none of \"server/tool\", \"server/*\" and \"*\""),
        (tool("name = \"*/pay\"\nmask = []"), "`*/pay` is none of"),
        (tool("name = \"shop/pay\"\ndetail = \"all\""), "`all` is not one of"),
        (tool("name = \"shop/pay\"\nmasks = []"), "unknown key `masks` (did you mean `mask`?)"),
        (tool("name = \"shp/pay\"\nmask = []"), "no server `shp` is configured (did you mean `shop`?)"),
        (
            tool("name = \"shop/pay\"\nmask = []\n[[audit.tool]]\nname = \"shop/pay\"\ndetail = \"results\""),
            "two [[audit.tool]] tables of this name",
        ),
    ];
    for (text, expected) in cases {
        let seen = problems(serve(&text));
        assert!(seen.contains(expected), "{expected}: {seen}");
        assert!(seen.starts_with("file:"), "{seen}");
    }
}

#[test]
fn stdio_may_have_rules_for_the_server_of_its_command_line() {
    let text = tool("name = \"files/read\"\ndetail = \"results\"");
    assert!(problems(serve(&text)).contains("no server `files`"));
    assert!(resolve(&text, &[], &["stdio", "--name", "files", "--", "server"]).is_ok());
}
