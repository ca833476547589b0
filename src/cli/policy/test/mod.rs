//! `cedarpost policy test`: asks the questions of the tests beside policies, and says which answers are not the expected ones.
//!
//! A set of policies is loaded as the sidecar would load it, and every case is a decision of that snapshot: nothing here decides.
//! Read in this order: this file (the command), `set.rs` (one set of policies and its cases), `bench.rs` (asking), `verdict.rs` (expected and got),
//! `coverage.rs`; then the reports: `human.rs`, `json.rs`, `junit.rs`.

mod bench;
mod coverage;
mod human;
mod json;
mod junit;
mod set;
mod verdict;

use std::fs;
use std::io::{self, IsTerminal, Write};

use anyhow::Context;

use super::super::{Exit, output};
use crate::app;
use crate::clock::Clock;
use crate::config::flags::{PolicyTestFlags, TestFormatFlag};
use crate::config::{Config, Environment, Sources};
use set::{Plan, TestedSet};

/// Tests policies.
pub(in crate::cli) fn test(flags: &PolicyTestFlags, environment: &Environment) -> anyhow::Result<Exit> {
    let color = io::stderr().is_terminal() && !environment.refuses_color();
    let progress = Progress { shown: io::stderr().is_terminal() };
    let mut sets = Vec::new();
    for overrides in flags.overrides() {
        let sources = Sources { file: flags.file.config.as_deref(), environment: environment.clone(), flags: overrides };
        let check = Config::for_policy_check(&sources)?;
        let settings = app::policy_settings(&check.policy, check.identity.as_ref(), check.token_claims, check.servers);
        let plan = Plan { settings, filter: flags.filter.as_deref().map(str::to_lowercase) };
        progress.show(&plan.name());
        let set = set::run(plan)?;
        progress.clear();
        complain(&set.drawn_problems(color))?;
        sets.push(set);
    }
    report(flags, &sets)?;
    let passed = sets.iter().all(|set| set.passed() && covers(set, flags.min_coverage));
    Ok(if passed { Exit::Done } else { Exit::Invalid })
}

fn covers(set: &TestedSet, least: Option<u8>) -> bool {
    let covers = |least| set.coverage.as_ref().is_some_and(|coverage| coverage.reaches(least));
    least.is_none_or(covers)
}

/// Prints or writes what was asked for.
fn report(flags: &PolicyTestFlags, sets: &[TestedSet]) -> anyhow::Result<()> {
    let text = match flags.format {
        TestFormatFlag::Human => human::report(sets, flags.min_coverage),
        TestFormatFlag::Json => json::report(sets),
        TestFormatFlag::Junit => junit::report(sets, Clock::System.now())?,
    };
    let Some(path) = &flags.output else { return output::print(text.as_bytes()).map(drop) };
    fs::write(path, text).with_context(|| format!("failed to write the report `{}`", path.display()))?;
    match flags.format {
        TestFormatFlag::Human => Ok(()),
        TestFormatFlag::Json | TestFormatFlag::Junit => {
            output::print(human::report(sets, flags.min_coverage).as_bytes()).map(drop)
        }
    }
}

/// One line on the terminal that says what is being done; nothing anywhere else.
struct Progress {
    shown: bool,
}

impl Progress {
    fn show(&self, what: &str) {
        self.write(&format!("testing {what} …"));
    }

    fn clear(&self) {
        self.write("\r\u{1b}[2K");
    }

    fn write(&self, text: &str) {
        if self.shown {
            // Nobody misses a line of progress that could not be written.
            let _ = io::stderr().write_all(text.as_bytes());
        }
    }
}

fn complain(text: &str) -> anyhow::Result<()> {
    io::stderr().write_all(text.as_bytes()).context("failed to write to standard error")
}

#[cfg(test)]
mod tests;
