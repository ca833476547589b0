//! Messages and what they are read as.

use super::*;

#[test]
fn everything_that_is_said_of_a_caller_arrives() {
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let claim = |value| pb::Claim { value: Some(value) };
    let message = pb::Caller {
        agent: "bot".to_owned(),
        person: Some(pb::caller::Person::Actor("ann".to_owned())),
        agent_brings: Some(pb::Memberships { roles: texts(&["a"]), teams: texts(&["t"]) }),
        actor_brings: Some(pb::Memberships { roles: texts(&["b"]), teams: vec![] }),
        token: Some(pb::Token {
            issuer: "https://idp".to_owned(),
            scopes: texts(&["x", "y"]),
            claims: [
                ("level".to_owned(), claim(pb::claim::Value::Number(3))),
                ("on".to_owned(), claim(pb::claim::Value::Flag(true))),
                ("name".to_owned(), claim(pb::claim::Value::Text("n".to_owned()))),
                ("groups".to_owned(), claim(pb::claim::Value::Texts(pb::Texts { values: texts(&["g"]) }))),
            ]
            .into(),
        }),
    };
    let read = caller(Some(message)).unwrap();
    assert_eq!((read.agent.as_str(), read.actor.person().map(UserId::as_str), read.vouched), ("bot", Some("ann"), true));
    assert_eq!(read.standing.agent, Memberships { roles: ["a".into()].into(), teams: ["t".into()].into() });
    assert_eq!(read.standing.actor.roles, ["b".into()].into());
    let token = read.token.unwrap();
    assert_eq!((&*token.issuer, token.scopes.len(), token.attributes.len()), ("https://idp", 2, 4));
    assert_eq!(token.attributes["groups"], Attribute::Texts(["g".into()].into()));
}

#[test]
fn a_target_implies_its_action_and_arguments_go_with_tools_and_prompts_only() {
    use pb::call::Target as Asked;
    let call = |target, action: &str, arguments: &str| pb::Call {
        server: "shop".to_owned(),
        target: Some(target),
        action: action.to_owned(),
        arguments_json: arguments.to_owned(),
        ..pb::Call::default()
    };
    let cases = [
        (call(Asked::Tool("t".into()), "", "{}"), Ok(Action::ToolsCall)),
        (call(Asked::Resource("u".into()), "", ""), Ok(Action::ResourcesRead)),
        (call(Asked::Resource("u".into()), "resources/subscribe", ""), Ok(Action::ResourcesSubscribe)),
        (call(Asked::Prompt("p".into()), "", "{\"a\":1}"), Ok(Action::PromptsGet)),
        (call(Asked::Method("m".into()), "", ""), Ok(Action::Extension)),
        (call(Asked::ServerItself(true), "logging/setLevel", ""), Ok(Action::LoggingSetLevel)),
        (call(Asked::ServerItself(true), "", ""), Err("call.action")),
        (call(Asked::ServerItself(false), "roots/list", ""), Err("call.server_itself")),
        (call(Asked::Tool("t".into()), "prompts/get", ""), Err("call.action")),
        (call(Asked::Tool(String::new()), "", ""), Err("call.tool")),
        (call(Asked::Resource("u".into()), "", "{}"), Err("call.arguments_json")),
        (call(Asked::Tool("t".into()), "", " "), Err("call.arguments_json")),
    ];
    for (message, expected) in cases {
        let read = super::call(Some(message.clone()), 64).map(|call| call.action).map_err(|bad| bad.field);
        assert_eq!(read, expected.map_err(str::to_owned), "{message:?}");
    }
}

#[test]
fn a_time_is_the_same_there_and_back() {
    for micros in [0, -1, 1_795_000_000_000_123, -62_135_596_800_000_000] {
        let at = Timestamp::from_micros(micros);
        assert_eq!(read_time("at", &time(at)), Ok(at));
    }
    for (seconds, nanos) in [(0, -1), (0, 1_000_000_000), (i64::MAX, 0)] {
        assert!(read_time("at", &prost_types::Timestamp { seconds, nanos }).is_err());
    }
}
