//! What is wrong with the settings: every problem at once, each with the place where the user wrote it and what to write instead.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

/// Where in the settings file something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Offset of the first byte.
    pub start: usize,
    /// Length in bytes.
    pub length: usize,
}

impl Place {
    /// The place of the bytes `span` of `text`.
    pub(super) fn of(text: &str, span: std::ops::Range<usize>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Self { line, column, start: span.start, length: span.len() }
    }
}

/// Who said a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody: it is the default.
    Default,
    /// The settings file.
    File(Place),
    /// An environment variable, by name.
    Environment(String),
    /// A flag of the command line, as it is written.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(place) => write!(f, "file, line {}", place.line),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, in the user's words.
    pub message: String,
    /// Where it was written; [`Origin::Default`] when it is missing.
    pub origin: Origin,
    /// What to write instead.
    pub help: Option<String>,
}

impl Problem {
    /// A problem with a value that somebody gave.
    pub(super) fn new(origin: &Origin, message: impl Into<String>) -> Self {
        Self { message: message.into(), origin: origin.clone(), help: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        match self.origin {
            Origin::File(place) => Some(Box::new(std::iter::once(LabeledSpan::underline((place.start, place.length))))
                as Box<dyn Iterator<Item = LabeledSpan>>),
            Origin::Default | Origin::Environment(_) | Origin::Flag(_) => None,
        }
    }
}

/// The settings file as it was read.
#[derive(Debug, Clone)]
pub(super) struct SourceFile {
    pub(super) path: PathBuf,
    pub(super) text: Arc<str>,
}

/// Why the settings did not become a [`Config`](super::Config): a miette diagnostic with one related diagnostic per problem.
#[derive(Debug)]
pub struct ConfigReport {
    problems: Vec<Problem>,
    path: Option<PathBuf>,
    source: Option<NamedSource<Arc<str>>>,
    subject: &'static str,
}

impl ConfigReport {
    pub(super) fn new(mut problems: Vec<Problem>, file: Option<&SourceFile>) -> Self {
        // As one reads: down the file, then what is missing from it or was said elsewhere.
        problems.sort_by_key(|problem| match problem.origin {
            Origin::File(place) => (false, place.start),
            Origin::Default | Origin::Environment(_) | Origin::Flag(_) => (true, 0),
        });
        let source =
            file.map(|file| NamedSource::new(file.path.display().to_string(), Arc::clone(&file.text)).with_language("toml"));
        Self { problems, path: file.map(|file| file.path.clone()), source, subject: "the configuration" }
    }

    /// The same report, about something else than the configuration.
    pub(super) const fn about(mut self, subject: &'static str) -> Self {
        self.subject = subject;
        self
    }

    /// The problems: down the file, then those that are not in it.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// One line per problem, `file:line:column: message (help)`, for terminals without colour and for log files.
    #[must_use]
    pub fn lines(&self) -> String {
        self.problems.iter().map(|problem| self.line(problem)).collect::<Vec<_>>().join("\n")
    }

    fn line(&self, problem: &Problem) -> String {
        let place = match (&problem.origin, &self.path) {
            (Origin::File(place), Some(path)) => format!("{}:{}:{}: ", path.display(), place.line, place.column),
            (Origin::Environment(_) | Origin::Flag(_), _) => format!("{}: ", problem.origin),
            (Origin::Default, Some(path)) => format!("{}: ", path.display()),
            (Origin::File(_) | Origin::Default, None) => String::new(),
        };
        let help = problem.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{place}{}{help}", problem.message)
    }
}

impl fmt::Display for ConfigReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => write!(f, "{} has a problem", self.subject),
            count => write!(f, "{} has {count} problems", self.subject),
        }
    }
}

impl std::error::Error for ConfigReport {}

impl Diagnostic for ConfigReport {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.problems.iter().map(|problem| problem as &dyn Diagnostic)))
    }
}
