//! `cedarpost audit export`: writes the log in a form that other programs read, to a file or to standard output.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail};
use serde_json::json;

use super::super::{Exit, output};
use super::progress::Progress;
use super::{point_out_siblings, scratch};
use crate::audit::export::{self, ExportError, Format, Span};
use crate::config::AuditSettings;
use crate::config::flags::{AuditExportFlags, ExportFormat};
use crate::storage;

/// Exports the log.
pub(super) fn run(settings: &AuditSettings, flags: &AuditExportFlags) -> anyhow::Result<Exit> {
    point_out_siblings(settings, &flags.audit)?;
    let to_file = flags.output.as_path() != Path::new("-");
    // What is printed on the same terminal tells for itself.
    let mut teller = Progress::on_stderr(!to_file && io::stdout().is_terminal(), Instant::now());
    let written = if to_file { into_file(settings, flags, &mut teller) } else { into_stdout(settings, flags, &mut teller) };
    teller.finish();
    let Some(progress) = written? else { return Ok(Exit::Done) };
    match (to_file, flags.audit.json) {
        (false, _) => Ok(Exit::Done),
        (true, true) => output::print(format!("{}\n", json!({ "exported": progress.written, "next": progress.next })).as_bytes()),
        (true, false) => {
            let (path, export::Progress { written, next, .. }) = (flags.output.display(), progress);
            let text = format!("{written} records exported to `{path}`; what comes after them begins at --from {next}\n");
            io::stderr().write_all(text.as_bytes()).context("failed to write to standard error")?;
            Ok(Exit::Done)
        }
    }
}

/// A file appears when everything is in it, and takes the place of an older one at once.
fn into_file(
    settings: &AuditSettings,
    flags: &AuditExportFlags,
    teller: &mut Progress,
) -> anyhow::Result<Option<export::Progress>> {
    let path = &flags.output;
    if path.exists() && !path.is_file() {
        bail!(
            "`{}` is there and is no file: to write to something else, use --output - and send standard output there",
            path.display()
        );
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let failed = || format!("failed to write `{}`", path.display());
    let file = tempfile::Builder::new().prefix(".cedarpost-export-").tempfile_in(folder).with_context(failed)?;
    let progress = written(settings, flags, file.as_file(), teller)?;
    file.as_file().sync_all().with_context(failed)?;
    file.persist(path).map_err(|error| error.error).with_context(failed)?;
    storage::sync_directory(folder).with_context(failed)?;
    Ok(Some(progress))
}

/// A reader that has seen enough is no failure.
fn into_stdout(
    settings: &AuditSettings,
    flags: &AuditExportFlags,
    teller: &mut Progress,
) -> anyhow::Result<Option<export::Progress>> {
    match written(settings, flags, io::stdout().lock(), teller) {
        Err(error) if is_broken_pipe(&error) => Ok(None),
        written => written.map(Some),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn written(
    settings: &AuditSettings,
    flags: &AuditExportFlags,
    to: impl Write,
    teller: &mut Progress,
) -> anyhow::Result<export::Progress> {
    let scratch = scratch()?;
    let format = match flags.format {
        ExportFormat::Jsonl => Format::JsonLines,
        ExportFormat::Csv => Format::Csv,
        ExportFormat::Ocsf => Format::Ocsf,
    };
    let span = Span { from: flags.from, to: flags.to, since: flags.since, until: flags.until };
    let mut out = BufWriter::new(to);
    let progress = export::export(&settings.directory, scratch.path(), format, &span, &mut out, &mut |progress| {
        teller.tell(progress.next.min(progress.end), Some(progress.end))
    });
    let progress = progress.with_context(|| format!("failed to export the log in `{}`", settings.directory.display()))?;
    out.flush().map_err(ExportError::Write).context("failed to write the last records")?;
    Ok(progress)
}
