//! Standard output of the commands that print something and end.

use std::io::{self, Write};

use anyhow::Context;

use super::Exit;

/// Prints `text`. A reader that has seen enough (`cedarpost config show | head`) is no failure.
pub(super) fn print(text: &[u8]) -> anyhow::Result<Exit> {
    print_while_read(text).map(|_| Exit::Done)
}

/// Prints `text`, and says whether somebody still reads.
pub(super) fn print_while_read(text: &[u8]) -> anyhow::Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("failed to write to standard output"),
        printed => Ok(printed.is_ok()),
    }
}
