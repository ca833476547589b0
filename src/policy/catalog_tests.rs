//! What is learned from lists, whole and in parts.

use super::super::fixture::{shop, tool};
use super::{Catalog, MAX_TOOLS};
use crate::domain::{Annotations, ToolDefinition};

fn plain(names: &[&str]) -> Vec<ToolDefinition> {
    names.iter().map(|name| tool(name, Annotations::default())).collect()
}

fn known(catalog: &Catalog) -> Vec<String> {
    catalog.tools().map(|(server, tool)| format!("{server}/{}", tool.name)).collect()
}

#[test]
fn a_whole_list_replaces_and_a_part_adds() {
    let mut catalog = Catalog::default();
    assert!(catalog.learn(&shop(), true, plain(&["a", "b"])));
    assert!(!catalog.learn(&shop(), true, plain(&["b", "a"])));
    assert!(!catalog.learn(&shop(), false, plain(&["a"])));
    assert!(catalog.learn(&shop(), false, plain(&["c"])));
    assert_eq!(known(&catalog), ["shop/a", "shop/b", "shop/c"]);
    assert!(catalog.learn(&shop(), true, plain(&["c"])));
    assert_eq!(known(&catalog), ["shop/c"]);
    assert!(catalog.has(&shop(), "c") && !catalog.has(&shop(), "a"));
}

#[test]
fn a_first_empty_list_is_news() {
    assert!(Catalog::default().learn(&shop(), true, []));
}

#[test]
fn of_two_descriptions_in_one_list_the_less_trusting_parts_count() {
    let harmless = Annotations { read_only: true, destructive: false, idempotent: true, open_world: false };
    for pair in [[harmless, Annotations::default()], [Annotations::default(), harmless]] {
        let mut catalog = Catalog::default();
        catalog.learn(&shop(), true, pair.map(|annotations| tool("a", annotations)));
        assert_eq!(catalog.tools().map(|(_, tool)| tool.annotations).collect::<Vec<_>>(), [Annotations::default()]);
    }
}

#[test]
fn a_server_cannot_fill_the_memory_with_tools() {
    let many = |prefix: &str| (0..=MAX_TOOLS).map(|n| tool(&format!("{prefix}{n}"), Annotations::default())).collect::<Vec<_>>();
    let mut catalog = Catalog::default();
    catalog.learn(&shop(), true, many("a"));
    catalog.learn(&shop(), false, many("b"));
    assert_eq!(catalog.tools().count(), MAX_TOOLS);
}
