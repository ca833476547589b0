//! kill -9 in the middle of load: whatever a client was told, and whatever the server was made to do, is in the log afterwards.
//!
//! `CRASH_ROUNDS` sets the number of rounds (5 when it is not set).

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::{Era, Home, Mcp, Sidecar, Upstream, cedarpost};

const CLIENTS: usize = 16;
const POLICIES: &str = r#"
@id("echo")
permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/echo");
"#;

/// A decision that a client has been told.
#[derive(Debug)]
struct Acknowledged {
    id: String,
    decision: &'static str,
}

/// What the log says, by decision id and by the JSON-RPC id of the call.
struct Log {
    by_id: HashMap<String, String>,
    by_call: HashMap<String, String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_decision_and_every_executed_call_survives_kill_9() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, POLICIES);
    let mut acknowledged = Vec::new();
    for round in 0..rounds() {
        let sidecar = Sidecar::start(&home).await;
        let (mut clients, begun) = (JoinSet::new(), Arc::new(Notify::new()));
        for client in 0..CLIENTS {
            clients.spawn(call_until_it_dies(sidecar.address, round, client, Arc::clone(&begun)));
        }
        // A busy machine takes its time to get going; what is killed is a sidecar under load.
        timeout(Duration::from_secs(120), begun.notified()).await.expect("the load begins");
        tokio::time::sleep(Duration::from_millis(100 + random_below(500))).await;
        sidecar.kill().await;
        let told: Vec<Acknowledged> = clients.join_all().await.into_iter().flatten().collect();
        assert!(!told.is_empty(), "round {round}: the load had begun before the kill");
        acknowledged.extend(told);

        // The restart has to make sense of what the crash left, and its own records follow it in the chain.
        Sidecar::start(&home).await.stop().await;
        check(&home, &acknowledged, &executed(&upstream)).await;
    }
}

/// Calls without pause until the sidecar is gone, and returns every decision that was answered.
async fn call_until_it_dies(address: SocketAddr, round: u32, client: usize, begun: Arc<Notify>) -> Vec<Acknowledged> {
    let era = if client.is_multiple_of(2) { Era::Legacy } else { Era::Modern };
    let mut told = Vec::new();
    let Ok(mut mcp) = Mcp::connect(address, era).await else { return told };
    for turn in 0_u32.. {
        let (tool, decision) = if turn % 8 == 7 { ("destroy", "deny") } else { ("echo", "allow") };
        let id = format!("call-{round:04}-{client:02}-{turn:06}");
        let Ok(reply) = mcp.call(&id, tool, json!({"message": "again"})).await else { break };
        let named = if decision == "allow" { reply.header("cedarpost-decision-id") } else { reply.denial() };
        let id = named.unwrap_or_else(|| panic!("`{id}` was answered without a decision id: {reply:?}"));
        assert_eq!(reply.is_good(), decision == "allow", "{reply:?}");
        told.push(Acknowledged { id, decision });
        begun.notify_one();
    }
    told
}

/// The JSON-RPC ids of all calls that the server was made to run.
fn executed(upstream: &Upstream) -> Vec<String> {
    let bodies = upstream.seen_since(0).into_iter().map(|seen| serde_json::from_slice(&seen.body).unwrap_or_default());
    let calls = bodies.filter(|body: &Value| body["method"] == "tools/call");
    calls.map(|body| body["id"].as_str().unwrap().to_owned()).collect()
}

async fn check(home: &Home, acknowledged: &[Acknowledged], executed: &[String]) {
    let directory = home.audit();
    let directory = directory.to_str().unwrap();
    let verified = cedarpost(&["audit", "verify", "--audit-dir", directory]).await;
    assert!(verified.status.success(), "{verified:?}");
    let log = read_log(directory).await;
    for told in acknowledged {
        assert_eq!(
            log.by_id.get(&told.id).map(String::as_str),
            Some(told.decision),
            "acknowledged, but recorded otherwise: {told:?}"
        );
    }
    for call in executed {
        assert_eq!(log.by_call.get(call).map(String::as_str), Some("allow"), "executed, but not recorded as allowed: {call}");
    }
}

async fn read_log(directory: &str) -> Log {
    let shown = cedarpost(&["audit", "show", "--audit-dir", directory, "--json", "--limit", "10000000"]).await;
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    let mut log = Log { by_id: HashMap::new(), by_call: HashMap::new() };
    for line in String::from_utf8(shown.stdout).unwrap().lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        // Only records of decisions have both; how calls ended is told by others.
        let (Some(id), Some(decision @ ("allow" | "deny"))) = (record["id"].as_str(), record["decision"].as_str()) else {
            continue;
        };
        let twice = log.by_id.insert(id.to_owned(), decision.to_owned());
        assert!(twice.is_none(), "one decision, two records: {line}");
        // The id of the call has a fixed length and stands in the record as the client wrote it.
        if let Some(call) = line.find("call-").and_then(|at| line.get(at..at + "call-0000-00-000000".len())) {
            log.by_call.insert(call.to_owned(), decision.to_owned());
        }
    }
    log
}

#[expect(clippy::disallowed_methods, reason = "the number of rounds is a setting of this test, not of the product")]
fn rounds() -> u32 {
    std::env::var("CRASH_ROUNDS").map_or(5, |rounds| rounds.parse().expect("CRASH_ROUNDS is a number"))
}

fn random_below(bound: u64) -> u64 {
    RandomState::new().hash_one(0) % bound
}
