//! One set of policies and the cases beside it: what is read, and what comes of it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use super::bench::Bench;
use super::coverage::Coverage;
use crate::cli::problem;
use crate::config::ConfigReport;
use crate::config::cases::{self, Case};
use crate::domain::Decision;
use crate::policy::{self, Problem, Settings};

/// What is to be tested.
pub(super) struct Plan {
    /// Where the policies are, and who is declared besides the cases' own callers.
    pub(super) settings: Settings,
    /// Only cases whose names contain this, in lower case.
    pub(super) filter: Option<String>,
}

impl Plan {
    /// What reports call the set: the paths of its policies.
    pub(super) fn name(&self) -> String {
        let paths: Vec<String> = self.settings.policies.iter().map(|path| path.display().to_string()).collect();
        paths.join(", ")
    }
}

/// A set of policies after its tests ran.
pub(super) struct TestedSet {
    /// The paths of the policies.
    pub(super) name: String,
    /// The test files that could be read, in order.
    pub(super) files: Vec<TestedFile>,
    /// What is wrong with the policies themselves; then no case was asked.
    pub(super) policy_problems: Vec<Problem>,
    /// The test files that could not be read.
    pub(super) unreadable: Vec<ConfigReport>,
    /// Which policies the cases covered; `None` when not all cases were asked.
    pub(super) coverage: Option<Coverage>,
}

/// A file of cases after they ran.
pub(super) struct TestedFile {
    pub(super) path: String,
    pub(super) cases: Vec<TestedCase>,
}

/// A case, and what came of it.
pub(super) struct TestedCase {
    pub(super) case: Case,
    /// What was answered; `None` when the question could not be asked.
    pub(super) got: Option<Got>,
    /// Why it failed, in one line; `None` when it passed.
    pub(super) failure: Option<String>,
    pub(super) took: Duration,
}

/// An answer.
pub(super) enum Got {
    Decision(Decision),
    Visible(Vec<Arc<str>>),
}

impl TestedSet {
    pub(super) fn cases(&self) -> impl Iterator<Item = &TestedCase> {
        self.files.iter().flat_map(|file| &file.cases)
    }

    pub(super) fn failed(&self) -> usize {
        self.cases().filter(|case| case.failure.is_some()).count()
    }

    /// Whether there were cases, and all of them passed.
    pub(super) fn passed(&self) -> bool {
        self.is_sound() && self.cases().next().is_some() && self.failed() == 0
    }

    /// Whether policies and tests could be read.
    pub(super) fn is_sound(&self) -> bool {
        self.policy_problems.is_empty() && self.unreadable.is_empty()
    }

    /// What is wrong with policies and test files, one line each.
    pub(super) fn problem_lines(&self) -> Vec<String> {
        let of_tests = self.unreadable.iter().flat_map(|report| report.lines().lines().map(str::to_owned).collect::<Vec<_>>());
        self.policy_problems.iter().map(ToString::to_string).chain(of_tests).collect()
    }

    /// The same, drawn into the lines of the files as `policy check` does.
    pub(super) fn drawn_problems(&self, color: bool) -> String {
        let tests: String = self.unreadable.iter().map(|report| problem::drawn(report, color)).collect();
        policy::draw(&self.policy_problems, color) + &tests
    }
}

/// Runs the cases of a set.
///
/// # Errors
/// A directory that cannot be searched for tests. Everything that is wrong with policies or tests is in the result.
pub(super) fn run(plan: Plan) -> anyhow::Result<TestedSet> {
    let mut set =
        TestedSet { name: plan.name(), files: Vec::new(), policy_problems: Vec::new(), unreadable: Vec::new(), coverage: None };
    let read = read_cases(&plan, &mut set)?;
    let mut bench = match Bench::new(plan.settings) {
        Ok(bench) => bench,
        Err(error) => {
            set.policy_problems = error.problems();
            return Ok(set);
        }
    };
    for (path, cases) in read {
        let wanted = |case: &Case| plan.filter.as_ref().is_none_or(|filter| case.name.to_lowercase().contains(filter));
        let cases: Vec<Case> = cases.into_iter().filter(wanted).collect();
        if !cases.is_empty() {
            set.files.push(TestedFile { path, cases: cases.into_iter().map(|case| bench.run(case)).collect() });
        }
    }
    if plan.filter.is_none() && set.unreadable.is_empty() {
        set.coverage = Some(Coverage::of(bench.policies().to_vec(), set.cases()));
    }
    Ok(set)
}

type Cases = Vec<(String, Vec<Case>)>;

fn read_cases(plan: &Plan, set: &mut TestedSet) -> anyhow::Result<Cases> {
    let mut read = Cases::new();
    for directory in plan.settings.policies.iter().filter(|path| path.is_dir()) {
        let found = cases::find(directory).with_context(|| format!("failed to look for tests in `{}`", directory.display()))?;
        for path in found {
            match cases::read(&path) {
                Ok(cases) => read.push((name_of(&path), cases)),
                Err(report) => set.unreadable.push(report),
            }
        }
    }
    Ok(read)
}

fn name_of(path: &Path) -> String {
    path.display().to_string()
}
