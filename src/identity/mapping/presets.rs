//! Where common issuers put what, and how each of them says that nobody stands behind an agent.
//!
//! A token that is taken for one of an agent alone, although a person stands behind it, would be decided without that person. So each
//! rule asks for something that no person's token has; a token that fits neither kind is refused, or its subject is taken for a
//! person that no policy knows.

use std::sync::Arc;

use super::{Condition, MAX_CHAIN, Mapping, Test};
use crate::domain::JsonPointer;
use crate::identity::jwt::TokenType;

/// A kind of issuer whose tokens are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// As RFC 9068 has it. A client's own token has the client as its subject (section 2.2).
    Rfc9068,
    /// Keycloak. The user of a service account is called `service-account-` and the client's id; such a token has no session.
    Keycloak,
    /// Microsoft Entra ID. A person's token has `scp`, and an application's `idtyp` (an optional claim that must be turned on).
    Entra,
    /// Auth0. The subject of a client's own token is the client's id and `@clients`.
    Auth0,
    /// Okta. Only a person's token has `uid`.
    Okta,
    /// Amazon Cognito. Only a person's token has `username`.
    Cognito,
    /// A Kubernetes cluster: service accounts, behind which nobody stands.
    Kubernetes,
}

impl Preset {
    /// All there are, and how the configuration names them.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("rfc9068", Self::Rfc9068),
        ("keycloak", Self::Keycloak),
        ("entra", Self::Entra),
        ("auth0", Self::Auth0),
        ("okta", Self::Okta),
        ("cognito", Self::Cognito),
        ("kubernetes", Self::Kubernetes),
    ];

    /// The mapping of this kind of issuer.
    #[must_use]
    pub fn mapping(self) -> Mapping {
        let base = Mapping {
            prefix: Arc::from(""),
            membership_prefix: Arc::from(""),
            user: places(&["sub"]),
            client: places(&["client_id", "azp"]),
            act: places(&["sub", "client_id"]),
            roles: places(&["roles"]),
            teams: places(&["groups"]),
            agent_roles: Vec::new(),
            agent_teams: Vec::new(),
            scopes: places(&["scope"]),
            attributes: Vec::new(),
            require: Vec::new(),
            unattended: vec![is("sub", "{client}")],
            attended: Vec::new(),
            max_chain: MAX_CHAIN,
        };
        match self {
            Self::Rfc9068 => base,
            Self::Keycloak => Mapping {
                client: places(&["azp", "client_id"]),
                roles: vec![nested("realm_access", "roles")],
                unattended: vec![
                    is("preferred_username", "service-account-{client_lower}"),
                    is("client_id", "{client}"),
                    absent("sid"),
                ],
                ..base
            },
            Self::Entra => Mapping {
                client: places(&["azp", "appid"]),
                user: places(&["oid"]),
                scopes: places(&["scp"]),
                unattended: vec![is("idtyp", "app"), absent("scp")],
                attended: vec![present("scp")],
                ..base
            },
            Self::Auth0 => Mapping {
                client: places(&["azp", "client_id"]),
                scopes: places(&["scope", "permissions"]),
                unattended: vec![is("sub", "{client}@clients")],
                ..base
            },
            Self::Okta => Mapping {
                client: places(&["cid"]),
                user: places(&["uid"]),
                scopes: places(&["scp"]),
                unattended: vec![is("sub", "{client}"), absent("uid")],
                ..base
            },
            Self::Cognito => Mapping {
                client: places(&["client_id"]),
                teams: places(&["cognito:groups"]),
                require: vec![is("token_use", "access")],
                unattended: vec![is("sub", "{client}"), absent("username")],
                attended: vec![present("username")],
                ..base
            },
            Self::Kubernetes => Mapping {
                client: places(&["sub"]),
                roles: Vec::new(),
                teams: Vec::new(),
                scopes: Vec::new(),
                unattended: vec![is("sub", "{client}")],
                ..base
            },
        }
    }

    /// The types of the tokens of this kind of issuer.
    #[must_use]
    pub fn token_types(self) -> Vec<TokenType> {
        let mut types = vec![TokenType::named("at+jwt"), TokenType::named("jwt")];
        // These leave `typ` out.
        if matches!(self, Self::Okta | Self::Cognito | Self::Kubernetes) {
            types.push(TokenType::Absent);
        }
        types
    }
}

fn places(names: &[&str]) -> Vec<JsonPointer> {
    names.iter().map(|name| JsonPointer::of_member(name)).collect()
}

fn nested(outer: &str, inner: &str) -> JsonPointer {
    JsonPointer::of_member(outer).then(inner)
}

fn is(claim: &str, text: &str) -> Condition {
    Condition { claim: JsonPointer::of_member(claim), test: Test::Is(text.to_owned()) }
}

fn present(claim: &str) -> Condition {
    Condition { claim: JsonPointer::of_member(claim), test: Test::Present }
}

fn absent(claim: &str) -> Condition {
    Condition { claim: JsonPointer::of_member(claim), test: Test::Absent }
}
