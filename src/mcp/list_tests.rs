//! What is cut out of lists, and that nothing else is.

use bytes::Bytes;
use proptest::prelude::*;

use super::{CachePolicy, Unreadable, filter, tools};
use crate::domain::Annotations;
use crate::mcp::ListKind;

const PRIVATE: CachePolicy = CachePolicy::Private { max_ttl_ms: 5000 };

fn cut(message: &str, kind: ListKind, unwanted: &[&str], cache: CachePolicy) -> Result<String, Unreadable> {
    let message = Bytes::copy_from_slice(message.as_bytes());
    let seen = filter(&message, kind, |item| !unwanted.contains(&&*item.name), cache)?;
    Ok(String::from_utf8(seen.to_vec()).unwrap())
}

fn page(list: &str) -> String {
    format!(r#"{{ "jsonrpc":"2.0" ,"id":1,"result":{{"vendor":[1.50],"tools":{list} , "nextCursor":null}},"x":1e2 }}"#)
}

#[test]
fn entries_are_cut_out_and_every_other_byte_stays() {
    let list = "[ {\"name\":\"a\",\"v\":1.0},\n  {\"name\":\"b\"} , {\"v\":\"\\u00e9\",\"name\":\"\\u0063\"} ]";
    for (unwanted, left) in [
        (&[][..], list),
        (&["a"], "[ {\"name\":\"b\"} , {\"v\":\"\\u00e9\",\"name\":\"\\u0063\"} ]"),
        (&["b"], "[ {\"name\":\"a\",\"v\":1.0} , {\"v\":\"\\u00e9\",\"name\":\"\\u0063\"} ]"),
        (&["c"], "[ {\"name\":\"a\",\"v\":1.0},\n  {\"name\":\"b\"} ]"),
        (&["a", "b"], "[ {\"v\":\"\\u00e9\",\"name\":\"\\u0063\"} ]"),
        (&["a", "c"], "[ {\"name\":\"b\"} ]"),
        (&["a", "b", "c"], "[  ]"),
    ] {
        assert_eq!(cut(&page(list), ListKind::Tools, unwanted, CachePolicy::Untouched), Ok(page(left)), "{unwanted:?}");
    }
    assert_eq!(cut(&page("[]"), ListKind::Tools, &["a"], CachePolicy::Untouched), Ok(page("[]")));
}

#[test]
fn a_message_in_which_nothing_changes_is_the_same_bytes() {
    let message = Bytes::from(page(r#"[{"name":"a"}]"#));
    let seen = filter(&message, ListKind::Tools, |_| true, CachePolicy::Untouched).unwrap();
    assert_eq!(seen.as_ptr(), message.as_ptr());
}

#[test]
fn each_kind_of_list_is_identified_by_its_own_key() {
    for (kind, key, id) in [
        (ListKind::Tools, "tools", "name"),
        (ListKind::Resources, "resources", "uri"),
        (ListKind::ResourceTemplates, "resourceTemplates", "uriTemplate"),
        (ListKind::Prompts, "prompts", "name"),
        (ListKind::Tasks, "tasks", "taskId"),
    ] {
        let message = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"{key}":[{{"{id}":"a"}},{{"{id}":"b"}}]}}}}"#);
        let left = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"{key}":[{{"{id}":"b"}}]}}}}"#);
        assert_eq!(cut(&message, kind, &["a"], CachePolicy::Untouched), Ok(left));
    }
}

#[test]
fn an_entry_that_nobody_can_identify_is_cut_out() {
    for entry in
        ["1", "null", "{}", r#"{"name":5}"#, r#"{"name":"a","name":"b"}"#, r#"{"name":"a","Name":"b"}"#, r#"{"name":"\ud800"}"#]
    {
        let message = page(&format!(r#"[{entry},{{"name":"ok"}}]"#));
        assert_eq!(cut(&message, ListKind::Tools, &[], CachePolicy::Untouched), Ok(page(r#"[{"name":"ok"}]"#)), "{entry}");
    }
}

#[test]
fn an_answer_that_cannot_be_read_is_an_error_and_an_error_passes() {
    use Unreadable::{Json, NoList};
    for (message, expected) in [
        ("", NoList),
        ("data: {}", NoList),
        ("[]", NoList),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, NoList),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"tools":{}}}"#, NoList),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"tools":null}}"#, NoList),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"tools":[{"name":"x"}]}}"#, Json),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"Tools":[{"name":"x"}]}}"#, Json),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]},"Result":{"tools":[{"name":"x"}]}}"#, Json),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[}"#, Json),
    ] {
        assert_eq!(cut(message, ListKind::Tools, &[], PRIVATE), Err(expected), "{message}");
    }
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}"#;
    assert_eq!(cut(error, ListKind::Tools, &["a"], PRIVATE).as_deref(), Ok(error));
}

#[test]
fn cache_hints_are_forced_in_place() {
    let result = |hints: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{{hints}"tools":[{{"name":"a"}}]}}}}"#);
    for (before, after) in [
        (r#""ttlMs":1000,"cacheScope":"private","#, r#""ttlMs":1000,"cacheScope":"private","#),
        (r#""ttlMs": 60000 ,"cacheScope" :"public","#, r#""ttlMs": 5000 ,"cacheScope" :"private","#),
        (r#""ttlMs":5000,"cacheScope":"priv\u0061te","#, r#""ttlMs":5000,"cacheScope":"priv\u0061te","#),
        (r#""ttlMs":-1,"cacheScope":null,"#, r#""ttlMs":0,"cacheScope":"private","#),
        (r#""ttlMs":1e9,"cacheScope":"private","#, r#""ttlMs":0,"cacheScope":"private","#),
        (r#""ttlMs":"60000","cacheScope":["private"],"#, r#""ttlMs":0,"cacheScope":"private","#),
        ("", r#""ttlMs":0,"cacheScope":"private","#),
        (r#""ttlMs":9,"#, r#""cacheScope":"private","ttlMs":9,"#),
    ] {
        assert_eq!(cut(&result(before), ListKind::Tools, &[], PRIVATE), Ok(result(after)), "{before}");
        assert_eq!(cut(&result(before), ListKind::Tools, &[], CachePolicy::Untouched), Ok(result(before)));
    }
    assert_eq!(cut(&result(r#""TTLMS":1,"ttlMs":1,"#), ListKind::Tools, &[], PRIVATE), Err(Unreadable::Json));
}

#[test]
fn tools_are_read_with_the_specifications_defaults() {
    let message = Bytes::from(page(
        r#"[{"name":"a"},{"name":"b","annotations":{"readOnlyHint":true,"destructiveHint":false,"v":1},"inputSchema":{"type":"object"}},{"name":"c","annotations":null}]"#,
    ));
    let page = tools(&message).unwrap();
    assert_eq!(page.tools.iter().map(|tool| &*tool.name).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(page.tools[0].annotations, Annotations::default());
    assert_eq!(page.tools[1].annotations, Annotations { read_only: true, destructive: false, ..Annotations::default() });
    for (hints, destructive) in [
        (r#"{"readOnlyHint":true}"#, false),
        (r#"{"readOnlyHint":true,"destructiveHint":true}"#, true),
        (r#"{"readOnlyHint":false}"#, true),
        ("{}", true),
    ] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{{"name":"a","annotations":{hints}}}]}}}}"#);
        assert_eq!(tools(&text.into()).unwrap().tools[0].annotations.destructive, destructive, "{hints}");
    }
    assert_eq!(page.tools[1].input_schema.as_deref(), Some(&br#"{"type":"object"}"#[..]));
    assert_eq!(page.tools[0].definition, r#"{"name":"a"}"#);
    assert_eq!((page.refused, page.next_cursor), (vec![], None));
}

#[test]
fn one_bad_tool_is_reported_and_does_not_spoil_the_page() {
    for (bad, name) in [
        (r#"{"name":"x","annotations":{"readOnlyHint":"true"}}"#, "x"),
        (r#"{"name":"x","annotations":{"readOnlyHint":true,"ReadOnlyHint":false}}"#, "x"),
        (r#"{"name":"x","annotations":[]}"#, "x"),
        (r#"{"name":"x","inputSchema":true}"#, "x"),
        (r#"{"name":"x","inputSchema":{"properties":{"a":1,"a":2}}}"#, "x"),
        (r#"{"name":"x","InputSchema":{}}"#, "x"),
        (r#"{"name":"x"},{"name":"\u0078"}"#, "x"),
        (r#"{"name":7}"#, ""),
        ("null", ""),
    ] {
        let page = tools(&Bytes::from(page(&format!(r#"[{bad},{{"name":"ok"}}]"#)))).unwrap();
        assert_eq!(page.tools.iter().map(|tool| &*tool.name).collect::<Vec<_>>(), ["ok"], "{bad}");
        assert_eq!(page.refused, [name], "{bad}");
    }
}

proptest! {
    #[test]
    fn what_is_left_is_json_and_holds_exactly_the_kept_entries(
        entries in prop::collection::vec(("[a-c]{1,2}", "[ \n\t]{0,2}", any::<bool>()), 0..8)
    ) {
        let texts: Vec<_> = entries.iter().map(|(name, space, _)| format!("{space}{{{space}\"name\":\"{name}\"}}{space}")).collect();
        let message = page(&format!("[{}]", texts.join(",")));
        let mut keep = entries.iter().map(|(_, _, keep)| *keep);
        let seen = filter(&message.into(), ListKind::Tools, |_| keep.next().unwrap(), PRIVATE).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&seen).unwrap();
        let left: Vec<_> = value["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        let expected: Vec<_> = entries.iter().filter(|(_, _, keep)| *keep).map(|(name, _, _)| name.as_str()).collect();
        prop_assert_eq!(left, expected);
        prop_assert_eq!(&value["result"]["cacheScope"], "private");
    }
}
