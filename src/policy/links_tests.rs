//! A link is an ordinary policy, and a link that does not fit its template is refused with its place.

use super::super::Code;
use super::super::fixture::{World, line};

const TEMPLATE: &str = "@id(\"team-reads\") @reason(\"Not your team's.\")\npermit (principal in ?principal, action, resource == ?resource) // ?resource\nwhen { context.time.hour >= 8 };";

fn world(template: &str, links: &str) -> World {
    let mut world = World::new(template);
    world.links = vec![("t.links.json", links.to_owned())];
    world
}

fn problems(world: &World) -> String {
    match world.load() {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.problems().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

const LINKS: &str = r#"[
  {"template":"team-reads","id":"support-searches","principal":{"type":"Mcp::Role","id":"support"},"resource":{"type":"Mcp::Tool","id":"shop/search"}},
  {"template":"team-reads","id":"helpers-search","principal":{"type":"Mcp::Role","id":"assistant"},"resource":{"type":"Mcp::Tool","id":"shop/search"}}
]"#;

#[test]
fn a_link_decides_and_is_named_like_a_policy_that_somebody_wrote() {
    let world = world(TEMPLATE, LINKS);
    assert_eq!(world.snapshot().policy_count(), 2);
    assert_eq!(line(&world.call("search", "{}")), "allow: agent permitted [helpers-search]");
    assert_eq!(line(&world.call("delete", "{}")), "deny: agent no_permit");
    let decision = world.call("search", "{}");
    let policy = &decision.grounds().deciding().unwrap().policies[0];
    assert_eq!((&*policy.file, policy.line, policy.reason.as_deref()), ("p.cedar", 1, Some("Not your team's.")));
}

#[test]
fn a_link_that_does_not_fit_is_refused_with_its_place() {
    let role = r#""principal":{"type":"Mcp::Role","id":"support"}"#;
    let tool = r#""resource":{"type":"Mcp::Tool","id":"shop/search"}"#;
    let cases = [
        (
            format!(r#"[{{"template":"team-raeds","id":"a",{role},{tool}}}]"#),
            "t.links.json:1:2: there is no template `team-raeds` (did you mean `team-reads`?)",
        ),
        (
            format!(r#"[{{"template":"team-reads","id":"a",{role}}}]"#),
            "t.links.json:1:2: template `team-reads` needs a `resource`",
        ),
        (
            format!(r#"[{{"template":"team-reads","id":"a",{tool}}}]"#),
            "t.links.json:1:2: template `team-reads` needs a `principal`",
        ),
        (format!(r#"[{{"template":"team-reads",{role},{tool}}}]"#), "t.links.json:1:2: the link has no `id`"),
        (format!(r#"[{{"template":"team-reads","id":"",{role},{tool}}}]"#), "t.links.json:1:32: `id` is not a name"),
        (
            format!(r#"[{{"template":"team-reads","id":"a","id":"b",{role},{tool}}}]"#),
            "t.links.json:1:2: the link has a key twice",
        ),
        (
            format!(r#"[{{"template":"team-reads","id":"a",{role},{tool},"action":1}}]"#),
            "t.links.json:1:144: unknown key `action` (the keys are `template`, `id`, `principal` and `resource`)",
        ),
        (
            format!(r#"[{{"template":"team-reads","id":"a","principal":"alice",{tool}}}]"#),
            "t.links.json:1:50: `principal` is not { \"type\": …, \"id\": … }",
        ),
        (
            format!("[\n{{\"template\":\"team-reads\",\"id\":\"team-reads\",{role},{tool}}}]"),
            "t.links.json:2:1: policy `team-reads` is already declared at p.cedar:1 (give each policy an `@id` of its own)",
        ),
        (
            "{}".to_owned(),
            "t.links.json:1:1: invalid type: map, expected a sequence (links are a JSON array of { \"template\": …, \"id\": …, \"principal\": …, \"resource\": … })",
        ),
        (
            "[}".to_owned(),
            "t.links.json:1:2: expected value (links are a JSON array of { \"template\": …, \"id\": …, \"principal\": …, \"resource\": … })",
        ),
    ];
    for (links, expected) in cases {
        assert_eq!(problems(&world(TEMPLATE, &links)), expected, "{links}");
    }
    let fixed = "@id(\"only\") permit (principal in ?principal, action, resource);";
    let links = format!(r#"[{{"template":"only","id":"a",{role},{tool}}}]"#);
    assert_eq!(problems(&world(fixed, &links)), "t.links.json:1:2: template `only` has no slot for a `resource`");
}

#[test]
fn two_links_of_one_name_are_refused() {
    let twice = LINKS.replace("helpers-search", "support-searches");
    let expected = "t.links.json:3:3: policy `support-searches` is already declared at t.links.json:2 (give each policy an `@id` of its own)";
    assert_eq!(problems(&world(TEMPLATE, &twice)), expected);
}

#[test]
fn a_mistake_in_a_template_is_reported_once_at_its_place() {
    let wrong = TEMPLATE.replace("context.time.hour", "context.time.huor");
    let expected = "p.cedar:3:8: attribute `huor` for record type `{hour: __cedar::Long, minute: __cedar::Long, now: datetime, weekday: __cedar::Long}` not found";
    let found = problems(&world(&wrong, LINKS));
    assert!(found.starts_with("p.cedar:3:8: attribute `time.huor`") || found.starts_with(expected), "{found}");
    assert_eq!(found.lines().count(), 1, "{found}");
}

#[test]
fn what_a_link_fills_in_cannot_change_what_the_template_says() {
    let hostile = r#"x\", action, resource); permit (principal, action, resource); //"#;
    let links = format!(
        "[{{\"template\":\"team-reads\",\"id\":\"a\",\"principal\":{{\"type\":\"Mcp::Role\",\"id\":\"{hostile}\"}},\"resource\":{{\"type\":\"Mcp::Tool\",\"id\":\"shop/search\"}}}}]"
    );
    let world = world(TEMPLATE, &links);
    assert_eq!(world.snapshot().policy_count(), 1);
    assert_eq!(line(&world.call("search", "{}")), "deny: agent no_permit");
}

#[test]
fn a_template_that_nobody_links_is_a_warning() {
    let world = world(TEMPLATE, "[]");
    let codes: Vec<Code> = world.snapshot().lint().iter().map(|problem| problem.code).collect();
    assert_eq!(codes, [Code::NoPolicies, Code::UnusedTemplate]);
}

#[test]
fn remarks_about_a_linked_policy_name_the_template_and_the_link() {
    let dead = "@id(\"team-reads\")\npermit (principal in ?principal, action, resource == ?resource)\nwhen { principal has x };";
    let found = world(dead, LINKS).snapshot().lint();
    let lines: Vec<String> = found.iter().filter(|problem| problem.code == Code::DeadPolicy).map(ToString::to_string).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("p.cedar:3:8: `principal has x` is never true"), "{lines:?}");
    let unknown = LINKS.replace("\"support\"", "\"suport\"");
    let found = world(TEMPLATE, &unknown).snapshot().lint();
    let unknown = found.iter().find(|problem| problem.code == Code::UnknownEntity).unwrap();
    assert_eq!((&*unknown.file, unknown.line), ("t.links.json", 2));
}
