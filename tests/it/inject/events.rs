//! Pods without a sidecar, and what people hear of them: the real webhook before an API server of these tests that checks events as the real one
//! does, refuses them, and never answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::webhook::{Webhook, pod, response, review};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Takes,
    Refuses,
    Hangs,
}

/// The API server.
#[derive(Clone)]
struct Api(Arc<Mutex<(Mood, Vec<Value>)>>);

impl Api {
    async fn start() -> (Self, String) {
        let api = Self(Arc::new(Mutex::new((Mood::Takes, Vec::new()))));
        let routes = Router::new().route("/apis/events.k8s.io/v1/namespaces/{namespace}/events", post(create));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = routes.with_state(api.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (api, url)
    }

    fn events(&self) -> Vec<Value> {
        self.0.lock().1.clone()
    }

    fn is(&self, mood: Mood) {
        self.0.lock().0 = mood;
    }
}

async fn create(State(api): State<Api>, Path(namespace): Path<String>, headers: HeaderMap, body: String) -> (StatusCode, String) {
    assert_eq!(
        (&headers["authorization"], &headers["content-type"]),
        (&"Bearer first".parse().unwrap(), &"application/json".parse().unwrap())
    );
    let event: Value = serde_json::from_str(&body).unwrap();
    let mood = api.0.lock().0;
    match mood {
        Mood::Takes => {}
        Mood::Refuses => return (StatusCode::FORBIDDEN, "events.events.k8s.io is forbidden".to_owned()),
        Mood::Hangs => std::future::pending().await,
    }
    if let Err(wrong) = valid(&event, &namespace) {
        return (StatusCode::UNPROCESSABLE_ENTITY, wrong.to_owned());
    }
    api.0.lock().1.push(event);
    (StatusCode::CREATED, body)
}

/// What an API server demands of an event that is made by `events.k8s.io/v1`.
fn valid(event: &Value, namespace: &str) -> Result<(), &'static str> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let within = |pointer: &str, most: usize| (1..=most).contains(&text(pointer).len());
    let rules = [
        (text("/apiVersion") == "events.k8s.io/v1" && text("/kind") == "Event", "kind"),
        (text("/metadata/namespace") == namespace && text("/regarding/namespace") == namespace, "does not match event.namespace"),
        (text("/metadata/name").is_empty() && within("/metadata/generateName", 58), "metadata"),
        (text("/eventTime").len() == 27 && text("/eventTime").ends_with('Z'), "eventTime"),
        (matches!(text("/type"), "Normal" | "Warning"), "type"),
        (within("/reason", 128) && within("/action", 128) && within("/note", 1024), "reason, action, note"),
        (within("/reportingController", 317) && within("/reportingInstance", 128), "reporting"),
        (event.get("series").is_none_or(|series| series["count"].as_u64().unwrap() >= 2), "series"),
        (within("/regarding/kind", 253) && within("/regarding/name", 253) && within("/regarding/apiVersion", 253), "regarding"),
    ];
    rules.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, wrong)| Err(wrong))
}

/// A Windows pod of a ReplicaSet.
fn skipped() -> Value {
    let mut pod = pod();
    pod["spec"]["os"] = json!({"name": "windows"});
    pod["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "weather-7d9c", "uid": "u-7", "controller": true}]);
    pod
}

fn refused(name: &str) -> Value {
    let mut pod = pod();
    pod["metadata"]["annotations"]["cedarpost.dev/mode"] = "magic".into();
    pod["metadata"]["name"] = name.into();
    pod
}

async fn start(url: &str) -> (Webhook, tempfile::TempDir) {
    let account = tempfile::tempdir().unwrap();
    std::fs::write(account.path().join("token"), "first\n").unwrap();
    let account_path = account.path().display().to_string();
    let settings = [("EVENTS", "true"), ("API", url), ("ACCOUNT", account_path.as_str())];
    let settings = settings.map(|(name, value)| (format!("CEDARPOST_WEBHOOK_{name}"), value.to_owned()));
    (Webhook::start_with(&settings).await, account)
}

async fn counted(webhook: &Webhook, result: &str) -> u64 {
    let name = format!("cedarpost_injection_events_total{{result=\"{result}\"}} ");
    let metrics = webhook.get("/metrics").await;
    metrics.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |count| count.parse().unwrap())
}

async fn soon(what: &str, holds: impl AsyncFn() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_reads_why_a_pod_has_no_sidecar() {
    let (api, url) = Api::start().await;
    let (webhook, _account) = start(&url).await;
    let ask = async |pod: &Value, dry: bool| {
        let mut review = review(pod);
        review["request"]["dryRun"] = dry.into();
        response(&webhook.post(review.to_string().as_bytes()).await)["allowed"].clone()
    };
    assert_eq!(ask(&skipped(), true).await, true);
    assert_eq!(ask(&refused("dry"), true).await, false);
    assert_eq!(ask(&pod(), false).await, true);
    assert_eq!(ask(&skipped(), false).await, true);
    soon("the event of the skipped pod", async || !api.events().is_empty()).await;
    let event = api.events().remove(0);
    assert_eq!(
        event["regarding"],
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "namespace": "shop", "name": "weather-7d9c", "uid": "u-7"})
    );
    assert_eq!(
        (&event["reason"], &event["type"], &event["action"]),
        (&json!("InjectionSkipped"), &json!("Warning"), &json!("Inject"))
    );
    assert_eq!(
        event["note"],
        "pod shop/weather-7d9c- gets no cedarpost sidecar: it is a Windows pod, for which there is no sidecar"
    );
    assert!(!event["reportingInstance"].as_str().unwrap().is_empty());

    // Again, as controllers do that try again, and API servers that ask again after another webhook.
    for _ in 0..5 {
        assert_eq!(ask(&skipped(), false).await, true);
    }
    assert_eq!(ask(&refused("weather-0"), false).await, false);
    soon("the event of the refused pod", async || api.events().len() > 1).await;
    let events = api.events();
    assert_eq!(
        events.len(),
        2,
        "no event in a dry run, none for a pod with its sidecar, and one for what is said often: {events:?}"
    );
    assert_eq!((&events[1]["reason"], &events[1]["regarding"]["kind"]), (&json!("InjectionRefused"), &json!("Pod")));
    assert_eq!(events[1]["regarding"]["name"], "weather-0");
    assert!(events[1]["note"].as_str().unwrap().contains("`magic` is not one of"), "{}", events[1]["note"]);
    assert_eq!((counted(&webhook, "written").await, counted(&webhook, "folded").await), (2, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_hold_up_no_pod_and_never_become_a_storm() {
    let (api, url) = Api::start().await;
    let (webhook, account) = start(&url).await;
    api.is(Mood::Hangs);
    let ask = async |name: &str, namespace: &str| {
        let mut review = review(&refused(name));
        review["request"]["namespace"] = namespace.into();
        let begun = Instant::now();
        assert_eq!(response(&webhook.post(review.to_string().as_bytes()).await)["allowed"], false);
        begun.elapsed()
    };
    // An API server that does not answer.
    let mut longest = Duration::ZERO;
    for number in 0..120 {
        longest = longest.max(ask(&format!("p-{number}"), if number % 2 == 0 { "shop" } else { "lab" }).await);
    }
    assert!(longest < Duration::from_secs(4), "{longest:?}");
    assert_eq!(counted(&webhook, "dropped").await, 80, "twenty a minute in each namespace");
    soon("an event that fails", async || counted(&webhook, "failed").await > 0).await;
    // One that does, and does not let us.
    api.is(Mood::Refuses);
    soon("the others fail", async || counted(&webhook, "failed").await == 40).await;
    // One that lets us; and what was lost is not written later.
    api.is(Mood::Takes);
    ask("q", "third").await;
    soon("events are written again", async || counted(&webhook, "written").await == 1).await;
    // No token: nothing is shown, and pods go on.
    std::fs::remove_file(account.path().join("token")).unwrap();
    ask("r", "third").await;
    soon("an event without a token", async || counted(&webhook, "failed").await == 41).await;
    assert_eq!(api.events().len(), 1);
    assert_eq!(webhook.get("/readyz").await, "ok\n", "readiness has nothing to do with it");
}
