//! `cedarpost audit prove`: a receipt for one record, for somebody who does not have the log.

use std::path::Path;

use anyhow::Context;

use super::super::{Exit, output};
use super::scratch;
use crate::audit;
use crate::config::AuditSettings;
use crate::config::flags::AuditProveFlags;

/// Writes the proof, and the record if asked to.
pub(super) fn prove(settings: &AuditSettings, flags: &AuditProveFlags) -> anyhow::Result<Exit> {
    let scratch = scratch()?;
    let proven = audit::prove(&settings.directory, scratch.path(), flags.seq)
        .with_context(|| format!("failed to prove record {} of the log in `{}`", flags.seq, settings.directory.display()))?;
    if let Some(path) = &flags.record {
        std::fs::write(path, proven.record.leaf()).with_context(|| format!("failed to write `{}`", path.display()))?;
    }
    let text = if flags.audit.json {
        let proof = serde_json::json!({
            "seq": flags.seq,
            "leaf_hash": proven.record.hash().to_string(),
            "record": proven.record.json(),
            "proof": proven.proof.to_string(),
        });
        format!("{proof}\n")
    } else {
        proven.proof.to_string()
    };
    if flags.output == Path::new("-") {
        return output::print(text.as_bytes());
    }
    std::fs::write(&flags.output, text).with_context(|| format!("failed to write `{}`", flags.output.display()))?;
    Ok(Exit::Done)
}
