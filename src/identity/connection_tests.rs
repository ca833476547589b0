//! Who is behind a process or a certificate, and what a token beside them means.

use crate::domain::{Actor, AgentId, Caller, UserId};
use crate::identity::settings::{AuthoritySettings, PeerSettings};
use crate::identity::{Credentials, Flaw, Identity, Metrics, Scheme, TrustDomain, Unidentified, fixture};
use crate::listen::Process;

fn room() -> Identity {
    let mut settings = fixture::settings(Vec::new());
    settings.accept.peer = true;
    let peer =
        |uid, gid, agent: &str, actor| PeerSettings { uid, gid, caller: Caller::new(AgentId::new(agent), actor).vouched() };
    settings.peers = vec![
        peer(1000, None, "helper", Actor::Person(UserId::new("alice"))),
        peer(1000, Some(7), "nightly", Actor::Unattended),
        peer(1001, Some(7), "seven", Actor::Unattended),
    ];
    Identity::open(settings, crate::clock::Clock::System, Metrics::default()).unwrap().0
}

#[tokio::test]
async fn a_process_is_whom_the_table_says_and_unknown_users_are_nobody() {
    let room = room();
    let server = room.protect("/shop", Vec::new());
    let scoped = room.protect("/shop", vec!["mcp".to_owned()]);
    let shows = |uid, gid| Credentials { peer: Some(Process { uid, gid }), ..Credentials::default() };
    for (process, expected) in [
        ((1000, 1000), Ok("helper")),
        ((1000, 7), Ok("nightly")),
        ((1001, 7), Ok("seven")),
        ((1001, 8), Err(Flaw::Peer)),
        ((0, 0), Err(Flaw::Peer)),
    ] {
        let seen = room.identify(&shows(process.0, process.1), &server).await.map(|who| who.caller.agent.to_string());
        assert_eq!(seen, expected.map(str::to_owned).map_err(Unidentified::Flawed), "{process:?}");
    }
    assert_eq!(room.identify(&Credentials::default(), &server).await.unwrap_err(), Unidentified::Missing);
    // A token that nobody looks at is not passed over: its bearer wanted to be judged by it.
    let with_token = Credentials { token: Some((Scheme::Bearer, "x")), ..shows(1000, 1000) };
    assert_eq!(room.identify(&with_token, &server).await.unwrap_err(), Flaw::NotAccepted.into());
    let with_person = Credentials { actor: Some("x"), ..shows(1000, 1000) };
    assert_eq!(room.identify(&with_person, &server).await.unwrap_err(), Flaw::NotAccepted.into());
    assert_eq!(room.identify(&shows(1000, 1000), &scoped).await.unwrap_err(), Unidentified::Scopes);
}

#[tokio::test]
async fn whom_a_gateway_names_is_an_agent_where_certificates_are_accepted_and_a_token_counts_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let ca_file = directory.path().join("ca.pem");
    std::fs::write(&ca_file, crate::listen::ca::Ca::new("mesh").pem()).unwrap();
    let trust_domain = Some(TrustDomain::new("prod.example").unwrap());
    let mut settings = fixture::settings(Vec::new());
    settings.authorities =
        vec![AuthoritySettings { name: "mesh".into(), ca_file, trust_domain, agents: Vec::new(), services: None }];
    let open = |mtls: bool| {
        let mut settings = settings.clone();
        settings.accept.mtls = mtls;
        settings.accept.peer = true;
        Identity::open(settings, crate::clock::Clock::System, Metrics::default()).unwrap().0
    };
    let (room, without) = (open(true), open(false));
    let (server, scoped) = (room.protect("/shop", Vec::new()), room.protect("/shop", vec!["mcp".to_owned()]));
    let named = Credentials::default().vouched_for(Some("spiffe://prod.example/helper"));
    let seen = room.identify(&named, &server).await.unwrap().caller;
    assert_eq!((seen.agent.as_str(), seen.actor, seen.vouched), ("spiffe://prod.example/helper", Actor::Unattended, true));
    assert_eq!(without.identify(&named, &server).await.unwrap_err(), Unidentified::Missing);
    assert_eq!(room.identify(&named, &scoped).await.unwrap_err(), Unidentified::Scopes);
    let stranger = Credentials::default().vouched_for(Some("spiffe://dev.example/helper"));
    assert!(matches!(room.identify(&stranger, &server).await.unwrap_err(), Unidentified::Flawed(Flaw::Certificate(_))));
    let with_token = Credentials { token: Some((Scheme::Bearer, "x")), ..named };
    assert_eq!(room.identify(&with_token, &server).await.unwrap_err(), Flaw::NotAccepted.into());
}
