//! Policies from a ConfigMap volume: sets of files that are only right together are exchanged again and again while many ask, and no answer
//! is ever given by anything but one whole set.
//!
//! `SWAPS` says how many exchanges there are. (Not `CEDARPOST_…`: the sidecar would take it for a setting that it does not know.)

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cedarpost::domain::ServerName;
use cedarpost::grpc::pb;
use cedarpost::policy::{self, Catalog, DeclaredPrincipal, PolicySnapshot, PrincipalKind};
use http::{HeaderMap, Method};
use parking_lot::Mutex;
use pb::decision_service_client::DecisionServiceClient;
use pb::policy_service_client::PolicyServiceClient;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::watch;
use tonic::transport::{Channel, Endpoint};

use crate::support::{Connection, Desk, Era, Files, Mcp, Reply, Upstream, Volume, asked, cedarpost, files};

mod plain;

/// The tool that set `n` forbids; the other one it permits.
fn forbidden(n: u32) -> &'static str {
    if n.is_multiple_of(2) { "destroy" } else { "echo" }
}

fn permitted(n: u32) -> &'static str {
    forbidden(n + 1)
}

/// Set `n`. Each of its parts needs the others: without the entities nothing is permitted, without the forbid both tools are.
pub(crate) fn set(n: u32) -> Files {
    let permit = format!(
        "@id(\"permit-{n}\") permit (principal, action in Mcp::Action::\"tools/call\", resource in Mcp::ToolGroup::\"gen-{n}\");\n"
    );
    let forbid = format!(
        "@id(\"forbid-{n}\") @reason(\"gen {n}\")\nforbid (principal, action in Mcp::Action::\"tools/call\", resource == Mcp::Tool::\"lab/{}\");\n",
        forbidden(n)
    );
    let tool = |name: &str| {
        json!({ "uid": { "type": "Mcp::Tool", "id": format!("lab/{name}") }, "attrs": {},
                "parents": [{ "type": "Mcp::ToolGroup", "id": format!("gen-{n}") }] })
    };
    let mut all = files([
        ("a-permit.cedar", permit.as_str()),
        ("b-forbid.cedar", forbid.as_str()),
        ("tools.json", json!([tool("echo"), tool("destroy")]).to_string().as_str()),
    ]);
    if n.is_multiple_of(3) {
        // A file that comes and goes, and with it its link.
        all.insert(
            format!("extra-{}.cedar", n % 7),
            format!("@id(\"extra-{n}\") forbid (principal == Mcp::User::\"nobody-{n}\", action, resource);\n"),
        );
    }
    all
}

/// Which set each fingerprint names, worked out here from the files alone.
struct Names(HashMap<String, u32>);

impl Names {
    async fn of(sets: u32, upstream: &Upstream) -> Self {
        let server = ServerName::new("lab").unwrap();
        let mut listed = Catalog::default();
        let tools = cedarpost::mcp::list::tools(&list(upstream).await).unwrap().tools;
        assert_eq!(tools.len(), 2);
        listed.learn(&server, false, tools);
        let principal = |kind, id: &str| DeclaredPrincipal { kind, id: id.to_owned(), roles: Vec::new() };
        let stage = tempfile::tempdir().unwrap();
        let place = stage.path().to_owned();
        let settings = policy::Settings {
            entities: vec![place.clone()],
            principals: vec![principal(PrincipalKind::Agent, "assistant"), principal(PrincipalKind::User, "alice")],
            servers: vec![server],
            ..policy::Settings::new(vec![place])
        };
        let mut names = HashMap::new();
        for n in 0..=sets {
            for old in fs::read_dir(stage.path()).unwrap() {
                fs::remove_file(old.unwrap().path()).unwrap();
            }
            for (name, text) in set(n) {
                fs::write(stage.path().join(name), text).unwrap();
            }
            let read = policy::read(&settings).unwrap();
            // At first nobody knows what the server lists.
            let catalogs = if n == 0 { vec![Catalog::default(), listed.clone()] } else { vec![listed.clone()] };
            for catalog in catalogs {
                let snapshot = PolicySnapshot::build(&settings, &read, &catalog).unwrap();
                names.insert(snapshot.fingerprint().to_string(), n);
            }
        }
        assert_eq!(names.len(), sets as usize + 2, "each set has a name of its own");
        Self(names)
    }

    /// The set of this fingerprint, which must be one of them.
    fn set(&self, fingerprint: &str) -> u32 {
        *self.0.get(fingerprint).unwrap_or_else(|| panic!("{fingerprint} is none of the sets that ever were whole"))
    }
}

/// What the server answers when it is asked for its tools, byte for byte.
async fn list(upstream: &Upstream) -> Bytes {
    let mut connection = Connection::open(upstream.address).await.unwrap();
    let headers = HeaderMap::from_iter([(http::header::HOST, "x".parse().unwrap())]);
    let question = json!({"jsonrpc": "2.0", "id": "1", "method": "tools/list", "params": {}}).to_string();
    connection.send(Method::POST, "/mcp", &headers, question.as_bytes()).await.unwrap().body
}

/// What one caller saw: decisions in their order, and whether each was an allow.
#[derive(Default)]
struct Seen {
    decisions: Vec<(String, bool)>,
    lists: usize,
}

/// Everybody who asks meanwhile shares this.
struct Load {
    names: Names,
    over: AtomicBool,
    asked: AtomicU64,
}

impl Load {
    fn goes_on(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed);
        !self.over.load(Ordering::Relaxed)
    }
}

/// A moment for the others: two processors have to do for all of them.
async fn breathe() {
    tokio::time::sleep(Duration::from_millis(4)).await;
}

/// Calls both tools in turn, and looks at the list from time to time.
async fn calls(load: Arc<Load>, mut client: Mcp, name: &'static str) -> Seen {
    let mut seen = Seen::default();
    for turn in 0_u32.. {
        if !load.goes_on() {
            break;
        }
        let tool = if turn.is_multiple_of(2) { "echo" } else { "destroy" };
        let reply: Reply = client.call(&format!("{name}-{turn}"), tool, json!({"message": "x"})).await.unwrap();
        assert_eq!(reply.status, 200, "{reply:?}");
        let good = reply.is_good();
        let id = if good { reply.header("cedarpost-decision-id") } else { reply.denial() };
        seen.decisions.push((id.unwrap_or_else(|| panic!("neither yes nor no: {reply:?}")), good));
        if turn.is_multiple_of(8) {
            let reply = client.request(&format!("{name}-{turn}-list"), "tools/list", None, json!({})).await.unwrap();
            assert_eq!(reply.status, 200, "{reply:?}");
            let message = reply.json();
            let tools = message["result"]["tools"].as_array().unwrap_or_else(|| panic!("{message}"));
            assert_eq!(tools.len(), 1, "every whole set shows one of the two: {message}");
            seen.lists += 1;
        }
        breathe().await;
    }
    seen
}

/// Checks over gRPC, whose answers name the set that they are by.
async fn checks(load: Arc<Load>, channel: Channel, dry_run: bool) -> Seen {
    let (mut client, mut seen, mut newest) = (DecisionServiceClient::new(channel), Seen::default(), 0);
    for turn in 0_u32.. {
        if !load.goes_on() {
            break;
        }
        let tool = if turn.is_multiple_of(2) { "echo" } else { "destroy" };
        let answer = client.check(pb::CheckRequest { dry_run, ..asked(tool) }).await.unwrap().into_inner();
        let n = load.names.set(&answer.policy_fingerprint);
        let allow = answer.decision() == pb::Decision::Allow;
        assert_eq!(allow, tool == permitted(n), "set {n} is not asked in part: {answer:?}");
        assert!(n >= newest, "{n} after {newest}: {answer:?}");
        newest = n;
        seen.decisions.push((answer.decision_id, allow));
        breathe().await;
    }
    seen
}

/// Asks whether it is ready: it never is not.
async fn probes(load: Arc<Load>, admin: std::net::SocketAddr) -> usize {
    let headers = HeaderMap::from_iter([(http::header::HOST, "localhost".parse().unwrap())]);
    let mut probed = 0;
    while load.goes_on() {
        let mut connection = Connection::open(admin).await.unwrap();
        let reply = connection.send(Method::GET, "/readyz", &headers, b"").await.unwrap();
        assert_eq!(reply.status, 200, "{reply:?}");
        probed += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    probed
}

/// When each set was seen to be in force.
#[derive(Default)]
struct Arrivals(Mutex<BTreeMap<u32, Instant>>);

/// Listens to what is in force and notes when.
async fn listens(channel: Channel, load: Arc<Load>, arrivals: Arc<Arrivals>, newest: watch::Sender<u32>) {
    let mut stream =
        PolicyServiceClient::new(channel).watch_policy_status(pb::WatchPolicyStatusRequest {}).await.unwrap().into_inner();
    while let Ok(Some(message)) = stream.message().await {
        let status = message.status.unwrap();
        let n = load.names.set(&status.fingerprint);
        assert!(status.last_attempt.unwrap().accepted, "nothing half is ever tried, and all that is whole is good");
        arrivals.0.lock().entry(n).or_insert_with(Instant::now);
        assert!(n >= *newest.borrow(), "{n} after {}", *newest.borrow());
        newest.send_replace(n);
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a run takes is a setting of this test, not of the product")]
fn number(name: &str, otherwise: u32) -> u32 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// How long a set that stays may take to be in force. The goal is two seconds, on a machine that has time for it.
const IN_FORCE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn sets_that_are_exchanged_under_load_are_in_force_whole_or_not_at_all() {
    let sets = number("SWAPS", 60);
    let upstream = Upstream::start().await;
    let names = Names::of(sets, &upstream).await;
    let desk = Desk::new("");
    fs::remove_dir_all(desk.path("policies")).unwrap();
    let mut volume = Volume::at(desk.path("policies"));
    volume.swap(&set(0));
    let more = format!("policy.entities = ['{}']\ngrpc.address = '127.0.0.1:0'", volume.path().display());
    desk.configure(&format!("url = 'http://{}/mcp'", upstream.address), &more);
    let served = desk.serve().await;
    let channel = || async { Endpoint::from_shared(format!("http://{}", served.face("grpc"))).unwrap().connect().await.unwrap() };
    while served.status().await["tools"]["lab"] != 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let load = Arc::new(Load { names, over: AtomicBool::new(false), asked: AtomicU64::new(0) });
    let (arrivals, (newest, mut seen_newest)) = (Arc::<Arrivals>::default(), watch::channel(0));
    let listening = tokio::spawn(listens(channel().await, Arc::clone(&load), Arc::clone(&arrivals), newest));
    let mut callers = Vec::new();
    for (name, era) in [("modern-1", Era::Modern), ("modern-2", Era::Modern), ("legacy", Era::Legacy)] {
        let client = Mcp::connect(served.mcp, era).await.unwrap();
        callers.push((name, tokio::spawn(calls(Arc::clone(&load), client, name))));
    }
    for (name, dry_run) in [("check-1", false), ("check-2", false), ("dry", true)] {
        callers.push((name, tokio::spawn(checks(Arc::clone(&load), channel().await, dry_run))));
    }
    let probing = tokio::spawn(probes(Arc::clone(&load), served.admin));

    let began = Instant::now();
    let mut took = Vec::new();
    let mut stayed = vec![0];
    for n in 1..=sets {
        // Every tenth is written slowly: a set that is not finished is not to be seen.
        let pause = Duration::from_millis(if n % 10 == 7 { 8 } else { 0 });
        let there = tokio::task::block_in_place(|| volume.swap_slowly(&set(n), pause));
        if n.is_multiple_of(5) && n != sets {
            // Followed by the next before anybody can have seen it, or just then.
            tokio::time::sleep(Duration::from_millis(u64::from(n * 7919 % 70))).await;
            continue;
        }
        let in_force = tokio::time::timeout(IN_FORCE, seen_newest.wait_for(|newest| *newest >= n)).await;
        let stuck = || format!("set {n} is not in force: {}", served.log().lines().rev().take(5).collect::<Vec<_>>().join("\n"));
        in_force.unwrap_or_else(|_| panic!("{}", stuck())).unwrap_or_else(|_| panic!("whoever listens fell over"));
        took.push(arrivals.0.lock()[&n].saturating_duration_since(there));
        stayed.push(n);
    }
    let swapping = began.elapsed();
    load.over.store(true, Ordering::Relaxed);
    let mut seen = BTreeMap::new();
    for (name, caller) in callers {
        seen.insert(name, caller.await.unwrap());
    }
    let probed = probing.await.unwrap();
    served.signal(Signal::TERM);
    let log = served.log();
    assert_eq!(served.end().await.code(), Some(0), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    listening.await.unwrap();

    let recorded = records(&desk).await;
    let judged = judge(&recorded, &load.names);
    for n in &stayed {
        assert!(judged.in_force.contains(n), "set {n} stayed long enough and never was in force");
    }
    let mut decisions = 0;
    for (name, seen) in &seen {
        let mut newest = 0;
        for (id, good) in &seen.decisions {
            let (n, allow) =
                judged.decisions.get(id).unwrap_or_else(|| panic!("{name} was told of {id}, and the log has no such record"));
            assert_eq!(allow, good, "{name}: {id}");
            assert!(*n >= newest, "{name} saw set {n} after {newest}");
            newest = *n;
        }
        decisions += seen.decisions.len();
    }
    took.sort();
    let lists: usize = seen.values().map(|seen| seen.lists).sum();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    println!(
        "{sets} exchanges in {swapping:.1?}, {} sets in force, {} skipped; {decisions} decisions by {} callers, {lists} lists, {probed} probes; \
         from exchange to in force: p50 {:.0?}, p99 {:.0?}, max {:.0?}",
        judged.in_force.len(),
        sets as usize + 1 - judged.in_force.len(),
        seen.len(),
        at(50),
        at(99),
        at(100),
    );
    let verified = cedarpost(&["audit", "verify", "--audit-dir", desk.audit(1).to_str().unwrap()]).await;
    assert!(verified.status.success(), "{verified:?}");
}

/// All records of the log, in order.
async fn records(desk: &Desk) -> Vec<Value> {
    let directory = desk.audit(1);
    let shown = cedarpost(&["audit", "show", "--json", "--limit", "10000000", "--audit-dir", directory.to_str().unwrap()]).await;
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    String::from_utf8(shown.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the log says.
struct Judged {
    /// The sets that were in force, in order.
    in_force: Vec<u32>,
    /// By which set each decision was made, and whether it is an allow.
    decisions: HashMap<String, (u32, bool)>,
}

/// Holds every record against the set that it names.
fn judge(records: &[Value], names: &Names) -> Judged {
    let text = |record: &Value, key: &str| record[key].as_str().unwrap_or_default().to_owned();
    let mut judged = Judged { in_force: Vec::new(), decisions: HashMap::new() };
    for record in records {
        match record["t"].as_str() {
            Some("policy") => {
                assert_eq!(record["change"], "accepted", "{record}");
                let n = names.set(&text(record, "policy"));
                assert!(judged.in_force.last().is_none_or(|last| *last <= n), "{n} after {:?}", judged.in_force.last());
                if judged.in_force.last() != Some(&n) {
                    judged.in_force.push(n);
                }
            }
            Some("decision") => {
                let n = names.set(&text(record, "policy"));
                assert!(judged.in_force.contains(&n), "decided by what was not in force: {record}");
                let (tool, allow) = (text(record, "tool"), record["decision"] == "allow");
                assert_eq!(allow, tool == permitted(n), "set {n} says something else: {record}");
                let (cause, policy) =
                    if allow { ("permitted", format!("permit-{n}")) } else { ("forbidden", format!("forbid-{n}")) };
                for judgement in record["judgements"].as_array().unwrap() {
                    assert_eq!(judgement["cause"], cause, "{record}");
                    let policies: Vec<&str> =
                        judgement["policies"].as_array().unwrap().iter().map(|policy| policy["id"].as_str().unwrap()).collect();
                    assert_eq!(policies, [policy.as_str()], "{record}");
                }
                judged.decisions.insert(text(record, "id"), (n, allow));
            }
            _ => {}
        }
    }
    judged
}
