//! Nothing is said about fewer policies because some are alike.

use super::{form, validate};
use crate::policy::fixture::World;
use crate::policy::policies::Policies;
use crate::policy::report::Problem;
use crate::policy::schema;

const SCHEMA: &str = r#"namespace Mcp {
  entity Stage enum ["test", "live"];
  entity Role { level?: Long };
  action "shop/refund" in ["tools/call"] appliesTo { principal: [Agent, User], resource: [Tool], context: { input: { amount: Long } } };
}"#;

/// Scopes and conditions that go together in every way: right, wrong, impossible, and worth a remark.
fn texts() -> Vec<String> {
    let principals =
        ["", r#" in Mcp::Role::"a""#, r#" in Mcp::Role::"b""#, r#" in Mcp::Role::"b\u{430}""#, r#" == Mcp::User::"u""#]
            .into_iter()
            .chain([
                r#" == Mcp::Agent::"u""#,
                r#" is Mcp::User in Mcp::Role::"a""#,
                r#" == Mcp::Tool::"shop/t""#,
                " in Mcp::No::\"a\"",
            ])
            .chain([r#" == Mcp::Stage::"test""#, r#" == Mcp::Stage::"none""#]);
    let actions =
        ["", r#" in Mcp::Action::"tools/call""#, r#" == Mcp::Action::"shop/refund""#, r#" == Mcp::Action::"resources/read""#];
    let conditions = [
        "",
        "when { resource.readOnly }",
        "when { resource.readOnly == 1 }",
        "when { resource.none }",
        "unless { context has actor }",
        "when { context.input.amount > 1 }",
        "when { principal == Mcp::User::\"u\" }",
        "when { false }",
    ];
    let mut texts = Vec::new();
    for principal in principals {
        for action in actions {
            for condition in conditions {
                texts.push(format!("permit (principal{principal}, action{action}, resource is Mcp::Tool) {condition};\n"));
            }
        }
    }
    texts
}

fn sorted<'a>(problems: impl Iterator<Item = &'a Problem>) -> Vec<String> {
    let mut all: Vec<String> = problems.map(|problem| format!("{problem} {:?} {:?}", problem.code, problem.policy)).collect();
    all.sort();
    all
}

#[test]
fn the_same_is_said_as_when_each_policy_is_looked_at() {
    let texts: String = texts().concat().repeat(2);
    let world = World::new(texts).schema(SCHEMA);
    let files = world.files();
    let mut problems = Vec::new();
    let policies = Policies::parse(&files.policies, &mut problems);
    let vocabulary = schema::build(&files.schema, &[], &mut problems).unwrap().unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    let ids = || policies.set.policies().map(cedar_policy::Policy::id);
    let alike = validate(&policies, &vocabulary, ids());
    let each = policies.validate(&policies.subset(ids()), &vocabulary.schema);
    assert!(!each.errors.is_empty() && !each.warnings.is_empty() && !each.impossible.is_empty());
    assert_eq!(sorted(alike.errors.iter().map(|(_, problem)| problem)), sorted(each.errors.iter().map(|(_, problem)| problem)));
    assert_eq!(sorted(alike.warnings.iter()), sorted(each.warnings.iter()));
    assert_eq!(sorted(alike.impossible.values()), sorted(each.impossible.values()));
}

#[test]
fn only_names_in_scopes_make_no_difference() {
    for (some, other, expected) in [
        (
            r#"permit (principal in Mcp::Role::"a", action, resource);"#,
            r#"permit (principal in Mcp::Role::"b", action, resource);"#,
            true,
        ),
        (
            r#"permit (principal in Mcp::Role::"a", action, resource);"#,
            r#"permit (principal in Mcp::Role::"à", action, resource);"#,
            false,
        ),
        (
            r#"permit (principal in Mcp::Role::"a", action, resource);"#,
            r#"permit (principal in Mcp::Team::"a", action, resource);"#,
            false,
        ),
        (
            r#"permit (principal in Mcp::Role::"a", action, resource);"#,
            r#"forbid (principal in Mcp::Role::"a", action, resource);"#,
            false,
        ),
        (
            r#"permit (principal == Mcp::User::"a", action, resource);"#,
            r#"permit (principal in Mcp::User::"a", action, resource);"#,
            false,
        ),
        (
            r#"permit (principal, action == Mcp::Action::"a", resource);"#,
            r#"permit (principal, action == Mcp::Action::"b", resource);"#,
            false,
        ),
        (
            r#"permit (principal == Mcp::Stage::"test", action, resource);"#,
            r#"permit (principal == Mcp::Stage::"x", action, resource);"#,
            false,
        ),
        ("permit (principal, action, resource) when { 1 == 1 };", "permit (principal, action, resource) when { 1 == 2 };", false),
        (
            "permit (principal, action, resource) when { 1 == 1 };",
            "permit (principal, action, resource) unless { 1 == 1 };",
            false,
        ),
        ("permit (principal, action, resource) when { 1 == 1 };", "permit (principal, action, resource) when { 1 == 1 };", true),
    ] {
        let world = World::new(format!("{some}\n{other}")).schema(SCHEMA);
        let files = world.files();
        let policies = Policies::parse(&files.policies, &mut Vec::new());
        let vocabulary = schema::build(&files.schema, &[], &mut Vec::new()).unwrap().unwrap();
        let forms: Vec<_> = policies.set.policies().map(|policy| form(&policies, &vocabulary, policy)).collect();
        assert_eq!(forms[0] == forms[1], expected, "{some} {other}");
    }
}
