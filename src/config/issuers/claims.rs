//! Where in the tokens of an issuer things stand: what its table says, over what its preset says.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::raw::{Given, Value};
use super::super::reader::{Reader, list, text};
use crate::domain::{AttributeKind, JsonPointer};
use crate::identity::{AttributeRule, Condition, Mapping, Preset, Test};

/// The types of attributes.
const KINDS: [(&str, AttributeKind); 4] = [
    ("string", AttributeKind::Text),
    ("list", AttributeKind::Texts),
    ("bool", AttributeKind::Flag),
    ("long", AttributeKind::Number),
];

/// The mapping of an issuer.
pub(super) fn mapping(reader: &mut Reader<'_>, preset: Preset) -> Option<Mapping> {
    let base = preset.mapping();
    let mut places = |key, of_preset| reader.optional(key, pointers).map(|given| given.unwrap_or(of_preset));
    let (user, client, act) = (places("user", base.user), places("client", base.client), places("act", base.act));
    let (roles, teams) = (places("roles", base.roles), places("teams", base.teams));
    let (agent_roles, agent_teams) = (places("agent_roles", base.agent_roles), places("agent_teams", base.agent_teams));
    let scopes = places("scopes", base.scopes);
    let mut all = |key, of_preset| reader.optional(key, conditions).map(|given| given.unwrap_or(of_preset));
    let (require, unattended, attended) =
        (all("require", base.require), all("unattended", base.unattended), all("attended", base.attended));
    let attributes = reader.optional("attributes", attributes);
    let prefix = reader.read("prefix", |given| before_ids(&text(given)?));
    let membership_prefix = reader.read("membership_prefix", |given| before_ids(&text(given)?));
    let max_chain = reader.count("max_chain", 1..=16);
    Some(Mapping {
        prefix: prefix?,
        membership_prefix: membership_prefix?,
        user: user?,
        client: client?,
        act: act?,
        roles: roles?,
        teams: teams?,
        agent_roles: agent_roles?,
        agent_teams: agent_teams?,
        scopes: scopes?,
        attributes: attributes?.unwrap_or_default(),
        require: require?,
        unattended: unattended?,
        attended: attended?,
        max_chain: max_chain?,
    })
}

/// What can stand before an id.
fn before_ids(text: &str) -> Result<Arc<str>, String> {
    let fits = text.len() <= 128 && !text.chars().any(|letter| letter.is_control() || letter.is_whitespace());
    fits.then(|| text.into()).ok_or_else(|| "a prefix has at most 128 bytes, no spaces and no control characters".to_owned())
}

fn pointers(given: &Given) -> Result<Vec<JsonPointer>, String> {
    list(given)?.iter().map(|text| pointer(text)).collect()
}

fn pointer(text: &str) -> Result<JsonPointer, String> {
    text.parse().map_err(|error| format!("`{text}`: {error}"))
}

fn tables(given: &Given) -> Result<&[BTreeMap<String, String>], String> {
    match &given.value {
        Value::Tables(tables) => Ok(tables),
        _ => Err("this is not a list of tables".to_owned()),
    }
}

/// `{ claim = "/idtyp", is = "app" }`, `{ present = "/scp" }` or `{ absent = "/sid" }`.
fn conditions(given: &Given) -> Result<Vec<Condition>, String> {
    let condition = |table: &BTreeMap<String, String>| {
        let pairs: Vec<(&str, &str)> = table.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let (claim, test) = match pairs.as_slice() {
            [("claim", claim), ("is", text)] => (claim, Test::Is((*text).to_owned())),
            [("present", claim)] => (claim, Test::Present),
            [("absent", claim)] => (claim, Test::Absent),
            _ => return Err("a condition is { claim, is }, { present } or { absent }".to_owned()),
        };
        Ok(Condition { claim: pointer(claim)?, test })
    };
    tables(given)?.iter().map(condition).collect()
}

/// `{ name = "department", claim = "/department", type = "string", presence = "required" }`.
fn attributes(given: &Given) -> Result<Vec<AttributeRule>, String> {
    let mut rules: Vec<AttributeRule> = Vec::new();
    for table in tables(given)? {
        if let Some(key) = table.keys().find(|key| !matches!(key.as_str(), "name" | "claim" | "type" | "presence")) {
            return Err(format!("unknown key `{key}`; the keys are `name`, `claim`, `type` and `presence`"));
        }
        let text = |key: &str| table.get(key).ok_or_else(|| format!("`{key}` is missing"));
        let name = text("name")?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) || !name.bytes().all(plain) {
            return Err(format!("`{name}` is not a name for an attribute: letters, digits and _"));
        }
        if rules.iter().any(|rule| *rule.name == **name) {
            return Err(format!("there are two attributes `{name}`"));
        }
        let word = text("type")?;
        let kind = KINDS.into_iter().find(|(name, _)| name == word).map(|(_, kind)| kind);
        let kind = kind.ok_or_else(|| format!("`{word}` is not one of string, list, bool, long"))?;
        let required = match table.get("presence").map_or("optional", String::as_str) {
            "required" => true,
            "optional" => false,
            other => return Err(format!("`{other}` is not one of required, optional")),
        };
        rules.push(AttributeRule { name: name.as_str().into(), claim: pointer(text("claim")?)?, kind, required });
    }
    Ok(rules)
}
