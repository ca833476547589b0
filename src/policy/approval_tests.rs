//! What policies see of an approval, who may rule, and what is taken from annotations.

use super::*;
use crate::domain::{Arguments, Call, Source, Transport};
use crate::policy::Request;
use crate::policy::fixture::{MONDAY, World, shop};

fn brings(role: &str) -> Memberships {
    Memberships { roles: [Arc::from(role)].into(), ..Memberships::default() }
}

fn approval(by: &str, role: &str, others: &[&str]) -> Approval {
    Approval {
        by: UserId::new(by),
        standing: brings(role),
        approvers: others.iter().copied().chain([by]).map(UserId::new).collect(),
        at: Timestamp::from_micros(MONDAY),
        expires: Timestamp::from_micros(MONDAY + 60_000_000),
        window: false,
    }
}

/// How a call of a tool is decided with an approval.
fn with(world: &World, caller: &Caller, approval: &Approval) -> &'static str {
    let source = Source { transport: Transport::Stdio, ip: None, session: None };
    let (server, target) = (shop(), Target::Tool("delete".into()));
    let call =
        Call { server, action: Action::ToolsCall, target, arguments: Arguments::ABSENT, source, request: None, trace: None };
    let now = Timestamp::from_micros(MONDAY);
    world.snapshot().decide(&Request { caller, call: &call, now, approval: Some(approval) }).name()
}

#[test]
fn what_an_approval_says_is_what_policies_see() {
    let olga = approval("olga", "lead", &["bea"]);
    for (condition, decision) in [
        ("context.approval.by == Mcp::User::\"olga\"", "allow"),
        ("context.approval.by in Mcp::Role::\"lead\"", "allow"),
        ("context.approval.by in Mcp::Role::\"guest\"", "require_approval"),
        ("context.approval.count == 2", "allow"),
        ("context.approval.count > 2", "require_approval"),
        ("context.approval.approvers.contains(Mcp::User::\"bea\")", "allow"),
        ("context.approval.window", "require_approval"),
        ("context.time.now < context.approval.expires && context.approval.at <= context.time.now", "allow"),
        ("context.approval.by == context.actor", "require_approval"),
    ] {
        let guard = if condition.contains("actor") { "context has actor && " } else { "" };
        let world =
            World::new(format!("permit (principal, action, resource) when {{ context has approval && {guard}{condition} }};"));
        assert_eq!(with(&world, &world.caller(), &olga), decision, "{condition}");
    }
}

#[test]
fn a_forbid_that_no_approval_lifts_stays() {
    let world =
        World::new("permit (principal, action, resource); forbid (principal, action, resource == Mcp::Tool::\"shop/delete\");");
    assert_eq!(with(&world, &world.caller(), &approval("olga", "owner", &[])), "deny");
}

#[test]
fn whoever_approves_their_own_call_brings_to_it_what_they_bring_to_the_call() {
    let policies = "permit (principal is Mcp::Agent, action, resource) when { context has approval };
                    permit (principal in Mcp::Role::\"owner\", action, resource);";
    let world = World::new(policies);
    // Alice's token makes her nobody, and her login at the console an owner: the agent must not profit from that.
    assert_ne!(with(&world, &world.caller(), &approval("alice", "owner", &[])), "allow");
    let owner = world.caller().with_standing(crate::domain::Standing { actor: brings("owner"), ..Default::default() });
    assert_eq!(with(&world, &owner, &approval("alice", "guest", &[])), "allow");
}

fn asking<'a>(
    person: &'a UserId,
    standing: &'a Memberships,
    caller: &'a Caller,
    server: &'a ServerName,
    target: &'a Target,
) -> Asking<'a> {
    Asking {
        person,
        standing,
        channel: Channel::Console,
        verdict: Verdict::Approve,
        comment: "",
        window: None,
        uses: None,
        any_arguments: false,
        caller,
        server,
        action: Action::ToolsCall,
        target,
        before: None,
        now: Timestamp::from_micros(MONDAY),
    }
}

type Change = dyn Fn(&mut Asking<'_>);

#[test]
fn who_may_rule_is_decided_by_everything_that_is_known_of_the_ruling() {
    let (server, target, standing, olga) = (shop(), Target::Tool("delete".into()), brings("owner"), UserId::new("olga"));
    let before = approval("bea", "owner", &[]);
    let ruled = |condition: &str, change: &Change| {
        let world = World::new(format!(
            "permit (principal, action == Mcp::Action::\"approve\", resource) when {{ {condition} }};
             permit (principal, action in Mcp::Action::\"tools/call\", resource);"
        ));
        let caller = world.caller();
        let before = before.clone();
        let mut asking = asking(&olga, &standing, &caller, &server, &target);
        asking.before = Some(&before);
        change(&mut asking);
        world.snapshot().may_rule(&asking).cause == Cause::Permitted
    };
    let nothing: &Change = &|_| {};
    let cases: [(&str, &Change, bool); 15] = [
        ("true", nothing, true),
        ("principal in Mcp::Role::\"owner\"", nothing, true),
        ("principal in Mcp::Role::\"admin\"", nothing, false),
        ("context has actor && principal != context.actor", nothing, true),
        ("context has agent && context.agent == Mcp::Agent::\"helper\"", nothing, true),
        ("context.source.transport == \"console\"", nothing, true),
        ("context.source.transport == \"console\"", &|asking| asking.channel = Channel::Elicitation, false),
        ("context.comment != \"\"", nothing, false),
        ("context.comment != \"\"", &|asking| asking.comment = "why", true),
        ("context.verdict == \"approve\" && context.method == \"tools/call\"", nothing, true),
        ("!(context has window) && !(context has uses) && !context.anyArguments", nothing, true),
        ("context has window && context.window <= 60", &|asking| asking.window = Some(Duration::from_secs(60)), true),
        ("context has uses && context.uses < 3", &|asking| asking.uses = Some(3), false),
        ("context has approval && context.approval.by != principal && context.approval.count == 1", nothing, true),
        ("resource is Mcp::Tool && resource.destructive && resource in Mcp::Server::\"shop\"", nothing, true),
    ];
    for (condition, change, may) in cases {
        assert_eq!(ruled(condition, change), may, "{condition}");
    }
}

#[test]
fn nobody_may_rule_when_it_is_not_known_what_policy_says() {
    let (server, standing, olga) = (shop(), brings("owner"), UserId::new("olga"));
    let permit = "permit (principal, action == Mcp::Action::\"approve\", resource);";
    let overflow = format!(
        "{permit} forbid (principal, action == Mcp::Action::\"approve\", resource) when {{ context has uses && context.uses + 9223372036854775807 > 0 }};"
    );
    for (policies, tool, uses, expected) in [
        (permit, "delete", None, "permitted"),
        (permit, "no-such-tool", None, "unknown_tool"),
        ("permit (principal, action in Mcp::Action::\"tools/call\", resource);", "delete", None, "no_permit"),
        (&overflow, "delete", Some(1), "not_evaluable"),
        (&overflow, "delete", None, "permitted"),
    ] {
        let world = World::new(policies);
        let (caller, target) = (world.caller(), Target::Tool(tool.into()));
        let asking = Asking { uses, ..asking(&olga, &standing, &caller, &server, &target) };
        assert_eq!(world.snapshot().may_rule(&asking).cause.name(), expected, "{policies} {tool}");
    }
}

#[test]
fn a_permit_lets_people_rule_only_when_its_scope_names_the_action() {
    // Permits of callers are written by those who know nothing of approvals.
    let (server, standing, target, alice) = (shop(), Memberships::default(), Target::Tool("delete".into()), UserId::new("alice"));
    let ruling = "permit (principal, action == Mcp::Action::\"approve\", resource);";
    for (policies, expected) in [
        ("permit (principal, action in Mcp::Action::\"tools/call\", resource);", "no_permit"),
        ("permit (principal, action == Mcp::Action::\"resources/read\", resource);", "no_permit"),
        ("permit (principal, action, resource);", "no_permit"),
        ("permit (principal, action, resource) when { action == Mcp::Action::\"approve\" };", "no_permit"),
        (ruling, "permitted"),
        ("permit (principal, action in [Mcp::Action::\"approve\", Mcp::Action::\"resources/read\"], resource);", "permitted"),
        (&format!("permit (principal, action, resource); {ruling}"), "permitted"),
        (&format!("forbid (principal, action, resource); {ruling}"), "forbidden"),
    ] {
        let world = World::new(policies);
        let caller = world.caller();
        let judged = world.snapshot().may_rule(&asking(&alice, &standing, &caller, &server, &target));
        assert_eq!(judged.cause.name(), expected, "{policies}");
    }
}

#[test]
fn of_several_policies_that_ask_the_strictest_counts() {
    let asks = |annotations: &str, who: &str| {
        format!("{annotations} forbid (principal is Mcp::{who}, action, resource) unless {{ context has approval }};")
    };
    for (agent, actor, expected) in [
        ("@window(\"2h\") @confirm(\"form\")", "@window(\"30m\") @confirm(\"form\")", (Some(1_800), None, true)),
        ("@window(\"2h\") @breakglass(\"5m\")", "@breakglass(\"90s\")", (None, Some(90), false)),
        ("@confirm(\"form\")", "", (None, None, false)),
        ("@window(\"168h\")", "@window(\"168h\")", (Some(604_800), None, false)),
    ] {
        let world = World::new(format!("permit (principal, action, resource); {} {}", asks(agent, "Agent"), asks(actor, "User")));
        let decision = world.call("delete", "{}");
        let terms = world.snapshot().terms(decision.grounds());
        let seconds = |duration: Option<Duration>| duration.map(|duration| duration.as_secs());
        assert_eq!((seconds(terms.window), seconds(terms.breakglass), terms.confirm), expected, "{agent} {actor}");
        assert_eq!(terms.because.len(), 2);
    }
    let world = World::new(format!(
        "permit (principal, action, resource); {} {}",
        asks("@approval(\"b\")", "Agent"),
        asks("@approval(\"a\")", "User")
    ));
    assert_eq!(world.snapshot().terms(world.call("delete", "{}").grounds()).groups, [Arc::from("a"), Arc::from("b")]);
}

#[test]
fn annotations_that_cannot_be_followed_are_refused_with_their_place() {
    for annotation in [
        "window(\"1h30m\")",
        "window(\"0s\")",
        "window(\"169h\")",
        "window(\"-1s\")",
        "breakglass(\"5\")",
        "confirm(\"url\")",
        "approval(\"\")",
    ] {
        let world = World::new(format!("@{annotation}\npermit (principal, action, resource);"));
        let problems = world.load().unwrap_err().problems();
        assert_eq!(
            (problems.len(), problems[0].code, problems[0].line, problems[0].column),
            (1, Code::Annotation, 1, 1),
            "{annotation}"
        );
    }
}

#[test]
fn arguments_have_one_canonical_form_whatever_their_text() {
    let canonical = |text: &str| canonical_arguments(text.as_bytes());
    let expected = Some("{\"a\":[1,2.50],\"b\":\"\u{e4}\"}".to_owned());
    assert_eq!(canonical("{ \"b\" : \"\\u00e4\", \"a\" : [ 1 , 2.50 ] }"), expected);
    assert_eq!((canonical("{\"a\":1,\"a\":2}"), canonical("{"), canonical("\"\\ud800\"")), (None, None, None));
    // Sorted by UTF-16 code units (RFC 8785, 3.2.3): U+10000 comes before U+FFFF.
    assert_eq!(canonical("{\"\u{ffff}\":1,\"\u{10000}\":2}"), Some("{\"\u{10000}\":2,\"\u{ffff}\":1}".to_owned()));
    assert_ne!(canonical("[9007199254740993]"), canonical("[9007199254740992]"), "no number is rounded");
}
