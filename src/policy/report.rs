//! What is wrong with the files of an author, in a form that three readers can use: the author (a drawing with file, line, column
//! and a hint), the operator (one line a problem) and the status page and the audit log (plain fields).
//!
//! Nothing here decides whether a problem is fatal: a [`PolicyReport`] holds problems, [`super::PolicySnapshot::warnings`] holds
//! remarks that do not stop a load.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceCode};

use super::bundle::Refused;
use super::code::Code;
use super::load::SourceFile;

/// Why files did not become a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or directory could not be read, or does not exist.
    #[error("failed to read `{path}`")]
    Read {
        /// The path as it was configured, or found below it.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The files together are more than one load accepts.
    #[error("`{path}` is more than the limit of {limit}")]
    TooMuch {
        /// The file that passed the limit.
        path: PathBuf,
        /// The limit, with its unit.
        limit: String,
    },
    /// The configured time zone is not in the time zone database.
    #[error("unknown time zone `{0}`")]
    TimeZone(String),
    /// The vocabulary that is built into the program does not load: a defect of the program, not of any file.
    #[error("the built-in vocabulary is unusable: {0}")]
    Vocabulary(String),
    /// The check of the files broke off: a defect of the program that something in them brings out.
    #[error("the check of the policies broke off; this is a defect: please report it")]
    BrokeOff,
    /// The files must be signed, and are not what was signed, or are older than what was in force.
    #[error("{0}")]
    Bundle(Refused),
    /// The files can be read, but something in them is wrong.
    #[error("{0}")]
    Invalid(PolicyReport),
}

impl LoadError {
    /// The problems to show, one for each thing that is wrong; a failure without a place in a file is a problem at line 0.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        match self {
            Self::Invalid(report) => report.problems.clone(),
            Self::Bundle(refused) => refused.problems().to_vec(),
            Self::Read { path, source } => {
                vec![Problem::nowhere(&path.display().to_string(), format!("{self}: {source}")).with_code(Code::File)]
            }
            Self::TooMuch { path, .. } => {
                vec![Problem::nowhere(&path.display().to_string(), self.to_string()).with_code(Code::File)]
            }
            Self::TimeZone(_) | Self::Vocabulary(_) | Self::BrokeOff => vec![Problem::nowhere("", self.to_string())],
        }
    }
}

impl From<Vec<Problem>> for LoadError {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Invalid(PolicyReport { problems })
    }
}

/// One thing that is wrong, or worth a remark, in one file.
#[derive(Debug, Clone)]
pub struct Problem {
    /// What kind of problem it is: the same word for as long as there are such problems.
    pub code: Code,
    /// The policy it is about, when it is about one.
    pub policy: Option<Arc<str>>,
    /// The file, as policies are named after it; empty when no file is at fault.
    pub file: Arc<str>,
    /// The line, from 1; 0 when the problem has no place in a file.
    pub line: u32,
    /// The column in characters, from 1; 0 when the problem has no place in a file.
    pub column: u32,
    /// How many characters from there on are meant; 0 when no text in particular is.
    pub length: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it, when we know.
    pub help: Option<String>,
    drawing: Option<Drawing>,
}

/// What is needed to draw the place: the text and the bytes that are meant.
#[derive(Debug, Clone)]
struct Drawing {
    source: Arc<NamedSource<Arc<str>>>,
    span: (usize, usize),
}

impl Problem {
    /// A problem with the `length` bytes at `offset` of a file.
    pub(super) fn at(file: &SourceFile, offset: usize, length: usize, message: impl Into<String>) -> Self {
        let offset = floor_char_boundary(&file.text, offset);
        let (line, column) = position(&file.text, offset);
        let source = Arc::new(NamedSource::new(&*file.name, Arc::clone(&file.text)));
        let length = length.min(file.text.len() - offset);
        let drawing = Some(Drawing { source, span: (offset, length) });
        let meant = file.text.get(offset..offset + length).map_or(0, |text| text.chars().count());
        let nowhere = Self::nowhere(&file.name, message);
        Self { line, column, length: u32::try_from(meant).unwrap_or(u32::MAX), drawing, ..nowhere }
    }

    /// A problem that no byte of a file can be blamed for.
    pub(super) fn nowhere(file: &str, message: impl Into<String>) -> Self {
        Self {
            code: Code::of_file(file),
            policy: None,
            file: file.into(),
            line: 0,
            column: 0,
            length: 0,
            message: message.into(),
            help: None,
            drawing: None,
        }
    }

    /// A problem that Cedar reports about a file, at the place it names.
    pub(super) fn from_diagnostic(file: &SourceFile, diagnostic: &dyn Diagnostic) -> Self {
        let label = diagnostic.labels().and_then(|mut labels| labels.next());
        let (offset, length) = label.as_ref().map_or((0, 0), |label| (label.offset(), label.len()));
        let problem = Self::at(file, offset, length, diagnostic.to_string());
        let expected = label.and_then(|label| label.label().map(str::to_owned));
        problem.with_help(diagnostic.help().map(|help| help.to_string()).or(expected))
    }

    /// A problem with a JSON text, at the place the parser names.
    pub(super) fn from_json(file: &SourceFile, error: &serde_json::Error) -> Self {
        let before: usize = file.text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
        Self::at(file, before + error.column().saturating_sub(1), 1, message)
    }

    /// Adds what to do about it.
    #[must_use]
    pub(super) fn with_help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help = help.into();
        self
    }

    /// Says what kind of problem it is.
    #[must_use]
    pub(super) const fn with_code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// Says which policy it is about.
    #[must_use]
    pub(super) fn with_policy(mut self, id: &str) -> Self {
        self.policy = Some(id.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        }
        f.write_str(&self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

/// Draws a problem: the message alone, because the place is in the drawing.
#[derive(Debug)]
struct Drawn<'a>(&'a Problem, Severity);

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Drawn<'_> {}

impl Diagnostic for Drawn<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.0.code))
    }

    fn severity(&self) -> Option<Severity> {
        Some(self.1)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.0.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.0.drawing.as_ref().map(|drawing| &*drawing.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let drawing = self.0.drawing.as_ref()?;
        Some(Box::new(std::iter::once(LabeledSpan::underline(drawing.span))))
    }
}

/// Everything that is wrong with a set of files, in the order of the files.
#[derive(Debug, Clone)]
pub struct PolicyReport {
    problems: Vec<Problem>,
}

impl PolicyReport {
    /// The problems.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Draws every problem with the lines it is about, for a terminal. `color` asks for ANSI colours.
    #[must_use]
    pub fn draw(&self, color: bool) -> String {
        draw(&self.problems, color)
    }
}

/// Draws problems that stop a load, each with the lines it is about.
#[must_use]
pub fn draw(problems: &[Problem], color: bool) -> String {
    drawn(problems, Severity::Error, color)
}

/// Draws remarks that stop nothing, each with the lines it is about.
#[must_use]
pub fn draw_warnings(warnings: &[Problem], color: bool) -> String {
    drawn(warnings, Severity::Warning, color)
}

fn drawn(problems: &[Problem], severity: Severity, color: bool) -> String {
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(120);
    let mut out = String::new();
    for problem in problems {
        if handler.render_report(&mut out, &Drawn(problem, severity)).is_err() {
            // Writing into a string does not fail; a drawing that cannot be made falls back to its one line.
            out.push_str(&problem.to_string());
        }
        out.push('\n');
    }
    out
}

impl fmt::Display for PolicyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.problems.iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyReport {}

/// The line and column, both from 1, of a byte in a text.
pub(super) fn position(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// Where the lines of a text begin, for whoever asks about many places in it.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(text.bytes().zip(1..).filter_map(|(byte, next)| (byte == b'\n').then_some(next)).collect())
    }

    /// The line, from 1, of a byte.
    pub(super) fn line(&self, offset: usize) -> u32 {
        u32::try_from(self.0.partition_point(|start| *start <= offset) + 1).unwrap_or(u32::MAX)
    }
}

fn floor_char_boundary(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
