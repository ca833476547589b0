//! Authorities and peers: what becomes of their tables, and what must hold between them, the ways and the listener.

use super::super::tests::{problems, serve};
use crate::domain::Actor;
use crate::identity::Subject;

const REST: &str = "[policy]\npolicies = [\"p\"]\n[audit]\ndirectory = \"log\"\n[[server]]\nname = \"shop\"\nurl = \"http://127.0.0.1:9000/mcp\"\n";
const TLS: &str = "[listen]\ntls_cert_file = \"c\"\ntls_key_file = \"k\"";
const SOCKET: &str = "[listen]\naddress = \"unix:/run/mcp\"";
const AUTHORITY: &str = "[[identity.authority]]\nca_file = \"ca.pem\"\ntrust_domain = \"spiffe://prod.example\"";
const PEER: &str = "[[identity.peer]]\nuid = 1000\nagent = \"helper\"\nuser = \"alice\"";

fn with(listen: &str, identity: &str) -> String {
    format!("{listen}\n[identity]\n{identity}\n{REST}")
}

#[test]
fn an_authority_stands_for_a_trust_domain_or_for_what_a_table_says() {
    let table = "[[identity.authority]]\nname = \"build\"\nca_file = \"build.pem\"\nagents = [\n\
        { dns = \"CI.example\", agent = \"ci\" }, { uri = \"urn:7\", agent = \"seven\" }, { subject = \"CN=x\", agent = \"x\" } ]";
    let config = serve(&with(TLS, &format!("accept = [\"mtls\"]\n{AUTHORITY}\n{table}")));
    let config = config.unwrap_or_else(|report| panic!("{}", report.lines()));
    let ways = &config.callers.ways;
    assert!(ways.accept.mtls && !ways.accept.oauth && ways.accept.configured.is_none() && config.identity.is_none());
    let [mesh, build] = ways.authorities.as_slice() else { panic!("{ways:?}") };
    assert_eq!((&*mesh.name, mesh.trust_domain.as_ref().unwrap().to_string().as_str()), ("prod.example", "prod.example"));
    assert!(mesh.ca_file.is_absolute());
    assert_eq!(build.agents[0].0, Subject::Dns("ci.example".into()));
    assert_eq!((&*build.name, build.agents.len()), ("build", 3));
    assert!(serve(&config.show()).is_ok(), "what is shown can be read again: {}", config.show());
}

#[test]
fn a_peer_is_a_user_and_maybe_a_group() {
    let nightly = "[[identity.peer]]\nuid = 1000\ngid = 7\nagent = \"nightly\"\nunattended = true";
    let config = serve(&with(SOCKET, &format!("accept = [\"peer\"]\n{PEER}\n{nightly}")));
    let config = config.unwrap_or_else(|report| panic!("{}", report.lines()));
    let [alice, nightly] = config.callers.ways.peers.as_slice() else { panic!("two") };
    assert_eq!((alice.uid, alice.gid, alice.caller.actor.person().unwrap().as_str()), (1000, None, "alice"));
    assert_eq!((nightly.gid, &nightly.caller.actor, nightly.caller.vouched), (Some(7), &Actor::Unattended, true));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let mtls = |rest: &str| format!("accept = [\"mtls\"]\n{rest}");
    let peer = |rest: &str| format!("accept = [\"peer\"]\n{rest}");
    let agents = |rows: &str| mtls(&format!("{AUTHORITY}\nagents = [{rows}]"));
    for (listen, identity, expected) in [
        (TLS, mtls(""), "`accept` has `mtls`, and nobody vouches for certificates"),
        ("", mtls(AUTHORITY), "client certificates need a listener with TLS"),
        (TLS, mtls("[[identity.authority]]\nca_file = \"ca.pem\""), "the certificates of authority `"),
        (TLS, mtls("[[identity.authority]]\ntrust_domain = \"a\""), "`ca_file` is not set"),
        (TLS, mtls("[[identity.authority]]\nca_file = \"c\"\ntrust_domain = \"A\""), "`A` is not a trust domain"),
        (TLS, mtls(&format!("{AUTHORITY}\n{AUTHORITY}")), "there are two authorities `prod.example`"),
        (TLS, agents("{ dns = \"a\" }"), "an agent is { dns, agent }, { uri, agent } or { subject, agent }"),
        (TLS, agents("{ dns = \"a\", uri = \"b\", agent = \"c\" }"), "an agent is { dns, agent }"),
        (TLS, agents("{ email = \"a\", agent = \"c\" }"), "an agent is { dns, agent }"),
        (TLS, agents("{ dns = \"\", agent = \"c\" }"), "an id has 1 to 256 bytes"),
        (TLS, format!("agent = \"a\"\nunattended = true\n{AUTHORITY}"), "client certificates would tell nothing about anybody"),
        (
            TLS,
            format!("accept = [\"configured\", \"mtls\"]\nagent = \"a\"\nunattended = true\n{AUTHORITY}"),
            "`configured` stands alone",
        ),
        (TLS, format!("agent = \"a\"\n{}", mtls(AUTHORITY)), "`identity.agent` means nothing"),
        (SOCKET, peer(""), "`accept` has `peer`, and no user is known"),
        ("", peer(PEER), "who runs a process is only known over a unix socket"),
        (SOCKET, format!("agent = \"a\"\nunattended = true\n{PEER}"), "[[identity.peer]] means nothing"),
        (SOCKET, peer(&format!("{PEER}\n{PEER}")), "uid 1000 is there twice"),
        (SOCKET, peer("[[identity.peer]]\nuid = 1\nagent = \"a\""), "it is not said for whom the process acts"),
        (SOCKET, peer("[[identity.peer]]\nuid = -1\nagent = \"a\"\nuser = \"b\""), "-1 is no id of a user"),
        (SOCKET, peer("[[identity.peer]]\nagent = \"a\"\nuser = \"b\""), "`uid` is not set"),
        (SOCKET, peer("[[identity.peer]]\nuid = 1\nuser = \"b\""), "`agent` is not set"),
    ] {
        let seen = problems(serve(&with(listen, &identity)));
        assert!(seen.contains(expected), "{identity}: {seen}");
    }
}
