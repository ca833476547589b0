//! `cedarpost approvals watch`: a line for each call that begins to wait, with a bell on a terminal, and for what becomes of it.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal};

use super::super::{Exit, ask, output};
use super::form::{self, Told};
use super::{Desk, text};
use crate::clock::Clock;

/// Watches until nobody reads any more, or the sidecar ends.
pub(super) fn watch(desk: &Desk) -> anyhow::Result<Exit> {
    let is_terminal = io::stdout().is_terminal();
    let mut told = BTreeSet::new();
    loop {
        let (mut missed, mut read) = (false, true);
        let listened = ask::follow(&desk.log.directory, "/v1/approvals/watch", |line| {
            let line = String::from_utf8_lossy(line);
            let news: Told = form::read(&line)?;
            let Some(approval) = &news.approval else {
                // Whoever was too slow looks again; what waits is told from the beginning.
                missed = true;
                return Ok(true);
            };
            // One that waits may be told of twice.
            let waits = matches!(news.event.as_str(), "waiting" | "requested");
            if waits && !told.insert(approval.id.clone()) {
                return Ok(true);
            }
            if approval.ends().is_none() {
                told.remove(&approval.id);
            }
            let shown = match (desk.json, is_terminal) {
                (true, true) => text::harmless_json(&line),
                (true, false) => line.into_owned(),
                (false, true) if waits => format!("\u{7}{}", text::news(&news.event, approval, Clock::System.now())),
                (false, _) => text::news(&news.event, approval, Clock::System.now()),
            };
            read = output::print_while_read(shown.as_bytes())?;
            Ok(read)
        })?;
        match (listened, missed, read) {
            (false, ..) => return Err(desk.nobody()),
            (true, _, false) => return Ok(Exit::Done),
            (true, true, true) => {}
            (true, false, true) => anyhow::bail!("the sidecar has ended"),
        }
    }
}
