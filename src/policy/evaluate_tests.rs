//! What is decided, and why: the algebra of two principals, three answers and every doubt.

use super::super::fixture::{REFUND, World, line, tool};
use crate::domain::{Action, Annotations, Target};

const EVERYTHING: &str = "@id(\"all\") permit (principal, action, resource);";

#[test]
fn the_agent_gets_no_more_than_the_actor_and_the_actor_no_more_than_the_agent() {
    let agent = r#"@id("agent") permit (principal == Mcp::Agent::"helper", action, resource);"#;
    let actor = r#"@id("actor") permit (principal in Mcp::Role::"support", action, resource);"#;
    for (policies, attended, expected) in [
        (agent.to_owned(), true, "deny: actor no_permit"),
        (actor.to_owned(), true, "deny: agent no_permit"),
        (format!("{agent}{actor}"), true, "allow: agent permitted [agent]"),
        (agent.to_owned(), false, "allow: agent permitted [agent]"),
        (actor.to_owned(), false, "deny: agent no_permit"),
    ] {
        let world = World { attended, ..World::new(&policies) };
        assert_eq!(line(&world.call("search", "{}")), expected, "{policies} attended={attended}");
    }
}

#[test]
fn a_policy_can_demand_that_a_person_is_behind_the_agent() {
    let policies = format!(
        "{EVERYTHING} @id(\"attended\") forbid (principal is Mcp::Agent, action, resource) unless {{ context has actor }};"
    );
    assert_eq!(line(&World::new(&policies).call("search", "{}")), "allow: agent permitted [all]");
    assert_eq!(line(&World::new(&policies).unattended().call("search", "{}")), "deny: agent forbidden [attended]");
}

#[test]
fn arguments_are_compared_as_the_schema_types_them() {
    let policies = r#"@id("small") permit (principal, action == Mcp::Action::"shop/refund", resource) when { context.input.amount <= 10000 && context.input.order != "" };"#;
    for (arguments, expected) in [
        (r#"{"order":"o","amount":10000}"#, "allow: agent permitted [small]"),
        (r#"{"order":"o","amount":10001}"#, "deny: agent no_permit"),
        (r#"{"order":"o","amount":1e4}"#, "allow: agent permitted [small]"),
        (r#"{"order":"o","amount":5.0,"note":null}"#, "allow: agent permitted [small]"),
        (r#"{"order":"o","amount":5.5}"#, "deny: agent not_representable `/amount` is not an integer of 64 bits"),
        (r#"{"order":"o","amount":9223372036854775808}"#, "deny: agent not_representable `/amount` is not an integer of 64 bits"),
        (r#"{"order":"o","amount":"5"}"#, "deny: agent not_representable `/amount` is not an integer of 64 bits"),
        (r#"{"order":"o"}"#, "deny: agent not_representable `/amount` is required and missing"),
        (r#"{"order":null,"amount":1}"#, "deny: agent not_representable `/order` is not a string"),
        (r#"{"order":"o","amount":1,"x":1}"#, "deny: agent not_representable `/x` is not in the schema"),
        (r#"{"order":"o","amount":1,"amount":2}"#, "deny: agent not_representable `/` has a key twice"),
        (
            r#"{"order":{"__extn":{"fn":"unknown","arg":"x"}},"amount":1}"#,
            "deny: agent not_representable `/order` is not a string",
        ),
        ("[]", "deny: agent not_representable `/` is not an object"),
    ] {
        assert_eq!(line(&World::new(policies).schema(REFUND).call("refund", arguments)), expected, "{arguments}");
    }
}

#[test]
fn what_no_policy_reads_stands_in_nobodys_way() {
    let amount = r#"@id("small") permit (principal, action == Mcp::Action::"shop/refund", resource) when { context.input.amount <= 10000 };"#;
    let nothing = r#"@id("all") permit (principal, action, resource);"#;
    let presence =
        r#"@id("noted") permit (principal, action == Mcp::Action::"shop/refund", resource) when { context.input has note };"#;
    let long = "x".repeat(1 << 20);
    for (policies, arguments, expected) in [
        (amount, r#"{"order":null,"amount":1}"#.to_owned(), "allow: agent permitted [small]"),
        (amount, format!("{{\"order\":\"{long}\",\"amount\":1,\"note\":0.12345678901234567}}"), "allow: agent permitted [small]"),
        (amount, r#"{"order":"o","amount":1,"x":1}"#.to_owned(), "deny: agent not_representable `/x` is not in the schema"),
        (nothing, r#"{"order":[],"x":1e999}"#.to_owned(), "allow: agent permitted [all]"),
        (presence, r#"{"order":"o","amount":1,"note":"n"}"#.to_owned(), "allow: agent permitted [noted]"),
        (presence, r#"{"order":"o","amount":1,"note":null}"#.to_owned(), "deny: agent no_permit"),
        (presence, r#"{"order":"o","amount":1,"note":7}"#.to_owned(), "deny: agent not_representable `/note` is not a string"),
    ] {
        let seen = line(&World::new(policies).schema(REFUND).call("refund", &arguments));
        assert_eq!(seen, expected, "{policies} {}", arguments.get(..40).unwrap_or(&arguments));
    }
}

#[test]
fn a_forbid_that_cannot_be_evaluated_denies_and_is_named() {
    let policies = format!(
        "{EVERYTHING} @id(\"overflow\") forbid (principal, action == Mcp::Action::\"shop/refund\", resource) when {{ context.input.amount * 2 > 100 }};"
    );
    let world = World::new(policies).schema(REFUND);
    assert_eq!(line(&world.call("refund", r#"{"order":"o","amount":1}"#)), "allow: agent permitted [all]");
    assert_eq!(
        line(&world.call("refund", r#"{"order":"o","amount":9223372036854775807}"#)),
        "deny: agent not_evaluable [all] failed [overflow]"
    );
}

#[test]
fn whoever_is_not_among_the_entities_is_denied() {
    let mut world = World::new(EVERYTHING);
    world.settings.principals.retain(|principal| principal.id != "alice");
    assert_eq!(line(&world.call("search", "{}")), "deny: actor unknown_principal");
    world.settings.principals.clear();
    assert_eq!(line(&world.call("search", "{}")), "deny: agent unknown_principal");
}

#[test]
fn a_tool_is_unknown_unless_its_server_lists_it_or_a_file_declares_it() {
    let world = World::new(EVERYTHING);
    assert_eq!(line(&world.call("secret", "{}")), "deny: agent unknown_tool");
    assert!(!world.visible("secret"));
    let world =
        world.entities(r#"[{"uid":{"type":"Mcp::Tool","id":"shop/secret"}},{"uid":{"type":"Mcp::Tool","id":"other/hidden"}}]"#);
    assert_eq!(line(&world.call("secret", "{}")), "allow: agent permitted [all]");
    assert!(world.visible("secret"));
    assert_eq!(line(&world.call("hidden", "{}")), "deny: agent unknown_tool", "declared at another server");
}

#[test]
fn a_target_that_does_not_belong_to_the_action_is_denied() {
    let seen = World::new(EVERYTHING).decide(Action::ToolsCall, Target::Server, "{}");
    assert_eq!(seen.name(), "deny");
    assert_eq!(seen.grounds().deciding().map(|judgement| judgement.cause.name()), Some("invalid_request"));
}

#[test]
fn a_server_that_is_not_configured_is_denied() {
    let mut world = World::new(EVERYTHING);
    world.settings.servers.clear();
    assert_eq!(line(&world.call("search", "{}")), "deny: agent invalid_request server `shop` is not configured");
}

#[test]
fn every_action_has_a_target_it_can_be_allowed_for() {
    for action in Action::ALL {
        let target = match action {
            Action::ToolsCall => Target::Tool("search".into()),
            Action::ResourcesRead | Action::ResourcesSubscribe => Target::Resource("file:///a \"b\" \u{1f600}".into()),
            Action::PromptsGet | Action::CompletionComplete => Target::Prompt("summary".into()),
            Action::Extension => Target::Method("com.example/do".into()),
            Action::LoggingSetLevel | Action::SamplingCreateMessage | Action::ElicitationCreate | Action::RootsList => {
                Target::Server
            }
        };
        let policies =
            format!("@id(\"one\") permit (principal, action == Mcp::Action::\"{action}\", resource in Mcp::Server::\"shop\");");
        let policies = if action == Action::ToolsCall { policies.replace("action ==", "action in") } else { policies };
        assert_eq!(line(&World::new(policies).decide(action, target, "{}")), "allow: agent permitted [one]", "{action}");
    }
}

#[test]
fn rules_about_a_server_group_cover_resources_nobody_listed() {
    let policies =
        format!("{EVERYTHING} @id(\"prod\") forbid (principal, action, resource in Mcp::ServerGroup::\"production\");");
    let world = World::new(policies).entities(
        r#"[{"uid":{"type":"Mcp::Server","id":"shop"},"parents":[{"type":"Mcp::ServerGroup","id":"eu"}]},
            {"uid":{"type":"Mcp::ServerGroup","id":"eu"},"parents":[{"type":"Mcp::ServerGroup","id":"production"}]}]"#,
    );
    let read = |uri: &str| line(&world.decide(Action::ResourcesRead, Target::Resource(uri.into()), "{}"));
    assert_eq!(read("file:///motd"), "deny: agent forbidden [prod]");
    assert_eq!(line(&world.call("search", "{}")), "deny: agent forbidden [prod]");
    assert_eq!(line(&world.decide(Action::RootsList, Target::Server, "{}")), "deny: agent forbidden [prod]");
}

#[test]
fn many_resources_are_decided_one_after_the_other_each_with_its_own_uri() {
    let policies = r#"@id("srv") permit (principal, action == Mcp::Action::"resources/read", resource) when { resource.uri like "file:///srv/*" };"#;
    let world = World::new(policies);
    let (snapshot, caller) = (world.snapshot(), world.caller());
    for number in 0..100 {
        let (good, bad) = (format!("file:///srv/{number}"), format!("file:///etc/{number}"));
        for (uri, expected) in [(good, true), (bad, false)] {
            let target = Target::Resource(uri.into());
            let now = crate::domain::Timestamp::from_micros(world.now);
            let server = super::super::fixture::shop();
            let seen = snapshot.possible(&caller, &server, Action::ResourcesRead, &target, &super::super::fixture::source(), now);
            assert_eq!(seen, expected, "{target:?}");
        }
    }
}

#[test]
fn an_approval_that_would_help_is_asked_for_and_no_other() {
    let destructive = r#"@id("ask") forbid (principal, action, resource is Mcp::Tool) when { resource.destructive } unless { context has approval };"#;
    let owners = r#"@id("owners") forbid (principal, action, resource is Mcp::Tool) when { resource.destructive }
        unless { context has approval && context.approval.by in Mcp::Role::"owner" };"#;
    let never = r#"@id("never") forbid (principal, action, resource == Mcp::Tool::"shop/delete");"#;
    let granted = r#"@id("granted") permit (principal, action, resource) when { context has approval };"#;
    let broken =
        r#"@id("unapproved") permit (principal, action, resource) when { !(context has approval) && context.time.hour > 23 };"#;
    for (policies, expected) in [
        (format!("{EVERYTHING}{destructive}"), "require_approval: agent approval_missing [ask]"),
        (format!("{EVERYTHING}{owners}"), "require_approval: agent approval_missing [owners]"),
        (format!("{EVERYTHING}{destructive}{never}"), "deny: agent forbidden [ask never]"),
        (granted.to_owned(), "require_approval: agent approval_missing [granted]"),
        (format!("{granted}{never}"), "deny: agent forbidden [never]"),
        (broken.to_owned(), "deny: agent no_permit"),
    ] {
        assert_eq!(line(&World::new(&policies).call("delete", "{}")), expected, "{policies}");
    }
}

#[test]
fn a_tool_is_hidden_only_when_no_arguments_and_no_approval_could_allow_it() {
    let refund = |condition: &str| {
        format!(r#"permit (principal, action == Mcp::Action::"shop/refund", resource) when {{ {condition} }};"#)
    };
    for (policies, expected) in [
        (refund("context.input.amount <= 10000"), true),
        (refund("context.input has note && context.input.note like \"x*\""), true),
        (refund("context has approval"), true),
        (refund("context.input.amount > 1 && principal in Mcp::Role::\"nobody\""), false),
        (refund("context.input.amount > 1 || principal in Mcp::Role::\"nobody\""), true),
        (format!("{}forbid (principal, action, resource) when {{ context.time.weekday == 1 }};", refund("true")), false),
        (format!("{}forbid (principal, action, resource) unless {{ context has approval }};", refund("true")), true),
        (
            format!(
                "{}forbid (principal, action == Mcp::Action::\"shop/refund\", resource) when {{ context.input.amount > 5 }};",
                refund("true")
            ),
            true,
        ),
        (String::new(), false),
    ] {
        assert_eq!(World::new(&policies).schema(REFUND).visible("refund"), expected, "{policies}");
    }
}

#[test]
fn time_is_that_of_the_configured_zone() {
    let mut world = World::new(
        r#"@id("t") permit (principal, action, resource) when { context.time.weekday == 2 && context.time.hour == 0 && context.time.minute == 30
            && context.time.now == datetime("2026-03-02T10:30:00Z") };"#,
    );
    world.settings.timezone = "Pacific/Kiritimati".to_owned();
    assert_eq!(line(&world.call("search", "{}")), "allow: agent permitted [t]");
    world.settings.timezone = "UTC".to_owned();
    assert_eq!(line(&world.call("search", "{}")), "deny: agent no_permit");
}

#[test]
fn annotations_are_the_servers_claims_until_a_file_states_all_of_them() {
    let policies =
        r#"@id("pinned") permit (principal, action, resource is Mcp::Tool) when { resource.pinned && resource.readOnly };"#;
    let mut world = World::new(policies);
    assert_eq!(line(&world.call("search", "{}")), "deny: agent no_permit");
    let some =
        r#"[{"uid":{"type":"Mcp::Tool","id":"shop/search"},"attrs":{"openWorld":false,"destructive":false,"idempotent":true}}]"#;
    world.entities = vec![("e.json", some.to_owned())];
    assert_eq!(line(&world.call("search", "{}")), "deny: agent no_permit");
    world.entities = vec![("e.json", some.replace("\"openWorld\"", "\"readOnly\":true,\"openWorld\""))];
    assert_eq!(line(&world.call("search", "{}")), "allow: agent permitted [pinned]");
    // What the file states counts, whatever the server claims now.
    world.catalog.learn(&super::super::fixture::shop(), true, [tool("search", Annotations::default())]);
    assert_eq!(line(&world.call("search", "{}")), "allow: agent permitted [pinned]");
}

#[test]
fn the_catalog_changes_the_fingerprint_and_nothing_else_does() {
    let world = World::new(EVERYTHING);
    let first = world.snapshot();
    assert_eq!(first.fingerprint(), world.snapshot().fingerprint());
    let mut catalog = world.catalog;
    assert!(!catalog.learn(&super::super::fixture::shop(), false, []));
    assert_eq!(first.with_catalog(&catalog).unwrap().fingerprint(), first.fingerprint());
    catalog.learn(&super::super::fixture::shop(), false, [tool("new", Annotations::default())]);
    assert_ne!(first.with_catalog(&catalog).unwrap().fingerprint(), first.fingerprint());
}

#[test]
fn no_policies_deny_everything_and_say_so() {
    let world = World { policies: vec![], ..World::new("") };
    assert_eq!(line(&world.call("search", "{}")), "deny: agent no_permit");
    assert_eq!(
        world.snapshot().warnings().iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["there are no policies (without a permit every call is denied)"]
    );
}

#[test]
fn a_server_cannot_take_over_the_name_of_a_base_action() {
    // Server `tools` with tool `call` has the id `tools/call`, which is the group and not a typed action.
    let mut world = World::new("@id(\"all\") permit (principal, action in Mcp::Action::\"tools/call\", resource);");
    let tools = crate::domain::ServerName::new("tools").unwrap();
    world.settings.servers.push(tools.clone());
    world.catalog.learn(&tools, true, [tool("call", Annotations::default())]);
    let now = crate::domain::Timestamp::from_micros(world.now);
    let target = Target::Tool("call".into());
    assert!(world.snapshot().possible(
        &world.caller(),
        &tools,
        Action::ToolsCall,
        &target,
        &super::super::fixture::source(),
        now
    ));
}

#[test]
fn a_name_without_end_is_denied() {
    let read =
        |length: usize| World::new(EVERYTHING).decide(Action::ResourcesRead, Target::Resource("x".repeat(length).into()), "{}");
    assert_eq!(line(&read(8 << 10)), "allow: agent permitted [all]");
    assert_eq!(line(&read((8 << 10) + 1)), "deny: agent invalid_request the name of what is asked for is longer than 8192 bytes");
}

#[test]
fn a_schema_can_be_written_in_json_as_well() {
    let record = |attributes: &str| format!(r#"{{"type":"Record","attributes":{{{attributes}}}}}"#);
    let input = record(r#""we\"ird\n::key":{"type":"EntityOrCommon","name":"Long"},"on":{"type":"Boolean","required":false}"#);
    let context = record(&format!(r#""input":{input}"#));
    let schema = format!(
        r#"{{"Mcp":{{"entityTypes":{{}},"actions":{{"shop/refund":{{"memberOf":[{{"id":"tools/call"}}],
            "appliesTo":{{"principalTypes":["Agent","User"],"resourceTypes":["Tool"],"context":{context}}}}}}}}}}}"#
    );
    let mut world = World::new(
        r#"@id("one") permit (principal, action == Mcp::Action::"shop/refund", resource) when { context.input["we\"ird\n::key"] == 1 };"#,
    );
    world.schema.push(("s.cedarschema.json", schema));
    assert_eq!(line(&world.call("refund", r#"{"we\"ird\n::key":1,"on":true}"#)), "allow: agent permitted [one]");
    assert_eq!(line(&world.call("refund", r#"{"we\"ird\n::key":2}"#)), "deny: agent no_permit");
}

#[test]
fn a_decision_under_way_keeps_its_snapshot_when_another_is_put_in_force() {
    let store = super::super::PolicyStore::new(World::new(EVERYTHING).snapshot());
    let before = store.load();
    store.replace(World::new("").snapshot());
    assert_eq!((before.policy_count(), store.load().policy_count()), (1, 0));
    assert_ne!(before.catalog().tools().count(), 0);
}
