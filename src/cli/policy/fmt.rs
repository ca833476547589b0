//! `cedarpost policy fmt`: policy files in one form.

use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::super::{Exit, output};
use crate::config::Environment;
use crate::config::flags::PolicyFmtFlags;
use crate::policy::{self, LoadError};

/// Formats files in place; with `--check` it only names those that would change.
pub(super) fn fmt(flags: &PolicyFmtFlags, environment: &Environment) -> anyhow::Result<Exit> {
    let color = io::stderr().is_terminal() && !environment.refuses_color();
    let mut exit = Exit::Done;
    let mut files = Vec::new();
    for path in &flags.paths {
        if path.as_os_str() == "-" {
            exit = both(exit, standard_input(flags.check, color)?);
        } else {
            find(path, true, &mut files)?;
        }
    }
    for path in files {
        exit = both(exit, file(&path, flags.check, color)?);
    }
    Ok(exit)
}

/// The exit code of two things that were done: a no of either is the answer.
const fn both(first: Exit, second: Exit) -> Exit {
    match first {
        Exit::Done => second,
        _ => first,
    }
}

fn standard_input(check: bool, color: bool) -> anyhow::Result<Exit> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).context("failed to read standard input")?;
    match policy::format("standard input", &text) {
        Ok(pretty) if check => Ok(if pretty == text { Exit::Done } else { Exit::Invalid }),
        Ok(pretty) => output::print(pretty.as_bytes()),
        Err(error) => refuse(&error, color),
    }
}

fn file(path: &Path, check: bool, color: bool) -> anyhow::Result<Exit> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("failed to read `{shown}`"))?;
    match policy::format(&shown.to_string(), &text) {
        Ok(pretty) if pretty == text => Ok(Exit::Done),
        Ok(_) if check => {
            output::print(format!("{shown}\n").as_bytes())?;
            Ok(Exit::Invalid)
        }
        Ok(pretty) => {
            replace(path, &pretty).with_context(|| format!("failed to write `{shown}`"))?;
            Ok(Exit::Done)
        }
        Err(error) => refuse(&error, color),
    }
}

fn refuse(error: &LoadError, color: bool) -> anyhow::Result<Exit> {
    let text = policy::draw(&error.problems(), color);
    io::stderr().write_all(text.as_bytes()).context("failed to write to standard error")?;
    Ok(Exit::Invalid)
}

/// The policy files at a path: itself, or those in the directory and below. Links inside a directory are left alone, because what
/// they point to belongs to somebody else.
fn find(path: &Path, named: bool, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let failed = || format!("failed to read `{}`", path.display());
    let metadata = if named { fs::metadata(path) } else { fs::symlink_metadata(path) }.with_context(failed)?;
    if metadata.is_dir() {
        let entries = fs::read_dir(path).with_context(failed)?.collect::<Result<Vec<_>, _>>().with_context(failed)?;
        let mut inside: Vec<_> = entries.iter().filter(|entry| !is_hidden(entry)).map(fs::DirEntry::path).collect();
        inside.sort();
        inside.iter().try_for_each(|path| find(path, false, files))?;
    } else if named || (metadata.is_file() && path.extension().is_some_and(|extension| extension == "cedar")) {
        files.push(path.to_owned());
    }
    Ok(())
}

fn is_hidden(entry: &fs::DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Puts a new file in the place of one, so that no reader ever sees a half of it.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A link stays, and what it points to is replaced.
    let path = fs::canonicalize(path)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(text.as_bytes())?;
    new.as_file().set_permissions(fs::metadata(&path)?.permissions())?;
    new.as_file().sync_all()?;
    new.persist(&path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
#[path = "fmt_tests.rs"]
mod tests;
