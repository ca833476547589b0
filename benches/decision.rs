//! How long a decision takes: a call of a typed tool, for agent and person, with 10, 100 and 1000 policies; and the first one about a
//! resource or a caller that is in no file, among 10,000 entities.
#![expect(clippy::expect_used, reason = "a benchmark that cannot set itself up stops")]

use std::hint::black_box;
use std::path::Path;

use bytes::Bytes;
use cedarpost::domain::{
    Action, Actor, AgentId, Annotations, Arguments, Call, Caller, Memberships, ServerName, Source, Standing, Target, Timestamp,
    ToolDefinition, Transport, UserId,
};
use cedarpost::policy::{Catalog, DeclaredPrincipal, PolicySnapshot, PrincipalKind, Request, Settings, read};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

const SCHEMA: &str = r#"namespace Mcp {
  action "shop/refund" in ["tools/call"] appliesTo {
    principal: [Agent, User], resource: [Tool], context: { input: { order: String, amount: Long, note?: String } }
  };
}"#;

/// `count` policies: two permits and a forbid that are about the call, the rest about other roles, tools and groups.
fn policies(count: usize) -> String {
    let mut text = String::from(
        r#"@id("agent") permit (principal in Mcp::Role::"assistant", action in Mcp::Action::"tools/call", resource in Mcp::Server::"shop");
           @id("small") permit (principal in Mcp::Role::"support", action == Mcp::Action::"shop/refund", resource) when { context.input.amount <= 10000 };
           @id("hours") forbid (principal, action, resource in Mcp::Server::"shop") unless { context.time.hour < 24 };"#,
    );
    for number in 3..count {
        text.push_str(&match number % 3 {
            0 => format!(r#"permit (principal in Mcp::Role::"role{number}", action in Mcp::Action::"tools/call", resource);"#),
            1 => format!(r#"permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"shop/tool{number}") when {{ resource.readOnly }};"#),
            _ => format!(r#"forbid (principal in Mcp::Team::"team{number}", action, resource in Mcp::ServerGroup::"group{number}") unless {{ context has actor }};"#),
        });
    }
    text
}

fn snapshot(directory: &Path, count: usize) -> PolicySnapshot {
    std::fs::write(directory.join("p.cedar"), policies(count)).expect("writable");
    std::fs::write(directory.join("s.cedarschema"), SCHEMA).expect("writable");
    let principal = |kind, id: &str, role: &str| DeclaredPrincipal { kind, id: id.to_owned(), roles: vec![role.to_owned()] };
    let settings = Settings {
        schema: vec![directory.to_owned()],
        principals: vec![
            principal(PrincipalKind::Agent, "helper", "assistant"),
            principal(PrincipalKind::User, "alice", "support"),
        ],
        servers: vec![shop()],
        ..Settings::new(vec![directory.to_owned()])
    };
    let tool = ToolDefinition {
        name: "refund".into(),
        annotations: Annotations::default(),
        input_schema: None,
        definition: Bytes::new(),
    };
    let mut catalog = Catalog::default();
    catalog.learn(&shop(), true, [tool]);
    PolicySnapshot::build(&settings, &read(&settings).expect("readable"), &catalog).expect("valid")
}

fn shop() -> ServerName {
    ServerName::new("shop").expect("a valid name")
}

fn bench(criterion: &mut Criterion) {
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let caller = Caller::new(AgentId::new("helper"), Actor::Person(UserId::new("alice")));
    let source = Source { transport: Transport::Http, ip: Some([10, 1, 2, 3].into()), session: Some("s-1".into()) };
    let call = Call {
        server: shop(),
        action: Action::ToolsCall,
        target: Target::Tool("refund".into()),
        arguments: Arguments::from_checked_json(Bytes::from_static(
            br#"{"order":"4711","amount":2500,"note":"damaged on arrival"}"#,
        )),
        source,
        request: None,
        trace: None,
    };
    let now = Timestamp::from_micros(1_772_447_400_000_000);
    for count in [10, 100, 1000] {
        let snapshot = snapshot(directory.path(), count);
        assert_eq!(snapshot.decide(&Request { caller: &caller, call: &call, now }).name(), "allow");
        criterion.bench_with_input(BenchmarkId::new("decide", count), &snapshot, |bencher, snapshot| {
            bencher.iter(|| snapshot.decide(black_box(&Request { caller: &caller, call: &call, now })));
        });
        criterion.bench_with_input(BenchmarkId::new("possible", count), &snapshot, |bencher, snapshot| {
            bencher.iter(|| snapshot.possible(black_box(&caller), &call.server, call.action, &call.target, &call.source, now));
        });
    }
}

/// A snapshot with `users` besides those who ask, of which alice reaches `reached` through an attribute.
fn crowd(directory: &Path, users: usize, reached: usize) -> PolicySnapshot {
    let user = |number: usize| {
        let boss = format!(r#""attrs":{{"boss":{{"type":"Mcp::User","id":"u{}"}}}}"#, number + 1);
        let attrs = if number < reached { boss } else { r#""attrs":{}"#.to_owned() };
        let id = if number == 0 { "alice".to_owned() } else { format!("u{number}") };
        let role = number % 100;
        format!(r#"{{"uid":{{"type":"Mcp::User","id":"{id}"}},{attrs},"parents":[{{"type":"Mcp::Role","id":"r{role}"}}]}}"#)
    };
    let text = (0..users).map(user).collect::<Vec<_>>().join(",");
    std::fs::write(directory.join("e.json"), format!("[{text}]")).expect("writable");
    std::fs::write(directory.join("p.cedar"), policies(100)).expect("writable");
    std::fs::write(directory.join("s.cedarschema"), "namespace Mcp { entity User = { boss?: User }; }").expect("writable");
    let principal = |kind, id: &str| DeclaredPrincipal { kind, id: id.to_owned(), roles: vec!["assistant".to_owned()] };
    let settings = Settings {
        schema: vec![directory.join("s.cedarschema")],
        entities: vec![directory.join("e.json")],
        principals: vec![principal(PrincipalKind::Agent, "helper"), principal(PrincipalKind::User, "alice")],
        servers: vec![shop()],
        ..Settings::new(vec![directory.join("p.cedar")])
    };
    PolicySnapshot::build(&settings, &read(&settings).expect("readable"), &Catalog::default()).expect("valid")
}

/// Decisions about something that is asked for the first time, among 10,000 entities.
fn bench_first(criterion: &mut Criterion) {
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let source = Source { transport: Transport::Http, ip: None, session: None };
    let now = Timestamp::from_micros(1_772_447_400_000_000);
    let mut number = 0_u64;
    for (name, reached) in [("first/new_uri", 1), ("first/new_uri_full_copy", 3_000)] {
        let snapshot = crowd(directory.path(), 10_000, reached);
        let caller = Caller::new(AgentId::new("helper"), Actor::Person(UserId::new("alice")));
        let mut decide = |roles: Option<u64>| {
            number += 1;
            let roles = roles.map(|role| format!("group{}", role + number).into()).into_iter().collect();
            let brings = Memberships { roles, ..Memberships::default() };
            let caller = caller.clone().with_standing(Standing { agent: Memberships::default(), actor: brings });
            let target = Target::Resource(format!("file:///{number}").into());
            let (action, arguments, source) = (Action::ResourcesRead, Arguments::ABSENT, source.clone());
            let call = Call { server: shop(), action, target, arguments, source, request: None, trace: None };
            snapshot.decide(&Request { caller: &caller, call: &call, now })
        };
        criterion.bench_function(name, |bencher| bencher.iter(|| decide(None)));
        if reached == 1 {
            criterion.bench_function("first/new_standing", |bencher| bencher.iter(|| decide(Some(0))));
        }
    }
}

criterion_group!(benches, bench, bench_first);
criterion_main!(benches);
