//! The page for authors is true: its examples load together, and decide what the text says.

use super::fixture::{World, line};

const PAGE: &str = include_str!("../../docs/policies.md");

const PATH: &str = r#"{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}"#;

/// The code blocks of one language.
fn blocks(language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    PAGE.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
}

#[test]
fn all_examples_load_together_without_a_warning() {
    let mut world = World::new(blocks("cedar").concat()).lists("files", "read_text_file", PATH);
    world.schema = blocks("cedarschema").into_iter().map(|text| ("s.cedarschema", text)).collect();
    world.entities = blocks("json").into_iter().map(|text| ("e.json", text)).collect();
    let snapshot = world.snapshot();
    assert_eq!(snapshot.policy_count(), 14);
    assert!(snapshot.warnings().is_empty(), "{:?}", snapshot.warnings());
}

#[test]
fn the_first_set_allows_a_search_and_nothing_destructive() {
    let world = World::new(blocks("cedar").first().unwrap());
    assert_eq!(line(&world.call("search", "{}")), "allow: agent permitted [assistants-may-call]");
    assert_eq!(line(&world.call("delete", "{}")), "deny: agent forbidden [nothing-destructive]");
    let decision = world.call("delete", "{}");
    let reason =
        decision.grounds().deciding().and_then(|judgement| judgement.policies.first()).and_then(|policy| policy.reason.clone());
    assert_eq!(reason.as_deref(), Some("Destructive tools are switched off for assistants."));
}

#[test]
fn refunds_are_allowed_or_need_an_approval_by_their_amount() {
    let agent = "permit (principal is Mcp::Agent, action, resource);";
    let refunds = blocks("cedar").into_iter().find(|block| block.contains("small-refunds")).unwrap();
    let world = World::new(format!("{agent}{refunds}")).schema(blocks("cedarschema").first().unwrap());
    let refund = |amount: u32| line(&world.call("refund", &format!("{{\"order\":\"o\",\"amount\":{amount}}}")));
    assert_eq!(refund(10_000), "allow: agent permitted [p.cedar#policy0]");
    assert_eq!(refund(10_001), "require_approval: actor approval_missing [big-refunds]");
}

#[test]
fn a_path_below_a_directory_is_allowed_and_a_detour_is_not() {
    let reports = blocks("cedar").into_iter().find(|block| block.contains("reports-only")).unwrap();
    let agent = "permit (principal is Mcp::Agent, action, resource);";
    let world = World::new(format!("{agent}{reports}")).lists("files", "read_text_file", PATH);
    let snapshot = world.snapshot();
    for (path, allowed) in [
        ("/srv/reports/q1.txt", true),
        ("/srv/reports/2026/q1.txt", true),
        ("/srv/reports/..hidden", true),
        ("/srv/reports", false),
        ("/srv/reports/../secret", false),
        ("/srv/reports/a/..", false),
        ("/srv/reports//etc/passwd", false),
        ("/SRV/reports/q1.txt", false),
        ("/srv/reports\u{2215}q1.txt", false),
        ("srv/reports/q1.txt", false),
    ] {
        let arguments = serde_json::json!({ "path": path }).to_string();
        let seen = world.line_by(&snapshot, "files/read_text_file", &arguments);
        assert_eq!(seen.starts_with("allow"), allowed, "{path}: {seen}");
    }
}
