//! `[[identity.issuer]]`: who vouches for tokens, and where in them things stand.

mod claims;
mod keys;

use std::sync::Arc;
use std::time::Duration;

use super::keys::ISSUER;
use super::keys::ISSUER_KEYS;
use super::raw::Table;
use super::reader::{Reader, list, text};
use super::report::Problem;
use crate::domain::AttributeKind;
use crate::identity::{Algorithm, IssuerKind, IssuerSettings, KeySource, Preset, TokenType};

pub(super) use keys::secure;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// All issuers of the file.
pub(super) fn issuers(reader: &mut Reader<'_>, tables: Vec<Table>) -> Option<Vec<IssuerSettings>> {
    let mut issuers: Vec<IssuerSettings> = Vec::new();
    let mut complete = true;
    for (index, table) in tables.into_iter().enumerate() {
        let at = table.origin.clone();
        match issuer(&mut reader.scoped(ISSUER_KEYS, format!("[[{ISSUER}]] {index}"), table)) {
            None => complete = false,
            Some(issuer) => {
                for message in issuers.iter().filter_map(|other| clash(other, &issuer)) {
                    reader.problem(Problem::new(&at, message));
                }
                issuers.push(issuer);
            }
        }
    }
    complete.then_some(issuers)
}

fn issuer(reader: &mut Reader<'_>) -> Option<IssuerSettings> {
    let issuer = reader.read("issuer", |given| issuer_id(&text(given)?));
    let name = reader.optional("name", |given| super::reader::id(&text(given)?));
    let preset = reader.read("preset", |given| {
        let word = text(given)?;
        let found = Preset::NAMES.into_iter().find(|(name, _)| *name == word);
        found.map(|(_, preset)| preset).ok_or_else(|| {
            let names: Vec<&str> = Preset::NAMES.iter().map(|(name, _)| *name).collect();
            format!("`{word}` is not one of {}", names.join(", "))
        })
    });
    let audiences = reader.list_of("audiences", super::reader::id);
    let algorithms =
        reader.read("algorithms", |given| list(given)?.iter().map(|name| algorithm(name)).collect::<Result<Vec<_>, _>>());
    let types = reader.optional("token_types", |given| Ok(list(given)?.iter().map(|word| token_type(word)).collect::<Vec<_>>()));
    let plain_hosts = reader.list("plain_http_hosts");
    let ca_file = reader.optional_path("ca_file");
    let refresh = reader.duration("refresh", SECOND * 10..=DAY);
    let stale = reader.duration("keep_stale", Duration::ZERO..=DAY * 30);
    let bound_only = reader.flag("bound_only");
    let for_actors = reader.flag("actors");
    let mapping = claims::mapping(reader, preset.unwrap_or(Preset::Rfc9068));
    let plain = plain_hosts.clone().unwrap_or_default();
    let source = keys::source(reader, issuer.as_deref(), preset, &plain);
    let introspection = keys::introspection(reader, &plain);
    let (issuer, preset, algorithms) = (issuer?, preset?, algorithms?);
    if algorithms.is_empty() {
        let origin = reader.origin("algorithms");
        reader.problem(Problem::new(&origin, "`algorithms` is empty: no token would be believed"));
    }
    let (source, introspection) = (source?, introspection?);
    if matches!(source, KeySource::Review(..)) && introspection.is_some() {
        let at = reader.at.clone();
        reader.problem(Problem::new(&at, "`introspection` and `review_url` are two ways to ask about a token: choose one"));
    }
    Some(IssuerSettings {
        name: name?.map_or_else(|| Arc::clone(&issuer), Into::into),
        issuer,
        kind: if preset == Preset::Kubernetes { IssuerKind::Kubernetes } else { IssuerKind::OAuth },
        algorithms,
        types: types?.unwrap_or_else(|| preset.token_types()),
        keys: source,
        refresh: refresh?,
        stale: stale?,
        audiences: audiences?.into_iter().map(Into::into).collect(),
        mapping: mapping?,
        introspection,
        bound_only: bound_only?,
        ca_file: ca_file?,
        plain_hosts: plain_hosts?,
        for_actors: for_actors?,
    })
}

/// What stands in `iss`: compared letter for letter, so it is taken as it is.
fn issuer_id(text: &str) -> Result<Arc<str>, String> {
    super::reader::id(text).map(Into::into)
}

fn algorithm(name: &str) -> Result<Algorithm, String> {
    Algorithm::named(name).ok_or_else(|| {
        let names: Vec<&str> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
        format!("`{name}` is not one of {}", names.join(", "))
    })
}

/// A type of token; the word `absent` stands for tokens that have none.
fn token_type(word: &str) -> TokenType {
    if word == "absent" { TokenType::Absent } else { TokenType::named(word) }
}

/// Why two issuers cannot be believed side by side.
fn clash(one: &IssuerSettings, other: &IssuerSettings) -> Option<String> {
    let kind_of = |issuer: &IssuerSettings, name: &str| -> Option<AttributeKind> {
        issuer.mapping.attributes.iter().find(|rule| *rule.name == *name).map(|rule| rule.kind)
    };
    let differs = other.mapping.attributes.iter().find(|rule| kind_of(one, &rule.name).is_some_and(|kind| kind != rule.kind));
    if one.issuer == other.issuer {
        Some(format!("there are two issuers `{}`", other.issuer))
    } else if one.mapping.prefix == other.mapping.prefix && one.kind == other.kind {
        let names = format!("issuers `{}` and `{}` could vouch for the same ids", one.name, other.name);
        Some(format!("{names}: give each another `prefix`"))
    } else if one.introspection.is_some() && other.introspection.is_some() {
        Some("two issuers have `introspection`, and a token that is no JWT does not say whose it is".to_owned())
    } else {
        differs.map(|rule| format!("attribute `{}` has two types", rule.name))
    }
}
