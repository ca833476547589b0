//! From the claims of a token to agent, person, memberships, scopes and attributes, by JSON pointers that differ between issuers.
//!
//! Pure, and about claims that are already believed. A claim that is there but is not of the kind that it must be makes the token
//! useless: nobody guesses what was meant.

mod claims;
mod condition;
mod presets;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

pub use claims::attribute_of;
pub use condition::{Condition, Test};
pub use presets::Preset;

use super::flaw::Flaw;
use super::prefixes::Prefixes;
use crate::domain::{Actor, AgentId, Attribute, AttributeKind, Caller, JsonPointer, Memberships, Standing, Token, UserId};
use claims::{attribute, names, text, words};

/// How deep `act` claims may be nested when nobody says otherwise.
pub const MAX_CHAIN: usize = 4;

/// Where in the claims of an issuer's tokens things stand. Of several places for one thing, the first that is there counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Stands before every id that this issuer vouches for, so that it cannot vouch for those of others.
    pub prefix: Arc<str>,
    /// Stands before every role and team.
    pub membership_prefix: Arc<str>,
    /// The person's id.
    pub user: Vec<JsonPointer>,
    /// The id of the program that asked for the token.
    pub client: Vec<JsonPointer>,
    /// The id of an actor (RFC 8693), in its `act` claim.
    pub act: Vec<JsonPointer>,
    /// Roles of the person; of the agent, when there is no person. All places count.
    pub roles: Vec<JsonPointer>,
    /// Teams of the person; of the agent, when there is no person. All places count.
    pub teams: Vec<JsonPointer>,
    /// Roles of the agent. All places count.
    pub agent_roles: Vec<JsonPointer>,
    /// Teams of the agent. All places count.
    pub agent_teams: Vec<JsonPointer>,
    /// Scopes: words in a text, or a list. All places count.
    pub scopes: Vec<JsonPointer>,
    /// What else is taken from the token.
    pub attributes: Vec<AttributeRule>,
    /// What must hold of every token.
    pub require: Vec<Condition>,
    /// What holds of a token behind which nobody stands: all of it. Empty: somebody always does.
    pub unattended: Vec<Condition>,
    /// What holds of a token behind which somebody stands. A token of neither kind is refused.
    pub attended: Vec<Condition>,
    /// Most actors behind each other.
    pub max_chain: usize,
}

/// One attribute that is taken from a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeRule {
    /// Its name in policies.
    pub name: Arc<str>,
    /// Where it stands.
    pub claim: JsonPointer,
    /// Of what kind it is.
    pub kind: AttributeKind,
    /// A token without it is refused.
    pub required: bool,
}

impl Mapping {
    /// The caller that these claims tell of.
    pub(super) fn caller(&self, issuer: &Arc<str>, claims: &Value, prefixes: &Prefixes) -> Result<Caller, Flaw> {
        let client = text(claims, &self.client)?;
        let holds = |condition: &Condition| condition.holds(claims, client);
        if let Some(unmet) = self.require.iter().find(|condition| !holds(condition)) {
            return Err(Flaw::Claim(unmet.claim.to_string().into()));
        }
        let unattended = !self.unattended.is_empty() && self.unattended.iter().all(holds);
        if !unattended && !self.attended.iter().all(holds) {
            return Err(Flaw::Ambiguous);
        }
        let (agent, chain) = self.agent(issuer, claims, client, prefixes)?;
        let actor = if unattended { Actor::Unattended } else { Actor::Person(UserId::new(self.user(issuer, claims, prefixes)?)) };
        let (roles, teams) = (self.memberships(claims, &self.roles)?, self.memberships(claims, &self.teams)?);
        let mut own = Memberships {
            roles: self.memberships(claims, &self.agent_roles)?,
            teams: self.memberships(claims, &self.agent_teams)?,
        };
        let mut standing = Standing::default();
        match actor {
            Actor::Person(_) => standing.actor = Memberships { roles, teams },
            Actor::Unattended => {
                own.roles.extend(roles);
                own.teams.extend(teams);
            }
        }
        standing.agent = own;
        let token = Token {
            issuer: Arc::clone(issuer),
            id: text(claims, &[pointer("jti")])?.map(Into::into),
            chain,
            scopes: self.scopes(claims)?,
            attributes: self.attributes(claims)?,
        };
        Ok(Caller::new(AgentId::new(agent), actor).with_standing(standing).with_token(token))
    }

    fn user(&self, issuer: &str, claims: &Value, prefixes: &Prefixes) -> Result<Arc<str>, Flaw> {
        let user = text(claims, &self.user)?.ok_or_else(|| missing(&self.user))?;
        prefixes.id(issuer, user).ok_or(Flaw::Foreign)
    }

    /// The agent is the outermost actor, else the program that asked for the token; and those before it.
    fn agent(
        &self,
        issuer: &str,
        claims: &Value,
        client: Option<&str>,
        prefixes: &Prefixes,
    ) -> Result<(Arc<str>, Vec<Arc<str>>), Flaw> {
        let mut chain = Vec::new();
        let mut next = claims.get("act");
        while let Some(act) = next {
            if chain.len() >= self.max_chain {
                return Err(Flaw::TooDeep(self.max_chain));
            }
            let name = text(act, &self.act)?.filter(|_| act.is_object()).ok_or_else(|| Flaw::Claim("/act".into()))?;
            let by = text(act, &[pointer("iss")])?.unwrap_or(issuer);
            chain.push(prefixes.id(by, name).ok_or(Flaw::Foreign)?);
            next = act.get("act");
        }
        if !chain.is_empty() {
            return Ok((chain.remove(0), chain));
        }
        let client = client.ok_or_else(|| missing(&self.client))?;
        Ok((prefixes.id(issuer, client).ok_or(Flaw::Foreign)?, chain))
    }

    fn memberships(&self, claims: &Value, places: &[JsonPointer]) -> Result<BTreeSet<Arc<str>>, Flaw> {
        let found = names(claims, places)?;
        Ok(found.into_iter().map(|name| format!("{}{name}", self.membership_prefix).into()).collect())
    }

    fn scopes(&self, claims: &Value) -> Result<BTreeSet<Arc<str>>, Flaw> {
        words(claims, &self.scopes)
    }

    fn attributes(&self, claims: &Value) -> Result<BTreeMap<Arc<str>, Attribute>, Flaw> {
        let mut found = BTreeMap::new();
        for rule in &self.attributes {
            match attribute(claims, rule)? {
                Some(value) => drop(found.insert(Arc::clone(&rule.name), value)),
                None if rule.required => return Err(Flaw::Claim(rule.claim.to_string().into())),
                None => {}
            }
        }
        Ok(found)
    }
}

fn missing(places: &[JsonPointer]) -> Flaw {
    Flaw::Claim(places.first().map_or_else(String::new, ToString::to_string).into())
}

/// The place of a registered claim.
fn pointer(name: &str) -> JsonPointer {
    JsonPointer::of_member(name)
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
