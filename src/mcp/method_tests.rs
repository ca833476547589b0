//! Every row of the table, in every form and from either side.

use std::collections::HashSet;

use bytes::Bytes;

use super::{Direction, Form, Method, Route, Sender, TABLE, route};
use crate::domain::Action;
use crate::mcp::{Limits, Message};

fn message(form: Form, method: &str) -> Message {
    let id = if form == Form::Request { r#""id":1,"# } else { "" };
    let body = Bytes::from(format!(r#"{{"jsonrpc":"2.0",{id}"method":"{method}"}}"#));
    Message::parse(&body, &Limits::default()).unwrap()
}

#[test]
fn each_row_is_routed_in_its_form_and_direction_and_refused_in_any_other() {
    for row in &TABLE {
        for form in [Form::Request, Form::Notification] {
            for sender in [Sender::Client, Sender::Server] {
                let may_travel = match row.direction {
                    Direction::Both => true,
                    Direction::ToServer => sender == Sender::Client,
                    Direction::ToClient => sender == Sender::Server,
                };
                let expected = if form == row.form && may_travel { row.route } else { Route::Refuse };
                let seen = route(&message(form, row.name), sender, |_| panic!("a known method is no extension"));
                assert_eq!(seen, expected, "{} as {form:?} from {sender:?}", row.name);
            }
        }
    }
}

#[test]
fn no_method_has_two_rows_and_every_action_of_the_protocol_has_one() {
    let names: HashSet<_> = TABLE.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), TABLE.len());
    for action in Action::ALL.into_iter().filter(|action| *action != Action::Extension) {
        let row = TABLE.iter().find(|row| row.route == Route::Check(action)).unwrap();
        assert_eq!(row.name, action.name(), "policies know the method by its own name");
        assert_eq!(Method::of(row.name).action(), Some(action));
    }
}

#[test]
fn what_must_be_decided_is_never_merely_passed() {
    let decided =
        ["tools/call", "resources/read", "resources/subscribe", "prompts/get", "completion/complete", "logging/setLevel"];
    for method in decided {
        assert!(matches!(route(&message(Form::Request, method), Sender::Client, |_| false), Route::Check(_)), "{method}");
    }
    for method in ["sampling/createMessage", "elicitation/create", "roots/list"] {
        assert!(matches!(route(&message(Form::Request, method), Sender::Server, |_| false), Route::Check(_)), "{method}");
    }
}

#[test]
fn an_unknown_method_is_refused_unless_the_server_is_configured_to_have_it() {
    for method in
        ["com.example/do", "tools/Call", "Tools/call", "tools/call ", "tools//call", "", "rpc.discover", "notifications/x"]
    {
        for form in [Form::Request, Form::Notification] {
            for sender in [Sender::Client, Sender::Server] {
                assert_eq!(route(&message(form, method), sender, |_| false), Route::Refuse, "{method:?}");
            }
        }
    }
    let allowed = route(&message(Form::Request, "com.example/do"), Sender::Client, |method| method == "com.example/do");
    assert_eq!(allowed, Route::Check(Action::Extension));
}

#[test]
fn a_response_passes_to_whoever_waits_for_it() {
    let body = Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    let response = Message::parse(&body, &Limits::default()).unwrap();
    assert_eq!(route(&response, Sender::Client, |_| false), Route::Pass);
}
