//! What a decision costs, beside plain `Authorizer::is_authorized` on the whole policy set in the same run.
//!
//! The policies are a synthetic mix over 3,000 entities: 40 % are about a role and a tool group, 20 % about one principal and one
//! tool, 30 % have conditions (on arguments, on the time, on attributes), 10 % are forbids, and two guards are about everything.
//! Roles and groups are drawn independently, so that the scopes leave two or three policies to look at of 100, and six of 10,000.
//! A decision is one call of a typed tool for agent and person, from the text of its arguments.
//!
//! Times are CPU times of the measuring thread, so that other work on the machine hardly shows.
//!
//! `DECISION_POLICIES=10,100000` chooses the sizes; 100,000 policies take minutes to load and are left out otherwise.
#![expect(clippy::expect_used, reason = "a benchmark that cannot set itself up stops")]

use std::collections::HashSet;
use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use cedar_policy::{Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, RestrictedExpression};
use cedarpost::domain::{
    Action, Actor, AgentId, Annotations, Arguments, Call, Caller, ServerName, Source, Target, Timestamp, ToolDefinition,
    Transport, UserId,
};
use cedarpost::policy::{Catalog, PolicyFiles, PolicySnapshot, Request, Settings, read};
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BatchSize, BenchmarkId, criterion_group, criterion_main};
use tempfile::TempDir;

const AGENTS: usize = 500;
const USERS: usize = 2_000;
const TOOLS: usize = 500;
/// Tools with typed arguments: the ones that are called.
const TYPED: usize = 16;
const GROUPS: usize = 50;
/// Different pairs of caller and tool that a walk goes through.
const PAIRS: usize = 256;
const NOW: Timestamp = Timestamp::from_micros(1_772_447_400_000_000);
const ARGUMENTS: &str = r#"{"order":"4711","amount":2500,"note":"damaged on arrival"}"#;

type Criterion = criterion::Criterion<CpuTime>;

/// CPU time of the calling thread, as Linux accounts for it.
struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        // The account is brought up to date when a thread yields.
        std::thread::yield_now();
        let account = std::fs::read_to_string("/proc/thread-self/schedstat").expect("an account of the thread's time");
        Duration::from_nanos(account.split(' ').next().and_then(|time| time.parse().ok()).expect("a time"))
    }

    fn end(&self, start: Duration) -> Duration {
        self.start().saturating_sub(start)
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        static WALL: WallTime = WallTime;
        WALL.formatter()
    }
}

/// The same world for us and for plain Cedar.
struct World {
    directory: TempDir,
    settings: Settings,
    catalog: Catalog,
    policies: String,
    roles: usize,
}

impl World {
    fn new(count: usize) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let roles = (count / 100).max(10);
        let world =
            Self { settings: settings(&directory), catalog: catalog(), policies: policies(count, roles), roles, directory };
        let write = |name: &str, text: &str| std::fs::write(world.directory.path().join(name), text).expect("writable");
        // A file has a limit, and every policy but the first few has a line of its own.
        let lines: Vec<&str> = world.policies.lines().collect();
        lines.chunks(10_000).enumerate().for_each(|(number, lines)| write(&format!("p{number}.cedar"), &lines.join("\n")));
        write("s.cedarschema", &schema());
        write("e.json", &world.entities_file());
        world
    }

    fn files(&self) -> PolicyFiles {
        read(&self.settings).expect("readable")
    }

    fn snapshot(&self, files: &PolicyFiles) -> PolicySnapshot {
        PolicySnapshot::build(&self.settings, files, &self.catalog).expect("valid")
    }

    fn without_residuals(&self, files: &PolicyFiles) -> PolicySnapshot {
        let settings = Settings { residuals: false, ..self.settings.clone() };
        PolicySnapshot::build(&settings, files, &self.catalog).expect("valid")
    }

    fn entities_file(&self) -> String {
        let file: Vec<String> = members(self.roles)
            .map(|(uid, parents)| {
                let reference = |(ty, id): &(&str, String)| format!(r#"{{"type":"Mcp::{ty}","id":"{id}"}}"#);
                let parents: Vec<String> = parents.iter().map(reference).collect();
                format!(r#"{{"uid":{},"attrs":{{}},"parents":[{}]}}"#, reference(&uid), parents.join(","))
            })
            .collect();
        format!("[{}]", file.join(",\n"))
    }
}

/// Everything that is in something, with what it is in.
fn members(roles: usize) -> impl Iterator<Item = ((&'static str, String), Vec<(&'static str, String)>)> {
    let some = move |number: usize, salt: usize| ("Role", format!("role-{}", (number * 7 + salt * 13 + salt * salt) % roles));
    let agents = (0..AGENTS).map(move |n| (("Agent", format!("agent-{n}")), (0..3).map(|salt| some(n, salt)).collect()));
    let users = (0..USERS).map(move |n| (("User", format!("user-{n}")), (0..3).map(|salt| some(n, salt)).collect()));
    let tools = (0..TOOLS).map(|n| (("Tool", format!("shop/tool-{n}")), vec![("ToolGroup", format!("group-{}", n % GROUPS))]));
    agents.chain(users).chain(tools)
}

fn settings(directory: &TempDir) -> Settings {
    let path = || vec![directory.path().to_owned()];
    Settings { schema: path(), entities: path(), servers: vec![shop()], ..Settings::new(path()) }
}

fn schema() -> String {
    let action = |n| {
        format!(
            r#"action "shop/tool-{n}" in ["tools/call"] appliesTo {{
                principal: [Agent, User], resource: [Tool], context: {{ input: {{ order: String, amount: Long, note?: String }} }}
            }};"#
        )
    };
    format!("namespace Mcp {{ {} }}", (0..TYPED).map(action).collect::<String>())
}

fn catalog() -> Catalog {
    let tool = |n| ToolDefinition {
        name: format!("tool-{n}").into(),
        annotations: Annotations { read_only: n % 2 == 0, destructive: n % 7 == 0, idempotent: true, open_world: false },
        input_schema: None,
        definition: Bytes::new(),
    };
    let mut catalog = Catalog::default();
    catalog.learn(&shop(), true, (0..TOOLS).map(tool));
    catalog
}

/// The mix. Everything is a function of its number, so that every run has the same.
fn policies(count: usize, roles: usize) -> String {
    let mut text = String::from(
        r#"@id("attended") forbid (principal, action, resource is Mcp::Tool) when { resource.destructive && !(context has actor) };
           @id("suspended") forbid (principal, action, resource) when { principal in Mcp::Role::"suspended" };
           @id("stolen") forbid (principal, action == Mcp::Action::"shop/tool-2", resource) when { context.input has note && context.input.note like "*stolen*" };
           @id("first-agent") permit (principal == Mcp::Agent::"agent-1", action in Mcp::Action::"tools/call", resource == Mcp::Tool::"shop/tool-1");
           @id("first-user") permit (principal == Mcp::User::"user-1", action == Mcp::Action::"shop/tool-1", resource) when { context.input.amount <= 10000 };"#,
    );
    for n in 5..count {
        let role = format!(r#"principal in Mcp::Role::"role-{}""#, scattered(n, 1) % roles);
        let group = format!(r#"resource in Mcp::ToolGroup::"group-{}""#, scattered(n, 2) % GROUPS);
        let any_tool = r#"action in Mcp::Action::"tools/call""#;
        let policy = match n % 10 {
            0..4 => format!("permit ({role}, {any_tool}, {group});"),
            4..6 => {
                let (kind, id) = if n % 2 == 0 { ("Agent", n % AGENTS) } else { ("User", n % USERS) };
                let id = format!(r#"Mcp::{kind}::"{}-{id}""#, kind.to_lowercase());
                format!(r#"permit (principal == {id}, {any_tool}, resource == Mcp::Tool::"shop/tool-{}");"#, (n * 11) % TOOLS)
            }
            6 => format!(
                r#"permit ({role}, action == Mcp::Action::"shop/tool-{}", resource) when {{ resource.readOnly && context.input.amount < {n} }};"#,
                n % TYPED
            ),
            7 => format!("permit ({role}, {any_tool}, {group}) when {{ context.time.hour >= 8 && context.time.hour < 18 }};"),
            8 => format!("permit ({role}, {any_tool}, {group}) when {{ resource.readOnly }};"),
            _ => format!("forbid ({role}, {any_tool}, {group}) unless {{ context has actor }};"),
        };
        text.push_str(&policy);
        text.push('\n');
    }
    text
}

/// A number that looks drawn at random; others for another `salt`.
fn scattered(number: usize, salt: usize) -> usize {
    let mixed = (number.wrapping_mul(31) ^ salt.wrapping_mul(0x9e37_79b9)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 32
}

fn shop() -> ServerName {
    ServerName::new("shop").expect("a valid name")
}

fn calls() -> Vec<(Caller, Call)> {
    (1..=PAIRS).map(|n| (caller(n), call(n, ARGUMENTS))).collect()
}

fn caller(n: usize) -> Caller {
    Caller::new(AgentId::new(format!("agent-{n}")), Actor::Person(UserId::new(format!("user-{n}"))))
}

fn call(n: usize, arguments: &str) -> Call {
    Call {
        server: shop(),
        action: Action::ToolsCall,
        target: Target::Tool(format!("tool-{}", n % TYPED).into()),
        arguments: Arguments::from_checked_json(Bytes::copy_from_slice(arguments.as_bytes())),
        source: Source { transport: Transport::Http, ip: Some([10, 1, 2, 3].into()), session: Some("s-1".into()) },
        request: None,
        trace: None,
    }
}

/// Cedar alone: the whole set, prebuilt entities, requests that are there already.
struct Plain {
    policies: PolicySet,
    entities: Entities,
    requests: Vec<[cedar_policy::Request; 2]>,
}

impl Plain {
    fn new(world: &World) -> Self {
        let uid = |ty: &str, id: &str| -> EntityUid { format!("Mcp::{ty}::\"{id}\"").parse().expect("a uid") };
        let entity = |(ty, id): (&str, String), parents: Vec<(&str, String)>| {
            let mut parents: HashSet<EntityUid> = parents.iter().map(|(ty, id)| uid(ty, id)).collect();
            let number: usize = id.rsplit('-').next().and_then(|n| n.parse().ok()).unwrap_or_default();
            let mut attributes = Vec::new();
            if ty == "Tool" {
                parents.insert(uid("Server", "shop"));
                attributes.push(("readOnly".to_owned(), RestrictedExpression::new_bool(number.is_multiple_of(2))));
                attributes.push(("destructive".to_owned(), RestrictedExpression::new_bool(number.is_multiple_of(7))));
            }
            Entity::new(uid(ty, &id), attributes.into_iter().collect(), parents).expect("an entity")
        };
        let actions = (0..TYPED).map(|n| {
            let group = HashSet::from([uid("Action", "tools/call")]);
            Entity::new_no_attrs(uid("Action", &format!("shop/tool-{n}")), group)
        });
        let entities = members(world.roles).map(|(uid, parents)| entity(uid, parents)).chain(actions);
        let request = |kind: &str, n: usize| {
            let record = |pairs: Vec<(String, RestrictedExpression)>| RestrictedExpression::new_record(pairs).expect("a record");
            let long = RestrictedExpression::new_long;
            let context = Context::from_pairs([
                ("actor".to_owned(), RestrictedExpression::new_entity_uid(uid("User", &format!("user-{n}")))),
                ("time".to_owned(), record(vec![("hour".to_owned(), long(10))])),
                ("input".to_owned(), record(vec![("amount".to_owned(), long(2500))])),
            ]);
            let principal = uid(kind, &format!("{}-{n}", kind.to_lowercase()));
            let (action, resource) =
                (uid("Action", &format!("shop/tool-{}", n % TYPED)), uid("Tool", &format!("shop/tool-{}", n % TYPED)));
            cedar_policy::Request::new(principal, action, resource, context.expect("a context"), None).expect("a request")
        };
        Self {
            policies: world.policies.parse().expect("policies"),
            entities: Entities::from_entities(entities, None).expect("entities"),
            requests: (1..=PAIRS).map(|n| [request("Agent", n), request("User", n)]).collect(),
        }
    }

    fn allows(&self, requests: &[cedar_policy::Request; 2]) -> bool {
        let allow =
            |request| Authorizer::new().is_authorized(request, &self.policies, &self.entities).decision() == Decision::Allow;
        let [agent, user] = requests.each_ref().map(allow);
        agent && user
    }
}

#[expect(clippy::disallowed_methods, reason = "how large the sets are is no setting of the sidecar")]
fn sizes() -> Vec<usize> {
    let chosen = std::env::var("DECISION_POLICIES").unwrap_or_else(|_| "10,100,1000,10000".to_owned());
    chosen.split(',').map(|size| size.trim().parse().expect("DECISION_POLICIES holds numbers")).collect()
}

fn bench(criterion: &mut Criterion) {
    for count in sizes() {
        let world = World::new(count);
        let files = world.files();
        let (snapshot, slices) = (world.snapshot(&files), world.without_residuals(&files));
        let plain = Plain::new(&world);
        decisions(criterion, count, [("residuals", &snapshot), ("slices", &slices)], &plain);
        arguments(criterion, count, &snapshot);
        discovery(criterion, count, &world, &files, [("residuals", &snapshot), ("slices", &slices)]);
        loading(criterion, count, &world, &files);
    }
}

fn decisions(criterion: &mut Criterion, count: usize, ways: [(&str, &PolicySnapshot); 2], plain: &Plain) {
    let mut group = criterion.benchmark_group("decide");
    let calls = calls();
    let allows = |snapshot: &PolicySnapshot, (caller, call): &(Caller, Call)| {
        snapshot.decide(&Request { caller, call, now: NOW, approval: None }).name() == "allow"
    };
    let first = calls.first().expect("a call");
    for (way, snapshot) in ways {
        // Twice, because residuals are used from the second time on.
        for (ours, requests) in calls.iter().zip(&plain.requests).chain(calls.iter().zip(&plain.requests)) {
            assert_eq!(allows(snapshot, ours), plain.allows(requests), "{ours:?}");
        }
        assert!(allows(snapshot, first));
        group.bench_function(BenchmarkId::new(format!("{way}, one pair"), count), |bencher| {
            bencher.iter(|| allows(snapshot, black_box(first)));
        });
        let mut walk = calls.iter().cycle();
        group.bench_function(BenchmarkId::new(format!("{way}, 256 pairs"), count), |bencher| {
            bencher.iter(|| allows(snapshot, black_box(walk.next().expect("endless"))));
        });
    }
    let mut walk = plain.requests.iter().cycle();
    if count >= 1000 {
        group.sample_size(10);
    }
    group.bench_function(BenchmarkId::new("plain Cedar, 256 pairs", count), |bencher| {
        bencher.iter(|| plain.allows(black_box(walk.next().expect("endless"))));
    });
    group.finish();
}

/// Calls with an argument of 1 MB, which no policy reads, and which one does: that is more than is ever shown to a policy.
fn arguments(criterion: &mut Criterion, count: usize, snapshot: &PolicySnapshot) {
    let mut group = criterion.benchmark_group("1 MB argument");
    let caller = caller(1);
    let text = format!(r#"{{"order":"4711","amount":2500,"note":"{}"}}"#, "x".repeat(1 << 20));
    for (name, tool, expected) in [("unread", 1, "allow"), ("read", 2, "deny")] {
        let call = call(tool, &text);
        let decide = || snapshot.decide(black_box(&Request { caller: &caller, call: &call, now: NOW, approval: None }));
        assert_eq!(decide().name(), expected);
        group.bench_function(BenchmarkId::new(name, count), |bencher| bencher.iter(decide));
    }
    group.finish();
}

/// Filters a list of all tools.
fn discovery(criterion: &mut Criterion, count: usize, world: &World, files: &PolicyFiles, ways: [(&str, &PolicySnapshot); 2]) {
    let mut group = criterion.benchmark_group("filter 500 tools");
    let targets: Vec<Target> = (0..TOOLS).map(|n| Target::Tool(format!("tool-{n}").into())).collect();
    let (caller, call, shop) = (caller(1), call(1, "{}"), shop());
    let filter = |snapshot: &PolicySnapshot| {
        let possible = |target: &&Target| snapshot.possible(&caller, &shop, Action::ToolsCall, target, &call.source, NOW);
        targets.iter().filter(possible).count()
    };
    for (way, snapshot) in ways {
        group.bench_function(BenchmarkId::new(format!("{way}, warm"), count), |bencher| bencher.iter(|| filter(snapshot)));
    }
    group.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_millis(1));
    group.bench_function(BenchmarkId::new("residuals, cold", count), |bencher| {
        bencher.iter_batched_ref(|| world.snapshot(files), |fresh| filter(fresh), BatchSize::PerIteration);
    });
    group.finish();
}

fn loading(criterion: &mut Criterion, count: usize, world: &World, files: &PolicyFiles) {
    let mut group = criterion.benchmark_group("load");
    group.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_millis(1));
    group.bench_function(BenchmarkId::new("snapshot", count), |bencher| {
        bencher.iter_with_large_drop(|| world.snapshot(files));
    });
    group.bench_function(BenchmarkId::new("plain Cedar, parsing", count), |bencher| {
        bencher.iter_with_large_drop(|| world.policies.parse::<PolicySet>().expect("policies"));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = criterion::Criterion::default().with_measurement(CpuTime);
    targets = bench
}
criterion_main!(benches);
