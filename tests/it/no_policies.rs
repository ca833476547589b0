//! A sidecar whose policies do not load at its start: it comes up, says no to everything and why, and goes on by itself once they do.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use cedarpost::grpc::pb;
use pb::decision_service_client::DecisionServiceClient;
use pb::policy_service_client::PolicyServiceClient;
use rustix::process::Signal;
use serde_json::{Value, json};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{Desk, Era, Mcp, Served, Upstream, asked, shown};

const GOOD: &str = "@id(\"all\")\npermit (principal, action, resource);\n";
/// What a decision names when nothing is in force, as `docs/operations.md` has it.
const NOTHING: &str = "sha256:e288eb1eae1d0c763b3380e5528de5273ce128501156b368760913fbfc44eea4";
const SENTENCE: &str = "Denied: no policies are in force, so nothing is allowed now. Decision ";

/// A way to have no policies.
type Spoil = fn(&Desk);

const WAYS: [(&str, Spoil); 6] = [
    ("no Cedar", |desk| desk.write_policies("permit (\n")),
    ("no such attribute", |desk| desk.write_policies("permit (principal, action, resource) when { resource.nonsense };\n")),
    ("no text", |desk| fs::write(desk.path("policies/lab.cedar"), [0xff, 0xfe]).unwrap()),
    ("no file", |desk| {
        fs::remove_file(desk.path("policies/lab.cedar")).unwrap();
        symlink("nowhere", desk.path("policies/lab.cedar")).unwrap();
    }),
    ("no directory", |desk| fs::remove_dir_all(desk.path("policies")).unwrap()),
    ("too intricate", |desk| {
        let deep = format!("permit (principal, action, resource) when {{ {}true{} }};", "(".repeat(200_000), ")".repeat(200_000));
        desk.write_policies(&deep);
    }),
];

fn mend(desk: &Desk) {
    let file = desk.path("policies/lab.cedar");
    let _ = fs::remove_file(&file);
    fs::create_dir_all(desk.path("policies")).unwrap();
    fs::write(file, GOOD).unwrap();
}

struct Lab {
    desk: Desk,
    served: Served,
    channel: Channel,
    upstream: Upstream,
}

impl Lab {
    async fn open(spoil: Spoil) -> Self {
        let (upstream, desk) = (Upstream::start().await, Desk::new(GOOD));
        spoil(&desk);
        desk.configure(&format!("url = 'http://{}/mcp'", upstream.address), "grpc.address = '127.0.0.1:0'");
        let served = desk.serve().await;
        let channel = Endpoint::from_shared(format!("http://{}", served.face("grpc"))).unwrap().connect().await.unwrap();
        Self { desk, served, channel, upstream }
    }

    async fn serves(&self) -> bool {
        let mut client = HealthClient::new(self.channel.clone());
        let mut all = Vec::new();
        for service in ["", "cedarpost.v1.DecisionService"] {
            let request = HealthCheckRequest { service: service.to_owned() };
            all.push(client.check(request).await.unwrap().into_inner().status() == ServingStatus::Serving);
        }
        assert_eq!(all[0], all[1]);
        all[0]
    }

    async fn policy_status(&self) -> pb::PolicyStatus {
        let mut client = PolicyServiceClient::new(self.channel.clone());
        client.get_policy_status(pb::GetPolicyStatusRequest {}).await.unwrap().into_inner().status.unwrap()
    }

    async fn tools(client: &mut Mcp) -> usize {
        let listed = client.request("list", "tools/list", None, json!({})).await.unwrap().json();
        listed["result"]["tools"].as_array().unwrap_or_else(|| panic!("{listed}")).len()
    }

    /// Everybody who asks is told no, and those who look after it are told why.
    async fn is_closed(&self, way: &str) {
        let Self { served, .. } = self;
        assert_eq!(served.get("/livez").await.status, 200, "{way}");
        let short = served.get("/readyz").await;
        let text = String::from_utf8_lossy(&short.body).into_owned();
        assert_eq!(short.status, 503, "{way}");
        assert!(text.starts_with("not ready\npolicies: none are in force: those read at 20"), "{way}: {text}");
        assert!(!text.contains("lab.cedar") && !text.contains(&self.desk.path("").display().to_string()), "{way}: {text}");
        let check = served.get("/readyz?verbose").await.json()["checks"][0].clone();
        assert!(check["ok"] == false && check["problems"].as_array().is_some_and(|all| !all.is_empty()), "{way}: {check}");
        let status = served.status().await["policy"].clone();
        assert_eq!((&status["fingerprint"], &status["policies"]), (&Value::Null, &json!(0)), "{way}: {status}");
        assert_eq!(status["last_load"]["accepted"], false, "{way}: {status}");
        for (metric, value) in [("in_force", "0"), ("last_load_accepted", "0"), ("reloads_total{result=\"refused\"}", "1")] {
            assert_eq!(served.metric(&format!("cedarpost_policy_{metric}")).await.as_deref(), Some(value), "{way}: {metric}");
        }
        assert!(!self.serves().await, "{way}");
        let told = self.policy_status().await;
        assert_eq!((told.fingerprint.as_str(), told.policies), ("", 0), "{way}");
        let attempt = told.last_attempt.unwrap();
        assert!(!attempt.accepted && !attempt.findings.is_empty() && told.last_refused.is_some(), "{way}: {attempt:?}");
        for dry_run in [false, true] {
            let mut client = DecisionServiceClient::new(self.channel.clone());
            let answer = client.check(pb::CheckRequest { dry_run, ..asked("echo") }).await.unwrap().into_inner();
            assert_eq!((answer.decision(), answer.policy_fingerprint.as_str()), (pb::Decision::Deny, NOTHING), "{way}");
            assert!(answer.message.starts_with(SENTENCE), "{way}: {}", answer.message);
            assert!(answer.judgements.iter().all(|judgement| judgement.cause == "no_policies_in_force"), "{way}: {answer:?}");
        }
        let before = self.upstream.count();
        for era in [Era::Modern, Era::Legacy] {
            let mut client = Mcp::connect(served.mcp, era).await.unwrap();
            assert_eq!(Self::tools(&mut client).await, 0, "{way}");
            let reply = client.call("1", "echo", json!({})).await.unwrap();
            let id = reply.denial().unwrap_or_else(|| panic!("{way}: {reply:?}"));
            let message = reply.json()["result"].clone();
            assert_eq!(message["content"][0]["text"], format!("{SENTENCE}{id}. Try again later."), "{way}");
            assert_eq!(message["_meta"]["dev.cedarpost/decision"]["retryable"], true, "{way}");
        }
        let seen = self.upstream.seen_since(before);
        assert!(
            !seen.iter().any(|seen| String::from_utf8_lossy(&seen.body).contains("tools/call")),
            "{way}: no call gets through"
        );
    }

    async fn goes_on(&self, way: &str) {
        for _ in 0..1000 {
            if self.served.get("/readyz").await.status == 200 && self.serves().await {
                let mut client = Mcp::connect(self.served.mcp, Era::Modern).await.unwrap();
                assert_eq!(Self::tools(&mut client).await, 2, "{way}");
                assert!(client.call("2", "echo", json!({})).await.unwrap().is_good(), "{way}");
                let told = self.policy_status().await;
                assert!(told.fingerprint.starts_with("sha256:") && told.last_attempt.unwrap().accepted, "{way}");
                assert_eq!(self.served.metric("cedarpost_policy_in_force").await.as_deref(), Some("1"), "{way}");
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{way}: never ready: {}", self.served.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_policies_at_the_start_deny_everything_until_there_are_good_ones() {
    for (way, spoil) in WAYS {
        let lab = Lab::open(spoil).await;
        lab.is_closed(way).await;
        mend(&lab.desk);
        lab.goes_on(way).await;
        let Lab { desk, served, .. } = lab;
        served.signal(Signal::TERM);
        assert_eq!(served.end().await.code(), Some(0), "{way}");
        let records = shown(&desk.audit(1)).await;
        let changes: Vec<&Value> = records.iter().filter(|record| record["t"] == "policy").collect();
        assert_eq!((&changes[0]["change"], &changes[0]["policy"]), (&json!("refused"), &Value::Null), "{way}: {changes:#?}");
        assert!(!changes[0]["problems"].as_array().unwrap().is_empty(), "{way}");
        assert_eq!(changes.last().unwrap()["change"], "accepted", "{way}: {changes:#?}");
        let denied = |record: &&Value| record["t"] == "decision" && record["decision"] == "deny";
        let denials: Vec<&Value> = records.iter().filter(denied).collect();
        assert_eq!(denials.len(), 4, "{way}: two over gRPC, one of them dry, and two calls");
        for denial in denials {
            assert_eq!(denial["policy"], NOTHING, "{way}");
            let causes = denial["judgements"].as_array().unwrap().iter().map(|judgement| &judgement["cause"]);
            assert_eq!(causes.collect::<Vec<_>>(), ["no_policies_in_force"; 2], "{way}: agent and actor");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bad_policies_change_nothing_and_are_recorded_as_well() {
    let lab = Lab::open(WAYS[0].1).await;
    lab.desk.write_policies("forbid (\n");
    for _ in 0..500 {
        if lab.served.metric("cedarpost_policy_reloads_total{result=\"refused\"}").await.as_deref() == Some("2") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(lab.served.get("/readyz").await.status, 503);
    let records = shown(&lab.desk.audit(1)).await;
    let refused = records.iter().filter(|record| record["change"] == "refused" && record["policy"].is_null());
    assert_eq!(refused.count(), 2, "{records:#?}");
    let log = lab.served.log();
    assert!(log.contains("none are in force, and every call is denied until they are"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_that_would_end_a_running_sidecar_are_refused() {
    let lab = Lab::open(|_| {}).await;
    lab.goes_on("at first").await;
    WAYS[5].1(&lab.desk);
    for _ in 0..500 {
        if lab.served.metric("cedarpost_policy_last_load_accepted").await.as_deref() == Some("0") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let status = lab.served.status().await["policy"].clone();
    assert_eq!((&status["last_load"]["accepted"], &status["policies"]), (&json!(false), &json!(1)), "{status}");
    let mut client = Mcp::connect(lab.served.mcp, Era::Modern).await.unwrap();
    assert!(client.call("3", "echo", json!({})).await.unwrap().is_good(), "those before stay in force");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_standard_input_a_bad_set_ends_the_start_and_the_log_says_so() {
    for (way, spoil) in WAYS {
        let desk = Desk::new(GOOD);
        spoil(&desk);
        let talk = desk.spawn();
        let log = std::sync::Arc::clone(talk.shared_log());
        let (status, rest) = talk.end().await;
        assert_eq!((status.code(), rest.as_str()), (Some(3), ""), "{way}: {}", log.lock());
        let records = shown(&desk.audit(1)).await;
        let kinds: Vec<&Value> = records.iter().map(|record| &record["t"]).collect();
        assert_eq!(kinds, ["start", "policy", "stop"], "{way}");
        assert_eq!(records[1]["change"], "refused", "{way}");
    }
}
