//! Each remark is made where it is due, and not on the policy that its author made of it.

use super::super::Code;
use super::super::fixture::{REFUND, World};

/// The remarks of a code, each as `line:column: message`.
fn remarks(world: &World, code: Code) -> Vec<String> {
    let found = world.snapshot().lint();
    let own = found.iter().filter(|problem| problem.code == code);
    own.map(|problem| format!("{}:{}: {}", problem.line, problem.column, problem.message)).collect()
}

/// What a remark says about policies, and the policies that it says nothing about.
struct Case {
    code: Code,
    fires: &'static [(&'static str, &'static str)],
    quiet: &'static [&'static str],
}

fn compare(cases: &[Case]) {
    for Case { code, fires, quiet } in cases {
        for (policies, expected) in *fires {
            assert_eq!(remarks(&World::new(*policies), *code), [*expected], "{policies}");
        }
        for policies in *quiet {
            assert_eq!(remarks(&World::new(*policies), *code), [""; 0], "{policies}");
        }
    }
}

const FORBID_SEARCH: &str = "forbid (principal, action, resource) when { resource in Mcp::Server::\"shop\" };";

#[test]
fn a_condition_that_is_never_true_is_named_with_its_place() {
    compare(&[Case {
        code: Code::DeadPolicy,
        fires: &[
            (
                "permit (principal, action, resource)\nwhen { principal has actor };",
                "2:8: `principal has actor` is never true, so this policy matches no request",
            ),
            (
                "permit (principal is Mcp::User, action, resource)\nwhen { context.time.hour > 8 &&\n  (context has actor && principal is Mcp::Agent) };",
                "3:25: `principal is Mcp::Agent` is never true, so this policy matches no request",
            ),
            (
                "permit (principal, action == Mcp::Action::\"prompts/get\", resource) when { resource is Mcp::Tool };",
                "1:75: `resource is Mcp::Tool` is never true, so this policy matches no request",
            ),
            (
                "permit (principal, action == Mcp::Action::\"prompts/get\", resource is Mcp::Tool);",
                "1:1: this policy matches no request: none of its actions is ever asked for such a principal and resource",
            ),
            (
                "permit (principal is Mcp::User, action, resource)\nunless { principal is Mcp::User };",
                "2:1: this `unless` always holds, so the policy matches no request",
            ),
            (
                "permit (principal, action, resource) when { false };",
                "1:45: `false` is never true, so this policy matches no request",
            ),
            (
                "forbid (principal, action, resource) when { context has actor } when { principal has x && context has actor };",
                "1:72: `principal has x` is never true, so this policy matches no request",
            ),
        ],
        quiet: &[
            "permit (principal, action, resource) when { context has actor };",
            "permit (principal is Mcp::User, action, resource) when { context has actor && principal is Mcp::User };",
            "permit (principal, action, resource) when { resource is Mcp::Tool && resource.destructive };",
            "permit (principal, action, resource) when { resource has uri && resource.uri == \"x\" };",
        ],
    }]);
}

#[test]
fn an_unless_that_never_holds_is_named() {
    compare(&[Case {
        code: Code::IdleUnless,
        fires: &[
            (
                "forbid (principal, action, resource)\nunless { principal has aproved };",
                "2:10: `principal has aproved` is never true, so this `unless` never holds",
            ),
            (
                "forbid (principal is Mcp::Agent, action, resource) when { context has actor }\nunless { context has approval && principal is Mcp::User && context.approval.by != context.actor };",
                "2:34: `principal is Mcp::User` is never true, so this `unless` never holds",
            ),
        ],
        quiet: &[
            "forbid (principal, action, resource) unless { context has approval };",
            "forbid (principal, action, resource) unless { context has approval && context has actor && context.approval.by != context.actor };",
            "forbid (principal, action, resource) unless { principal is Mcp::User || principal has x };",
        ],
    }]);
}

#[test]
fn a_condition_that_is_always_true_is_named() {
    compare(&[Case {
        code: Code::AlwaysTrue,
        fires: &[
            (
                "permit (principal is Mcp::Agent, action, resource) when { context has actor && principal is Mcp::Agent };",
                "1:80: `principal is Mcp::Agent` is always true",
            ),
            ("permit (principal, action, resource) when { true };", "1:45: `true` is always true"),
            ("permit (principal, action, resource) when { context has time };", "1:45: `context has time` is always true"),
        ],
        quiet: &[
            "permit (principal, action, resource) when { context has actor && context.actor in Mcp::Role::\"owner\" };",
            "permit (principal, action, resource) when { principal is Mcp::Agent };",
            "permit (principal, action in Mcp::Action::\"tools/call\", resource) when { context.time.weekday <= 5 };",
        ],
    }]);
}

#[test]
fn what_holds_for_typed_tools_only_is_neither_never_nor_always_true() {
    let general = "permit (principal, action in Mcp::Action::\"tools/call\", resource) when { context has input && context.input has note };";
    let world = World::new(general).schema(REFUND);
    assert_eq!(remarks(&world, Code::DeadPolicy), [""; 0]);
    assert_eq!(remarks(&world, Code::AlwaysTrue), [""; 0]);
    let typed = "permit (principal, action == Mcp::Action::\"shop/refund\", resource) when { context.input has ordr };";
    let world = World::new(typed).schema(REFUND);
    assert_eq!(
        remarks(&world, Code::DeadPolicy),
        ["1:75: `context.input has ordr` is never true, so this policy matches no request"]
    );
    let typed = "permit (principal, action == Mcp::Action::\"shop/refund\", resource) when { context.input has order };";
    let world = World::new(typed).schema(REFUND);
    assert_eq!(remarks(&world, Code::AlwaysTrue), ["1:75: `context.input has order` is always true"]);
}

#[test]
fn a_set_that_permits_nothing_is_remarked() {
    compare(&[Case {
        code: Code::NoPermit,
        fires: &[(FORBID_SEARCH, "0:0: no policy permits anything")],
        quiet: &["permit (principal, action, resource) when { context has actor };", ""],
    }]);
    assert_eq!(remarks(&World::new(""), Code::NoPolicies), ["0:0: there are no policies"]);
}

#[test]
fn a_permit_without_conditions_for_destructive_tools_is_remarked_unless_a_forbid_settles_it() {
    compare(&[Case {
        code: Code::BroadPermit,
        fires: &[
            (
                "permit (principal, action, resource);",
                "1:1: this permit has no conditions and covers 2 destructive tools, `shop/delete` among them",
            ),
            (
                "permit (principal in Mcp::Role::\"support\", action in Mcp::Action::\"tools/call\", resource in Mcp::Server::\"shop\");",
                "1:1: this permit has no conditions and covers 2 destructive tools, `shop/delete` among them",
            ),
            (
                "permit (principal, action, resource is Mcp::Tool);\nforbid (principal is Mcp::Agent, action, resource is Mcp::Tool) when { resource.destructive };",
                "1:1: this permit has no conditions and covers 2 destructive tools, `shop/delete` among them",
            ),
        ],
        quiet: &[
            "permit (principal, action, resource is Mcp::Tool) when { !resource.destructive };",
            "permit (principal, action in Mcp::Action::\"tools/call\", resource == Mcp::Tool::\"shop/delete\");",
            "permit (principal, action in Mcp::Action::\"tools/call\", resource in Mcp::ToolGroup::\"none\");",
            "permit (principal, action == Mcp::Action::\"prompts/get\", resource);",
            "permit (principal, action, resource); forbid (principal, action, resource is Mcp::Tool) when { resource.destructive };",
            "permit (principal, action, resource); forbid (principal, action in Mcp::Action::\"tools/call\", resource) when { resource.destructive } unless { context has approval };",
        ],
    }]);
    let mut world = World::new("permit (principal, action, resource);");
    world.catalog = super::super::Catalog::default();
    assert_eq!(
        remarks(&world, Code::BroadPermit),
        ["1:1: this permit has no conditions and covers every tool, destructive ones too"]
    );
}

#[test]
fn a_tool_that_an_entities_file_only_mentions_is_not_called_destructive() {
    let mention = |attrs: &str| {
        format!(
            "[{{\"uid\":{{\"type\":\"Mcp::Tool\",\"id\":\"ops/x\"}}{attrs},\"parents\":[{{\"type\":\"Mcp::ToolGroup\",\"id\":\"g\"}}]}}]"
        )
    };
    let permit = "permit (principal, action in Mcp::Action::\"tools/call\", resource in Mcp::ToolGroup::\"g\");";
    assert_eq!(remarks(&World::new(permit).entities(mention("")), Code::BroadPermit), [""; 0]);
    let pinned = ",\"attrs\":{\"readOnly\":false,\"destructive\":true,\"idempotent\":true,\"openWorld\":false}";
    assert_eq!(remarks(&World::new(permit).entities(mention(pinned)), Code::BroadPermit).len(), 1);
}

#[test]
fn names_that_nothing_knows_are_remarked_with_the_nearest_one() {
    let not_known = |place: &str, uid: &str| {
        format!("{place}: `{uid}` is not known to the configuration, an entities file or a server's tools")
    };
    let cases = [
        ("permit (principal in Mcp::Role::\"suport\", action, resource);", vec![not_known("1:22", "Mcp::Role::\"suport\"")]),
        (
            "permit (principal, action, resource == Mcp::Tool::\"shop/serch\");",
            vec![not_known("1:40", "Mcp::Tool::\"shop/serch\"")],
        ),
        ("permit (principal, action, resource in Mcp::Server::\"shoop\");", vec![not_known("1:40", "Mcp::Server::\"shoop\"")]),
        (
            "permit (principal, action, resource) when { principal == Mcp::User::\"alcie\" || context has actor && context.actor in Mcp::Team::\"blue\" };",
            vec![not_known("1:58", "Mcp::User::\"alcie\""), not_known("1:118", "Mcp::Team::\"blue\"")],
        ),
        ("permit (principal in Mcp::Role::\"support\", action, resource == Mcp::Tool::\"shop/search\");", vec![]),
        ("permit (principal == Mcp::Agent::\"helper\", action, resource == Mcp::Resource::\"shop/file:///x\");", vec![]),
    ];
    for (policies, expected) in cases {
        assert_eq!(remarks(&World::new(policies), Code::UnknownEntity), expected, "{policies}");
    }
    let world = World::new("permit (principal in Mcp::Role::\"suport\", action, resource);");
    let help = world.snapshot().lint().into_iter().find(|problem| problem.code == Code::UnknownEntity).unwrap().help;
    assert_eq!(help.as_deref(), Some("did you mean `Mcp::Role::\"support\"`?"));
}

#[test]
fn a_tool_whose_server_has_not_listed_its_tools_is_not_unknown() {
    let mut world = World::new("permit (principal, action, resource == Mcp::Tool::\"shop/serch\");");
    world.catalog = super::super::Catalog::default();
    assert_eq!(remarks(&world, Code::UnknownEntity), [""; 0]);
    world.policies = vec![("p.cedar", "permit (principal, action, resource == Mcp::Tool::\"shoop/search\");".to_owned())];
    assert_eq!(remarks(&world, Code::UnknownEntity).len(), 1);
}

#[test]
fn where_nobody_is_declared_no_name_is_unknown() {
    let mut world = World::new("permit (principal in Mcp::Role::\"x\", action, resource in Mcp::Server::\"y\");");
    world.settings.principals.clear();
    assert_eq!(remarks(&world, Code::UnknownEntity).len(), 1, "servers are configured, people are not");
    world.settings.servers.clear();
    world.catalog = super::super::Catalog::default();
    assert_eq!(remarks(&world, Code::UnknownEntity), [""; 0]);
}

#[test]
fn policies_that_say_the_same_are_remarked() {
    compare(&[Case {
        code: Code::SamePolicy,
        fires: &[(
            "@id(\"a\") permit (principal, action, resource) when { context has actor };\n@id(\"b\") @reason(\"x\")\npermit(principal,action,resource) when {context has actor };",
            "2:1: policy `b` says the same as `a` at p.cedar:1",
        )],
        quiet: &[
            "@id(\"a\") permit (principal, action, resource) when { context has actor };",
            "permit (principal, action, resource) when { context has actor }; forbid (principal, action, resource) when { context has actor };",
            "permit (principal, action, resource) when { context has actor }; permit (principal, action, resource) unless { context has actor };",
        ],
    }]);
}

#[test]
fn a_pattern_for_paths_that_forgets_dots_is_remarked() {
    let message =
        |place: &str, pattern: &str| format!("{place}: the pattern \"{pattern}\" also fits paths that lead elsewhere by `..`");
    let policy = |condition: &str| format!("permit (principal, action, resource is Mcp::Resource) when {{ {condition} }};");
    let fires = [
        ("resource.uri like \"/srv/*\"", "/srv/*"),
        ("resource.uri like \"file:///srv/*\" && !(resource.uri like \"*%*\")", "file:///srv/*"),
        ("resource.uri like \"/*/public/*\" && !(context.source.transport like \"*..*\")", "/*/public/*"),
    ];
    for (condition, pattern) in fires {
        assert_eq!(remarks(&World::new(policy(condition)), Code::PathPattern), [message("1:80", pattern)], "{condition}");
    }
    let quiet = [
        "resource.uri like \"/srv/*\" && !(resource.uri like \"*..*\")",
        "resource.uri like \"/srv/*\" && !(resource.uri like \"*/../*\")",
        "resource.uri like \"/srv/fixed\"",
        "resource.uri like \"*.txt\"",
        "resource.uri like \"shop-*\"",
    ];
    for condition in quiet {
        assert_eq!(remarks(&World::new(policy(condition)), Code::PathPattern), [""; 0], "{condition}");
    }
}

#[test]
fn text_that_looks_like_other_text_is_remarked_also_in_comments_and_annotations() {
    let fires = [
        ("permit (principal in Mcp::Role::\"\u{430}dmin\", action, resource);", 1),
        ("permit (principal, action, resource) when { context.source.transport == \"ht\u{200B}tp\" };", 1),
        ("// all \u{202E} of them\npermit (principal, action, resource);", 1),
        ("@reason(\"no\u{2066}pe\") permit (principal, action, resource);", 1),
        ("permit (principal, action, resource) when { context.source.transport == \"\u{202E}x\" };", 1),
    ];
    for (policies, count) in fires {
        assert_eq!(remarks(&World::new(policies), Code::ConfusableText).len(), count, "{policies:?}");
    }
    let quiet = [
        "@reason(\"Für Ärzte – только\") permit (principal in Mcp::Role::\"ärzte\", action, resource);",
        "permit (principal in Mcp::Role::\"日本語\", action, resource);",
    ];
    for policies in quiet {
        assert_eq!(remarks(&World::new(policies), Code::ConfusableText), [""; 0], "{policies:?}");
    }
}

#[test]
fn a_warning_is_silenced_by_its_word_and_only_by_that() {
    let codes = |policies: &str| -> Vec<&'static str> {
        World::new(policies).snapshot().lint().iter().map(|problem| problem.code.word()).collect()
    };
    let dead = "permit (principal, action, resource) when { principal has x };";
    assert_eq!(codes(dead), ["dead-policy"]);
    assert_eq!(codes(&format!("@allow(\"dead-policy\") {dead}")), [""; 0]);
    assert_eq!(codes(&format!("@allow(\"same-policy, dead-policy\") {dead}")), [""; 0]);
    assert_eq!(codes(&format!("@allow(\"same-policy\") {dead}")), ["dead-policy"]);
    assert_eq!(codes(&format!("@allow(\"dead-polcy\") {dead}")), ["unknown-code", "dead-policy"]);
    assert_eq!(codes(&format!("@allow(\"type-error\") {dead}")), ["unknown-code", "dead-policy"]);
    assert_eq!(codes(&format!("@allow(\"unknown-code,nothing\") {dead}")), ["dead-policy"]);
}

#[test]
fn every_code_has_a_word_of_its_own() {
    let words: std::collections::BTreeSet<&str> = Code::ERRORS.iter().chain(&Code::WARNINGS).map(|code| code.word()).collect();
    assert_eq!(words.len(), Code::ERRORS.len() + Code::WARNINGS.len());
    assert!(words.iter().all(|word| word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-')));
}
