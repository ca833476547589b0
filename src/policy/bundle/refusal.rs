//! Why a bundle is not put in force: the kind of reason for metrics and scripts, and what is wrong for people.

use std::fmt;

use super::super::code::Code;
use super::super::report::Problem;

/// The most files that are named one by one.
const MAX_NAMED: usize = 20;

/// What kind of reason it is. The words are a promise to alerts and scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// There is no signature.
    Unsigned,
    /// The signature is not one, or what it is over is not the list of a bundle.
    Malformed,
    /// No trusted key has signed.
    Untrusted,
    /// A signature in the name of a trusted key is wrong.
    Forged,
    /// Files differ from those that were signed.
    Changed,
    /// The version is below one that was in force, or below the configured one.
    Older,
    /// Another set was in force under the same version.
    Reused,
    /// Which version was the highest is not known.
    Memory,
    /// A setting points to something that the signature does not cover.
    Outside,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Unsigned,
        Self::Malformed,
        Self::Untrusted,
        Self::Forged,
        Self::Changed,
        Self::Older,
        Self::Reused,
        Self::Memory,
        Self::Outside,
    ];

    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Malformed => "malformed",
            Self::Untrusted => "untrusted",
            Self::Forged => "forged",
            Self::Changed => "changed",
            Self::Older => "older",
            Self::Reused => "reused",
            Self::Memory => "memory",
            Self::Outside => "outside",
        }
    }
}

/// A bundle that is not put in force.
#[derive(Debug, Clone)]
pub struct Refused {
    /// What kind of reason there is; the first, when there are several.
    pub reason: Reason,
    pub(in super::super) problems: Vec<Problem>,
}

impl Refused {
    /// A refusal because of one file, or of none when `file` is empty.
    pub(super) fn new(reason: Reason, file: &str, message: impl Into<String>, help: &str) -> Self {
        Self { reason, problems: vec![problem(file, message, help)] }
    }

    /// A refusal because of several files, each with what is wrong with it.
    pub(super) fn files(files: Vec<(String, String)>) -> Self {
        let more = files.len().saturating_sub(MAX_NAMED);
        let help = "sign the files as they are, with a higher version: `cedarpost policy sign`";
        let named = files.into_iter().take(MAX_NAMED).map(|(file, message)| problem(&file, message, help));
        let mut problems: Vec<Problem> = named.collect();
        if more > 0 {
            problems.push(problem("", format!("{more} more files are not as they were signed"), help));
        }
        Self { reason: Reason::Changed, problems }
    }

    /// A refusal because nobody checked whether a set is signed that has to be.
    #[must_use]
    pub fn unverified() -> Self {
        Self::new(Reason::Unsigned, "", "the policies are not known to be signed", "this is a defect: please report it")
    }

    /// A refusal because the disk takes too long to remember the version.
    #[must_use]
    pub fn unremembered() -> Self {
        let message = "the version of the policies could not be remembered in time";
        Self::new(Reason::Memory, "", message, "without it older policies could come back; is the disk of the log well?")
    }

    /// What is wrong, for the author and the operator.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.problems.iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

fn problem(file: &str, message: impl Into<String>, help: &str) -> Problem {
    Problem::nowhere(file, message).with_code(Code::Signature).with_help(help.to_owned())
}
