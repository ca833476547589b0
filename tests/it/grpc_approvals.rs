//! People rule on calls over gRPC, with tokens of theirs and nothing else, asked of the real binary.

use std::time::Duration;

use cedarpost::grpc::pb;
use serde_json::{Value, json};
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::support::grpc::{Face, next, told, with_token};
use crate::support::now;

fn rule(id: &str, verdict: pb::ApprovalVerdict) -> pb::RuleApprovalRequest {
    pb::RuleApprovalRequest { id: id.to_owned(), verdict: verdict.into(), ..pb::RuleApprovalRequest::default() }
}

fn get(id: &str) -> pb::GetApprovalRequest {
    pb::GetApprovalRequest { id: id.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_rules_with_a_token_of_theirs_and_the_call_goes_on_once() {
    let face = Face::open().await;
    let (arguments, mut approvals) = (json!({"message": "a"}), face.approvals());
    let id = face.ticket(&arguments).await;
    let listed = approvals.list_approvals(face.by("olga", pb::ListApprovalsRequest::default())).await.unwrap().into_inner();
    assert_eq!((listed.approvals.len(), listed.next_page_token.as_str()), (1, ""));
    let seen = &listed.approvals[0];
    assert_eq!((seen.id.as_str(), seen.state(), seen.agent.as_str()), (id.as_str(), pb::ApprovalState::Waiting, "assistant"));
    assert_eq!((seen.actor.as_str(), seen.server.as_str(), seen.target.as_str()), ("alice", "lab", "destroy"));
    assert_eq!((seen.arguments_json.as_str(), seen.action.as_str()), (r#"{"message":"a"}"#, "tools/call"));
    assert_eq!(seen.because[0].reason, "Ask a person first.");
    assert_eq!(seen.terms.as_ref().unwrap().window, Some(prost_types::Duration { seconds: 3600, nanos: 0 }));

    let ruling = pb::RuleApprovalRequest { comment: "as agreed".to_owned(), ..rule(&id, pb::ApprovalVerdict::Approve) };
    let ruled = approvals.rule_approval(face.by("olga", ruling)).await.unwrap().into_inner().approval.unwrap();
    assert_eq!(ruled.state(), pb::ApprovalState::Granted);
    let vote = &ruled.rulings[0];
    assert_eq!((vote.ruler.as_str(), vote.channel.as_str(), vote.comment.as_str()), ("olga", "api", "as agreed"));
    let allowed = face.check("destroy", &arguments).await;
    assert_eq!((allowed.decision(), &allowed.approved_by_ticket), (pb::Decision::Allow, &id));
    let again = face.check("destroy", &arguments).await;
    assert_eq!(again.decision(), pb::Decision::RequireApproval, "an approval is good for one call");

    // The next ticket is compared with the call that was made.
    let second = again.pending.unwrap().ticket;
    let looked = approvals.get_approval(face.by("olga", get(&second))).await.unwrap().into_inner();
    let last = looked.last_approved.unwrap();
    assert_eq!((last.id, last.by, last.arguments_json), (id.clone(), "olga".to_owned(), r#"{"message":"a"}"#.to_owned()));
    let denied = approvals.rule_approval(face.by("olga", rule(&second, pb::ApprovalVerdict::Deny))).await.unwrap();
    assert_eq!(denied.into_inner().approval.unwrap().state(), pb::ApprovalState::Rejected);
    let over = approvals.rule_approval(face.by("olga", rule(&second, pb::ApprovalVerdict::Approve))).await.unwrap_err();
    assert_eq!(told(&over), (Code::FailedPrecondition, "OVER".to_owned()));
    let violations = over.get_details_precondition_failure().unwrap().violations;
    assert_eq!((violations[0].r#type.as_str(), violations[0].subject.as_str()), ("OVER", second.as_str()));

    // The log says who, by what way, and by which token.
    let asked = pb::QueryRecordsRequest { kind: "approval".to_owned(), ..pb::QueryRecordsRequest::default() };
    let records = face.audit().query_records(asked).await.unwrap().into_inner().records;
    let rulings: Vec<Value> = records.iter().map(|record| serde_json::from_str(&record.record_json).unwrap()).collect();
    let granted = rulings.iter().find(|record| record["ruling"] == "granted").unwrap();
    assert!(granted.to_string().contains("olga") && granted.to_string().contains("\"api\""), "{granted}");
    assert!(granted.to_string().contains(&face.idp.issuer()), "{granted}");
    face.sidecar.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_rules_or_looks_without_a_token_of_a_person_for_ruling() {
    let face = Face::open().await;
    let id = face.ticket(&json!({"message": "a"})).await;
    let bearer = |claims: Value| face.token("olga", claims);
    let good = bearer(json!({}));
    let cases = [
        ("nothing", vec![], Code::Unauthenticated, "TOKEN"),
        ("two", vec![good.clone(), good.clone()], Code::Unauthenticated, "TOKEN"),
        ("another scheme", vec![good.replace("Bearer", "Basic")], Code::Unauthenticated, "TOKEN"),
        ("empty", vec!["Bearer ".to_owned()], Code::Unauthenticated, "TOKEN"),
        ("no token", vec!["Bearer abc".to_owned()], Code::Unauthenticated, "TOKEN"),
        ("cut", vec![good.chars().take(good.len() - 4).collect()], Code::Unauthenticated, "TOKEN"),
        ("for the MCP server", vec![bearer(json!({"aud": "https://mcp.example.com/lab"}))], Code::Unauthenticated, "TOKEN"),
        ("expired", vec![bearer(json!({"exp": now() - 60}))], Code::Unauthenticated, "TOKEN"),
        ("to an agent", vec![bearer(json!({"client_id": "assistant"}))], Code::PermissionDenied, "NOT_A_PERSON"),
        ("handed on", vec![bearer(json!({"act": {"sub": "assistant"}}))], Code::PermissionDenied, "NOT_A_PERSON"),
        ("of a program", vec![bearer(json!({"sub": "console"}))], Code::PermissionDenied, "NOT_A_PERSON"),
    ];
    for (what, tokens, code, reason) in cases {
        let shown = |request: &mut Request<()>| {
            for token in &tokens {
                request.metadata_mut().append("authorization", token.parse().unwrap());
            }
        };
        let mut metadata = Request::new(());
        shown(&mut metadata);
        let (metadata, extensions, ()) = metadata.into_parts();
        let mut approvals = face.approvals();
        let list = Request::from_parts(metadata.clone(), extensions.clone(), pb::ListApprovalsRequest::default());
        let look = Request::from_parts(metadata.clone(), extensions.clone(), get(&id));
        let ruling = Request::from_parts(metadata.clone(), extensions.clone(), rule(&id, pb::ApprovalVerdict::Approve));
        let watch = Request::from_parts(metadata, extensions, pb::WatchApprovalsRequest {});
        let no = [
            approvals.list_approvals(list).await.unwrap_err(),
            approvals.get_approval(look).await.unwrap_err(),
            approvals.rule_approval(ruling).await.unwrap_err(),
            approvals.watch_approvals(watch).await.unwrap_err(),
        ];
        for status in no {
            assert_eq!(told(&status), (code, reason.to_owned()), "{what}: {status:?}");
        }
    }
    let unbelieved = face.approvals().list_approvals(pb::ListApprovalsRequest::default()).await.unwrap_err();
    assert!(unbelieved.metadata().get("www-authenticate").unwrap().to_str().unwrap().starts_with("Bearer"));
    // Somebody with a good token sees and rules on what is their business, and nothing else.
    let mut approvals = face.approvals();
    let listed = approvals.list_approvals(face.by("mallory", pb::ListApprovalsRequest::default())).await.unwrap();
    assert_eq!(listed.into_inner().approvals, []);
    let hidden = approvals.get_approval(face.by("mallory", get(&id))).await.unwrap_err();
    assert_eq!(told(&hidden), (Code::NotFound, "UNKNOWN_TICKET".to_owned()));
    let hidden = approvals.rule_approval(face.by("mallory", rule(&id, pb::ApprovalVerdict::Approve))).await.unwrap_err();
    assert_eq!(told(&hidden), (Code::NotFound, "UNKNOWN_TICKET".to_owned()));
    // Whose agent asked sees it, and may not approve it.
    approvals.get_approval(face.by("alice", get(&id))).await.unwrap();
    let own = approvals.rule_approval(face.by("alice", rule(&id, pb::ApprovalVerdict::Approve))).await.unwrap_err();
    assert_eq!(told(&own), (Code::PermissionDenied, "NOT_ALLOWED".to_owned()));
    assert_eq!(face.check("destroy", &json!({"message": "a"})).await.decision(), pb::Decision::RequireApproval);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_ruling_gets_the_name_of_its_field_and_changes_nothing() {
    let face = Face::open().await;
    let id = face.ticket(&json!({"message": "a"})).await;
    let mut approvals = face.approvals();
    let base = rule(&id, pb::ApprovalVerdict::Approve);
    let seconds = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
    let with = |change: fn(&mut pb::RuleApprovalRequest)| {
        let mut ruling = rule(&id, pb::ApprovalVerdict::Approve);
        change(&mut ruling);
        ruling
    };
    let because = "because".to_owned();
    let cases = [
        (with(|ruling| ruling.id.clear()), "id"),
        (with(|ruling| ruling.id = "apr_x".to_owned()), "id"),
        (with(|ruling| ruling.id = ruling.id.to_lowercase()), "id"),
        (with(|ruling| ruling.verdict = 0), "verdict"),
        (with(|ruling| ruling.verdict = 77), "verdict"),
        (with(|ruling| ruling.verdict = -1), "verdict"),
        (with(|ruling| ruling.comment = "x".repeat(2_001)), "comment"),
        (pb::RuleApprovalRequest { window: seconds(-1, 0), ..base.clone() }, "window"),
        (pb::RuleApprovalRequest { window: seconds(1, 1), ..base.clone() }, "window"),
        (pb::RuleApprovalRequest { window: seconds(0, 0), comment: because.clone(), ..base.clone() }, "window"),
        (pb::RuleApprovalRequest { window: seconds(3_601, 0), comment: because.clone(), ..base.clone() }, "window"),
        (pb::RuleApprovalRequest { window: seconds(i64::MAX, 0), comment: because.clone(), ..base.clone() }, "window"),
        (pb::RuleApprovalRequest { window: seconds(60, 0), ..base.clone() }, "comment"),
        (pb::RuleApprovalRequest { uses: Some(0), comment: because.clone(), ..base.clone() }, "uses"),
        (pb::RuleApprovalRequest { uses: Some(1_001), comment: because.clone(), ..base.clone() }, "uses"),
        (pb::RuleApprovalRequest { any_arguments: true, comment: because, ..base.clone() }, "any_arguments"),
        (pb::RuleApprovalRequest { uses: Some(2), ..rule(&id, pb::ApprovalVerdict::Deny) }, "verdict"),
    ];
    for (ruling, field) in cases {
        let status = approvals.rule_approval(face.by("olga", ruling)).await.unwrap_err();
        assert_eq!(told(&status), (Code::InvalidArgument, field.to_owned()), "{status:?}");
    }
    let unknown = approvals.rule_approval(face.by("olga", rule("apr_01ARZ3NDEKTSV4RRFFQ69G5FAV", pb::ApprovalVerdict::Deny)));
    assert_eq!(told(&unknown.await.unwrap_err()), (Code::NotFound, "UNKNOWN_TICKET".to_owned()));
    let huge = with(|ruling| ruling.comment = "x".repeat(100_000));
    assert_eq!(approvals.rule_approval(face.by("olga", huge)).await.unwrap_err().code(), Code::OutOfRange);
    let lists = [
        (pb::ListApprovalsRequest { page_size: 201, ..pb::ListApprovalsRequest::default() }, "page_size"),
        (pb::ListApprovalsRequest { page_token: "%%".to_owned(), ..pb::ListApprovalsRequest::default() }, "page_token"),
        (pb::ListApprovalsRequest { states: vec![0], ..pb::ListApprovalsRequest::default() }, "states"),
        (pb::ListApprovalsRequest { states: vec![1, 77], ..pb::ListApprovalsRequest::default() }, "states"),
    ];
    for (list, field) in lists {
        let status = approvals.list_approvals(face.by("olga", list)).await.unwrap_err();
        assert_eq!(told(&status), (Code::InvalidArgument, field.to_owned()), "{status:?}");
    }
    let mut late = face.by("olga", get(&id));
    late.set_timeout(Duration::from_nanos(1));
    assert!(matches!(approvals.get_approval(late).await.unwrap_err().code(), Code::DeadlineExceeded | Code::Cancelled));
    // Nothing of all that was a ruling.
    let seen = approvals.get_approval(face.by("olga", get(&id))).await.unwrap().into_inner().approval.unwrap();
    assert_eq!((seen.state(), seen.rulings.len()), (pb::ApprovalState::Waiting, 0));
    // A window is granted where policy lets it be.
    let window = pb::RuleApprovalRequest { window: seconds(600, 0), uses: Some(2), comment: "for the batch".to_owned(), ..base };
    let ruled = approvals.rule_approval(face.by("olga", window)).await.unwrap().into_inner().approval.unwrap();
    let grant = ruled.grant.unwrap();
    assert_eq!((grant.uses_left, grant.window, grant.any_arguments), (Some(2), true, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_come_in_pages_each_once_and_the_newest_first() {
    let face = Face::open().await;
    let mut asked = Vec::new();
    for number in 0..5 {
        asked.push(face.ticket(&json!({ "message": number.to_string() })).await);
    }
    asked.reverse();
    let (mut approvals, mut seen, mut token) = (face.approvals(), Vec::new(), String::new());
    loop {
        let states = vec![pb::ApprovalState::Waiting.into()];
        let request = pb::ListApprovalsRequest { states, page_size: 2, page_token: token.clone() };
        let page = approvals.list_approvals(face.by("olga", request)).await.unwrap().into_inner();
        assert!((1..=2).contains(&page.approvals.len()));
        seen.extend(page.approvals.into_iter().map(|approval| approval.id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
        let other = pb::ListApprovalsRequest { page_token: token.clone(), ..pb::ListApprovalsRequest::default() };
        let status = approvals.list_approvals(face.by("olga", other)).await.unwrap_err();
        assert_eq!(told(&status), (Code::InvalidArgument, "page_token".to_owned()));
    }
    seen.sort_by(|one, other| other.cmp(one));
    asked.sort_by(|one, other| other.cmp(one));
    assert_eq!(seen, asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_tells_what_happens_until_its_token_ends() {
    let face = Face::open().await;
    let (first, mut approvals) = (face.ticket(&json!({"message": "a"})).await, face.approvals());
    let mut stream = approvals.watch_approvals(face.by("olga", pb::WatchApprovalsRequest {})).await.unwrap().into_inner();
    let mut strangers = approvals.watch_approvals(face.by("mallory", pb::WatchApprovalsRequest {})).await.unwrap().into_inner();
    let mut happened = Vec::new();
    let second = face.ticket(&json!({"message": "b"})).await;
    approvals.rule_approval(face.by("olga", rule(&second, pb::ApprovalVerdict::Approve))).await.unwrap();
    face.check("destroy", &json!({"message": "b"})).await;
    approvals.rule_approval(face.by("olga", rule(&first, pb::ApprovalVerdict::Deny))).await.unwrap();
    while happened.last().is_none_or(|(event, _)| *event != pb::ApprovalEvent::Rejected) {
        let news = next(&mut stream).await.unwrap().unwrap();
        happened.push((news.event(), news.approval.unwrap().id));
    }
    let expected = [
        (pb::ApprovalEvent::Waiting, &first),
        (pb::ApprovalEvent::Requested, &second),
        (pb::ApprovalEvent::Granted, &second),
        (pb::ApprovalEvent::Spent, &second),
        (pb::ApprovalEvent::Rejected, &first),
    ];
    assert_eq!(happened, expected.map(|(event, id)| (event, id.clone())));
    let silence = tokio::time::timeout(Duration::from_millis(300), strangers.message()).await;
    assert!(silence.is_err(), "it is nobody else's business: {silence:?}");
    drop(stream);

    let short = with_token(&face.token("olga", json!({"exp": now() + 2})), pb::WatchApprovalsRequest {});
    let mut stream = approvals.watch_approvals(short).await.unwrap().into_inner();
    let end = next(&mut stream).await.unwrap_err();
    assert_eq!(told(&end), (Code::Unauthenticated, "TOKEN".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_denied_is_out_at_once_and_where_nobody_may_rule_it_is_said() {
    let face = Face::open().await;
    let id = face.ticket(&json!({"message": "a"})).await;
    let mut stream = face.approvals().watch_approvals(face.by("olga", pb::WatchApprovalsRequest {})).await.unwrap().into_inner();
    next(&mut stream).await.unwrap().unwrap();
    std::fs::write(face.home.path("deny"), "user olga\n").unwrap();
    assert_eq!(told(&next(&mut stream).await.unwrap_err()), (Code::Unauthenticated, "TOKEN".to_owned()));
    let status = face.approvals().rule_approval(face.by("olga", rule(&id, pb::ApprovalVerdict::Approve))).await.unwrap_err();
    assert_eq!(told(&status), (Code::Unauthenticated, "TOKEN".to_owned()));

    let face = Face::with("address = '127.0.0.1:0'", "").await;
    let status = face.approvals().list_approvals(face.by("olga", pb::ListApprovalsRequest::default())).await.unwrap_err();
    assert_eq!(told(&status), (Code::FailedPrecondition, "NOT_CONFIGURED".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_another_place_counts_for_nothing_and_a_stop_ends_every_stream() {
    let face = Face::with("address = '127.0.0.1:0'", "[approvals]\nresource = 'https://a.example'\nprograms = ['console']").await;
    // A token for another place than this one.
    let status = face.approvals().list_approvals(face.by("olga", pb::ListApprovalsRequest::default())).await.unwrap_err();
    assert_eq!(told(&status), (Code::Unauthenticated, "TOKEN".to_owned()));
    let mut tail = face.audit().tail_records(pb::TailRecordsRequest::default()).await.unwrap().into_inner();
    let mut policies = face.policies().watch_policy_status(pb::WatchPolicyStatusRequest {}).await.unwrap().into_inner();
    next(&mut policies).await.unwrap().unwrap();
    let (stopped, tail, policies) = tokio::join!(face.sidecar.stop(), next(&mut tail), next(&mut policies));
    let () = stopped;
    assert_eq!(told(&tail.unwrap_err()), (Code::Unavailable, "STOPPING".to_owned()));
    assert_eq!(told(&policies.unwrap_err()), (Code::Unavailable, "STOPPING".to_owned()));
}
