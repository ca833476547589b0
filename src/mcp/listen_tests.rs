//! What a client listens to, and what is taken out of it.

use bytes::Bytes;

use super::{ListenFilter, filter, retain};
use crate::mcp::{Limits, Message};

fn listen(filter: &str) -> Message {
    let body =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{{"notifications":{filter} ,"v":1}}}}"#);
    Message::parse(&Bytes::from(body), &Limits::default()).unwrap()
}

#[test]
fn a_filter_is_read() {
    let seen =
        filter(&listen(r#"{"toolsListChanged":true,"resourceSubscriptions":["a:1","b\u003a2"],"taskIds":["t"],"vendor":{}}"#));
    let expected = ListenFilter {
        tools_list_changed: true,
        resource_subscriptions: vec!["a:1".into(), "b:2".into()],
        task_ids: vec!["t".into()],
        ..ListenFilter::default()
    };
    assert_eq!(seen, Ok(expected));
    let none =
        Message::parse(&Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen"}"#), &Limits::default());
    assert_eq!(filter(&none.unwrap()), Ok(ListenFilter::default()));
}

#[test]
fn a_filter_of_other_types_is_refused() {
    for bad in [
        r#"{"toolsListChanged":1}"#,
        r#"{"resourceSubscriptions":"a:1"}"#,
        r#"{"resourceSubscriptions":[["a:1"]]}"#,
        r#"{"taskIds":{}}"#,
        r#"{"taskIds":[null]}"#,
        r#"{"resourcesubscriptions":["a:1"]}"#,
    ] {
        let no = filter(&listen(bad)).unwrap_err();
        assert_eq!((no.code(), no.id().is_some()), (-32602, true), "{bad}");
        assert!(retain(&listen(bad), |_| true, |_| true).is_err(), "{bad}");
    }
}

#[test]
fn denied_resources_and_tasks_are_cut_out_and_the_rest_stays() {
    let request = listen(r#"{ "taskIds":["t","u"], "toolsListChanged":true , "resourceSubscriptions": ["a:1", "b:2" ,"c:3"]}"#);
    let seen = retain(&request, |uri| uri == "b:2", |task| task == "u").unwrap();
    let expected = listen(r#"{ "taskIds":["u"], "toolsListChanged":true , "resourceSubscriptions": ["b:2"]}"#);
    assert_eq!(&seen, expected.body());
    let none = retain(&request, |_| false, |_| false).unwrap();
    assert_eq!(&none, listen(r#"{ "taskIds":[], "toolsListChanged":true , "resourceSubscriptions": []}"#).body());
    assert_eq!(&retain(&request, |_| true, |_| true).unwrap(), request.body());
}
