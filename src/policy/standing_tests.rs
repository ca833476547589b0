//! What callers bring besides their names: roles and teams that no file knows of, and some that files know more about.

use super::Request;
use super::fixture::{World, line, shop, source};
use crate::domain::{Action, Actor, AgentId, Arguments, Call, Caller, Memberships, Standing, Target, Timestamp, UserId};

/// The decision about a search by a caller who brings these, and whether it is shown to them.
fn brought(world: &World, agent: (&[&str], &[&str]), actor: (&[&str], &[&str])) -> String {
    let memberships = |(roles, teams): (&[&str], &[&str])| Memberships {
        roles: roles.iter().map(|role| (*role).into()).collect(),
        teams: teams.iter().map(|team| (*team).into()).collect(),
    };
    let caller = Caller::new(AgentId::new("newcomer"), Actor::Person(UserId::new("alice")));
    let caller = caller.with_standing(Standing { agent: memberships(agent), actor: memberships(actor) });
    let (server, action, target) = (shop(), Action::ToolsCall, Target::Tool("search".into()));
    let (arguments, source, now) = (Arguments::ABSENT, source(), Timestamp::from_micros(world.now));
    let snapshot = world.snapshot();
    let shown = if snapshot.possible(&caller, &server, action, &target, &source, now) { "shown" } else { "hidden" };
    let call = Call { server, action, target, arguments, source, request: None, trace: None };
    // Twice, because what is kept of the first time must serve the second.
    let decide = || line(&snapshot.decide(&Request { caller: &caller, call: &call, now }));
    assert_eq!(decide(), decide());
    format!("{} {shown}", decide())
}

#[test]
fn what_a_caller_brings_counts_like_what_files_declare() {
    let policies = r#"@id("bots") permit (principal in Mcp::Role::"bot", action, resource);
        @id("reds") permit (principal in Mcp::Team::"red", action, resource);
        @id("support") permit (principal in Mcp::Role::"support", action, resource);
        @id("leavers") forbid (principal in Mcp::Role::"leaver", action, resource);
        @id("employees") permit (principal in Mcp::Role::"employee", action, resource) when { false };"#;
    let entities = r#"[{"uid":{"type":"Mcp::Team","id":"crimson"},"parents":[{"type":"Mcp::Team","id":"red"}]}]"#;
    let world = World::new(policies).entities(entities);
    let none: (&[&str], &[&str]) = (&[], &[]);
    for (agent, actor, expected) in [
        (none, none, "deny: agent unknown_principal hidden"),
        // In no file, known by what it brings; alice is in role `support` by the configuration.
        ((&["bot"][..], &[][..]), none, "allow: agent permitted [bots] shown"),
        ((&["nobody-declares-me"], &[]), none, "deny: agent no_permit hidden"),
        // A team that a file puts into another one.
        ((&[], &["crimson"]), none, "allow: agent permitted [reds] shown"),
        ((&["bot"], &[]), (&["leaver"], &[]), "deny: actor forbidden [leavers] hidden"),
        ((&["bot", "leaver"], &[]), none, "deny: agent forbidden [leavers] hidden"),
        // A role is no team, and what one brings is not the other's.
        ((&["red"], &["bot"]), (&["bot"], &["red"]), "deny: agent no_permit hidden"),
    ] {
        assert_eq!(brought(&world, agent, actor), expected, "{agent:?} {actor:?}");
    }
}

#[test]
fn what_is_kept_for_one_standing_does_not_serve_another() {
    let mut policies: String = (0..20).map(|n| format!("forbid (principal in Mcp::Role::\"r{n}\", action, resource);")).collect();
    policies.push_str("@id(\"all\") permit (principal, action, resource); @id(\"l\") forbid (principal in Mcp::Role::\"leaver\", action, resource);");
    let (world, snapshot) = (World::new(""), World::new(policies).snapshot());
    let target = Target::Tool("search".into());
    let call = Call {
        server: shop(),
        action: Action::ToolsCall,
        target,
        arguments: Arguments::ABSENT,
        source: source(),
        request: None,
        trace: None,
    };
    let decide = |roles: &[&str]| {
        let brings = Memberships { roles: roles.iter().map(|role| (*role).into()).collect(), ..Memberships::default() };
        let caller = world.caller().with_standing(Standing { agent: Memberships::default(), actor: brings });
        line(&snapshot.decide(&Request { caller: &caller, call: &call, now: Timestamp::from_micros(world.now) }))
    };
    for _ in 0..2 {
        assert_eq!(decide(&[]), "allow: agent permitted [all]");
        assert_eq!(decide(&["leaver"]), "deny: actor forbidden [l]");
        assert_eq!(decide(&["other"]), "allow: agent permitted [all]");
    }
}

#[test]
fn who_lacks_what_the_schema_requires_of_everybody_is_refused() {
    let policies = "@id(\"all\") permit (principal, action, resource);";
    let entities = r#"[{"uid":{"type":"Mcp::User","id":"alice"},"attrs":{"level":1}}, {"uid":{"type":"Mcp::User","id":"olga"},"attrs":{"level":1}}]"#;
    let world = World::new(policies).schema("namespace Mcp { entity User = { level: Long }; entity Agent = { owner: String }; }");
    let helper = r#", {"uid":{"type":"Mcp::Agent","id":"helper"},"attrs":{"owner":"it"}}]"#;
    let world = world.entities(entities.replace(']', helper));
    assert_eq!(
        brought(&world, (&["bot"], &[]), (&["support"], &[])),
        "deny: agent invalid_request `Mcp::Agent::\"newcomer\"` is in no entities file, and its attribute `owner` is required by the schema hidden"
    );
}
