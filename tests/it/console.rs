//! The console of the real binary: who gets in, what is refused, and that text of strangers stays text.

mod browser;
mod provider;

use std::time::Duration;

use http::{HeaderMap, Method};
use serde_json::json;

use crate::support::{Connection, Desk, Era, Mcp, Reply, Served, Upstream, cedarpost, free_port};
use browser::Browser;

/// Calls of `echo` wait for a person, and the operator rules.
const POLICIES: &str = r#"
@id("<b>looked-at</b>") @reason("<i>somebody</i> looks")
permit (principal, action in Mcp::Action::"tools/call", resource) when { context has approval };
@id("operator") permit (principal == Mcp::User::"operator", action == Mcp::Action::"approve", resource);
"#;

/// A sidecar with a console in front of `upstream`.
struct Run {
    desk: Desk,
    served: Served,
    port: u16,
}

impl Run {
    async fn start(upstream: &Upstream, more: &str) -> Self {
        let desk = Desk::new(POLICIES);
        let port = free_port();
        let more =
            format!("console.address = '127.0.0.1:{port}'\napprovals.hold = '0s'\n{}", more.replace("{port}", &port.to_string()));
        desk.configure(&format!("url = 'http://{}/mcp'", upstream.address), &more);
        let served = desk.serve().await;
        Self { desk, served, port }
    }

    fn browser(&self) -> Browser {
        Browser::new(self.port)
    }

    /// The path of a link that a command prints.
    async fn link(&self) -> String {
        let printed = cedarpost(&["console", "open", "--config", self.desk.config().to_str().unwrap()]).await;
        assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
        let url = String::from_utf8(printed.stdout).unwrap();
        let (base, path) = url.trim().split_at(url.find("/login").unwrap());
        assert_eq!(base, format!("http://127.0.0.1:{}", self.port));
        path.to_owned()
    }

    /// A browser of the operator.
    async fn operator(&self) -> Browser {
        let mut browser = self.browser();
        let page = browser.get(&self.link().await).await;
        let answer = browser.submit("/login/link", &[("word", &browser::field(&page, "word"))]).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        browser
    }
}

fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_logs_the_operator_in_once_and_nobody_else() {
    let run = Run::start(&Upstream::start().await, "").await;
    let mut browser = run.browser();
    for path in ["/", "/approvals", "/decisions", "/matrix", "/policies", "/sandbox", "/log", "/health", "/records/0", "/live"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 303, "{path}");
        assert!(answer.header("location").unwrap().starts_with("/login?next=%2F"), "{path}");
    }
    let link = run.link().await;
    let page = browser.get(&link).await;
    let word = browser::field(&page, "word");
    // Looking at the page does not use the link up.
    browser.get(&link).await;
    let answer = browser.submit("/login/link", &[("word", &word)]).await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("cedarpost=") && cookie.contains("; HttpOnly; SameSite=Strict; Max-Age=43200"), "{cookie}");
    assert!(text(&browser.get("/approvals").await).contains("operator"));
    let mut other = run.browser();
    assert_eq!(other.submit("/login/link", &[("word", &word)]).await.status, 403);
    assert_eq!(other.get("/approvals").await.status, 303);
    let csrf = browser::field(&browser.get("/approvals").await, "csrf");
    assert_eq!(browser.submit("/logout", &[("csrf", &csrf)]).await.status, 303);
    assert_eq!(browser.get("/approvals").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_on_another_site_leads_to_the_page_only_through_a_page_of_ours() {
    let run = Run::start(&Upstream::start().await, "").await;
    let mut browser = run.operator().await;
    let from_elsewhere = || HeaderMap::from_iter([("sec-fetch-site".parse().unwrap(), "cross-site".parse().unwrap())]);
    // Browsers do not send a strict cookie along with it.
    let answer = run.browser().request(Method::GET, "/decisions?agent=x", from_elsewhere(), "").await;
    assert_eq!((answer.status, answer.header("refresh").as_deref()), (200, Some("0; url=/decisions?agent=x")));
    assert!(!text(&answer).contains("Log out"), "nothing of the inside");
    assert_eq!(browser.get("/decisions?agent=x").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_links_is_limited() {
    let run = Run::start(&Upstream::start().await, "").await;
    let mut browser = run.browser();
    let mut answers = Vec::new();
    for _ in 0..20 {
        answers.push(browser.submit("/login/link", &[("word", "guess")]).await.status);
    }
    assert_eq!(answers.iter().filter(|status| **status == 403).count(), 10, "{answers:?}");
    assert_eq!(*answers.last().unwrap(), 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_tells_browsers_to_run_nothing_that_is_not_ours() {
    let run = Run::start(&Upstream::start().await, "").await;
    let mut browser = run.operator().await;
    for path in ["/approvals", "/nowhere", "/login", "/records/x", "/approvals/apr_x", "/assets/x.js"] {
        let answer = browser.get(path).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options").as_deref(), Some("nosniff"), "{path}");
        assert_eq!(answer.header("cross-origin-opener-policy").as_deref(), Some("same-origin"), "{path}");
        assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"), "{path}");
        let page = text(&answer);
        assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains("<script>"), "{path}");
    }
    let page = text(&browser.get("/approvals").await);
    for end in [".css\"", ".js\"", ".svg\""] {
        let (before, _) = page.split_once(end).unwrap();
        let path = format!("{}{}", before.rsplit('"').next().unwrap(), end.trim_end_matches('"'));
        let asset = browser.get(&path).await;
        assert_eq!((asset.status, asset.header("cache-control").unwrap().contains("immutable")), (200, true), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ruling_counts_only_from_a_form_of_the_one_who_sends_it() {
    let upstream = Upstream::start().await;
    let run = Run::start(&upstream, "").await;
    let mut client = Mcp::connect(run.served.mcp, Era::Modern).await.unwrap();
    let arguments = json!({ "message": "<script>alert('x')</script>\u{202e}" });
    assert!(!client.call("1", "echo", arguments.clone()).await.unwrap().is_good());
    let mut browser = run.operator().await;
    let list = text(&browser.get("/approvals").await);
    let (_, rest) = list.split_once("/approvals/apr_").unwrap();
    let path = format!("/approvals/apr_{}", rest.split('"').next().unwrap());
    let page = browser.get(&path).await;
    let csrf = browser::field(&page, "csrf");
    // Script in arguments and in policies is text; what is hidden is told.
    for (name, page) in [("list", &list), ("ticket", &text(&page))] {
        assert!(!page.contains("<script>alert") && !page.contains("<b>looked") && !page.contains("<i>somebody"), "{name}");
        assert!(page.contains("&lt;script&gt;alert") && page.contains("U+202E") && !page.contains('\u{202e}'), "{name}");
    }
    let mut other = run.operator().await;
    let foreign = browser::field(&other.get("/approvals").await, "csrf");
    for word in ["", "x", &foreign] {
        assert_eq!(browser.submit(&path, &[("csrf", word), ("verdict", "approve")]).await.status, 403, "{word}");
    }
    assert_eq!(browser.submit(&path, &[("verdict", "approve")]).await.status, 403);
    let form = browser::form(&[("csrf", &csrf), ("verdict", "approve")]);
    let own = format!("http://127.0.0.1:{}", run.port);
    for (origin, site) in [
        (Some("https://evil.example"), None),
        (Some("null"), None),
        (None, None),
        (Some(own.as_str()), Some("cross-site")),
        (Some(own.as_str()), Some("same-site")),
    ] {
        let answer = browser.post_from(&path, &form, origin, site).await;
        assert_eq!(answer.status, 403, "{origin:?} {site:?}");
    }
    let answer = browser.request(Method::GET, &format!("{path}?csrf={csrf}&verdict=approve"), HeaderMap::new(), "").await;
    assert_eq!(answer.status, 200);
    let rebound = browser.with_host("evil.example").get(&path).await;
    assert_eq!(rebound.status, 403);
    assert!(!client.call("2", "echo", arguments.clone()).await.unwrap().is_good(), "nothing of that was a ruling");
    let stranger = run.browser().submit(&path, &[("csrf", &csrf), ("verdict", "approve")]).await;
    assert_eq!(stranger.header("location").as_deref(), Some("/login"));

    assert_eq!(browser.submit(&path, &[("csrf", &csrf), ("verdict", "approve")]).await.status, 303);
    assert!(client.call("3", "echo", arguments).await.unwrap().is_good());
    assert_eq!(browser.submit(&path, &[("csrf", &csrf), ("verdict", "approve")]).await.status, 409, "it is used");
    let page = text(&browser.get(&path).await);
    assert!(page.contains("spent"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_keeps_nothing_and_the_log_verifies() {
    let upstream = Upstream::start().await;
    let run = Run::start(&upstream, "").await;
    let mut client = Mcp::connect(run.served.mcp, Era::Modern).await.unwrap();
    client.request("0", "tools/list", None, json!({})).await.unwrap();
    let mut browser = run.operator().await;
    let csrf = browser::field(&browser.get("/sandbox").await, "csrf");
    let attempt = |text: &'static str, input: &'static str| {
        [
            ("file", "lab.cedar"),
            ("text", text),
            ("agent", "assistant"),
            ("actor", "alice"),
            ("tool", "lab/echo"),
            ("input", input),
        ]
    };
    for (policies, input, expected) in [
        ("permit (principal, action, resource);", "{}", "badge good\">allow"),
        ("", "{}", "badge bad\">deny"),
        ("permit (principal, action, resource) when { context has approval };", "{}", "badge wait\">require approval"),
        ("permit (principal", "{}", "role=\"alert\""),
        ("permit (principal, action, resource);", "{broken", "the arguments are not JSON"),
        ("permit (principal, action, resource);", "{}, \"tool\": 1", "the arguments are not JSON"),
    ] {
        let fields: Vec<(&str, &str)> = [("csrf", csrf.as_str())].into_iter().chain(attempt(policies, input)).collect();
        let answer = browser.submit("/sandbox", &fields).await;
        assert!(text(&answer).contains(expected), "{policies}: {}", text(&answer));
    }
    assert!(!client.call("1", "echo", json!({ "message": "x" })).await.unwrap().is_good());
    assert_eq!(browser.submit("/log/verify", &[("csrf", &csrf)]).await.status, 303);
    let page = text(&browser.get("/log").await);
    assert!(page.contains("<b>verified</b>"), "{page}");
    for path in
        ["/decisions", "/matrix", "/policies", "/health", "/records/1", "/why?agent=assistant&actor=alice&tool=lab%2Fecho"]
    {
        assert_eq!(browser.get(path).await.status, 200, "{path}");
    }
    assert!(text(&browser.get("/decisions?verdict=require_approval").await).contains("lab/echo"));
    assert!(text(&browser.get("/decisions?agent=nobody").await).contains("no such records"));
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_about_a_services_own_questions_are_shown_beside_those_about_calls() {
    let upstream = Upstream::start().await;
    let run = Run::start(&upstream, "authzen.address = '127.0.0.1:0'").await;
    let mut browser = run.operator().await;
    let question = json!({
        "subject": { "type": "identity", "id": "olga<b>" },
        "action": { "name": "tasks/list" },
        "resource": { "type": "mcp_server", "id": "lab" },
        "context": { "agent": "helper" },
    });
    let address = run.served.listening("authzen").unwrap();
    let headers = [("host", "localhost"), ("content-type", "application/json")];
    let headers: HeaderMap =
        headers.iter().map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap())).collect();
    let mut connection = Connection::open(address).await.unwrap();
    let body = question.to_string();
    let answer = connection.send(Method::POST, "/access/v1/evaluation", &headers, body.as_bytes()).await.unwrap();
    assert_eq!((answer.status, &answer.json()["decision"]), (200, &json!(false)), "{}", text(&answer));
    let page = text(&browser.get("/decisions?kind=access").await);
    assert!(page.contains("olga&lt;b&gt;") && page.contains("tasks/list lab") && page.contains("badge bad\">deny"), "{page}");
    let calls = text(&browser.get("/decisions").await);
    assert!(!calls.contains("tasks/list") && calls.contains("questions of services"), "{calls}");
    assert!(text(&browser.get("/decisions?kind=access&verdict=allow").await).contains("no such records"));
    assert!(!text(&browser.get("/decisions?kind=gossip").await).contains("tasks/list"), "any other kind is that of calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn open_pages_are_told_of_what_happens() {
    let upstream = Upstream::start().await;
    let run = Run::start(&upstream, "").await;
    let browser = run.operator().await;
    let mut stream = browser.stream("/live").await;
    assert!(stream.next().await.unwrap().contains("event: hello"));
    let mut client = Mcp::connect(run.served.mcp, Era::Modern).await.unwrap();
    assert!(!client.call("1", "echo", json!({ "message": "x" })).await.unwrap().is_good());
    let told = async {
        while let Some(event) = stream.next().await {
            if event.contains("data: tickets") {
                return true;
            }
        }
        false
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), told).await.unwrap());
}
