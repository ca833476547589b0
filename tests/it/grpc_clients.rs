//! Who may ask over gRPC: services with a certificate of the right authority and a name that is let in, recorded by that name; and what is
//! told to nobody where anybody can connect.

use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cedarpost::grpc::pb;
use cedarpost::grpc::pb::approval_service_client::ApprovalServiceClient;
use cedarpost::grpc::pb::audit_service_client::AuditServiceClient;
use cedarpost::grpc::pb::decision_service_client::DecisionServiceClient;
use cedarpost::grpc::pb::policy_service_client::PolicyServiceClient;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::grpc::{Face, PLACE, TlsTo, home, question, told, with_token};
use crate::support::{Ca, Era, Home, Idp, Issued, Mcp, Sidecar, Upstream, Wish, self_signed, tls_client};

const GATEWAY: &str = "spiffe://prod.example/ns/edge/sa/gateway";

struct House {
    ours: Ca,
    mesh: Ca,
    home: Home,
    sidecar: Sidecar,
    idp: Idp,
    _upstream: Upstream,
}

impl House {
    async fn open(clients: &str) -> Self {
        let (upstream, idp) = (Upstream::start().await, Idp::start().await);
        let (ours, mesh) = (Ca::new("ours"), Ca::new("mesh"));
        let more = format!("[approvals]\nresource = '{PLACE}'\nprograms = ['console']");
        let grpc = format!(
            "address = '127.0.0.1:0'\ntls_cert_file = 'server.pem'\ntls_key_file = 'server.key'\nclient_ca_file = 'mesh.pem'\n{clients}"
        );
        let home = home(upstream.address, &idp, &grpc, &more);
        ours.sign(&Wish::server()).write(&home.path(""), "server");
        fs::write(home.path("mesh.pem"), mesh.pem()).unwrap();
        let sidecar = Sidecar::start(&home).await;
        let mut mcp = Mcp::connect(sidecar.address, Era::Modern).await.unwrap();
        mcp.call("1", "echo", json!({"message": "a"})).await.unwrap();
        Self { ours, mesh, home, sidecar, idp, _upstream: upstream }
    }

    async fn connect(&self, shown: Option<&Issued>) -> Result<Channel, tonic::transport::Error> {
        TlsTo { address: self.sidecar.grpc.unwrap(), config: tls_client(&self.ours, shown) }.channel().await
    }

    /// A decision, asked for with this certificate.
    async fn ask(&self, shown: Option<&Issued>) -> Option<Result<pb::CheckResponse, Status>> {
        let channel = self.connect(shown).await.ok()?;
        Some(decide(channel).await)
    }

    fn gateway(&self) -> Issued {
        self.mesh.sign(&Wish::client(&[GATEWAY]))
    }
}

/// Waits until something holds, looking often.
async fn becomes(what: &str, holds: impl AsyncFn() -> bool) {
    let late = tokio::time::Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(tokio::time::Instant::now() < late, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn decide(channel: Channel) -> Result<pb::CheckResponse, Status> {
    let asked = DecisionServiceClient::new(channel).check(question("echo", &json!({"message": "a"}))).await;
    asked.map(tonic::Response::into_inner)
}

async fn recorded_by(channel: Channel) -> Vec<Value> {
    let asked = pb::QueryRecordsRequest { kind: "decision".to_owned(), ..pb::QueryRecordsRequest::default() };
    let records = AuditServiceClient::new(channel).query_records(asked).await.unwrap().into_inner().records;
    let by = |record: &pb::AuditRecord| serde_json::from_str::<Value>(&record.record_json).unwrap()["check"]["by"].clone();
    records.iter().map(by).filter(|by| !by.is_null()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_with_a_certificate_is_recorded_by_its_name() {
    let house = House::open("clients = ['spiffe://prod.example/ns/edge/sa/gateway', 'billing.example']").await;
    let billing = house.mesh.sign(&Wish { dns: &["other.example", "Billing.example"], ..Wish::client(&[]) });
    for shown in [&house.gateway(), &billing] {
        assert_eq!(house.ask(Some(shown)).await.unwrap().unwrap().decision(), pb::Decision::Allow);
    }
    let channel = house.connect(Some(&house.gateway())).await.unwrap();
    assert_eq!(recorded_by(channel.clone()).await, ["billing.example", GATEWAY]);
    // With a certificate, the other services answer too; people still need a token.
    let files = vec![pb::PolicyFile { name: "a".to_owned(), text: String::new() }];
    let checked = PolicyServiceClient::new(channel.clone()).validate_policies(pb::ValidatePoliciesRequest { files }).await;
    assert!(checked.unwrap().into_inner().valid);
    let listed = ApprovalServiceClient::new(channel).list_approvals(pb::ListApprovalsRequest::default()).await;
    assert_eq!(told(&listed.unwrap_err()), (Code::Unauthenticated, "TOKEN".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_a_good_certificate_gets_any_answer() {
    let house = House::open("clients = ['spiffe://prod.example/ns/edge/sa/gateway', 'billing.example']").await;
    let (good, foreign) = (Wish::client(&[GATEWAY]), Ca::new("mesh"));
    let bad = [
        ("none", None),
        ("wrong authority", Some(foreign.sign(&good))),
        ("self-signed", Some(self_signed(&good))),
        ("expired", Some(house.mesh.sign(&Wish { valid: (-600, -5), ..good.clone() }))),
        ("not yet", Some(house.mesh.sign(&Wish { valid: (600, 6000), ..good.clone() }))),
        ("for servers", Some(house.mesh.sign(&Wish { client: false, server: true, ..good.clone() }))),
        ("an authority", Some(house.mesh.sign(&Wish { is_authority: true, ..good.clone() }))),
        ("somebody else", Some(house.mesh.sign(&Wish::client(&["spiffe://prod.example/ns/edge/sa/other"])))),
        ("two ids", Some(house.mesh.sign(&Wish::client(&[GATEWAY, "spiffe://prod.example/b"])))),
        ("below it", Some(house.mesh.sign(&Wish::client(&["spiffe://prod.example/ns/edge/sa/gateway/x"])))),
        ("no name", Some(house.mesh.sign(&Wish::client(&[])))),
        ("another name", Some(house.mesh.sign(&Wish { dns: &["x.billing.example"], ..Wish::client(&[]) }))),
    ];
    for (what, shown) in bad {
        let asked = house.ask(shown.as_ref()).await;
        // TLS 1.3 tells of a refusal after the client believes to be connected.
        assert!(asked.as_ref().is_none_or(Result::is_err), "{what}: {asked:?}");
    }
    // Without TLS there is no answer either.
    let plain = tonic::transport::Endpoint::from_shared(format!("http://{}", house.sidecar.grpc.unwrap())).unwrap();
    if let Ok(channel) = plain.connect().await {
        assert!(decide(channel).await.is_err());
    }
    let channel = house.connect(Some(&house.gateway())).await.unwrap();
    assert_eq!(recorded_by(channel).await, [] as [Value; 0], "there was nothing to decide");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_list_everybody_of_the_authority_asks_by_their_own_name_and_a_new_authority_counts_at_once() {
    let house = House::open("").await;
    let named = house.mesh.sign(&Wish { dns: &["a.example", "b.example"], ..Wish::client(&[]) });
    let plain = house.mesh.sign(&Wish { name: "cron", ..Wish::client(&[]) });
    for shown in [&named, &plain, &house.gateway()] {
        house.ask(Some(shown)).await.unwrap().unwrap();
    }
    let channel = house.connect(Some(&named)).await.unwrap();
    assert_eq!(recorded_by(channel.clone()).await, [GATEWAY, "CN=cron", "a.example"]);
    // The authority changes: who was connected with a certificate of the old one is turned away, too.
    let next = Ca::new("next");
    fs::write(house.home.path("mesh.pem"), next.pem()).unwrap();
    let fresh = next.sign(&Wish::client(&[GATEWAY]));
    becomes("the new authority counts", async || house.ask(Some(&fresh)).await.is_some_and(|asked| asked.is_ok())).await;
    let status = decide(channel).await.unwrap_err();
    assert_eq!(told(&status), (Code::Unauthenticated, "CERTIFICATE".to_owned()));
    assert!(house.ask(Some(&named)).await.is_none_or(|asked| asked.is_err()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_denied_is_out_at_once_and_a_bound_token_needs_its_connection() {
    let house = House::open("").await;
    let (mine, other) = (house.gateway(), house.mesh.sign(&Wish { dns: &["a.example"], ..Wish::client(&[]) }));
    let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &mine.der));
    let claims = json!({ "aud": PLACE, "client_id": "console", "sub": "olga", "cnf": { "x5t#S256": thumbprint } });
    let token = format!("Bearer {}", house.idp.token(claims));
    let list = async |shown: &Issued| {
        let channel = house.connect(Some(shown)).await.unwrap();
        ApprovalServiceClient::new(channel).list_approvals(with_token(&token, pb::ListApprovalsRequest::default())).await
    };
    assert!(list(&mine).await.is_ok());
    assert_eq!(told(&list(&other).await.unwrap_err()), (Code::Unauthenticated, "TOKEN".to_owned()));

    let channel = house.connect(Some(&mine)).await.unwrap();
    decide(channel.clone()).await.unwrap();
    fs::write(house.home.path("deny"), format!("agent {GATEWAY}\n")).unwrap();
    becomes("the service is denied", async || decide(channel.clone()).await.is_err()).await;
    assert_eq!(told(&decide(channel).await.unwrap_err()), (Code::Unauthenticated, "CERTIFICATE".to_owned()));
    assert!(house.ask(Some(&other)).await.unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_other_machines_reach_tells_strangers_of_decisions_only() {
    let face = Face::with(
        "address = '0.0.0.0:0'\nplaintext_non_loopback = true",
        &format!("[approvals]\nresource = '{PLACE}'\nprograms = ['console']"),
    )
    .await;
    assert_eq!(face.check("echo", &json!({"message": "a"})).await.decision(), pb::Decision::Allow);
    let mut audit = face.audit();
    let files = vec![pb::PolicyFile { name: "a".to_owned(), text: String::new() }];
    let no = [
        audit.query_records(pb::QueryRecordsRequest::default()).await.unwrap_err(),
        audit.tail_records(pb::TailRecordsRequest::default()).await.unwrap_err(),
        audit.prove_record(pb::ProveRecordRequest { seq: 0 }).await.unwrap_err(),
        audit.get_checkpoint(pb::GetCheckpointRequest {}).await.unwrap_err(),
        face.policies().validate_policies(pb::ValidatePoliciesRequest { files }).await.unwrap_err(),
        face.decisions().watch_decisions(pb::WatchDecisionsRequest::default()).await.unwrap_err(),
    ];
    for status in no {
        assert_eq!(told(&status), (Code::PermissionDenied, "OPEN_LISTENER".to_owned()));
        assert!(status.message().contains("grpc.client_ca_file"), "{status:?}");
    }
    let listed = face.approvals().list_approvals(face.by("olga", pb::ListApprovalsRequest::default())).await;
    assert!(listed.is_ok(), "who shows a token of theirs is no stranger");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_has_its_health_and_its_description() {
    let face = Face::open().await;
    let names = ["DecisionService", "ApprovalService", "AuditService", "PolicyService"];
    let services = names.map(|name| format!("cedarpost.v1.{name}"));
    let mut health = HealthClient::new(face.channel.clone());
    for service in services.iter().cloned().chain([String::new()]) {
        let asked = HealthCheckRequest { service: service.clone() };
        becomes(&service, async || health.clone().check(asked.clone()).await.is_ok_and(|told| told.into_inner().status == 1))
            .await;
    }
    let unknown = health.check(HealthCheckRequest { service: "cedarpost.v1.NoService".to_owned() }).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let mut watch = health.watch(HealthCheckRequest { service: services[2].clone() }).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 1);
    let (stopped, told) = tokio::join!(face.sidecar.stop(), tokio::time::timeout(Duration::from_secs(20), watch.message()));
    let () = stopped;
    assert!(matches!(told.unwrap(), Ok(Some(told)) if told.status == 2), "a sidecar that stops says so");
}
