//! How the tour looks on a terminal or in a file.

use std::io::{self, Write};

const BOLD: &str = "\u{1b}[1m";
const DIM: &str = "\u{1b}[2m";
const GREEN: &str = "\u{1b}[32m";
const RED: &str = "\u{1b}[31m";
const PLAIN: &str = "\u{1b}[0m";

/// A labelled line's kind, which is its colour on a terminal.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tone {
    /// What was asked or done.
    Neutral,
    /// An answer that lets something through.
    Good,
    /// An answer that does not.
    Bad,
}

/// Where the tour is written.
pub(super) struct Page<'o> {
    out: &'o mut (dyn Write + Send),
    colour: bool,
    steps: u8,
}

impl<'o> Page<'o> {
    pub(super) const fn new(out: &'o mut (dyn Write + Send), colour: bool) -> Self {
        Self { out, colour, steps: 0 }
    }

    /// The number of the step that is being told.
    pub(super) const fn step(&self) -> u8 {
        self.steps
    }

    /// Begins the next numbered step.
    pub(super) fn heading(&mut self, text: &str) -> io::Result<()> {
        self.steps += 1;
        let heading = self.paint(BOLD, &format!("{}. {text}", self.steps));
        writeln!(self.out, "\n{heading}")
    }

    /// A sentence of explanation.
    pub(super) fn say(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "   {text}")
    }

    /// A line of fact, such as what was asked or what came back. Further lines of `text` are indented below the first.
    pub(super) fn fact(&mut self, label: &str, tone: Tone, text: &str) -> io::Result<()> {
        let label = self.paint(DIM, &format!("{label:>9}"));
        for (index, line) in clean(text).lines().enumerate() {
            let line = match tone {
                Tone::Neutral => line.to_owned(),
                Tone::Good => self.paint(GREEN, line),
                Tone::Bad => self.paint(RED, line),
            };
            let margin = if index == 0 { label.as_str() } else { "         " };
            writeln!(self.out, "{margin}  {line}")?;
        }
        self.out.flush()
    }

    fn paint(&self, style: &str, text: &str) -> String {
        if self.colour { format!("{style}{text}{PLAIN}") } else { text.to_owned() }
    }
}

/// What a server sends is shown, never obeyed: control characters other than line ends could steer the terminal.
fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() && letter != '\n' { '\u{fffd}' } else { letter }).collect()
}
