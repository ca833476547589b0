//! The table is that of the binding: each method once, with the resource that the binding gives it.

use super::*;

#[test]
fn the_table_has_the_default_mappings_of_the_binding_and_no_others() {
    // Sections 6.1 to 6.7 of the binding: method, type of the resource.
    let binding = [
        ("initialize", "mcp_server"),
        ("tools/list", "mcp_server"),
        ("tools/call", "tool"),
        ("resources/list", "mcp_server"),
        ("resources/read", "resource"),
        ("resources/subscribe", "resource"),
        ("resources/unsubscribe", "resource"),
        ("prompts/list", "mcp_server"),
        ("prompts/get", "prompt"),
        ("completion/complete", "prompt"),
        ("completion/complete", "resource"),
        ("logging/setLevel", "mcp_server"),
        ("tasks/get", "task"),
        ("tasks/result", "task"),
        ("tasks/cancel", "task"),
        ("tasks/list", "mcp_server"),
    ];
    for (method, kind) in binding {
        assert!(row(method).is_some_and(|(_, of, ..)| of.fits(kind)), "{method} on {kind}");
    }
    let kinds = ["tool", "resource", "prompt", "mcp_server", "task", "record", ""];
    let fits = TABLE.iter().flat_map(|(name, of, ..)| kinds.iter().filter(|kind| of.fits(kind)).map(move |kind| (*name, *kind)));
    assert_eq!(fits.collect::<std::collections::BTreeSet<_>>(), binding.into_iter().collect());
    for method in [
        "ping",
        "notifications/initialized",
        "server/discover",
        "subscriptions/listen",
        "tools/Call",
        "sampling/createMessage",
        "",
    ] {
        assert!(row(method).is_none(), "{method}");
    }
}

#[test]
fn only_lists_are_allowed_without_policies() {
    let listed: Vec<&str> = TABLE.iter().filter(|(_, _, meaning, _)| *meaning == Meaning::List).map(|(name, ..)| *name).collect();
    assert_eq!(listed, ["initialize", "tools/list", "resources/list", "prompts/list"]);
    for (name, kind, meaning, _) in &TABLE {
        if let Meaning::Decide(action) = meaning {
            assert!(
                *name == action.name() || (*name, *action) == ("resources/unsubscribe", Action::ResourcesSubscribe),
                "{name} {kind:?}"
            );
        }
    }
}
