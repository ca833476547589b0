//! What a receiver gets: signed, again when it fails, in bounds, and nothing of the arguments; and that nobody waits for one.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use parking_lot::Mutex;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use super::*;
use crate::clock::Clock;
use crate::domain::{
    Action, Actor, AgentId, Arguments, Call, Caller, Channel, Memberships, ServerName, Source, Target as Of, Transport, UserId,
    Verdict,
};
use crate::gate::{Gate, Ruler, Ruling, fixture};
use crate::lifecycle::Stop;
use crate::outbound::Outbound;

const POLICIES: &str = r#"
@id("pay") @reason("Ask <!channel> & an *owner*.") permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"shop/pay")
  when { context has approval };
@id("olga") permit (principal == Mcp::User::"olga", action == Mcp::Action::"approve", resource);
"#;

/// A receiver that answers as it is told to, then 204.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Kept>>);

/// The answers to come, and what was received.
type Kept = (VecDeque<Answer>, Vec<(HeaderMap, Bytes)>);

#[derive(Clone, Copy)]
enum Answer {
    Status(u16),
    /// Elsewhere.
    Redirect,
    /// Longer than anybody reads.
    Long,
    /// Not at all.
    Never,
}

impl Receiver {
    /// Listens, and tells where.
    async fn listen(answers: &[Answer]) -> (Self, String) {
        let receiver = Self::default();
        receiver.0.lock().0.extend(answers);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new()
            .route("/hook", post(take))
            .route("/stolen", post(async || StatusCode::NO_CONTENT))
            .with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (receiver, format!("http://{address}/hook"))
    }

    fn got(&self) -> Vec<(HeaderMap, Bytes)> {
        self.0.lock().1.clone()
    }

    async fn wait_for(&self, count: usize) -> Vec<(HeaderMap, Bytes)> {
        let there = async {
            while self.got().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), there).await.unwrap_or_else(|_| panic!("{} of {count}", self.got().len()));
        self.got()
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    let answer = {
        let mut kept = receiver.0.lock();
        kept.1.push((headers, body));
        kept.0.pop_front()
    };
    match answer {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(Answer::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Answer::Redirect) => (StatusCode::TEMPORARY_REDIRECT, [("location", "/stolen")]).into_response(),
        Some(Answer::Long) => vec![b'x'; 1 << 20].into_response(),
        Some(Answer::Never) => std::future::pending().await,
    }
}

/// A gate with hooks that tell of it.
struct Scene {
    directory: tempfile::TempDir,
    gate: Gate,
    registry: Registry,
    stop: Stop,
}

fn write_secrets(directory: &Path, fill: &[u8]) {
    use base64::Engine as _;
    let line = |byte: &u8| format!("whsec_{}\n", base64::engine::general_purpose::STANDARD.encode([*byte; 24]));
    std::fs::write(directory.join("secret"), fill.iter().map(line).collect::<String>()).unwrap();
}

fn hook(directory: &Path, url: &str) -> HookSettings {
    HookSettings {
        name: "ops".to_owned(),
        target: Target::Address(url.parse().unwrap()),
        secret_file: Some(directory.join("secret")),
        events: Event::ALL.to_vec(),
        format: Format::Standard,
        timeout: Duration::from_millis(300),
        include_arguments: false,
        plaintext_non_loopback: false,
    }
}

impl Scene {
    async fn open(url: &str, change: impl FnOnce(&mut HookSettings)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let gate = fixture::gate_under(directory.path(), POLICIES).await;
        write_secrets(directory.path(), &[1]);
        let mut scene = Self { directory, gate, registry: Registry::default(), stop: Stop::new() };
        let mut settings = hook(scene.directory.path(), url);
        change(&mut settings);
        scene.start(settings);
        scene
    }

    fn start(&mut self, hook: HookSettings) {
        let settings = Settings { hooks: vec![hook], console: Some("https://console.example/".to_owned()) };
        let outbound = Outbound::new(crate::outbound::Settings::default()).unwrap();
        let hooks = Hooks::open(&settings, &outbound, &Clock::System, &mut self.registry).unwrap().hurried();
        tokio::spawn(hooks.run(self.gate.clone(), self.stop.clone()));
    }

    async fn asked(&self, arguments: &'static str) -> crate::domain::TicketId {
        let caller = Caller::new(AgentId::new("bot"), Actor::Person(UserId::new("ann")));
        let call = Call {
            server: ServerName::new("shop").unwrap(),
            action: Action::ToolsCall,
            target: Of::Tool("pay".into()),
            arguments: Arguments::from_checked_json(arguments.into()),
            source: Source { transport: Transport::Http, ip: None, session: None },
            request: None,
            trace: None,
        };
        self.gate.admit(&caller, call).await.unwrap_err().pending().unwrap().ticket
    }

    async fn rule(&self, ticket: crate::domain::TicketId, verdict: Verdict) {
        let (person, standing) = (UserId::new("olga"), Memberships::default());
        let ruler = Ruler { person, standing, evidence: None, channel: Channel::Api };
        let ruling = Ruling { comment: Some("c0mment".to_owned()), ..Ruling::plain(verdict) };
        self.gate.rule(&ruler, ticket, ruling).await.unwrap();
    }

    fn metric(&self, name: &str) -> u64 {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{name}{{hook=\"ops\"}}")))
            .unwrap_or_else(|| panic!("{name}: {text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    async fn until(&self, name: &str, value: u64) {
        let there = async {
            while self.metric(name) != value {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), there).await.unwrap_or_else(|_| panic!("{name} is {}", self.metric(name)));
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers[name].to_str().unwrap()
}

#[tokio::test]
async fn what_happens_is_told_signed_and_without_the_arguments() {
    let (receiver, url) = Receiver::listen(&[]).await;
    let scene = Scene::open(&url, |_| {}).await;
    let ticket = scene.asked(r#"{"iban":"s3cret"}"#).await;
    receiver.wait_for(1).await;
    // A secret is exchanged: whoever knows either can check.
    write_secrets(scene.directory.path(), &[1, 2]);
    scene.rule(ticket, Verdict::Deny).await;
    let got = receiver.wait_for(2).await;
    for (count, (headers, body)) in (1..).zip(&got) {
        let (id, seconds) = (header(headers, "webhook-id"), header(headers, "webhook-timestamp"));
        write_secrets(scene.directory.path(), &[1, 2][..count]);
        let secrets = Secrets::read(&std::fs::read_to_string(scene.directory.path().join("secret")).unwrap()).unwrap();
        assert_eq!(header(headers, "webhook-signature"), secrets.signature(id, seconds.parse().unwrap(), body));
        assert_eq!(header(headers, "content-type"), "application/json");
        let text = String::from_utf8_lossy(body);
        assert!(!text.contains("s3cret") && !text.contains("c0mment") && !text.contains("digest"), "{text}");
    }
    assert_eq!(header(&got[0].0, "webhook-id"), format!("{ticket}.requested"));
    let told: Vec<Value> = got.iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect();
    assert_eq!((&told[0]["type"], &told[1]["type"]), (&json!("approval.requested"), &json!("approval.rejected")));
    let data = &told[0]["data"];
    assert_eq!(data["link"], format!("https://console.example/approvals/{ticket}"));
    assert_eq!(
        (&data["approval"]["agent"], &data["approval"]["actor"], &data["approval"]["target"]),
        (&json!("bot"), &json!("ann"), &json!("pay"))
    );
    assert_eq!(told[0]["timestamp"], data["approval"]["asked"]);
}

#[tokio::test]
async fn what_fails_is_tried_again_and_nothing_is_followed_or_read_for_ever() {
    let answers = [Answer::Status(500), Answer::Redirect, Answer::Long, Answer::Never, Answer::Status(429)];
    let (receiver, url) = Receiver::listen(&answers).await;
    let scene = Scene::open(&url, |hook| hook.include_arguments = true).await;
    scene.asked(r#"{"n":1.50}"#).await;
    let got = receiver.wait_for(6).await;
    scene.until("webhook_sent_total", 1).await;
    assert_eq!((scene.metric("webhook_failed_tries_total"), scene.metric("webhook_dropped_total")), (5, 0));
    scene.until("webhook_queue", 0).await;
    let same = |(headers, body): &(HeaderMap, Bytes)| (header(headers, "webhook-id").to_owned(), body.clone());
    assert!(got.iter().all(|one| same(one) == same(&got[0])), "every try is the same message");
    assert!(String::from_utf8_lossy(&got[0].1).contains(r#""arguments":{"n":1.50}"#), "as the settings say");
}

#[tokio::test]
async fn a_hook_that_is_gone_is_told_nothing_more() {
    let (receiver, url) = Receiver::listen(&[Answer::Status(410)]).await;
    let scene = Scene::open(&url, |_| {}).await;
    scene.asked(r#"{"n":1}"#).await;
    scene.until("webhook_disabled", 1).await;
    scene.asked(r#"{"n":2}"#).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!((receiver.got().len(), scene.metric("webhook_queue"), scene.metric("webhook_sent_total")), (1, 0, 0));
}

#[tokio::test]
async fn what_no_try_delivers_is_given_up_and_the_next_message_goes() {
    let (receiver, url) = Receiver::listen(&[Answer::Status(503); 12]).await;
    let scene = Scene::open(&url, |_| {}).await;
    scene.asked(r#"{"n":1}"#).await;
    let next = scene.asked(r#"{"n":2}"#).await;
    let got = receiver.wait_for(13).await;
    assert_eq!(header(&got[12].0, "webhook-id"), format!("{next}.requested"));
    scene.until("webhook_sent_total", 1).await;
    assert_eq!(scene.metric("webhook_dropped_total"), 1);
}

#[tokio::test]
async fn a_hook_that_hangs_holds_up_no_call_and_its_queue_is_bounded() {
    let (_receiver, url) = Receiver::listen(&[Answer::Never; 64]).await;
    let scene = Scene::open(&url, |hook| hook.timeout = Duration::from_secs(60)).await;
    let began = std::time::Instant::now();
    // One agent may have ten that wait: they come and go.
    for round in 0..150 {
        let arguments: &'static str = Box::leak(format!("{{\"n\":{round}}}").into_boxed_str());
        let ticket = scene.asked(arguments).await;
        scene.rule(ticket, Verdict::Deny).await;
    }
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    // 300 messages; one is being sent, 256 wait, the others are lost and counted.
    scene.until("webhook_queue", 257).await;
    scene.until("webhook_dropped_total", 43).await;
}

#[tokio::test]
async fn what_waits_is_told_again_after_a_restart_under_the_same_name() {
    let (receiver, url) = Receiver::listen(&[]).await;
    let mut scene = Scene::open(&url, |_| {}).await;
    scene.asked("{}").await;
    receiver.wait_for(1).await;
    scene.stop.request();
    (scene.stop, scene.registry) = (Stop::new(), Registry::default());
    let again = hook(scene.directory.path(), &url);
    scene.start(again);
    let got = receiver.wait_for(2).await;
    assert_eq!(header(&got[0].0, "webhook-id"), header(&got[1].0, "webhook-id"));
    assert_eq!(got[0].1, got[1].1);
}

#[tokio::test]
async fn slack_is_told_in_its_own_form_and_nothing_in_it_is_formatted_or_mentioned() {
    let (receiver, url) = Receiver::listen(&[]).await;
    let change = |hook: &mut HookSettings| {
        (hook.format, hook.secret_file, hook.include_arguments) = (Format::Slack, None, true);
        hook.events = vec![Event::Requested];
    };
    let scene = Scene::open(&url, change).await;
    let ticket = scene.asked("{\"note\":\"<!channel> *x* \u{202e}\"}").await;
    scene.rule(ticket, Verdict::Approve).await;
    let (headers, body) = receiver.wait_for(1).await.remove(0);
    assert!(!headers.contains_key("webhook-signature"));
    let told: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(told["text"], "bot asks for shop/pay on behalf of ann");
    let texts = told["blocks"].to_string();
    assert!(!texts.contains("mrkdwn") && texts.contains("Why: Ask <!channel> & an *owner*."), "{texts}");
    assert!(texts.contains("u202e") && !texts.contains('\u{202e}'), "{texts}");
    let button = told["blocks"].as_array().unwrap().last().unwrap()["elements"][0].clone();
    assert_eq!(button["url"], format!("https://console.example/approvals/{ticket}"));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(receiver.got().len(), 1, "nothing else was asked for");
}

#[test]
fn a_hook_that_cannot_work_is_found_out_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let outbound = Outbound::new(crate::outbound::Settings::default()).unwrap();
    let open = |change: &dyn Fn(&mut HookSettings)| {
        let mut settings = hook(directory.path(), "https://hooks.example/s3cret");
        change(&mut settings);
        let settings = Settings { hooks: vec![settings], console: None };
        Hooks::open(&settings, &outbound, &Clock::System, &mut Registry::default()).err().map(|error| error.to_string())
    };
    let missing = open(&|_| {}).unwrap();
    assert!(missing.starts_with("failed to read `") && missing.ends_with("` for the webhook `ops`"), "{missing}");
    std::fs::write(directory.path().join("secret"), "hunter2").unwrap();
    assert!(open(&|_| {}).unwrap().contains("does not hold the secrets of the webhook `ops`"));
    write_secrets(directory.path(), &[1]);
    assert_eq!(open(&|_| {}), None);
    std::fs::write(directory.path().join("url"), "http://10.0.0.7/s3cret\n").unwrap();
    let from_file = |hook: &mut HookSettings| hook.target = Target::File(directory.path().join("url"));
    let exposed = open(&from_file).unwrap();
    assert!(exposed.contains("is on another machine") && !exposed.contains("s3cret"), "{exposed}");
    std::fs::write(directory.path().join("url"), "not a url").unwrap();
    assert!(open(&from_file).unwrap().contains("does not hold the address"));
}
