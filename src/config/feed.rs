//! The live feed of the log to a collector: where it goes, how it speaks, and the keys that it carries.
//!
//! Keys stand in the file or, better, in files of their own (`audit.feed_headers_file`), which are read for each request and never
//! shown. `OTEL_…` variables are not read: what leaves the house is said in one place.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::raw::{Given, Value};
use super::reader::{Reader, text};
use super::report::{Origin, Problem};
use crate::audit::ship::feed::{Compression, Endpoint, FeedSettings, Headers, Protocol};
use crate::outbound::PlainHttp;

/// What means nothing without a collector, and is not a mere manner of speaking.
const OF_FEED: [&str; 2] = ["audit.feed_headers", "audit.feed_headers_file"];

/// `Some(None)` when there is no feed.
pub(super) fn feed(reader: &mut Reader<'_>) -> Option<Option<FeedSettings>> {
    let origin = reader.origin("audit.feed_endpoint");
    let endpoint =
        reader.optional("audit.feed_endpoint", |given| text(given)?.parse::<Endpoint>().map_err(|error| error.to_string()));
    let protocol = reader.read("audit.feed_protocol", |given| word(given, &Protocol::NAMES));
    let compression = reader.read("audit.feed_compression", |given| word(given, &Compression::NAMES));
    let headers = headers(reader);
    let plaintext = reader.flag("audit.feed_plaintext_non_loopback");
    let deadline = reader.duration("audit.feed_deadline", Duration::from_millis(100)..=Duration::from_secs(300));
    let (endpoint, protocol, compression) = (endpoint?, protocol?, compression?);
    let (headers, plaintext_non_loopback, deadline) = (headers?, plaintext?, deadline?);
    let Some(endpoint) = endpoint else {
        without_collector(reader);
        return Some(None);
    };
    guard(reader, &origin, &endpoint, plaintext_non_loopback);
    Some(Some(FeedSettings { endpoint, protocol, compression, headers, plaintext_non_loopback, deadline }))
}

fn word<T: Copy>(given: &Given, names: &[(&str, T)]) -> Result<T, String> {
    let said = text(given)?;
    let found = names.iter().find(|(name, _)| *name == said).map(|(_, meant)| *meant);
    found.ok_or_else(|| {
        let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        format!("`{said}` is not one of {}", names.join(", "))
    })
}

/// Those that are given, and those whose values stand in files.
fn headers(reader: &mut Reader<'_>) -> Option<Headers> {
    let given = reader.optional("audit.feed_headers", |given| {
        table(given)?
            .iter()
            .try_fold(Headers::default(), |headers, (name, value)| headers.with(name, value).map_err(|error| error.to_string()))
    })?;
    let given = given.unwrap_or_default();
    let base = reader.base.map(Path::to_owned);
    let files = reader.optional("audit.feed_headers_file", |files| {
        table(files)?.iter().try_fold(given.clone(), |headers, (name, file)| {
            if file.is_empty() {
                return Err("a path is empty".to_owned());
            }
            let path = base.as_deref().map_or_else(|| file.into(), |base| base.join(file));
            headers.with_file(name, path).map_err(|error| error.to_string())
        })
    })?;
    Some(files.unwrap_or(given))
}

fn table(given: &Given) -> Result<&BTreeMap<String, String>, String> {
    match &given.value {
        Value::Table(table) => Ok(table),
        _ => Err("this is not a table of strings".to_owned()),
    }
}

/// Whoever gives a key for a feed believes that there is one.
fn without_collector(reader: &mut Reader<'_>) {
    for path in OF_FEED {
        if reader.given.contains_key(path) {
            let problem = Problem::new(&reader.origin(path), format!("`{path}` is set, but there is no `audit.feed_endpoint`"));
            reader.problem(problem.help("set `feed_endpoint` in [audit] to the address of a collector"));
        }
    }
}

/// Records say who asked for what: on the way to another machine they need TLS, unless somebody takes it upon himself.
fn guard(reader: &mut Reader<'_>, origin: &Origin, endpoint: &Endpoint, allowed: bool) {
    let plain = endpoint.uri().scheme_str() == Some("http");
    if plain && !allowed && !PlainHttp::Loopback.admits(endpoint.host()) {
        let message = format!("`audit.feed_endpoint` is `{endpoint}`: plain http to another machine");
        reader.problem(Problem::new(origin, message).help("use https, or set `feed_plaintext_non_loopback = true` in [audit]"));
    }
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
