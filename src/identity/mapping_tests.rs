//! Claims as the common issuers write them, and what becomes of them; and claims as an attacker would have them.

use serde_json::json;

use super::*;
use crate::identity::fixture::{ISSUER, claims, issuer, merge};
use crate::identity::settings::IssuerSettings;

fn map_with(settings: &IssuerSettings, claims: &Value) -> Result<Caller, Flaw> {
    let other = IssuerSettings { issuer: "https://other.example".into(), ..issuer(Preset::Rfc9068) };
    let mut other = other;
    other.mapping.prefix = "other/".into();
    let prefixes = Prefixes::of(&[settings.clone(), other]);
    settings.mapping.caller(&ISSUER.into(), claims, &prefixes)
}

fn map(preset: Preset, claims: &Value) -> String {
    shown(map_with(&issuer(preset), claims))
}

/// `agent [for person] [agent roles/teams] [person's roles/teams] [scopes] [chain]`, or the word of the flaw.
fn shown(mapped: Result<Caller, Flaw>) -> String {
    let caller = match mapped {
        Ok(caller) => caller,
        Err(Flaw::Claim(claim)) => return format!("claim {claim}"),
        Err(flaw) => return flaw.word().to_owned(),
    };
    let list =
        |mark: &str, names: Vec<&str>| if names.is_empty() { String::new() } else { format!(" {mark}{}", names.join(",")) };
    let both = |of: &Memberships| {
        let roles = list("roles:", of.roles.iter().map(|name| &**name).collect());
        roles + &list("teams:", of.teams.iter().map(|name| &**name).collect())
    };
    let token = caller.token.as_ref().unwrap();
    let person = caller.actor.person().map_or_else(String::new, |user| format!(" for {user}"));
    let scopes = list("scopes:", token.scopes.iter().map(|name| &**name).collect());
    let chain = list("chain:", token.chain.iter().map(|name| &**name).collect());
    let (agent, actor) = (both(&caller.standing.agent), both(&caller.standing.actor));
    format!("{}{agent}{person}{actor}{scopes}{chain}", caller.agent)
}

#[test]
fn tokens_of_common_issuers_tell_who_calls_and_for_whom() {
    let keycloak = json!({
        "azp": "helper", "sub": "5f0c", "sid": "s", "preferred_username": "alice", "scope": "openid mcp",
        "realm_access": { "roles": ["support"] }, "groups": ["/emea"],
    });
    let entra = json!({
        "azp": "0a1b", "oid": "aaaa", "sub": "pairwise", "scp": "Tools.Call", "roles": ["Support"], "tid": "t", "ver": "2.0",
    });
    let auth0 = json!({ "azp": "cli", "sub": "auth0|42", "scope": "openid", "permissions": ["call:tools"] });
    let okta =
        json!({ "cid": "0oa1", "uid": "00u1", "sub": "alice@example.com", "scp": ["openid", "mcp"], "groups": ["Everyone"] });
    let cognito = json!({
        "client_id": "c1", "sub": "uuid", "username": "alice", "token_use": "access", "scope": "mcp/call", "cognito:groups": ["ops"],
    });
    let with = |base: &Value, change: Value| {
        let mut claims = base.clone();
        merge(&mut claims, change);
        claims
    };
    for (preset, claims, expected) in [
        (Preset::Rfc9068, claims(json!({})), "helper for alice scopes:read,write"),
        (Preset::Rfc9068, claims(json!({ "sub": "helper", "scope": null })), "helper"),
        (Preset::Rfc9068, claims(json!({ "client_id": null, "azp": "x", "scope": null })), "x for alice"),
        (Preset::Rfc9068, claims(json!({ "client_id": null })), "claim /client_id"),
        (Preset::Rfc9068, claims(json!({ "sub": null })), "claim /sub"),
        (Preset::Keycloak, keycloak.clone(), "helper for 5f0c roles:support teams:/emea scopes:mcp,openid"),
        (
            Preset::Keycloak,
            json!({ "azp": "Batch", "client_id": "Batch", "sub": "9d", "preferred_username": "service-account-batch" }),
            "Batch",
        ),
        // Somebody who calls themselves like a service account, and logs in.
        (
            Preset::Keycloak,
            with(&keycloak, json!({ "preferred_username": "service-account-helper", "groups": null, "scope": null })),
            "helper for 5f0c roles:support",
        ),
        (Preset::Entra, entra.clone(), "0a1b for aaaa roles:Support scopes:Tools.Call"),
        (Preset::Entra, with(&entra, json!({ "scp": null, "idtyp": "app" })), "0a1b roles:Support"),
        (Preset::Entra, with(&entra, json!({ "scp": null })), "ambiguous"),
        (Preset::Entra, with(&entra, json!({ "idtyp": "app" })), "0a1b for aaaa roles:Support scopes:Tools.Call"),
        (Preset::Auth0, auth0.clone(), "cli for auth0|42 scopes:call:tools,openid"),
        (Preset::Auth0, with(&auth0, json!({ "sub": "cli@clients", "scope": null })), "cli scopes:call:tools"),
        (Preset::Auth0, with(&auth0, json!({ "sub": "other@clients" })), "cli for other@clients scopes:call:tools,openid"),
        (Preset::Okta, okta.clone(), "0oa1 for 00u1 teams:Everyone scopes:mcp,openid"),
        (Preset::Okta, json!({ "cid": "0oa1", "sub": "0oa1", "scp": ["mcp"] }), "0oa1 scopes:mcp"),
        (Preset::Okta, with(&okta, json!({ "uid": null })), "claim /uid"),
        (Preset::Cognito, cognito.clone(), "c1 for uuid teams:ops scopes:mcp/call"),
        (Preset::Cognito, json!({ "client_id": "c1", "sub": "c1", "token_use": "access" }), "c1"),
        (Preset::Cognito, with(&cognito, json!({ "token_use": "id" })), "claim /token_use"),
        (Preset::Cognito, with(&cognito, json!({ "username": null })), "ambiguous"),
    ] {
        assert_eq!(map(preset, &claims), expected, "{preset:?} {claims}");
    }
}

#[test]
fn the_agent_is_the_outermost_actor_and_those_before_it_are_kept() {
    for (act, expected) in [
        (json!({ "sub": "planner" }), "planner for alice"),
        (json!({ "client_id": "planner" }), "planner for alice"),
        (json!({ "sub": "planner", "client_id": "x" }), "planner for alice"),
        (json!({ "sub": "b", "act": { "sub": "a", "act": { "sub": "z" } } }), "b for alice chain:a,z"),
        (json!({ "sub": "b", "iss": ISSUER }), "b for alice"),
        (json!({ "sub": "b", "iss": "https://other.example" }), "other/b for alice"),
        (json!({ "sub": "b", "iss": "https://evil.example" }), "foreign"),
        (json!({ "sub": "other/b" }), "foreign"),
        (json!({ "sub": "system:serviceaccount:a:b" }), "foreign"),
        (json!({ "act": { "sub": "a" } }), "claim /act"),
        (json!({}), "claim /act"),
        (json!("b"), "claim /act"),
        (json!([{ "sub": "b" }]), "claim /act"),
        (json!(false), "claim /act"),
        (json!({ "sub": 7 }), "claim /sub"),
        (json!({ "sub": "b", "act": "a" }), "claim /act"),
        (json!({ "sub": "1", "act": { "sub": "2", "act": { "sub": "3", "act": { "sub": "4" } } } }), "1 for alice chain:2,3,4"),
        (
            json!({ "sub": "1", "act": { "sub": "2", "act": { "sub": "3", "act": { "sub": "4", "act": { "sub": "5" } } } } }),
            "too_deep",
        ),
    ] {
        assert_eq!(map(Preset::Rfc9068, &claims(json!({ "act": act, "scope": null }))), expected, "{act}");
    }
}

#[test]
fn names_that_cannot_be_names_make_a_token_useless() {
    for bad in
        [json!(""), json!(" alice"), json!("a\nb"), json!("\u{0}"), json!("x".repeat(257)), json!(1), json!(["alice"]), json!({})]
    {
        assert_eq!(map(Preset::Rfc9068, &claims(json!({ "sub": bad }))), "claim /sub", "{bad}");
        assert_eq!(map(Preset::Rfc9068, &claims(json!({ "roles": [bad] }))), "claim /roles", "{bad}");
    }
    assert_eq!(map(Preset::Rfc9068, &claims(json!({ "scope": "a\tb" }))), "claim /scope");
    assert_eq!(map(Preset::Rfc9068, &claims(json!({ "jti": 7 }))), "claim /jti");
}

#[test]
fn memberships_of_all_places_count_with_the_prefix_before_them() {
    let mut settings = issuer(Preset::Rfc9068);
    settings.mapping.roles = vec!["/roles".parse().unwrap(), "/resource_access/mcp~1shop/roles".parse().unwrap()];
    settings.mapping.agent_roles = vec!["/client_roles/1".parse().unwrap()];
    settings.mapping.agent_teams = vec!["/client_team".parse().unwrap()];
    settings.mapping.membership_prefix = "corp/".into();
    let token = claims(json!({
        "roles": "support", "resource_access": { "mcp/shop": { "roles": ["a", "b", "a"] } }, "client_roles": ["x", "y"],
        "client_team": ["t"], "scope": null,
    }));
    let expected = "helper roles:corp/y teams:corp/t for alice roles:corp/a,corp/b,corp/support";
    assert_eq!(shown(map_with(&settings, &token)), expected);
    let alone = claims(json!({ "sub": "helper", "roles": ["r"], "client_roles": ["x", "y"], "scope": null }));
    assert_eq!(shown(map_with(&settings, &alone)), "helper roles:corp/r,corp/y");
    let odd = claims(json!({ "resource_access": { "mcp/shop": { "roles": { "a": true } } } }));
    assert_eq!(shown(map_with(&settings, &odd)), "claim /resource_access/mcp~1shop/roles");
}

#[test]
fn attributes_have_a_type_and_may_be_required() {
    let rule =
        |name: &str, kind, required| AttributeRule { name: name.into(), claim: JsonPointer::of_member(name), kind, required };
    let mut settings = issuer(Preset::Rfc9068);
    settings.mapping.attributes = vec![
        rule("department", AttributeKind::Text, true),
        rule("regions", AttributeKind::Texts, false),
        rule("external", AttributeKind::Flag, false),
        rule("level", AttributeKind::Number, false),
    ];
    let attributes = |change: Value| {
        let mapped = map_with(&settings, &claims(change));
        mapped.map(|caller| caller.token.unwrap().attributes.clone()).map_err(|flaw| format!("{flaw:?}"))
    };
    let all = attributes(json!({ "department": "x y", "regions": ["b", "a"], "external": false, "level": -3 })).unwrap();
    let texts = BTreeSet::from(["a".into(), "b".into()]);
    assert_eq!(all["department"], Attribute::Text("x y".into()));
    assert_eq!(all["regions"], Attribute::Texts(texts));
    assert_eq!((&all["external"], &all["level"]), (&Attribute::Flag(false), &Attribute::Number(-3)));
    assert_eq!(attributes(json!({ "department": "x" })).unwrap().len(), 1);
    for (change, claim) in [
        (json!({}), "/department"),
        (json!({ "department": null }), "/department"),
        (json!({ "department": 1 }), "/department"),
        (json!({ "department": "x", "external": "true" }), "/external"),
        (json!({ "department": "x", "level": 1.5 }), "/level"),
        (json!({ "department": "x", "level": "1" }), "/level"),
        (json!({ "department": "x", "regions": [1] }), "/regions"),
    ] {
        assert_eq!(attributes(change.clone()).unwrap_err(), format!("Claim(\"{claim}\")"), "{change}");
    }
}

#[test]
fn what_must_hold_of_every_token_is_asked_of_every_token() {
    let mut settings = issuer(Preset::Rfc9068);
    settings.mapping.require = vec![
        Condition { claim: JsonPointer::of_member("tid"), test: Test::Is("t-1".to_owned()) },
        Condition { claim: JsonPointer::of_member("mfa"), test: Test::Is("true".to_owned()) },
        Condition { claim: JsonPointer::of_member("guest"), test: Test::Absent },
    ];
    for (change, expected) in [
        (json!({ "tid": "t-1", "mfa": true, "scope": null }), "helper for alice"),
        (json!({ "tid": "t-2", "mfa": true }), "claim /tid"),
        (json!({ "mfa": true }), "claim /tid"),
        (json!({ "tid": "t-1", "mfa": false }), "claim /mfa"),
        (json!({ "tid": "t-1", "mfa": true, "guest": 0 }), "claim /guest"),
    ] {
        assert_eq!(shown(map_with(&settings, &claims(change.clone()))), expected, "{change}");
    }
}
