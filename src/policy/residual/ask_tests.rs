//! Decisions with residuals against decisions without, on whole snapshots; and what happens when the two disagree.

use cedar_policy::PolicySet;
use prometheus_client::metrics::counter::Counter;

use super::super::kept::SAMPLE;
use crate::domain::{
    Action, Actor, AgentId, Annotations, Arguments, Call, Caller, Decision, Principal, Target, Timestamp, UserId,
};
use crate::policy::evaluate::Request;
use crate::policy::fixture::{MONDAY, REFUND, World, line, shop, source, tool};
use crate::policy::slice::Sliced;
use crate::policy::snapshot::PolicySnapshot;

/// Policies that are combined at random. Some fail for some calls.
const POLICIES: [&str; 20] = [
    "permit (principal, action, resource);",
    "permit (principal in Mcp::Role::\"assistant\", action in Mcp::Action::\"tools/call\", resource);",
    "permit (principal is Mcp::User, action, resource in Mcp::Server::\"shop\") when { context has actor };",
    "permit (principal, action == Mcp::Action::\"shop/refund\", resource) when { context.input.amount <= 100 };",
    "permit (principal, action, resource is Mcp::Tool) when { resource.readOnly };",
    "permit (principal, action, resource is Mcp::Tool) when { resource.readOnly || context.time.hour < 12 };",
    "permit (principal, action, resource) when { context has approval };",
    "permit (principal, action, resource) when { context has approval && principal in Mcp::Role::\"support\" };",
    "permit (principal, action, resource) when { if principal in Mcp::Role::\"owner\" then true else context.time.weekday == 1 };",
    "permit (principal, action, resource) when { context.source has ip && context.source.ip.isInRange(ip(\"10.0.0.0/8\")) };",
    "permit (principal == Mcp::User::\"alice\", action, resource == Mcp::Tool::\"shop/delete\");",
    "forbid (principal, action == Mcp::Action::\"shop/refund\", resource) when { context.input.amount * 2 > 1000 };",
    "forbid (principal, action, resource is Mcp::Tool) when { resource.destructive } unless { context has approval };",
    "forbid (principal, action, resource) unless { context.time.now < datetime(\"2026-03-02T11:00:00Z\") };",
    "forbid (principal, action, resource) when { !(context has actor) && principal is Mcp::Agent };",
    "forbid (principal, action, resource is Mcp::Tool) when { !resource.readOnly && !(context has actor) };",
    "forbid (principal in Mcp::Role::\"support\", action, resource == Mcp::Tool::\"shop/search\");",
    "forbid (principal, action, resource) when { context.session has id && context.session.id like \"t-*\" };",
    "forbid (principal, action == Mcp::Action::\"shop/refund\", resource) when { context.input has note && context.input.note like \"x*\" };",
    "forbid (principal, action, resource) when { context has actor && context.actor == principal && context.time.minute > 45 };",
];

fn caller(attended: bool) -> Caller {
    let actor = if attended { Actor::Person(UserId::new("alice")) } else { Actor::Unattended };
    Caller::new(AgentId::new("helper"), actor)
}

fn decide(snapshot: &PolicySnapshot, attended: bool, target: &Target, arguments: &'static str, now: i64) -> Decision {
    let action = if matches!(target, Target::Tool(_)) { Action::ToolsCall } else { Action::ResourcesRead };
    let arguments = Arguments::from_checked_json(arguments.as_bytes().into());
    let call = Call { server: shop(), action, target: target.clone(), arguments, source: source(), request: None, trace: None };
    snapshot.decide(&Request { caller: &caller(attended), call: &call, now: Timestamp::from_micros(now), approval: None })
}

fn call(snapshot: &PolicySnapshot, name: &str) -> String {
    line(&decide(snapshot, true, &Target::Tool(name.into()), "{}", MONDAY))
}

/// Everything that is asked of two snapshots, in turn, often enough that residuals are used.
fn compare(with: &PolicySnapshot, without: &PolicySnapshot, policies: &str) -> [u32; 3] {
    let mut tally = [0; 3];
    let refunds = [
        r#"{"order":"1","amount":5}"#,
        r#"{"order":"1","amount":9223372036854775807}"#,
        r#"{"order":"1","amount":600,"note":"x"}"#,
    ];
    let mut calls: Vec<(Target, &str)> = refunds.map(|arguments| (Target::Tool("refund".into()), arguments)).to_vec();
    calls.extend(["search", "delete", "nothing"].map(|name| (Target::Tool(name.into()), "{}")));
    calls.push((Target::Resource("file:///x".into()), "{}"));
    for (attended, now) in [(true, MONDAY), (false, MONDAY), (true, MONDAY + 86_400_000_000), (false, MONDAY + 1_800_000_000)] {
        for (target, arguments) in &calls {
            let [ours, plain] = [with, without].map(|snapshot| decide(snapshot, attended, target, arguments, now));
            assert_eq!(ours, plain, "{target:?} {arguments} {now} {policies}");
            let kind = ["allow", "require_approval", "deny"].iter().position(|name| *name == ours.name());
            tally[kind.unwrap()] += 1;
            let possible = [with, without].map(|snapshot| {
                let at = Timestamp::from_micros(now);
                snapshot.possible(&caller(attended), &shop(), Action::ToolsCall, target, &source(), at)
            });
            assert_eq!(possible[0], possible[1], "{target:?} {now} {policies}");
        }
    }
    tally
}

#[test]
fn decisions_and_lists_are_the_same_with_and_without_residuals_whatever_servers_list() {
    let (mut seed, mut tally) = (0x9e37_79b9_u32, [0; 3]);
    for _ in 0..24 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let chosen = POLICIES.iter().enumerate().filter(|(number, _)| seed >> (number + 5) & 3 == 0);
        let policies: String = chosen.map(|(_, policy)| *policy).collect();
        let mut world = World::new(policies.clone()).schema(REFUND);
        let with = world.snapshot();
        world.settings.residuals = false;
        let without = world.snapshot();
        for snapshots in [&with, &with].map(|with| compare(with, &without, &policies)) {
            snapshots.iter().zip(&mut tally).for_each(|(seen, sum)| *sum += seen);
        }
        // What was read-only is not any more, and the other way round: what was known before must not count.
        let harmless = Annotations { read_only: true, destructive: false, idempotent: true, open_world: false };
        world.catalog.learn(&shop(), false, [tool("search", Annotations::default()), tool("delete", harmless)]);
        let (with, without) = (with.with_catalog(&world.catalog).unwrap(), without.with_catalog(&world.catalog).unwrap());
        compare(&with, &without, &policies);
        compare(&with, &without, &policies);
        assert!(with.core.residuals.is_on(), "a sample differed: {policies}");
    }
    assert!(tally.iter().all(|count| *count > 30), "{tally:?}");
}

/// Makes a snapshot believe that nothing is left of its policies for a tool and a principal.
fn plant(snapshot: &PolicySnapshot, name: &str, principal: Principal) {
    let call = Call {
        server: shop(),
        action: Action::ToolsCall,
        target: Target::Tool(name.into()),
        arguments: Arguments::ABSENT,
        source: source(),
        request: None,
        trace: None,
    };
    let caller = caller(true);
    let request = Request { caller: &caller, call: &call, now: Timestamp::from_micros(MONDAY), approval: None };
    let scope = snapshot.prepare(&request.question()).unwrap().scope(principal).unwrap();
    let wrong = Sliced::new(PolicySet::new()).specialise(&scope, &snapshot.entities).unwrap();
    snapshot.residuals.get(&scope).unwrap().plant(wrong);
}

#[test]
fn a_sample_that_differs_denies_the_call_turns_residuals_off_and_is_counted() {
    let world = World::new("@id(\"all\") permit (principal, action, resource);");
    let (snapshot, counter) = (world.snapshot(), Counter::default());
    snapshot.count_mismatches_in(&counter);
    assert_eq!(call(&snapshot, "search"), "allow: agent permitted [all]");
    plant(&snapshot, "search", Principal::Actor);
    // The first answer from residuals is in the sample.
    let denied = decide(&snapshot, true, &Target::Tool("search".into()), "{}", MONDAY);
    assert_eq!(line(&denied), "deny: agent not_evaluable");
    let faults = denied.grounds().judgements.iter().flat_map(|judgement| &judgement.faults);
    let faults: Vec<String> = faults.map(|fault| format!("{}: {}", fault.policy.id, fault.message)).collect();
    assert_eq!(faults, [format!("all: {}", super::DISAGREEMENT)]);
    assert_eq!(counter.get(), 1);
    for snapshot in [&snapshot, &snapshot.with_catalog(&world.catalog).unwrap()] {
        assert_eq!(call(snapshot, "search"), "allow: agent permitted [all]");
        assert!(!snapshot.core.residuals.is_on());
    }
}

#[test]
fn between_two_samples_residuals_are_what_counts() {
    let world = World::new("@id(\"all\") permit (principal, action, resource);");
    let snapshot = world.snapshot();
    (0..2).for_each(|_| assert_eq!(call(&snapshot, "search"), "allow: agent permitted [all]"));
    assert_eq!(call(&snapshot, "delete"), "allow: agent permitted [all]");
    plant(&snapshot, "delete", Principal::Agent);
    for _ in 1..SAMPLE {
        assert_eq!(call(&snapshot, "delete"), "deny: agent no_permit");
    }
    assert_eq!(call(&snapshot, "delete"), "deny: agent not_evaluable failed [all]");
    assert_eq!(call(&snapshot, "delete"), "allow: agent permitted [all]");
}

#[test]
fn what_calls_name_and_nobody_lists_pushes_nothing_out() {
    let world = World::new("@id(\"all\") permit (principal, action, resource);");
    let snapshot = world.snapshot();
    (0..2).for_each(|_| drop(call(&snapshot, "search")));
    drop(call(&snapshot, "delete"));
    plant(&snapshot, "delete", Principal::Agent);
    for number in 0..100 {
        let target = Target::Resource(format!("file:///{number}").into());
        assert_eq!(line(&decide(&snapshot, true, &target, "{}", MONDAY)), "allow: agent permitted [all]");
    }
    assert_eq!(call(&snapshot, "delete"), "deny: agent no_permit");
}

#[test]
fn policies_of_which_the_same_is_left_are_evaluated_once_and_all_named() {
    let world = World::new(
        r#"@id("a") permit (principal, action, resource) when { context.time.hour < 18 };
           @id("b") permit (principal in Mcp::Role::"assistant", action, resource) when { context.time.hour < 18 };
           @id("c") permit (principal in Mcp::Role::"support", action, resource) when { context.time.hour < 18 };
           @id("d") permit (principal in Mcp::Role::"owner", action, resource) when { context.time.hour < 18 };
           @id("e") permit (principal, action, resource) unless { context.time.hour < 18 };
           @id("f") forbid (principal, action, resource is Mcp::Tool) when { !(context.time.hour < 18) && resource.destructive };
           @id("g") forbid (principal, action, resource) when { context.time.hour < 18 && context.time.hour * 9223372036854775807 < 1 };
           @id("h") forbid (principal, action, resource) when { context.time.hour < 18 && context.time.hour * 9223372036854775807 < 1 };"#,
    );
    let snapshot = world.snapshot();
    let evening = MONDAY + 10 * 3_600_000_000;
    for (now, expected) in [(MONDAY, "deny"), (evening, "allow")] {
        let decisions = [0; 3].map(|_| decide(&snapshot, true, &Target::Tool("search".into()), "{}", now));
        assert_eq!(decisions[0].name(), expected);
        for again in &decisions[1..] {
            assert_eq!(again.grounds(), decisions[0].grounds());
        }
        let first = &decisions[0].grounds().judgements[0];
        let faults: Vec<&str> = first.faults.iter().map(|fault| &*fault.policy.id).collect();
        assert_eq!(faults, if now == MONDAY { vec!["g", "h"] } else { vec![] });
    }
}
