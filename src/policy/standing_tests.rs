//! What callers bring besides their names: roles and teams that no file knows of, and some that files know more about.

use super::fixture::{MONDAY, World, line, shop, source};
use super::{PolicySnapshot, Request};
use crate::domain::{Action, Actor, AgentId, Arguments, Call, Caller, Memberships, Standing, Target, Timestamp, UserId};

/// The decision about a search by a caller who brings these, and whether it is shown to them.
fn brought(snapshot: &PolicySnapshot, agent: (&[&str], &[&str]), actor: (&[&str], &[&str])) -> String {
    let memberships = |(roles, teams): (&[&str], &[&str])| Memberships {
        roles: roles.iter().map(|role| (*role).into()).collect(),
        teams: teams.iter().map(|team| (*team).into()).collect(),
    };
    let caller = Caller::new(AgentId::new("newcomer"), Actor::Person(UserId::new("alice")));
    let caller = caller.with_standing(Standing { agent: memberships(agent), actor: memberships(actor) });
    let (server, action, target) = (shop(), Action::ToolsCall, Target::Tool("search".into()));
    let (arguments, source, now) = (Arguments::ABSENT, source(), Timestamp::from_micros(MONDAY));
    let shown = if snapshot.possible(&caller, &server, action, &target, &source, now) { "shown" } else { "hidden" };
    let call = Call { server, action, target, arguments, source, request: None, trace: None };
    // Twice, because what is kept of the first time must serve the second.
    let decide = || line(&snapshot.decide(&Request { caller: &caller, call: &call, now, approval: None }));
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
    let snapshot = World::new(policies).entities(entities).snapshot();
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
        assert_eq!(brought(&snapshot, agent, actor), expected, "{agent:?} {actor:?}");
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
        line(&snapshot.decide(&Request { caller: &caller, call: &call, now: Timestamp::from_micros(world.now), approval: None }))
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
        brought(&world.snapshot(), (&["bot"], &[]), (&["support"], &[])),
        "deny: agent invalid_request `Mcp::Agent::\"newcomer\"` is in no entities file, and its attribute `owner` is required by the schema hidden"
    );
}

#[test]
fn to_bring_a_role_or_to_have_it_by_a_file_is_the_same() {
    let policies = r#"@id("bots") permit (principal in Mcp::Role::"bot", action, resource);
        @id("reds") permit (principal, action, resource) when { principal in Mcp::Team::"red" };
        @id("alice") permit (principal == Mcp::User::"alice", action, resource) when { context has agent && context.agent in Mcp::Role::"bot" };
        @id("ghosts") forbid (principal, action, resource) when { context has agent && context.agent in Mcp::Team::"ghost" };
        @id("colleagues") forbid (principal is Mcp::User, action, resource) when { principal in Mcp::Role::"bot" && context has agent && context.agent in Mcp::Team::"crimson" };"#;
    let team = r#"{"uid":{"type":"Mcp::Team","id":"crimson"},"parents":[{"type":"Mcp::Team","id":"red"}]}"#;
    let memberships = [("Role", "bot"), ("Role", "red"), ("Team", "crimson"), ("Team", "ghost")];
    let undeclared = World::new(policies).entities(format!("[{team}]")).snapshot();
    for set in 1..16_u32 {
        let chosen: Vec<_> = (0..4).filter(|bit| set & (1 << bit) != 0).map(|bit| memberships[bit]).collect();
        let of = |ty: &str| chosen.iter().filter(|(of, _)| *of == ty).map(|(_, name)| *name).collect::<Vec<_>>();
        let parents =
            chosen.iter().map(|(ty, name)| format!(r#"{{"type":"Mcp::{ty}","id":"{name}"}}"#)).collect::<Vec<_>>().join(",");
        let declared = format!(r#"[{team},{{"uid":{{"type":"Mcp::Agent","id":"newcomer"}},"parents":[{parents}]}}]"#);
        let declared = World::new(policies).entities(declared).snapshot();
        for actor in [&[][..], &["bot"]] {
            let brought_by_agent = brought(&undeclared, (&of("Role"), &of("Team")), (actor, &[]));
            let by_file = brought(&declared, (&[], &[]), (actor, &[]));
            assert_eq!(brought_by_agent, by_file, "{chosen:?} {actor:?}");
        }
    }
}
