//! Services that are known by their certificates: who has none that is let in cannot connect, who has is recorded by its name, and no web
//! page gets anything with the certificate of a browser.

use super::*;
use crate::support::{Ca, Issued, Wish, self_signed, tls_client, tls_connect, until};

const TILL: &str = "spiffe://prod.example/ns/shop/sa/till";

struct House {
    ours: Ca,
    mesh: Ca,
    home: Home,
    sidecar: Sidecar,
    _upstream: Upstream,
}

impl House {
    async fn open() -> Self {
        let upstream = Upstream::start().await;
        let home = Home::new(upstream.address, "");
        for (name, text) in RECORDS {
            fs::write(home.path("policies").join(name), text).unwrap();
        }
        let (ours, mesh) = (Ca::new("ours"), Ca::new("mesh"));
        ours.sign(&Wish::server()).write(&home.path(""), "server");
        fs::write(home.path("mesh.pem"), mesh.pem()).unwrap();
        let path = |name: &str| home.path(name).display().to_string();
        let (certificate, key, policies, authority) =
            (path("server.pem"), path("server.key"), path("policies"), path("mesh.pem"));
        let settings = [
            ("CEDARPOST_AUTHZEN_ADDRESS", "127.0.0.1:0"),
            ("CEDARPOST_AUTHZEN_TLS_CERT_FILE", &certificate),
            ("CEDARPOST_AUTHZEN_TLS_KEY_FILE", &key),
            ("CEDARPOST_AUTHZEN_CLIENT_CA_FILE", &authority),
            ("CEDARPOST_AUTHZEN_CLIENTS", "spiffe://prod.example/ns/shop/sa/till,gateway.example"),
            ("CEDARPOST_POLICY_SCHEMA", &policies),
            ("CEDARPOST_POLICY_ENTITIES", &policies),
        ];
        let sidecar = Sidecar::start_with(&home, &settings).await;
        Self { ours, mesh, home, sidecar, _upstream: upstream }
    }

    async fn connect(&self, shown: Option<&Issued>) -> Option<Connection> {
        let stream = tls_connect(self.sidecar.authzen.unwrap(), tls_client(&self.ours, shown)).await.ok()?;
        Connection::over(stream).await.ok()
    }
}

/// The status of an answer to a good question; `None` where nobody answers.
async fn ask(connection: Option<Connection>, headers: &[(&str, &str)]) -> (Option<Connection>, Option<u16>) {
    let Some(mut connection) = connection else { return (None, None) };
    let all = [("host", "pdp.example.com"), ("content-type", "application/json")];
    let all = all.iter().chain(headers).map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()));
    let body = question("user alice", "read", "record record-1").to_string();
    let reply = connection.send(Method::POST, "/access/v1/evaluation", &all.collect(), body.as_bytes()).await;
    let status = reply.ok().map(|reply| reply.status);
    (Some(connection), status)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_known_by_its_certificate_and_by_nothing_else() {
    let house = House::open().await;
    let good = Wish::client(&[TILL]);
    let gateway = house.mesh.sign(&Wish { dns: &["gateway.example"], ..Wish::client(&[]) });
    let till = house.mesh.sign(&good);
    for shown in [&till, &gateway] {
        assert_eq!(ask(house.connect(Some(shown)).await, &[]).await.1, Some(200));
    }
    let bad = [
        ("none", None),
        ("wrong authority", Some(Ca::new("mesh").sign(&good))),
        ("self-signed", Some(self_signed(&good))),
        ("expired", Some(house.mesh.sign(&Wish { valid: (-600, -5), ..good.clone() }))),
        ("somebody else", Some(house.mesh.sign(&Wish::client(&["spiffe://prod.example/ns/shop/sa/other"])))),
    ];
    for (what, shown) in bad {
        let token = [("authorization", "Bearer a-token-that-nobody-guesses")];
        assert_eq!(ask(house.connect(shown.as_ref()).await, &token).await.1, None, "{what}");
    }
    // A browser shows its certificate for whatever page asks.
    let page = [("origin", "https://evil.example")];
    assert_eq!(ask(house.connect(Some(&till)).await, &page).await.1, Some(403));
    let House { home, sidecar, .. } = house;
    sidecar.stop().await;
    let records = records(&home.audit()).await;
    let by: Vec<&str> = records.iter().filter_map(|record| record["by"].as_str()).collect();
    assert_eq!(by, [TILL, "gateway.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_connected_is_out_when_the_certificate_ends_or_its_authority_does() {
    let house = House::open().await;
    let short = house.mesh.sign(&Wish { valid: (-600, 3), ..Wish::client(&[TILL]) });
    let connection = house.connect(Some(&short)).await;
    let (mut connection, status) = ask(connection, &[]).await;
    assert_eq!(status, Some(200));
    for _ in 0..40 {
        let (kept, status) = ask(connection, &[]).await;
        connection = kept;
        if status == Some(403) {
            break;
        }
        assert_eq!(status, Some(200));
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    assert_eq!(ask(connection, &[]).await.1, Some(403), "the connection lasted longer than its certificate");
    assert!(ask(house.connect(Some(&short)).await, &[]).await.1.is_none());

    let long = house.mesh.sign(&Wish::client(&[TILL]));
    let connection = house.connect(Some(&long)).await;
    let (mut connection, status) = ask(connection, &[]).await;
    assert_eq!(status, Some(200));
    fs::write(house.home.path("mesh.pem"), Ca::new("another").pem()).unwrap();
    let mut last = status;
    for _ in 0..100 {
        (connection, last) = ask(connection, &[]).await;
        if last == Some(403) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    assert_eq!(last, Some(403));
    until("it is said", || house.sidecar.log().contains("authzen_stranger")).await;
}
