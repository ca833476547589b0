//! Policies over gRPC, asked of the real binary: what is in force, what was refused and why, and what would be wrong with others, which
//! are never put in force.

use std::time::Duration;

use cedarpost::grpc::pb;
use serde_json::json;
use tonic::Code;

use crate::support::grpc::{Face, POLICIES, next, told};

fn file(name: &str, text: &str) -> pb::PolicyFile {
    pb::PolicyFile { name: name.to_owned(), text: text.to_owned() }
}

async fn validate(face: &Face, files: Vec<pb::PolicyFile>) -> pb::ValidatePoliciesResponse {
    face.policies().validate_policies(pb::ValidatePoliciesRequest { files }).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_is_told_whenever_it_changes_with_what_was_refused_and_why() {
    let face = Face::open().await;
    let mut stream = face.policies().watch_policy_status(pb::WatchPolicyStatusRequest {}).await.unwrap().into_inner();
    let first = next(&mut stream).await.unwrap().unwrap().status.unwrap();
    assert_eq!((first.policies, first.files.as_slice()), (3, ["lab.cedar".to_owned()].as_slice()));
    assert_eq!(first.fingerprint, face.check("echo", &json!({"message": "a"})).await.policy_fingerprint);
    assert_eq!((first.servers.len(), first.servers[0].server.as_str(), first.servers[0].tools), (1, "lab", 2));
    assert!(first.last_attempt.as_ref().unwrap().accepted && first.last_refused.is_none() && first.since.is_some());

    face.home.write_policies(&format!("{POLICIES}\npermit (principal, action, resource) when {{ context.nonsense }};"));
    let refused = next(&mut stream).await.unwrap().unwrap().status.unwrap();
    assert_eq!((&refused.fingerprint, refused.since), (&first.fingerprint, first.since), "the one before is still in force");
    let attempt = refused.last_attempt.clone().unwrap();
    assert!(!attempt.accepted);
    let finding = &attempt.findings[0];
    assert_eq!((finding.severity(), finding.file.as_str()), (pb::FindingSeverity::Error, "lab.cedar"));
    assert!(finding.line > 1 && finding.column > 0 && !finding.code.is_empty(), "{finding:?}");
    assert_eq!(refused.last_refused, refused.last_attempt);

    face.home.write_policies("@id(\"none\") forbid (principal, action, resource);");
    let second = next(&mut stream).await.unwrap().unwrap().status.unwrap();
    assert_eq!((second.policies, second.last_attempt.as_ref().unwrap().accepted), (1, true));
    assert!(second.fingerprint != first.fingerprint && second.since != first.since);
    assert_eq!(second.last_refused, refused.last_refused, "what was refused last is still told");
    let now = face.policies().get_policy_status(pb::GetPolicyStatusRequest {}).await.unwrap().into_inner().status.unwrap();
    assert_eq!(now, second);
    let silence = tokio::time::timeout(Duration::from_millis(1_500), stream.message()).await;
    assert!(silence.is_err(), "nothing changed: {silence:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_are_checked_as_the_command_does_and_none_is_put_in_force() {
    let face = Face::open().await;
    let before = face.policies().get_policy_status(pb::GetPolicyStatusRequest {}).await.unwrap().into_inner();
    let changes = || pb::QueryRecordsRequest { kind: "policy".to_owned(), ..pb::QueryRecordsRequest::default() };
    let log = face.audit().query_records(changes()).await.unwrap().into_inner().records;
    let good = validate(&face, vec![file("a.cedar", POLICIES), file("b/c.cedar", "")]).await;
    assert_eq!((good.valid, good.policies, good.more), (true, 3, 0), "{good:?}");

    let broken =
        validate(&face, vec![file("a.cedar", POLICIES), file("x.cedar", "permit (principal, action, resource)\n  when {")]).await;
    assert_eq!((broken.valid, broken.policies), (false, 0));
    let finding = &broken.findings[0];
    assert_eq!((finding.severity(), finding.file.as_str(), finding.line), (pb::FindingSeverity::Error, "x.cedar", 2));
    assert_eq!(finding.code, "syntax", "{finding:?}");

    let text =
        "@id(\"typo\")\npermit (principal, action in Mcp::Action::\"tools/call\", resource)\nwhen { context.inptu.amount > 1 };";
    let typo = validate(&face, vec![file("t.cedar", text)]).await;
    assert!(!typo.valid);
    let finding = &typo.findings[0];
    assert_eq!((finding.line, finding.policy.as_str(), finding.column > 1), (3, "typo", true), "{finding:?}");
    assert!(typo.findings.iter().any(|finding| finding.message.contains("inptu")), "{typo:?}");

    // What only deserves a remark does not make a set invalid.
    let remark = validate(&face, vec![file("t.cedar", "forbid (principal, action, resource);")]).await;
    assert!(
        remark.valid && remark.findings.iter().all(|finding| finding.severity() == pb::FindingSeverity::Warning),
        "{remark:?}"
    );
    assert!(!remark.findings.is_empty(), "nothing is permitted: that is worth a remark");

    let after = face.policies().get_policy_status(pb::GetPolicyStatusRequest {}).await.unwrap().into_inner();
    assert_eq!(after, before);
    let now = face.audit().query_records(changes()).await.unwrap().into_inner().records;
    assert_eq!((now.len(), now), (1, log), "nothing is recorded");
    assert_eq!(face.check("echo", &json!({"message": "a"})).await.decision(), pb::Decision::Allow);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_set_of_files_is_refused_with_its_place() {
    let face = Face::open().await;
    let mut policies = face.policies();
    let twice = vec![file("a", ""), file("b", ""), file("a", "")];
    let cases = [
        (vec![], "files"),
        (vec![file("a", ""); 257], "files"),
        (vec![file("", "")], "files[0].name"),
        (vec![file("a", ""), file("b\nc", "")], "files[1].name"),
        (vec![file(&"x".repeat(257), "")], "files[0].name"),
        (twice, "files[2].name"),
    ];
    for (files, field) in cases {
        let status = policies.validate_policies(pb::ValidatePoliciesRequest { files }).await.unwrap_err();
        assert_eq!(told(&status), (Code::InvalidArgument, field.to_owned()), "{status:?}");
    }
    let huge = pb::ValidatePoliciesRequest { files: vec![file("a", &"x".repeat(100_000))] };
    assert_eq!(policies.validate_policies(huge).await.unwrap_err().code(), Code::OutOfRange);
    // Many findings are cut, and it is told how many more there are.
    let many: String =
        (0..600).map(|number| format!("permit (principal, action, resource) when {{ context.n{number} }};\n")).collect();
    let many = validate(&face, vec![file("m.cedar", &many)]).await;
    assert!(!many.valid && many.findings.len() == 500 && many.more >= 100, "{} {}", many.findings.len(), many.more);
    // What would end the process, or take minutes, is told instead.
    for (open, close) in [("(", ")"), ("[", "]"), ("true && ", ""), ("if true then ", " else true"), ("!", "")] {
        let deep = format!("permit (principal, action, resource) when {{ {}true{} }};", open.repeat(2_500), close.repeat(2_500));
        let told = validate(&face, vec![file("d.cedar", &deep)]).await;
        assert!(!told.valid && told.findings[0].code == "file" && told.findings[0].line == 1, "{told:?}");
    }
    assert_eq!(face.check("echo", &json!({"message": "a"})).await.decision(), pb::Decision::Allow, "nothing was hurt");
}
