//! Whose token counts where people rule: only that of a person, given out for the console to a program that people rule with. An agent's
//! token for the MCP server does not, or an agent could approve its own calls.

use cedarpost::clock::Clock;
use cedarpost::config::{Config, Sources};
use cedarpost::domain::{AgentId, Channel};
use cedarpost::identity::{Identity, Metrics};
use cedarpost::lifecycle::Stop;
use cedarpost::rest::approvals::{Bearers, People};
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::support::{Home, Idp};

const CONSOLE: &str = "https://console.example.com";

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_token_does_not_rule_and_a_persons_for_the_console_does() {
    let idp = Idp::start().await;
    let home = Home::new(([127, 0, 0, 1], 9).into(), "").with_identity(&format!(
        "accept = ['oauth']\nresource = '{CONSOLE}'\n[[identity.issuer]]\nissuer = '{}'\n",
        idp.issuer()
    ));
    let config = Config::for_serve(&Sources { file: Some(&home.config()), ..Sources::default() }).unwrap();
    let (identity, upkeep) = Identity::open(config.callers.ways.clone(), Clock::System, Metrics::default()).unwrap();
    let stop = Stop::new();
    tokio::spawn(upkeep.run(stop.clone()));
    let bearers = Bearers::new(identity, [AgentId::new("console")].into());
    let console = json!({ "aud": CONSOLE, "client_id": "console" });
    let with = |change: Value| {
        let mut claims = console.clone();
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        format!("Bearer {}", idp.token(claims))
    };
    let good = with(json!({}));
    let cases = [
        ("a person's", vec![good.clone()], Ok("alice")),
        ("an agent's, for the MCP server", vec![format!("Bearer {}", idp.token(json!({})))], Err(StatusCode::UNAUTHORIZED)),
        (
            "for the MCP server, though to the console",
            vec![with(json!({ "aud": "https://mcp.example.com/lab" }))],
            Err(StatusCode::UNAUTHORIZED),
        ),
        ("for the console, though to an agent", vec![with(json!({ "client_id": "helper" }))], Err(StatusCode::FORBIDDEN)),
        ("handed on to an agent", vec![with(json!({ "act": { "sub": "helper" } }))], Err(StatusCode::FORBIDDEN)),
        ("of a program on its own", vec![with(json!({ "sub": "console" }))], Err(StatusCode::FORBIDDEN)),
        ("expired", vec![with(json!({ "exp": 1_000_000 }))], Err(StatusCode::UNAUTHORIZED)),
        ("nothing", vec![], Err(StatusCode::UNAUTHORIZED)),
        ("two", vec![good.clone(), good.clone()], Err(StatusCode::UNAUTHORIZED)),
        ("another scheme", vec![good.replace("Bearer", "Basic")], Err(StatusCode::UNAUTHORIZED)),
    ];
    for (name, shown, expected) in cases {
        let request = shown.iter().fold(Request::get("/"), |request, value| request.header("authorization", value));
        let head = request.body(()).unwrap().into_parts().0;
        let found = bearers.identify(&head).await;
        assert!(found.as_ref().map_or(true, |person| !person.sees_all && person.ruler.channel == Channel::Api));
        let found = found.as_ref().map(|person| person.ruler.person.as_str()).map_err(|nobody| nobody.status);
        assert_eq!(found, expected, "{name}");
    }
    stop.request();
}
