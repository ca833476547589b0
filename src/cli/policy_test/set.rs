//! One set of policies and the cases beside it.
//!
//! Files are read once. A snapshot is built for each set of declared callers and time zone that the cases ask for, which for most
//! tests is one.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::coverage::Coverage;
use super::verdict;
use crate::cli::problem;
use crate::config::ConfigReport;
use crate::config::cases::{self, Case, Question, TestPrincipal};
use crate::domain::{Action, Actor, AgentId, Call, Caller, Decision, Target, UserId};
use crate::policy::{
    self, Catalog, DeclaredPrincipal, LoadError, PolicyFiles, PolicySnapshot, PrincipalKind, Problem, Request, Settings,
};

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
    let mut bench = match Bench::new(plan.settings, &read) {
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
        set.coverage = Some(Coverage::of(bench.base.policies(), set.cases()));
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

/// The policies of a set, ready to answer.
struct Bench {
    settings: Settings,
    files: PolicyFiles,
    /// With nobody declared but by files and configuration.
    base: PolicySnapshot,
    /// One for each set of further callers and time zone that was asked for.
    snapshots: Vec<(Vec<DeclaredPrincipal>, String, PolicySnapshot)>,
}

impl Bench {
    fn new(mut settings: Settings, cases: &Cases) -> Result<Self, LoadError> {
        let files = policy::read(&settings)?;
        if settings.servers.is_empty() {
            let named = cases.iter().flat_map(|(_, cases)| cases).map(|case| case.server.clone());
            settings.servers = named.collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        }
        let base = PolicySnapshot::build(&settings, &files, &Catalog::default())?;
        Ok(Self { settings, files, base, snapshots: Vec::new() })
    }

    fn run(&mut self, case: Case) -> TestedCase {
        let began = Instant::now();
        let answer = self.snapshot(&case).map(|snapshot| (ask(snapshot, &case), snapshot.policies()));
        let took = began.elapsed();
        match answer {
            Ok((got, policies)) => {
                let failure = verdict::failure(&case, &got, &policies);
                TestedCase { case, got: Some(got), failure, took }
            }
            Err(error) => {
                let problems: Vec<String> = error.problems().iter().map(ToString::to_string).collect();
                TestedCase { case, got: None, failure: Some(problems.join("; ")), took }
            }
        }
    }

    /// The snapshot to ask: that of the set, with the callers that the case gives roles.
    fn snapshot(&mut self, case: &Case) -> Result<&PolicySnapshot, LoadError> {
        let declared = declared(case);
        let zone = case.timezone.clone().unwrap_or_else(|| self.settings.timezone.clone());
        if declared.is_empty() && zone == self.settings.timezone {
            return Ok(&self.base);
        }
        let known = self.snapshots.iter().position(|(callers, of, _)| *callers == declared && *of == zone);
        let at = match known {
            Some(at) => at,
            None => {
                let mut settings = self.settings.clone();
                // What a case says about its callers is all that holds for them besides the files.
                settings.principals.retain(|known| !declared.iter().any(|new| (new.kind, &new.id) == (known.kind, &known.id)));
                settings.principals.extend(declared.iter().cloned());
                settings.timezone.clone_from(&zone);
                let snapshot = PolicySnapshot::build(&settings, &self.files, self.base.catalog())?;
                self.snapshots.push((declared, zone, snapshot));
                self.snapshots.len() - 1
            }
        };
        Ok(self.snapshots.get(at).map_or(&self.base, |(_, _, snapshot)| snapshot))
    }
}

/// The callers that a case itself declares.
fn declared(case: &Case) -> Vec<DeclaredPrincipal> {
    let declared = |kind, principal: &TestPrincipal| {
        Some(DeclaredPrincipal { kind, id: principal.id.clone(), roles: principal.roles.clone()? })
    };
    let actor = case.actor.as_ref().and_then(|actor| declared(PrincipalKind::User, actor));
    declared(PrincipalKind::Agent, &case.agent).into_iter().chain(actor).collect()
}

fn ask(snapshot: &PolicySnapshot, case: &Case) -> Got {
    let actor = case.actor.as_ref().map_or(Actor::Unattended, |actor| Actor::Person(UserId::new(actor.id.as_str())));
    let caller = Caller { agent: AgentId::new(case.agent.id.as_str()), actor, standing: Arc::default() };
    match &case.question {
        Question::Decide { action, target, arguments, .. } => {
            let call = Call {
                server: case.server.clone(),
                action: *action,
                target: target.clone(),
                arguments: arguments.clone(),
                source: case.source.clone(),
                request: None,
                trace: None,
            };
            Got::Decision(snapshot.decide(&Request { caller: &caller, call: &call, now: case.at }))
        }
        Question::List { .. } => {
            let possible = |tool: &Arc<str>| {
                let target = Target::Tool(Arc::clone(tool));
                snapshot.possible(&caller, &case.server, Action::ToolsCall, &target, &case.source, case.at)
            };
            Got::Visible(snapshot.tools_of(&case.server).into_iter().filter(possible).collect())
        }
    }
}
