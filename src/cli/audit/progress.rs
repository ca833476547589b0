//! How far a long look at a log has come, for whoever watches: a line that is drawn again on a terminal, plain lines elsewhere, nothing
//! when that is not wanted. Time is handed in.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::time::{Duration, Instant};

/// How often the line on a terminal is drawn.
const REDRAW: Duration = Duration::from_millis(100);
/// How often a plain line is written.
const PLAIN: Duration = Duration::from_secs(10);
/// How wide the bar is.
const BAR: u64 = 24;

/// Where progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// On a terminal.
    Drawn,
    /// In a file or pipe.
    Plain,
    /// Nowhere.
    Nowhere,
}

/// What is shown, and when it was shown last.
#[derive(Debug)]
pub(super) struct Progress {
    shown: Shown,
    began: Instant,
    next: Instant,
    drawn: bool,
}

impl Progress {
    /// Begins to show it on standard error, unless nobody wants it.
    pub(super) fn on_stderr(quiet: bool, now: Instant) -> Self {
        let shown = match () {
            () if quiet => Shown::Nowhere,
            () if io::stderr().is_terminal() => Shown::Drawn,
            () => Shown::Plain,
        };
        Self::new(shown, now)
    }

    /// Shows how many records are done, of so many if that is known. Standard error that is gone stops nothing.
    pub(super) fn tell(&mut self, done: u64, of: Option<u64>) {
        if let Some(text) = self.at(Instant::now(), done, of) {
            let _ = io::stderr().write_all(text.as_bytes());
        }
    }

    /// Makes room for what is said at the end.
    pub(super) fn finish(&self) {
        let _ = io::stderr().write_all(self.end().as_bytes());
    }

    /// Begins.
    fn new(shown: Shown, now: Instant) -> Self {
        let first = if shown == Shown::Drawn { REDRAW } else { PLAIN };
        Self { shown, began: now, next: now + first, drawn: false }
    }

    /// What to write when so many records are done, of so many if that is known; `None` when it is too early.
    fn at(&mut self, now: Instant, done: u64, of: Option<u64>) -> Option<String> {
        if self.shown == Shown::Nowhere || now < self.next {
            return None;
        }
        let line = line(done, of, now.duration_since(self.began));
        match self.shown {
            Shown::Drawn => {
                self.next = now + REDRAW;
                self.drawn = true;
                let bar = of.filter(|of| *of > 0).map(|of| bar(done, of)).unwrap_or_default();
                // The rest of an older, longer line is wiped out.
                Some(format!("\r{bar}{line}\u{1b}[K"))
            }
            Shown::Plain => {
                self.next = now + PLAIN;
                Some(format!("{line}\n"))
            }
            Shown::Nowhere => None,
        }
    }

    /// What to write at the end, before anything else.
    const fn end(&self) -> &'static str {
        if self.drawn { "\r\u{1b}[K" } else { "" }
    }
}

fn bar(done: u64, of: u64) -> String {
    let filled = u128::from(done.min(of)) * u128::from(BAR) / u128::from(of.max(1));
    (0..u128::from(BAR)).map(|place| if place < filled { '█' } else { '░' }).chain([' ']).collect()
}

fn line(done: u64, of: Option<u64>, elapsed: Duration) -> String {
    let rate = u64::try_from(u128::from(done) * 1000 / elapsed.as_millis().max(1)).unwrap_or(u64::MAX);
    let mut line = format!("{done} records");
    if let Some(of) = of.filter(|of| *of > 0) {
        // Writing to memory does not fail.
        let _ = write!(line, " of {of} ({} %)", u128::from(done) * 100 / u128::from(of));
    }
    let _ = write!(line, ", {rate}/s");
    if let Some(left) = of.and_then(|of| of.saturating_sub(done).checked_div(rate)) {
        let _ = write!(line, ", {left} s left");
    }
    line
}

#[cfg(test)]
#[path = "progress_tests.rs"]
mod tests;
