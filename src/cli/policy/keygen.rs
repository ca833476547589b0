//! `cedarpost policy keygen`: a key that signs policies.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use anyhow::Context;
use ring::rand::SystemRandom;
use serde_json::json;

use super::super::{Exit, output};
use crate::config::flags::PolicyKeygenFlags;
use crate::note::{KeyName, SigningKey};

/// Makes a key, writes the private half, and prints the public one.
pub(super) fn keygen(flags: &PolicyKeygenFlags) -> anyhow::Result<Exit> {
    let name = KeyName::new(flags.name.as_str()).with_context(|| format!("`{}` cannot name a key", flags.name))?;
    let text = SigningKey::generate_text(name, &SystemRandom::new()).context("failed to make a key")?;
    let key = SigningKey::from_text(&text).context("failed to make a key")?;
    let file = &flags.output;
    // Never over another key: what it has signed could not be signed again.
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let mut created = created.with_context(|| format!("failed to create `{}`", file.display()))?;
    let written = writeln!(created, "{}", *text).and_then(|()| created.sync_all());
    if written.is_err() {
        // Half a key is of no use to anybody.
        let _ = fs::remove_file(file);
    }
    written.with_context(|| format!("failed to write `{}`", file.display()))?;
    let public = key.verifier();
    if flags.json {
        let told = json!({
            "name": public.name().as_str(), "id": public.id().to_string(), "key": public.to_string(), "file": file.display().to_string(),
        });
        return output::print(format!("{told}\n").as_bytes());
    }
    output::print(format!("{public}\n").as_bytes())
}
