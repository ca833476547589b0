//! Digests of definitions: equal exactly when the lock would call the definitions the same.

use bytes::Bytes;

use super::super::fixture::{World, shop, tool};
use super::*;
use crate::domain::{Annotations, ToolDefinition};

/// The digest of the tool `x` when the shop lists it with this definition.
fn digest_of(definition: &'static str) -> Option<String> {
    let mut world = World::new("");
    let listed = ToolDefinition { definition: Bytes::from_static(definition.as_bytes()), ..tool("x", Annotations::default()) };
    world.catalog.learn(&shop(), false, [listed]);
    let snapshot = world.snapshot();
    let once = snapshot.definition_digest(&shop(), &"x".into());
    assert_eq!(snapshot.definition_digest(&shop(), &"x".into()), once, "and the same again when it is asked for again");
    once.map(|digest| digest.to_string())
}

#[test]
fn a_definition_has_the_digest_of_its_canonical_form() {
    let hex: String =
        digest(&SHA256, br#"{"description":"Looks.","name":"x"}"#).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    for same in [r#"{"description":"Looks.","name":"x"}"#, "{ \"name\" : \"\\u0078\",\n \"description\":\"Looks.\" }"] {
        assert_eq!(digest_of(same), Some(format!("sha256:{hex}")), "{same}");
    }
    let other = digest_of(r#"{"description":"Looks!","name":"x"}"#);
    assert!(other.is_some() && other != Some(format!("sha256:{hex}")));
}

#[test]
fn what_is_not_listed_or_cannot_be_read_in_one_way_has_none() {
    assert_eq!(digest_of(r#"{"name":"x","name":"y"}"#), None);
    let snapshot = World::new("").snapshot();
    assert_eq!(snapshot.definition_digest(&shop(), &"x".into()), None);
    assert_eq!(snapshot.definition_digest(&ServerName::new("other").unwrap(), &"search".into()), None);
}
