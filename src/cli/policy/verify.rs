//! `cedarpost policy verify`: is a directory what somebody has signed?

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, bail};
use serde_json::json;

use super::super::{Exit, output};
use crate::config::flags::PolicyVerifyFlags;
use crate::note::VerifierKey;
use crate::policy::bundle::Tree;
use crate::policy::{self, LoadError, Signed};

/// The longest file with keys, in bytes.
const MAX_FILE: u64 = 64 << 10;

/// Verifies a directory.
pub(super) fn verify(flags: &PolicyVerifyFlags) -> anyhow::Result<Exit> {
    let keys = flags.key.iter().map(|said| keys(said)).collect::<anyhow::Result<Vec<_>>>()?.concat();
    let tree = Tree::read(&flags.directory);
    let verified = tree.and_then(|tree| tree.verify(&keys, flags.minimum_version).map_err(LoadError::Bundle));
    match verified {
        Ok(verified) => {
            tell(&verified.signed, flags.json)?;
            Ok(Exit::Done)
        }
        Err(error) => {
            let problems = error.problems();
            if flags.json {
                let reason = if let LoadError::Bundle(refused) = &error { refused.reason.word() } else { "file" };
                let problems: Vec<_> = problems
                    .iter()
                    .map(|problem| {
                        let file = (!problem.file.is_empty()).then_some(&*problem.file);
                        json!({ "file": file, "message": problem.message, "help": problem.help })
                    })
                    .collect();
                let told = json!({ "valid": false, "reason": reason, "problems": problems });
                output::print(format!("{told}\n").as_bytes())?;
            } else {
                let text = policy::draw(&problems, io::stderr().is_terminal());
                io::stderr().write_all(text.as_bytes()).context("failed to write to standard error")?;
            }
            Ok(Exit::Invalid)
        }
    }
}

fn tell(signed: &Signed, as_json: bool) -> anyhow::Result<Exit> {
    let Signed { version, digest, keys, files } = signed;
    if as_json {
        let told = json!({ "valid": true, "version": version, "digest": digest.to_string(), "files": files, "keys": keys });
        return output::print(format!("{told}\n").as_bytes());
    }
    let files = if *files == 1 { "1 file".to_owned() } else { format!("{files} files") };
    output::print(format!("{files}, version {version}, signed by {}\n{digest}\n", keys.join(", ")).as_bytes())
}

/// A key, or those in a file.
fn keys(said: &str) -> anyhow::Result<Vec<VerifierKey>> {
    if let Ok(key) = said.parse() {
        return Ok(vec![key]);
    }
    let failed = || format!("`{said}` is neither a public key (`name+id+key`) nor a file with such keys");
    let metadata = std::fs::metadata(said).with_context(failed)?;
    if metadata.len() > MAX_FILE {
        bail!("`{said}` is longer than {MAX_FILE} bytes");
    }
    let text = std::fs::read_to_string(said).with_context(failed)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys = lines.map(|line| line.parse().with_context(|| format!("`{line}` in `{said}` is not a public key")));
    let keys = keys.collect::<anyhow::Result<Vec<VerifierKey>>>()?;
    if keys.is_empty() {
        bail!("there is no key in `{said}`");
    }
    Ok(keys)
}
