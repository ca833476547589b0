//! `cedarpost audit erase`, `prune` and `key`: what changes the log. A sidecar that writes it is asked to; without one the log is opened
//! here.

use anyhow::Context;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use super::super::{Exit, output};
use super::{ask, point_out_siblings};
use crate::app;
use crate::audit::{self, AuditWriter, Before};
use crate::clock::Clock;
use crate::config::AuditSettings;
use crate::config::flags::{AuditEraseFlags, AuditFlags, AuditKeyCommand, AuditPruneFlags};

/// Erases what was kept of one call.
pub(super) fn erase(settings: &AuditSettings, flags: &AuditEraseFlags) -> anyhow::Result<Exit> {
    point_out_siblings(settings, &flags.audit)?;
    let asked = json!({ "seq": flags.seq, "reason": flags.reason });
    let answer = match ask::post(&settings.directory, "/v1/erase", &asked)? {
        Some(answer) => answer,
        None => on_the_log(settings, async |log| {
            let erased = log.erase(flags.seq, flags.reason.as_deref()).await?;
            Ok(json!({ "seq": erased.seq, "record": erased.record, "was_there": erased.was_there }))
        })?,
    };
    say(&flags.audit, &answer, |answer| {
        let before = if answer.get("was_there") == Some(&Value::Bool(true)) { "" } else { " (there was nothing left to erase)" };
        let [seq, record] = ["seq", "record"].map(|member| member_of(answer, member));
        format!("record {seq}: its arguments or result are gone for good{before}; record {record} says so\n")
    })
}

/// Removes the oldest records.
pub(super) fn prune(settings: &AuditSettings, flags: &AuditPruneFlags) -> anyhow::Result<Exit> {
    point_out_siblings(settings, &flags.audit)?;
    let before = match (flags.before, flags.before_seq) {
        (Some(time), _) => Before::Time(time),
        (None, seq) => Before::Seq(seq.unwrap_or(0)),
    };
    let asked = match before {
        Before::Time(time) => json!({ "before_time": time.as_micros() }),
        Before::Seq(seq) => json!({ "before_seq": seq }),
    };
    let answer = match ask::post(&settings.directory, "/v1/prune", &asked)? {
        Some(answer) => answer,
        None => on_the_log(settings, async |log| {
            let pruned = log.prune(before).await?;
            Ok(json!({ "min_index": pruned.min_index, "record": pruned.record, "files": pruned.files, "bytes": pruned.bytes }))
        })?,
    };
    say(&flags.audit, &answer, |answer| {
        let [below, files, bytes, record] = ["min_index", "files", "bytes", "record"].map(|member| member_of(answer, member));
        format!("records below {below} are gone ({files} files, {bytes} bytes); their hashes stay, and record {record} says so\n")
    })
}

/// Shows the public keys, or lets another one sign.
pub(super) fn key(settings: &AuditSettings, command: &AuditKeyCommand) -> anyhow::Result<Exit> {
    match command {
        AuditKeyCommand::Show(flags) => {
            let schedule = audit::read_schedule(&settings.directory)?;
            say(flags, &json!({ "trust": schedule.to_string() }), |_| schedule.to_string())
        }
        AuditKeyCommand::Rotate(flags) => {
            point_out_siblings(settings, flags)?;
            let answer = match ask::post(&settings.directory, "/v1/rotate-key", &json!({}))? {
                Some(answer) => answer,
                None => on_the_log(settings, async |log| Ok(json!({ "trust": log.rotate_key().await?.to_string() })))?,
            };
            say(flags, &answer, |answer| {
                let trust = answer.get("trust").and_then(Value::as_str).unwrap_or_default();
                format!("{trust}hand these keys to whoever verifies the log\n")
            })
        }
    }
}

/// Opens the log, does something with it, and closes it.
fn on_the_log(settings: &AuditSettings, work: impl AsyncFnOnce(&AuditWriter) -> anyhow::Result<Value>) -> anyhow::Result<Value> {
    let opened = || format!("failed to open the audit log in `{}`", settings.directory.display());
    if !settings.directory.join("trust").exists() {
        anyhow::bail!("there is no audit log in `{}`", settings.directory.display());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let (log, reader) =
            audit::open(&app::log_settings(settings), &Clock::System, &mut Registry::default()).with_context(opened)?;
        let done = work(&log).await;
        drop(reader);
        let closed = log.close().await;
        let answer = done?;
        closed.context("failed to close the log")?;
        Ok(answer)
    })
}

fn say(flags: &AuditFlags, answer: &Value, text: impl FnOnce(&Value) -> String) -> anyhow::Result<Exit> {
    let text = if flags.json { format!("{answer}\n") } else { text(answer) };
    output::print(text.as_bytes())
}

/// A number of an answer, as text.
fn member_of(answer: &Value, member: &str) -> String {
    answer.get(member).map_or_else(|| "?".to_owned(), ToString::to_string)
}
