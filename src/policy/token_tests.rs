//! What a verified token says, as policies see it.

use std::sync::Arc;

use super::fixture::{MONDAY, World, line, shop, source};
use super::{PolicySnapshot, Request};
use crate::domain::{
    Action, Actor, AgentId, Arguments, Attribute, AttributeKind, Call, Caller, Target, Timestamp, Token, UserId,
};

fn world(policies: &str) -> World {
    let mut world = World::new(policies);
    let claim = |name: &str, kind| (Arc::from(name), kind);
    world.settings.token_claims = vec![
        claim("department", AttributeKind::Text),
        claim("external", AttributeKind::Flag),
        claim("level", AttributeKind::Number),
        claim("regions", AttributeKind::Texts),
    ];
    world
}

fn token(scopes: &[&str], attributes: &[(&str, Attribute)]) -> Token {
    Token {
        issuer: "https://idp".into(),
        id: None,
        chain: vec![],
        scopes: scopes.iter().map(|scope| (*scope).into()).collect(),
        attributes: attributes.iter().map(|(name, value)| ((*name).into(), value.clone())).collect(),
    }
}

/// The decision about a search by somebody whom no file has heard of.
fn decide(snapshot: &PolicySnapshot, token: Option<Token>) -> String {
    let caller = Caller::new(AgentId::new("newcomer"), Actor::Person(UserId::new("stranger")));
    let caller = token.map_or(caller.clone(), |token| caller.with_token(token));
    let (server, action, target) = (shop(), Action::ToolsCall, Target::Tool("search".into()));
    let call = Call { server, action, target, arguments: Arguments::ABSENT, source: source(), request: None, trace: None };
    let decide =
        || line(&snapshot.decide(&Request { caller: &caller, call: &call, now: Timestamp::from_micros(MONDAY), approval: None }));
    let first = decide();
    assert_eq!(first, decide(), "what is kept of the first time serves the second");
    first
}

#[test]
fn policies_read_scopes_and_mapped_claims_of_a_token() {
    let snapshot = world(
        r#"@id("scope") permit (principal, action, resource) when { context has token && context.token.scopes.contains("mcp") };
        @id("claims") permit (principal, action, resource) when {
            context has token.claims.department && context.token.claims.department == "sales" && context.token.issuer == "https://idp" };
        @id("junior") forbid (principal, action, resource) when { context has token.claims.level && context.token.claims.level < 3 };
        @id("guest") forbid (principal, action, resource) when { context has token.claims.external && context.token.claims.external };
        @id("emea") permit (principal, action, resource) when {
            context has token.claims.regions && context.token.claims.regions.contains("emea") };"#,
    )
    .snapshot();
    let text = |value: &str| Attribute::Text(value.into());
    let regions = Attribute::Texts(["emea".into(), "apac".into()].into());
    for (token, expected) in [
        (token(&["mcp"], &[]), "allow: agent permitted [scope]"),
        (token(&["other"], &[]), "deny: agent no_permit"),
        (token(&[], &[("department", text("sales"))]), "allow: agent permitted [claims]"),
        (token(&[], &[("department", text("it"))]), "deny: agent no_permit"),
        (token(&[], &[("regions", regions)]), "allow: agent permitted [emea]"),
        (token(&["mcp"], &[("level", Attribute::Number(2))]), "deny: agent forbidden [junior]"),
        (token(&["mcp"], &[("external", Attribute::Flag(true))]), "deny: agent forbidden [guest]"),
        (token(&["mcp"], &[("external", Attribute::Flag(false))]), "allow: agent permitted [scope]"),
        // What the vocabulary does not know never gets to a policy.
        (token(&["mcp"], &[("unknown", Attribute::Flag(true))]), "deny: agent invalid_request"),
        (token(&["mcp"], &[("level", text("9"))]), "deny: agent invalid_request"),
    ] {
        let decided = decide(&snapshot, Some(token.clone()));
        assert!(decided == expected || decided.starts_with(&format!("{expected} context ")), "{token:?}: {decided}");
    }
}

#[test]
fn somebody_for_whom_a_token_vouches_is_somebody_and_others_are_not() {
    let snapshot = world(r#"@id("all") permit (principal, action, resource);"#).snapshot();
    assert_eq!(decide(&snapshot, Some(token(&[], &[]))), "allow: agent permitted [all]");
    assert_eq!(decide(&snapshot, None), "deny: agent unknown_principal");
    assert_eq!(decide(&snapshot, Some(token(&[], &[]))), "allow: agent permitted [all]");
}

#[test]
fn a_policy_that_reads_a_claim_that_nobody_maps_is_refused() {
    let reads = |claim: &str| {
        let condition = format!("context has token && context.token.claims has level && context.token.claims.{claim} > 1");
        format!("permit (principal, action, resource) when {{ {condition} }};")
    };
    assert!(world(&reads("level")).load().is_ok());
    assert!(world(&reads("missing")).load().is_err());
    let mut other = world("");
    let before = other.snapshot().fingerprint();
    other.settings.token_claims.pop();
    assert_ne!(other.snapshot().fingerprint(), before, "what policies can see is part of what they are");
}
