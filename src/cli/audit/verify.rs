//! `cedarpost audit verify`: is the log as it was signed? Exit code 3 when it is not, 1 when that could not be found out.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};

use super::super::{Exit, output};
use super::progress::Progress;
use super::remote::{Far, far};
use super::verify_text::{KeysFrom, Told, report_json, report_text};
use super::{point_out_siblings, scratch, settings};
use crate::audit;
use crate::audit::check::source::{Directory, Files, MAX_TRUST, TRUST};
use crate::audit::check::{Found, Question, Report, Trusted, check_files};
use crate::config::flags::{AuditVerifyFlags, LogSource};
use crate::config::{AuditSettings, Environment};

/// Checks a log.
pub(super) fn verify(flags: &AuditVerifyFlags, environment: Environment) -> anyhow::Result<Exit> {
    match &flags.source {
        None => configured(&settings(&flags.audit, environment)?, flags),
        Some(LogSource::Directory(directory)) => here(directory, flags),
        Some(LogSource::Url(url)) => match far(url, &environment)? {
            Far::Here(directory) => here(&directory, flags),
            Far::There(_runtime, remote) => files(&remote, &Told { source: url.clone(), beside: None }, flags),
        },
    }
}

/// Checks the files of a log in a directory.
fn here(directory: &Path, flags: &AuditVerifyFlags) -> anyhow::Result<Exit> {
    let log = files_of(directory)?;
    let told = Told { source: directory.display().to_string(), beside: Some(log.join("..")) };
    files(&Directory::new(log), &told, flags)
}

/// The directory with the checkpoint: the one that was named, or the folder in it where a sidecar keeps files.
fn files_of(directory: &Path) -> anyhow::Result<PathBuf> {
    let holds_a_log = |directory: &PathBuf| directory.join("checkpoint").exists() || directory.join("tile").exists();
    let places = [directory.to_owned(), directory.join("tiles")];
    let found = places.into_iter().find(holds_a_log);
    found.with_context(|| format!("there is no log in `{}`: neither `checkpoint` nor `tile`", directory.display()))
}

/// Checks a log that is kept as files.
fn files(files: &impl Files, told: &Told, flags: &AuditVerifyFlags) -> anyhow::Result<Exit> {
    let (trusted, keys) = trusted(files, told, flags)?;
    judge(trusted, &keys, told, flags, |question, progress| Ok(check_files(files, question, progress)?))
}

/// Checks a log with `check` and tells what was found.
fn judge(
    trusted: Trusted,
    keys: &KeysFrom,
    told: &Told,
    flags: &AuditVerifyFlags,
    check: impl FnOnce(&Question, &mut dyn FnMut(u64, Option<u64>)) -> anyhow::Result<Report>,
) -> anyhow::Result<Exit> {
    let question = question(trusted, flags)?;
    let mut progress = Progress::on_stderr(flags.quiet, Instant::now());
    let report = check(&question, &mut |done, of| progress.tell(done, of));
    progress.finish();
    let report = report.with_context(|| format!("failed to check the log in `{}`", told.source))?;
    if flags.audit.json {
        output::print(report_json(&report, told, keys, &question.trusted).as_bytes())?;
    } else if report.verified() {
        output::print(report_text(&report, told, keys, &question.trusted).as_bytes())?;
    } else {
        io::stderr().write_all(report_text(&report, told, keys, &question.trusted).as_bytes())?;
    }
    Ok(if report.verified() { Exit::Done } else { Exit::Invalid })
}

/// Whom to believe: what was given, or else what stands beside the log.
fn trusted(files: &impl Files, told: &Told, flags: &AuditVerifyFlags) -> anyhow::Result<(Trusted, KeysFrom)> {
    if let Some(key) = &flags.key {
        return Ok((Trusted::key(key.clone()).context("the key cannot sign a log")?, KeysFrom::Given));
    }
    if let Some(path) = &flags.trust {
        let text = std::fs::read_to_string(path).with_context(|| format!("failed to read `{}`", path.display()))?;
        let schedule = text.parse().with_context(|| format!("`{}` does not list the keys of a log", path.display()))?;
        return Ok((Trusted::schedule(schedule), KeysFrom::File(path.display().to_string())));
    }
    let inside = files.get(TRUST, MAX_TRUST)?;
    let found = match &told.beside {
        Some(beside) if inside == Found::Nothing => Directory::new(beside.clone()).get(TRUST, MAX_TRUST)?,
        Some(_) | None => inside,
    };
    let Found::Bytes(bytes) = found else {
        bail!("no key is known to check the log in `{}` with: give it with --key or --trust", told.source)
    };
    let text = std::str::from_utf8(&bytes).with_context(|| format!("`{TRUST}` beside the log is not text"))?;
    let schedule = text.parse().with_context(|| format!("`{TRUST}` beside the log does not list the keys of a log"))?;
    Ok((Trusted::schedule(schedule), KeysFrom::Beside))
}

/// What is asked: the older heads that were given, too.
fn question(trusted: Trusted, flags: &AuditVerifyFlags) -> anyhow::Result<Question> {
    let mut question = Question::new(trusted);
    question.threads = flags.threads;
    flags.kept.iter().for_each(|head| question.add_head(*head));
    for path in &flags.checkpoints {
        let name = format!("`{}`", path.display());
        let bytes = std::fs::read(path).with_context(|| format!("failed to read the older checkpoint {name}"))?;
        question.add_checkpoint(name, &bytes);
    }
    Ok(question)
}

/// Checks the log that the settings name, as the sidecar keeps it, also while it is written.
fn configured(settings: &AuditSettings, flags: &AuditVerifyFlags) -> anyhow::Result<Exit> {
    point_out_siblings(settings, &flags.audit)?;
    let (directory, scratch) = (&settings.directory, scratch()?);
    let told = Told { source: directory.display().to_string(), beside: None };
    if !directory.is_dir() {
        bail!("there is no audit log in `{}`", told.source);
    }
    let (trusted, keys) = trusted(&Directory::new(directory.clone()), &told, flags)?;
    let mut damage = false;
    let exit = judge(trusted, &keys, &told, flags, |question, progress| {
        audit::verify(directory, scratch.path(), question, progress).map_err(|error| {
            damage = error.is_damage();
            error.into()
        })
    });
    match (exit, damage) {
        (Err(error), true) => damaged(&told, &error, flags.audit.json),
        (exit, _) => exit,
    }
}

/// Tells that so much of a log is damaged that nothing more can be found out.
fn damaged(told: &Told, error: &anyhow::Error, as_json: bool) -> anyhow::Result<Exit> {
    let chain: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
    let why = chain.join(": ");
    if as_json {
        let line = serde_json::json!({ "verified": false, "source": told.source, "error": why, "faults": [{ "code": "damaged", "text": why }] });
        output::print(format!("{line}\n").as_bytes())?;
    } else {
        writeln!(io::stderr(), "the log in `{}` does not verify: {why}", told.source)?;
    }
    Ok(Exit::Invalid)
}
