//! Tests of reading table tests: what a case means, what takes precedence, and that every mistake is told with its place.

use super::*;
use crate::domain::Transport;

/// The cases of a file with this text, or its problems as lines without the file's directory.
fn parsed(text: &str) -> Result<Vec<Case>, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.test.toml");
    std::fs::write(&path, text).unwrap();
    let short = |line: &str| line.split_once("a.test.toml:").map_or_else(|| line.to_owned(), |(_, rest)| rest.to_owned());
    read(&path).map_err(|report| report.lines().lines().map(short).collect::<Vec<_>>().join("\n"))
}

fn cases(text: &str) -> Vec<Case> {
    parsed(text).unwrap_or_else(|problems| panic!("{problems}"))
}

const DEFAULTS: &str = "[defaults]\nagent = \"helper\"\nactor = \"alice\"\nserver = \"shop\"\n";

/// A case with these lines, below defaults for everything else; its first line is the seventh of the file.
fn case(lines: &str) -> String {
    format!("{DEFAULTS}[[case]]\nname = \"it\"\n{lines}\n")
}

fn one(lines: &str) -> Case {
    cases(&case(lines)).remove(0)
}

fn roles(names: &[&str]) -> Memberships {
    Memberships { roles: names.iter().map(|name| (*name).into()).collect(), ..Memberships::default() }
}

/// What is asked, in one line: the action, the thing, and the arguments as JSON.
fn asked(case: &Case) -> String {
    match &case.question {
        Question::Decide { action, target, arguments, .. } => {
            let arguments = arguments.json().map(|json| String::from_utf8_lossy(json).into_owned()).unwrap_or_default();
            format!("{action} {} {arguments}", target.name().unwrap_or("-"))
        }
        Question::List { visible, hidden } => format!("list {visible:?} {hidden:?}"),
    }
}

#[test]
fn a_case_that_says_everything_is_read_as_it_is_written() {
    let text = r#"
[[case]]
name = "all of it"
agent = "helper"
agent_roles = ["assistant"]
actor = "alice"
actor_roles = ["support", "staff"]
actor_teams = ["blue"]
server = "shop"
at = "2026-03-02T10:30:00Z"
timezone = "Europe/Vienna"
context = { ip = "10.0.0.1", transport = "stdio", session = "s-1" }
tool = "refund"
input = { order = "4711", amount = 2500 }
expect = "allow"
grounds = ["b", "a"]
cause = "permitted"
decided_by = "actor"
"#;
    let case = cases(text).remove(0);
    assert_eq!((case.name.as_str(), case.place.line), ("all of it", 2));
    assert_eq!(case.agent, TestPrincipal { id: "helper".into(), brings: Some(roles(&["assistant"])) });
    assert_eq!(
        case.actor,
        Some(TestPrincipal {
            id: "alice".into(),
            brings: Some(Memberships { teams: ["blue".into()].into(), ..roles(&["staff", "support"]) })
        })
    );
    assert_eq!(case.at, Timestamp::from_micros(1_772_447_400_000_000));
    assert_eq!(case.timezone.as_deref(), Some("Europe/Vienna"));
    let source = Source { transport: Transport::Stdio, ip: Some([10, 0, 0, 1].into()), session: Some("s-1".into()) };
    assert_eq!(case.source, source);
    assert_eq!(asked(&case), r#"tools/call refund {"order":"4711","amount":2500}"#);
    let Question::Decide { expected, .. } = case.question else { panic!("a decision") };
    let grounds = Some(vec!["a".into(), "b".into()]);
    let (cause, decided_by) = (Some("permitted".into()), Some(Principal::Actor));
    assert_eq!(expected, Expected { answer: "allow".into(), grounds, cause, decided_by });
}

#[test]
fn what_is_left_open_is_monday_noon_over_http_from_nowhere() {
    let case = one("tool = \"t\"\nexpect = \"deny\"");
    assert_eq!(case.at, Timestamp::from_micros(1_767_614_400_000_000));
    assert_eq!(case.source, Source { transport: Transport::Http, ip: None, session: None });
    assert_eq!(asked(&case), "tools/call t ");
    assert_eq!(case.timezone, None);
}

#[test]
fn a_case_overrides_the_defaults_and_roles_belong_to_the_name_beside_them() {
    let defaults = "[defaults]\nagent = \"helper\"\nactor = \"alice\"\nactor_roles = [\"support\"]\nserver = \"shop\"\ntool = \"t\"\ninput.a = 1\ncontext.ip = \"10.0.0.1\"\n";
    for (lines, expected) in [
        ("", "alice [support] tools/call t {\"a\":1}"),
        ("actor = \"bob\"", "bob tools/call t {\"a\":1}"),
        ("actor_roles = [\"x\"]", "alice [x] tools/call t {\"a\":1}"),
        ("unattended = true", "nobody tools/call t {\"a\":1}"),
        ("tool = \"u\"", "alice [support] tools/call u "),
        ("input.b = 2", "alice [support] tools/call t {\"b\":2}"),
        ("input_json = '[1]'\nprompt = \"p\"\ninput_json = '{}'", "twice"),
        ("resource = \"r\"", "alice [support] resources/read r "),
        ("prompt = \"p\"\ninput.c = true", "alice [support] prompts/get p {\"c\":true}"),
    ] {
        let read = parsed(&format!("{defaults}[[case]]\nname = \"it\"\nexpect = \"deny\"\n{lines}\n"));
        if expected == "twice" {
            assert!(read.unwrap_err().contains("duplicate key"), "{lines}");
            continue;
        }
        let case = read.unwrap().remove(0);
        let brings = |actor: &TestPrincipal| {
            let brings = actor.brings.as_ref();
            brings.map(|brings| format!(" [{}]", brings.roles.iter().map(|role| &**role).collect::<Vec<_>>().join(" ")))
        };
        let actor =
            case.actor.as_ref().map_or("nobody".to_owned(), |actor| format!("{}{}", actor.id, brings(actor).unwrap_or_default()));
        assert_eq!(format!("{actor} {}", asked(&case)), expected, "{lines}");
        assert!(case.source.ip.is_some(), "context is overridden key by key");
    }
}

#[test]
fn each_action_is_done_to_its_kind_of_thing() {
    for (lines, expected) in [
        ("resource = \"file:///a\"", Ok("resources/read file:///a ")),
        ("resource = \"file:///a\"\naction = \"resources/subscribe\"", Ok("resources/subscribe file:///a ")),
        ("resource = \"file:///a\"\naction = \"completion/complete\"", Ok("completion/complete file:///a ")),
        ("prompt = \"p\"", Ok("prompts/get p ")),
        ("action = \"sampling/createMessage\"", Ok("sampling/createMessage - ")),
        ("action = \"extension\"\nmethod = \"x/y\"", Ok("extension x/y ")),
        ("action = \"extension\"", Err("`extension` is not done to that (it needs the `method`)")),
        ("action = \"tools/call\"", Err("`tools/call` is not done to that (it needs a `tool`)")),
        ("tool = \"t\"\naction = \"prompts/get\"", Err("`prompts/get` is not done to that (it needs a `prompt`)")),
        ("tool = \"t\"\nprompt = \"p\"", Err("a case is about one thing, not about tool and prompt")),
        ("tool = \"t\"\nmethod = \"x\"", Err("`method` goes with `action = \"extension\"`")),
        ("action = \"tools/list\"", Err("`action` cannot be `tools/list` (the actions are listed in docs/policies.md)")),
        ("resource = \"r\"\ninput.a = 1", Err("`resources/read` has no input (only calls of tools and prompts have arguments)")),
        ("", Err("it is not said what is asked for (write `tool`, `resource`, `prompt`, `action` or `visible`)")),
    ] {
        let read = parsed(&case(&format!("expect = \"deny\"\n{lines}")));
        let read = read.map(|cases| asked(&cases[0]));
        match expected {
            Ok(expected) => assert_eq!(read.as_deref(), Ok(expected), "{lines}"),
            Err(problem) => assert!(read.as_ref().is_err_and(|problems| problems.contains(problem)), "{lines}: {read:?}"),
        }
    }
}

#[test]
fn arguments_become_json_exactly_as_they_are_written() {
    for (input, json) in [
        ("input = {}", "{}"),
        (
            "input = { a = 9_223_372_036_854_775_808, b = -0, c = +7, d = 0x1F }",
            r#"{"a":9223372036854775808,"b":-0,"c":7,"d":31}"#,
        ),
        (
            "input = { a = 0.1, b = +1.50, c = 1e5, d = 1.0000000000000000001 }",
            r#"{"a":0.1,"b":1.50,"c":1e5,"d":1.0000000000000000001}"#,
        ),
        ("input = { a = \"\\u0001\\\"\", b = [1, [true]], c.d = \"é\" }", r#"{"a":"\u0001\"","b":[1,[true]],"c":{"d":"é"}}"#),
        ("input = { a = 2026-03-02T10:30:00Z }", r#"{"a":"2026-03-02T10:30:00Z"}"#),
        ("input.\"a.b\" = 1", r#"{"a.b":1}"#),
        ("input_json = '{ \"a\": null }'", r#"{ "a": null }"#),
    ] {
        assert_eq!(asked(&one(&format!("tool = \"t\"\nexpect = \"deny\"\n{input}"))), format!("tools/call t {json}"), "{input}");
    }
}

#[test]
fn arguments_that_no_client_could_send_are_problems_of_the_file() {
    for (input, problem) in [
        ("input = { a = inf }", "`input` JSON has no `inf`"),
        ("input = { a = nan }", "`input` JSON has no `nan`"),
        ("input_json = '{ \"a\": 1, \"a\": 2 }'", "no client could send this"),
        ("input_json = '{ \"a\": 1'", "this is not JSON"),
        ("input_json = '{} , \"_meta\": {}'", "this is not JSON"),
        ("input = {}\ninput_json = '{}'", "`input` and `input_json` say the same thing twice"),
        ("input = [1]", "`input` must be a table, not such a list"),
    ] {
        let problems = parsed(&case(&format!("tool = \"t\"\nexpect = \"deny\"\n{input}"))).unwrap_err();
        assert!(problems.contains(problem), "{input}: {problems}");
    }
}

#[test]
fn instants_can_be_written_with_an_offset_or_a_zone_but_not_without() {
    let at = |text: &str| parsed(&case(&format!("tool = \"t\"\nexpect = \"deny\"\nat = {text}"))).map(|cases| cases[0].at);
    let expected = Timestamp::from_micros(1_772_447_400_000_000);
    for text in [
        "2026-03-02T10:30:00Z",
        "\"2026-03-02T10:30:00Z\"",
        "\"2026-03-02T11:30:00+01:00\"",
        "\"2026-03-02T11:30:00[Europe/Vienna]\"",
        "\"2026-03-02T11:30[Europe/Vienna]\"",
        "2026-03-02T11:30:00+01:00",
    ] {
        assert_eq!(at(text), Ok(expected), "{text}");
    }
    for text in ["2026-03-02T10:30:00", "\"2026-03-02\"", "\"noon\"", "2026-03-02", "\"2026-03-02T10:30[Mars/Olympus]\""] {
        assert!(at(text).is_err_and(|problems| problems.contains("`at` cannot be")), "{text}");
    }
}

const TABLE: &str = "[[table]]\nname = \"refunds\"\ntool = \"refund\"\ninput.order = \"4711\"\n";

#[test]
fn a_table_is_a_case_for_each_row_with_the_name_of_what_differs() {
    let rows = "columns = [\"input.amount\", \"context.ip\", \"expect\"]\nrows = [\n  [1, \"10.0.0.1\", \"allow\"],\n  [10_001, \"::1\", \"deny\"],\n]\n";
    let cases = cases(&format!("{DEFAULTS}{TABLE}{rows}"));
    let read: Vec<_> = cases.iter().map(|case| (case.name.as_str(), case.place.line, asked(case))).collect();
    assert_eq!(
        read,
        [
            ("refunds (amount = 1, ip = \"10.0.0.1\")", 11, r#"tools/call refund {"order":"4711","amount":1}"#.to_owned()),
            ("refunds (amount = 10_001, ip = \"::1\")", 12, r#"tools/call refund {"order":"4711","amount":10001}"#.to_owned()),
        ]
    );
}

#[test]
fn a_cell_replaces_what_the_table_and_the_defaults_say() {
    let rows = "unattended = true\ncolumns = [\"name\", \"actor\", \"input.order\", \"input.to.name\", \"expect\"]\nrows = [[\"for bob\", \"bob\", \"1\", \"x\", \"deny\"]]\n";
    let case = cases(&format!("{DEFAULTS}{TABLE}{rows}")).remove(0);
    assert_eq!(case.name, "refunds (for bob)");
    assert_eq!(case.actor.as_ref().map(|actor| actor.id.as_str()), Some("bob"));
    assert_eq!(asked(&case), r#"tools/call refund {"order":"1","to":{"name":"x"}}"#);
}

#[test]
fn a_table_can_be_about_what_is_seen() {
    let text = format!(
        "{DEFAULTS}[[table]]\nname = \"seen\"\ncolumns = [\"actor\", \"visible\"]\nrows = [[\"a\", []], [\"b\", [\"t\"]]]\n"
    );
    assert_eq!(cases(&text).iter().map(asked).collect::<Vec<_>>(), ["list Some([]) []", "list Some([\"t\"]) []"]);
}

#[test]
fn mistakes_are_told_with_line_column_and_what_to_write() {
    for (text, problem) in [
        ("[[cases]]\n", "1:3: unknown key `cases` (a test file has [defaults], [[case]] and [[table]])"),
        ("[case]\n", "1:2: `case` is not a list of tables (write [[case]])"),
        (
            "[defaults]\nexpect = \"deny\"\n",
            "2:1: `expect` cannot be a default (a default would hide what a case expects from who reads the case)",
        ),
        (&case("toool = \"t\""), "7:1: unknown key `toool` (did you mean `tool`?)"),
        (&case("context = { port = 1 }"), "7:13: unknown key `context.port`"),
        (&case("context = 1"), "7:1: `context` must be a table, not a whole number"),
        (&case("context.ip = \"localhost\""), "7:14: `context.ip` cannot be `localhost` (write an address such as"),
        (&case("context.transport = \"tcp\""), "`context.transport` cannot be `tcp` (a transport is `http` or `stdio`)"),
        (&case("timezone = \"Vienna\""), "`timezone` cannot be `Vienna`"),
        (&case("server = \"Shop\""), "`server` cannot be `Shop`"),
        (&case("grounds = \"a\""), "7:11: `grounds` must be a list of strings, not a string"),
        (
            &case("tool = \"t\"\nexpect = \"maybe\""),
            "8:10: `expect` cannot be `maybe` (an answer is `allow`, `deny` or `require_approval`)",
        ),
        (&case("tool = \"t\""), "5:1: it is not said what is expected"),
        (
            &case("tool = \"t\"\nexpect = \"deny\"\ncause = \"no_permits\""),
            "`cause` cannot be `no_permits` (did you mean `no_permit`?)",
        ),
        (
            &case("tool = \"t\"\nexpect = \"allow\"\ncause = \"no_permit\""),
            "9:9: the answer to `no_permit` is `deny`, never `allow`",
        ),
        (&case("visible = []\ntool = \"t\""), "8:8: `tool` is not about the list of tools"),
        (&case("visible = []\nexpect = \"allow\""), "`expect` is not about the list of tools"),
        (&case("actor = \"a\"\nunattended = true"), "`actor` and `unattended` contradict each other"),
        (&case("unattended = true\nactor_roles = [\"x\"]"), "there are `actor_roles`, but there is no actor"),
        (
            "[[case]]\nname = \"it\"\nagent = \"a\"\n",
            "1:1: it is not said for whom the agent acts (write `actor = \"…\"`, or `unattended = true` when",
        ),
        ("[[case]]\nname = \"it\"\nactor = \"a\"\n", "1:1: it is not said which agent calls"),
        ("[[case]]\nname = \"it\"\nagent = \"h\"\n", "1:1: it is not said which server is asked"),
        ("[[case]]\nname = \" \"\n", "1:1: this case has no name"),
        ("[[table]]\nname = \"x\"\n", "1:1: a table has lists of `columns` and `rows`"),
        (&format!("{DEFAULTS}{TABLE}columns = [\"amount\"]\nrows = []\n"), "9:12: `amount` cannot be a column"),
        (
            &format!("{DEFAULTS}{TABLE}columns = [\"actor\", \"actor\"]\nrows = []\n"),
            "`actor` cannot be a column (a column is a key of a case, or",
        ),
        (
            &format!("{DEFAULTS}{TABLE}columns = [\"expect\"]\nrows = [[\"deny\", 1]]\n"),
            "10:9: this row is not a list of 1 values, one for each column",
        ),
        (
            &format!("{DEFAULTS}{TABLE}columns = [\"input.order.id\", \"expect\"]\nrows = [[1, \"deny\"]]\n"),
            "10:10: this argument does not go together with the `input`",
        ),
        (
            &format!("{DEFAULTS}{TABLE}columns = [\"expect\"]\nrows = [[\"deny\"], [\"deny\"]]\n"),
            "10:19: the case of line 10 is already called `refunds`",
        ),
        ("a = \n", "1:5: "),
    ] {
        let problems = parsed(text).map(|cases| cases.len()).unwrap_err();
        assert!(problems.lines().any(|line| line.contains(problem)), "{text}\n{problem}\n---\n{problems}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_and_one_in_the_defaults_once() {
    let defaults = "[defaults]\nagent = \"a\"\nactor = \"b\"\nserver = \"Shop\"\n";
    let cases =
        "[[case]]\nname = \"one\"\ntool = \"t\"\nexpect = \"deny\"\n[[case]]\nname = \"two\"\ntool = \"t\"\nexpect = \"never\"\n";
    let problems = parsed(&format!("{defaults}{cases}")).unwrap_err();
    assert_eq!(problems.lines().count(), 2, "{problems}");
}

#[test]
fn a_broken_text_is_told_as_such_and_not_as_many_mistakes() {
    let problems = parsed("[[case]]\nname = \"a\nagent = 1\n").unwrap_err();
    assert!(!problems.contains("it is not said"), "{problems}");
}

#[test]
fn every_cause_can_be_expected() {
    use crate::domain::{Cause, Decision, Fingerprint, Grounds, Judgement};
    let why = || std::sync::Arc::from("why");
    let causes = [
        Cause::Permitted,
        Cause::NoPermit,
        Cause::Forbidden,
        Cause::ApprovalMissing,
        Cause::NotEvaluable,
        Cause::NotRepresentable(why()),
        Cause::UnknownTool,
        Cause::Drifted,
        Cause::UnknownPrincipal,
        Cause::InvalidRequest(why()),
    ];
    for cause in causes {
        let name = cause.name();
        let judgement = Judgement { principal: Principal::Agent, cause, policies: Vec::new(), faults: Vec::new() };
        let grounds = Grounds { snapshot: Fingerprint::new([0; 32]), judgements: vec![judgement] };
        let answer = Decision::from_grounds(grounds).name();
        let read = parsed(&case(&format!("tool = \"t\"\nexpect = \"{answer}\"\ncause = \"{name}\"")));
        assert!(read.is_ok(), "{name}: {read:?}");
    }
}

#[test]
fn tests_are_found_below_a_directory_but_not_in_hidden_ones() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["b.test.toml", "a/c.test.toml", ".git/d.test.toml", "e.toml", ".f.test.toml", "test.toml"] {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    let found = find(directory.path()).unwrap();
    let names: Vec<_> = found.iter().map(|path| path.strip_prefix(directory.path()).unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["a/c.test.toml", "b.test.toml"]);
    assert!(read(&directory.path().join("gone.test.toml")).unwrap_err().lines().contains("failed to read the tests"));
}

#[test]
fn a_case_says_what_its_callers_token_says() {
    use crate::domain::Attribute;
    assert_eq!(one("tool = \"t\"\nexpect = \"deny\"").token, None);
    let lines = "token = { scopes = [\"b\", \"a\"], claims = { level = 2, vip = true, department = \"x\", groups = [\"g\"] } }\n";
    let token = one(&format!("{lines}tool = \"t\"\nexpect = \"deny\"")).token.unwrap();
    assert_eq!(
        (&*token.issuer, token.scopes.iter().map(|scope| &**scope).collect::<Vec<_>>()),
        ("https://issuer.example", vec!["a", "b"])
    );
    let expected = [
        ("department", Attribute::Text("x".into())),
        ("groups", Attribute::Texts(["g".into()].into())),
        ("level", Attribute::Number(2)),
        ("vip", Attribute::Flag(true)),
    ];
    assert_eq!(token.attributes, expected.into_iter().map(|(name, value)| (name.into(), value)).collect());
    let issuer = one("token.issuer = \"https://idp\"\ntool = \"t\"\nexpect = \"deny\"").token.unwrap();
    assert_eq!(&*issuer.issuer, "https://idp");
}
