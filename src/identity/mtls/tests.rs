//! Chains against authorities: what is believed, for how long, and what becomes of it when files change.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::identity::fixture;
use crate::identity::flaw::CertificateFlaw;
use crate::identity::metrics::Metrics;
use crate::identity::settings::{AuthoritySettings, Settings};
use crate::lifecycle::Stop;
use crate::listen::ca::{Ca, Issued, Wish, client, connect, self_signed};
use crate::listen::tls::TlsSettings;
use crate::listen::{self, Listener};

const ID: &str = "spiffe://prod.example/ns/shop/sa/web";

fn authority(directory: &Path, domain: &str, ca: &Ca) -> AuthoritySettings {
    let ca_file = directory.join(domain);
    std::fs::write(&ca_file, ca.pem()).unwrap();
    let trust_domain = Some(TrustDomain::new(domain).unwrap());
    AuthoritySettings { name: domain.into(), ca_file, trust_domain, agents: Vec::new(), services: None }
}

fn settings(authorities: Vec<AuthoritySettings>) -> Settings {
    let mut settings = fixture::settings(Vec::new());
    settings.accept.mtls = true;
    settings.authorities = authorities;
    settings
}

fn open(settings: &Settings, clock: &Clock) -> Authorities {
    Authorities::open(settings, clock.clone(), Metrics::default()).unwrap()
}

fn shows(issued: &Issued) -> ClientCertificate {
    ClientCertificate::of(std::slice::from_ref(&issued.der)).unwrap()
}

fn agent(authorities: &Authorities, issued: &Issued) -> Result<String, CertificateFlaw> {
    authorities.agent(&shows(issued)).map(|(agent, _, _)| agent.to_string())
}

#[test]
fn only_a_good_certificate_of_a_known_authority_names_an_agent() {
    use CertificateFlaw as F;
    let dir = tempfile::tempdir().unwrap();
    let (prod, dev, foreign) = (Ca::new("prod"), Ca::new("dev"), Ca::new("prod"));
    let both = settings(vec![authority(dir.path(), "prod.example", &prod), authority(dir.path(), "dev.example", &dev)]);
    let authorities = open(&both, &Clock::System);
    let good = Wish::client(&[ID]);
    let cases = [
        ("good", prod.sign(&good), Ok(ID)),
        ("for clients and servers", prod.sign(&Wish { server: true, ..good.clone() }), Ok(ID)),
        ("for anything", prod.sign(&Wish { client: false, ..good.clone() }), Ok(ID)),
        ("wrong authority", foreign.sign(&good), Err(F::Untrusted)),
        ("self-signed", self_signed(&good), Err(F::Untrusted)),
        ("for servers only", prod.sign(&Wish { client: false, server: true, ..good.clone() }), Err(F::Purpose)),
        ("an authority itself", prod.sign(&Wish { is_authority: true, ..good.clone() }), Err(F::Untrusted)),
        ("expired", prod.sign(&Wish { valid: (-600, -5), ..good.clone() }), Err(F::Expired)),
        ("not yet", prod.sign(&Wish { valid: (600, 6000), ..good.clone() }), Err(F::NotYet)),
        ("two URIs", prod.sign(&Wish::client(&[ID, "spiffe://prod.example/b"])), Err(F::SeveralUris)),
        ("no name", prod.sign(&Wish::client(&[])), Err(F::Nobody)),
        ("another trust domain", prod.sign(&Wish::client(&["spiffe://other.example/a"])), Err(F::TrustDomain)),
        ("the trust domain of another authority", dev.sign(&good), Err(F::TrustDomain)),
        ("no path", prod.sign(&Wish::client(&["spiffe://prod.example"])), Err(F::SpiffeId)),
        ("a query", prod.sign(&Wish::client(&["spiffe://prod.example/a?b"])), Err(F::SpiffeId)),
    ];
    for (what, issued, expected) in cases {
        assert_eq!(agent(&authorities, &issued), expected.map(str::to_owned), "{what}");
    }
}

#[test]
fn a_certificate_ends_with_its_last_second_also_when_it_was_believed_before() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Ca::new("prod");
    let clock = Clock::manual(Clock::System.now());
    let authorities = open(&settings(vec![authority(dir.path(), "prod.example", &ca)]), &clock);
    let shown = shows(&ca.sign(&Wish { valid: (-60, 30), ..Wish::client(&[ID]) }));
    let (_, left, remembered) = authorities.agent(&shown).unwrap();
    assert!(!remembered && left > Duration::from_secs(29) && left <= Duration::from_secs(31), "{left:?}");
    assert!(authorities.agent(&shown).unwrap().2, "it is remembered");
    let later = |seconds: i64| Timestamp::from_micros(clock.now().as_micros() + seconds * 1_000_000);
    clock.set(later(29));
    assert!(authorities.agent(&shown).is_ok());
    clock.set(later(3));
    assert_eq!(authorities.agent(&shown).unwrap_err(), CertificateFlaw::Expired);
}

#[test]
fn an_authority_that_is_taken_out_of_its_file_takes_its_certificates_along() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (Ca::new("old"), Ca::new("new"));
    let settings = settings(vec![authority(dir.path(), "prod.example", &old)]);
    let authorities = open(&settings, &Clock::System);
    let mut watch = AuthoritiesWatch::new(authorities.clone());
    let [of_old, of_new] = [&old, &new].map(|ca| shows(&ca.sign(&Wish::client(&[ID]))));
    let believed = |shown: &ClientCertificate| authorities.agent(shown).is_ok();
    assert_eq!((believed(&of_old), believed(&of_new)), (true, false));
    let file = &settings.authorities[0].ca_file;
    for (text, expected) in [
        (format!("{}{}", old.pem(), new.pem()), (true, true)),
        (new.pem(), (false, true)),
        // What cannot be read leaves everything as it was.
        ("-----BEGIN CERTIFICATE-----\nMII".to_owned(), (false, true)),
        (String::new(), (false, true)),
        (old.pem(), (true, false)),
    ] {
        let before = (believed(&of_old), believed(&of_new));
        std::fs::write(file, &text).unwrap();
        watch.look();
        assert_eq!((believed(&of_old), believed(&of_new)), before, "one look is not enough: {text}");
        watch.look();
        assert_eq!((believed(&of_old), believed(&of_new)), expected, "{text}");
    }
    std::fs::remove_file(file).unwrap();
    watch.look();
    watch.look();
    assert!(believed(&of_old));
    assert!(Authorities::open(&settings, Clock::System, Metrics::default()).is_err(), "at the start it must be there");
}

/// Whether a client gets through the handshake of a listener with this room.
async fn gets_in(listener: &mut Listener, trusts: &Ca, shown: Option<&Issued>) -> bool {
    let (address, config) = (listener.local_addr().tcp().unwrap(), client(trusts, shown));
    let talk = async {
        let mut stream = connect(address, config).await.ok()?;
        stream.write_all(b"?").await.ok()?;
        stream.read_u8().await.ok()
    };
    let stop = Stop::new();
    let serve = async {
        let mut connection = listener.accept(&stop).await?;
        connection.write_all(b"!").await.ok()?;
        connection.flush().await.ok()?;
        std::future::pending::<Option<()>>().await
    };
    tokio::select! {
        told = talk => told.is_some(),
        _ = serve => false,
    }
}

#[tokio::test]
async fn a_bad_certificate_ends_the_handshake_and_none_does_where_one_is_needed() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, prod) = (Ca::new("ours"), Ca::new("prod"));
    ours.sign(&Wish::server()).write(dir.path(), "server");
    let tls = TlsSettings { certificate: dir.path().join("server.pem"), key: dir.path().join("server.key") };
    let mut wanted = settings(vec![authority(dir.path(), "prod.example", &prod)]);
    for (mandatory, identify) in [(true, true), (false, true), (false, false)] {
        (wanted.accept.oauth, wanted.accept.mtls) = (!mandatory, identify);
        let verifier = open(&wanted, &Clock::System).verifier().unwrap();
        let address = listen::Settings { tls: Some(tls.clone()), ..listen::Settings::plain("127.0.0.1:0".parse().unwrap()) };
        let listener = Listener::bind("mcp", &address, 8, &listen::Metrics::default()).await.unwrap();
        let mut listener = listener.asking_for_certificates(verifier).unwrap();
        let (good, nameless) = (prod.sign(&Wish::client(&[ID])), prod.sign(&Wish::client(&[])));
        let expired = prod.sign(&Wish { valid: (-60, -5), ..Wish::client(&[ID]) });
        let foreign = Ca::new("prod").sign(&Wish::client(&[ID]));
        assert!(gets_in(&mut listener, &ours, Some(&good)).await);
        assert_eq!(gets_in(&mut listener, &ours, None).await, !mandatory, "without any");
        // A certificate that only binds tokens needs no name.
        assert_eq!(gets_in(&mut listener, &ours, Some(&nameless)).await, !identify, "without a name");
        assert!(!gets_in(&mut listener, &ours, Some(&expired)).await && !gets_in(&mut listener, &ours, Some(&foreign)).await);
    }
    let none: Arc<_> = Arc::new(open(&settings(Vec::new()), &Clock::System));
    assert!(none.verifier().is_none(), "where nobody vouches for certificates nobody is asked for one");
}
