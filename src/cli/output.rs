//! Standard output of the commands that print something and end.

use std::io::{self, Write};

use anyhow::Context;

use super::Exit;

/// Prints `text`. A reader that has seen enough (`cedarpost config show | head`) is no failure.
pub(super) fn print(text: &[u8]) -> anyhow::Result<Exit> {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("failed to write to standard output"),
        Ok(()) | Err(_) => Ok(Exit::Done),
    }
}
