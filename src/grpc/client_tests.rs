//! What is asked arrives as it was meant, and an answer is never read as more than it says.

use super::super::convert;
use super::*;
use crate::domain::{Action, AgentId, Arguments, ServerName, Source, Standing, UserId};

fn call(target: Target, action: Action) -> Call {
    Call {
        server: ServerName::new("shop").unwrap(),
        action,
        target,
        arguments: Arguments::ABSENT,
        source: Source { transport: Transport::Stdio, ip: Some([10, 0, 0, 1].into()), session: Some("s".into()) },
        request: None,
        trace: None,
    }
}

#[test]
fn the_face_reads_what_the_client_writes() {
    let calls = [
        call(Target::Tool("t".into()), Action::ToolsCall),
        call(Target::Resource("u".into()), Action::ResourcesSubscribe),
        call(Target::Prompt("p".into()), Action::PromptsGet),
        call(Target::Method("m".into()), Action::Extension),
        call(Target::Server, Action::LoggingSetLevel),
        Call { arguments: Arguments::from_checked_json("{\"a\":1}".into()), ..call(Target::Tool("t".into()), Action::ToolsCall) },
    ];
    for call in calls {
        assert_eq!(convert::call(Some(asked(&call)), 64), Ok(call));
    }
    let standing = Standing {
        agent: Memberships { roles: ["bots".into()].into(), teams: ["t".into()].into() },
        actor: Memberships { roles: ["support".into()].into(), ..Memberships::default() },
    };
    let token = Token {
        issuer: "https://idp".into(),
        id: None,
        chain: vec![],
        scopes: ["x".into()].into(),
        attributes: [
            ("flag".into(), Attribute::Flag(true)),
            ("number".into(), Attribute::Number(-3)),
            ("text".into(), Attribute::Text("a".into())),
            ("texts".into(), Attribute::Texts(["b".into(), "c".into()].into())),
        ]
        .into(),
    };
    let person = Caller::new(AgentId::new("bot"), Actor::Person(UserId::new("ann")));
    for caller in [
        person.clone().vouched(),
        person.with_standing(standing).with_token(token).vouched(),
        Caller::new(AgentId::new("bot"), Actor::Unattended).vouched(),
    ] {
        assert_eq!(convert::caller(Some(asking(&caller))), Ok(caller));
    }
}

#[test]
fn an_answer_that_is_not_known_is_a_denial() {
    for (number, said) in
        [(0, Said::Deny), (1, Said::Allow), (2, Said::Deny), (3, Said::RequireApproval), (4, Said::Deny), (-1, Said::Deny)]
    {
        let response = pb::CheckResponse { decision: number, ..pb::CheckResponse::default() };
        assert_eq!(answer(response, true).decision, said, "{number}");
    }
}

#[test]
fn a_status_becomes_the_error_that_it_is_about() {
    let trust = Trust::default();
    let client = Client::new("http://127.0.0.1:1".parse().unwrap(), &trust, Duration::from_secs(1)).unwrap();
    let told = |status: Status| client.failed(&status).to_string();
    assert_eq!(told(Status::deadline_exceeded("x")), "`http://127.0.0.1:1` did not answer within 1000 ms");
    assert_eq!(told(Status::unavailable("no log")), "`http://127.0.0.1:1` gives no decision: UNAVAILABLE: no log");
    assert_eq!(told(Status::invalid_argument("odd")), "odd");
    assert_eq!(
        told(Status::internal("\u{1b}[2J")),
        "`http://127.0.0.1:1` gives no decision: INTERNAL: \\u{1b}[2J",
        "harmless on a terminal"
    );
    let bad = super::super::problem::BadField::new("caller.agent", "is required");
    let AskError::Question { fields, sentence } = client.failed(&bad.into()) else { panic!("it is about the question") };
    assert_eq!((fields, sentence.as_str()), (vec!["caller.agent".to_owned()], "`caller.agent` is required"));
    let causes = Causes::of(&std::io::Error::other(std::io::Error::other("reset")));
    assert_eq!(causes.to_string(), "reset", "what is said twice is told once");
}
