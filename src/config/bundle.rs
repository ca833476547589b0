//! Whose signature policies need: the part of `[policy]` that decides which sets may be put in force at all.

use std::path::PathBuf;

use super::raw::Value;
use super::reader::{Reader, list};
use super::report::Problem;
use crate::note::{Algorithm, VerifierKey};
use crate::policy::bundle::{MAX_VERSION, inside};

/// The most keys that may be trusted.
const MAX_KEYS: usize = 64;

/// What policies must be signed with.
pub(super) struct Trust {
    pub(super) keys: Vec<VerifierKey>,
    pub(super) minimum: u64,
}

/// `places` are the settings that point to files, with where they point to; the first is `policy.policies`.
pub(super) fn trust(reader: &mut Reader<'_>, places: &[(&'static str, Vec<PathBuf>)]) -> Option<Trust> {
    let keys = reader.read("policy.trusted_keys", |given| {
        let keys: Vec<VerifierKey> = list(given)?.iter().map(|text| key(text)).collect::<Result<_, _>>()?;
        if keys.len() > MAX_KEYS { Err(format!("there are more than {MAX_KEYS} keys")) } else { Ok(keys) }
    });
    let minimum = reader.read("policy.minimum_version", |given| {
        let Value::Integer(number) = given.value else { return Err("this is not a whole number".to_owned()) };
        let fits = u64::try_from(number).ok().filter(|number| *number <= MAX_VERSION);
        fits.ok_or_else(|| format!("{number} is not between 0 and {MAX_VERSION}"))
    });
    let (keys, minimum) = (keys?, minimum?);
    if keys.is_empty() {
        if minimum > 0 {
            let origin = reader.origin("policy.minimum_version");
            let message =
                "`policy.minimum_version` is set and `policy.trusted_keys` is not: files have no version that could be believed";
            reader.problem(
                Problem::new(&origin, message).help("set `trusted_keys` in [policy] to the keys that sign your policies"),
            );
        }
        return Some(Trust { keys, minimum });
    }
    covered(reader, places);
    Some(Trust { keys, minimum })
}

/// Notes what the signature of the one directory would not cover.
fn covered(reader: &mut Reader<'_>, places: &[(&'static str, Vec<PathBuf>)]) {
    let help = "put policies, schema, entities and the catalog lock into one directory, and name it in `policies`";
    let Some((_, roots)) = places.first() else { return };
    let directory = match &roots[..] {
        [directory] => directory,
        // That there is none is said elsewhere.
        [] => return,
        [_, ..] => {
            let origin = reader.origin("policy.policies");
            let message = "with `policy.trusted_keys`, `policy.policies` is one directory: the one that is signed";
            reader.problem(Problem::new(&origin, message).help(help));
            return;
        }
    };
    for (setting, paths) in places.iter().skip(1) {
        for path in paths.iter().filter(|path| inside(directory, path).is_none()) {
            let origin = reader.origin(setting);
            let message = format!("`{setting}`: `{}` is not in `{}`, and so is not signed", path.display(), directory.display());
            reader.problem(Problem::new(&origin, message).help(help));
        }
    }
}

fn key(text: &str) -> Result<VerifierKey, String> {
    let key: VerifierKey = text.parse().map_err(|error| format!("`{text}`: {error}"))?;
    match key.algorithm() {
        Algorithm::Ed25519 => Ok(key),
        Algorithm::Cosignature => Err(format!("`{text}` is a witness's key, which signs no policies")),
    }
}

#[cfg(test)]
#[path = "bundle_tests.rs"]
mod tests;
