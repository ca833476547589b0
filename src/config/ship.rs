//! Where the log goes: exports, anchors and witnesses, the client they are reached with, and the witness that the sidecar itself can be.
//!
//! Keys of clouds are never settings: they come from the variables that the clouds' own tools read (`AWS_…`, `GOOGLE_…`, `AZURE_…`), and
//! only from there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Uri;

use super::environment::Environment;
use super::listeners::{WITNESS, listener};
use super::raw::{Given, Value};
use super::reader::{Reader, list, text};
use super::report::{Origin, Problem};
use super::servers::url;
use super::settings::{Config, ShipSettings, WitnessServerSettings};
use crate::audit::ship::{AnchorPlace, Keeper, Location, StoreOptions, WitnessSettings};
use crate::audit::tlog::{Algorithm, KeyName, VerifierKey};
use crate::outbound::{self, PlainHttp};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// The most places of one kind, and the most witnesses.
const MOST: usize = 16;

pub(super) fn outbound(reader: &mut Reader<'_>) -> Option<outbound::Settings> {
    let connect_timeout = reader.duration("outbound.connect_timeout", Duration::from_millis(10)..=HOUR);
    let ca_file = reader.optional_path("outbound.ca_file");
    Some(outbound::Settings { connect_timeout: connect_timeout?, ca_file: ca_file?, plain_http: PlainHttp::Loopback })
}

/// `suffix` is what keeps the copies of several logs apart that share these settings.
pub(super) fn shipping(
    reader: &mut Reader<'_>,
    environment: &Environment,
    directory: Option<&Path>,
    suffix: Option<&str>,
) -> Option<ShipSettings> {
    let export =
        reader.read("audit.export", |given| list(given)?.iter().map(|item| location(item)).collect::<Result<Vec<_>, _>>());
    let export_interval = reader.duration("audit.export_interval", SECOND..=HOUR);
    let export_deadline = reader.duration("audit.export_deadline", SECOND..=HOUR);
    let base = reader.base.map(Path::to_owned);
    let anchors = reader.read("audit.anchors", |given| {
        list(given)?.iter().map(|item| anchor(item, &given.origin, base.as_deref())).collect::<Result<Vec<_>, _>>()
    });
    let anchor_interval = reader.duration("audit.anchor_interval", SECOND..=HOUR);
    let witnesses = reader.optional("audit.witness", witnesses);
    let quorum = quorum(reader, witnesses.as_ref().map(|witnesses| witnesses.as_ref().map_or(0, Vec::len)));
    let (export, anchors) = (export?, anchors?);
    places(reader, &export, &anchors, directory);
    let named = |location: Location| suffix.map_or(Some(location.clone()), |suffix| location.below(suffix).ok());
    Some(ShipSettings {
        export: export.into_iter().map(named).collect::<Option<_>>()?,
        export_interval: export_interval?,
        export_deadline: export_deadline?,
        anchors: anchors
            .into_iter()
            .map(|anchor| suffix.map_or(Some(anchor.clone()), |suffix| anchor.below(suffix)))
            .collect::<Option<_>>()?,
        anchor_interval: anchor_interval?,
        witnesses: witnesses?.unwrap_or_default(),
        witness_quorum: quorum?,
        store_options: store_options(environment),
    })
}

/// What of the environment is about stores: keys, regions and endpoints.
#[must_use]
pub fn store_options(environment: &Environment) -> StoreOptions {
    let texts = environment.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
    texts.filter(|(name, _)| StoreOptions::knows(name)).collect()
}

fn location(item: &str) -> Result<Location, String> {
    item.parse().map_err(|error| format!("`{item}`: {error}"))
}

/// A URL is a store, a path with a slash at its end or of a directory that is there is one too; any other path is a file.
fn anchor(item: &str, origin: &Origin, base: Option<&Path>) -> Result<AnchorPlace, String> {
    if item.contains("://") {
        return location(item).map(AnchorPlace::Store);
    }
    let path = match (item, origin, base) {
        ("", ..) => return Err("a path is empty".to_owned()),
        (item, Origin::File(_), Some(base)) => base.join(item),
        (item, ..) => PathBuf::from(item),
    };
    if item.ends_with('/') || path.is_dir() {
        let path = std::path::absolute(&path).unwrap_or(path);
        return Location::directory(&path).map(AnchorPlace::Store).map_err(|error| format!("`{item}`: {error}"));
    }
    Ok(AnchorPlace::File(path))
}

/// The tables of `[[audit.witness]]`.
fn witnesses(given: &Given) -> Result<Vec<WitnessSettings>, String> {
    let mut found: Vec<WitnessSettings> = Vec::new();
    for table in tables(given, &["url", "key"])? {
        let said = |key: &str| table.get(key).ok_or_else(|| format!("`{key}` is missing; a witness has `url` and `key`"));
        let (url, key) = (witness_url(said("url")?)?, verifier(said("key")?, Algorithm::Cosignature)?);
        if found.iter().any(|other| other.key.public() == key.public()) {
            return Err(format!("two witnesses have the key of `{}`, so that one would count as two", key.name()));
        }
        found.push(WitnessSettings { url, key });
    }
    if found.len() > MOST { Err(format!("there are more than {MOST} witnesses")) } else { Ok(found) }
}

/// Who is on the way could keep everything from a witness; and everybody can read what goes to it.
fn witness_url(given: &str) -> Result<Uri, String> {
    let uri = url(given)?;
    if uri.query().is_some() {
        return Err(format!("`{}`: the URL of a witness has no query", super::show::without_query(given)));
    }
    let plain = uri.scheme_str() == Some("http");
    if plain && !uri.host().is_some_and(|host| PlainHttp::Loopback.admits(host)) {
        return Err(format!("`{given}` is plain http to another machine; use https"));
    }
    Ok(uri)
}

fn verifier(given: &str, algorithm: Algorithm) -> Result<VerifierKey, String> {
    let key: VerifierKey = given.parse().map_err(|error| format!("`{given}`: {error}"))?;
    match (algorithm, key.algorithm()) {
        (Algorithm::Cosignature, Algorithm::Ed25519) => {
            Err(format!("`{}` is the key of a log; a witness has one of type 4", key.name()))
        }
        (Algorithm::Ed25519, Algorithm::Cosignature) => {
            Err(format!("`{}` is the key of a witness; a log has one of type 1", key.name()))
        }
        (Algorithm::Ed25519, Algorithm::Ed25519) | (Algorithm::Cosignature, Algorithm::Cosignature) => Ok(key),
    }
}

/// The tables of a setting, which may have these keys and no others.
fn tables<'g>(given: &'g Given, keys: &[&str]) -> Result<&'g [BTreeMap<String, String>], String> {
    let Value::Tables(tables) = &given.value else { return Err("this is not a list of tables".to_owned()) };
    match tables.iter().flat_map(BTreeMap::keys).find(|key| !keys.contains(&key.as_str())) {
        Some(key) => Err(format!("unknown key `{key}`; the keys are `{}`", keys.join("` and `"))),
        None => Ok(tables),
    }
}

/// How many witnesses must cosign: all, unless somebody says another number of them.
fn quorum(reader: &mut Reader<'_>, witnesses: Option<usize>) -> Option<usize> {
    let asked = reader.optional("audit.witness_quorum", |given| {
        let Value::Integer(number) = given.value else { return Err("this is not a whole number".to_owned()) };
        usize::try_from(number).map_err(|_| format!("{number} is less than 0"))
    })?;
    let witnesses = witnesses?;
    match asked {
        None => Some(witnesses),
        Some(quorum) if (1..=witnesses).contains(&quorum) => Some(quorum),
        Some(quorum) => {
            let origin = reader.origin("audit.witness_quorum");
            let message = format!("`audit.witness_quorum` is {quorum}, and there are {witnesses} witnesses");
            reader.problem(
                Problem::new(&origin, message).help("name at least as many in [[audit.witness]] tables, and ask for at least 1"),
            );
            None
        }
    }
}

/// What must hold between the places that the log goes to.
fn places(reader: &mut Reader<'_>, export: &[Location], anchors: &[AnchorPlace], directory: Option<&Path>) {
    let directory = directory.and_then(|path| std::path::absolute(path).ok());
    let inside = |path: &Path| directory.as_ref().is_some_and(|directory| path.starts_with(directory));
    let of_export = reader.origin("audit.export");
    for (at, location) in export.iter().enumerate() {
        if export.iter().skip(at + 1).any(|other| other == location) {
            reader.problem(Problem::new(&of_export, format!("`audit.export` names `{location}` twice")));
        }
        if location.keeper() == Keeper::Directory && inside(&location.directory_path()) {
            let message = format!("`{location}` is inside the directory of the log itself");
            reader.problem(Problem::new(&of_export, message).help("a copy belongs on another disk or machine"));
        }
    }
    let of_anchors = reader.origin("audit.anchors");
    for (at, anchor) in anchors.iter().enumerate() {
        if anchors.iter().skip(at + 1).any(|other| other == anchor) {
            reader.problem(Problem::new(&of_anchors, format!("`audit.anchors` names `{anchor}` twice")));
        }
        let (path, also_exported) = match anchor {
            AnchorPlace::File(path) => (std::path::absolute(path).ok(), false),
            AnchorPlace::Store(location) if location.keeper() == Keeper::Directory => {
                (Some(location.directory_path()), export.contains(location))
            }
            AnchorPlace::Store(location) => (None, export.contains(location)),
        };
        if path.is_some_and(|path| inside(&path)) {
            let message = format!("`{anchor}` is inside the directory of the log itself, and would be rolled back with it");
            reader.problem(
                Problem::new(&of_anchors, message).help("an anchor belongs where whoever can change the log cannot reach"),
            );
        }
        if also_exported {
            let message = format!("`{anchor}` is an anchor and an export");
            reader.problem(
                Problem::new(&of_anchors, message).help("leave it out here: the log is held against its exports anyway"),
            );
        }
    }
    if export.len() > MOST || anchors.len() > MOST {
        reader.problem(Problem::new(&of_export, format!("the log goes to at most {MOST} exports and {MOST} anchors")));
    }
}

/// `Some(None)` when the sidecar is no witness.
pub(super) fn witness_server(reader: &mut Reader<'_>) -> Option<Option<WitnessServerSettings>> {
    let origin = reader.origin("witness.address");
    let listener = listener(reader, &WITNESS);
    let name = reader.optional("witness.name", |given| KeyName::new(text(given)?).map_err(|error| error.to_string()));
    let directory = reader.optional_path("witness.directory");
    let logs = reader.optional("witness.log", known_logs);
    let (name, directory, logs) = (name?, directory?, logs?);
    let Some(listener) = listener? else {
        let said = ["witness.name", "witness.directory", "witness.log"].into_iter().find(|key| reader.given.contains_key(key));
        if let Some(key) = said {
            let origin = reader.origin(key);
            let problem = Problem::new(&origin, format!("`{key}` is set, and the sidecar is no witness"));
            reader.problem(problem.help("set `address` in [witness] to where logs reach it"));
        }
        return Some(None);
    };
    let mut missing = |what: &str, help: &str| {
        reader.problem(Problem::new(&origin, format!("`{what}` is not set, and the sidecar is to be a witness")).help(help));
    };
    if name.is_none() {
        missing("witness.name", "set `name` in [witness] to the name in its cosignatures, such as \"witness.example/one\"");
    }
    if directory.is_none() {
        missing("witness.directory", "set `directory` in [witness] to where its key and its memory are kept");
    }
    if logs.as_ref().is_none_or(BTreeMap::is_empty) {
        missing(
            "witness.log",
            "name the logs that it knows: [[witness.log]] with `key`, and `origin` when that is not the key's name",
        );
    }
    Some(Some(WitnessServerSettings { listener, name: name?, directory: directory?, logs: logs? }))
}

/// The tables of `[[witness.log]]`: a key each; a log that changed its key has several.
fn known_logs(given: &Given) -> Result<BTreeMap<String, Vec<VerifierKey>>, String> {
    let mut logs: BTreeMap<String, Vec<VerifierKey>> = BTreeMap::new();
    for table in tables(given, &["origin", "key"])? {
        let said = table.get("key").ok_or("`key` is missing; a log has `key`, and `origin` when that is not the key's name")?;
        let key = verifier(said, Algorithm::Ed25519)?;
        let origin = table.get("origin").cloned().unwrap_or_else(|| key.name().to_string());
        if origin.is_empty() || origin.contains(char::is_control) {
            return Err("`origin` is the first line of a log's checkpoints".to_owned());
        }
        let keys = logs.entry(origin).or_default();
        if keys.contains(&key) {
            return Err(format!("the key of `{}` is there twice", key.name()));
        }
        keys.push(key);
    }
    Ok(logs)
}

/// A witness and its log cannot share a directory.
pub(super) fn around_the_witness(reader: &mut Reader<'_>, config: &Config) {
    let Some(witness) = &config.witness else { return };
    if witness.directory.starts_with(&config.audit.directory) || config.audit.directory.starts_with(&witness.directory) {
        let origin = reader.origin("witness.directory");
        let problem = Problem::new(&origin, "`witness.directory` and `audit.directory` are one inside the other");
        reader.problem(
            problem.help("give each a directory of its own: what a witness remembers must not be pruned or put back with a log"),
        );
    }
}

#[cfg(test)]
#[path = "ship_tests.rs"]
mod tests;
