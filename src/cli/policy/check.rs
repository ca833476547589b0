//! `cedarpost policy check`: loads policies as the sidecar would, and says everything there is to say about them.

use std::io::{self, IsTerminal, Write};

use anyhow::Context;
use serde_json::{Value, json};

use super::super::{Exit, output};
use crate::app;
use crate::config::flags::{OutputFormat, PolicyCheckFlags};
use crate::config::{Config, Environment, Sources};
use crate::policy::{self, PolicySnapshot, Problem};

/// What a check comes to.
struct Outcome {
    snapshot: Option<PolicySnapshot>,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
}

/// Checks policies.
pub(super) fn check(flags: &PolicyCheckFlags, environment: Environment) -> anyhow::Result<Exit> {
    let color = io::stderr().is_terminal() && !environment.refuses_color();
    let outcome = outcome(flags, environment)?;
    match flags.format {
        OutputFormat::Human => print(&outcome, color)?,
        OutputFormat::Json => drop(output::print(format!("{:#}\n", outcome.document()).as_bytes())?),
    }
    let refused = outcome.snapshot.is_none() || (flags.deny_warnings && !outcome.warnings.is_empty());
    Ok(if refused { Exit::Invalid } else { Exit::Done })
}

fn outcome(flags: &PolicyCheckFlags, environment: Environment) -> anyhow::Result<Outcome> {
    let sources = Sources { file: flags.set.file.config.as_deref(), environment, flags: flags.set.overrides() };
    let check = Config::for_policy_check(&sources)?;
    let settings = app::policy_settings(&check.policy, check.identity.as_ref(), check.token_claims, check.servers);
    // With keys to trust a signature that does not fit is an error already.
    let unchecked = settings.policies.iter().filter(|directory| settings.bundle.is_none() && directory.is_dir());
    let stale: Vec<Problem> = unchecked.flat_map(|directory| policy::bundle::stale(directory)).collect();
    let loaded = policy::read(&settings).and_then(|files| {
        let settings = settings.or_servers_of(&files);
        PolicySnapshot::build(&settings, &files, &files.reviewed(&settings.servers))
    });
    Ok(match loaded {
        Ok(snapshot) => {
            Outcome { warnings: snapshot.lint().into_iter().chain(stale).collect(), snapshot: Some(snapshot), errors: Vec::new() }
        }
        Err(error) => Outcome { snapshot: None, errors: error.problems(), warnings: stale },
    })
}

/// Problems go to standard error, what there is to say about a valid set to standard output.
fn print(outcome: &Outcome, color: bool) -> anyhow::Result<()> {
    let mut text = policy::draw(&outcome.errors, color) + &policy::draw_warnings(&outcome.warnings, color);
    if outcome.snapshot.is_none() {
        text.push_str(&format!("the policies are not valid: {}\n", count(outcome.errors.len(), "error")));
    }
    io::stderr().write_all(text.as_bytes()).context("failed to write to standard error")?;
    if let Some(snapshot) = &outcome.snapshot {
        let policies = match snapshot.policy_count() {
            1 => "1 policy is valid".to_owned(),
            count => format!("{count} policies are valid"),
        };
        let warnings = count(outcome.warnings.len(), "warning");
        output::print(format!("{policies}, {warnings}\n{}\n", snapshot.fingerprint()).as_bytes())?;
    }
    Ok(())
}

fn count(count: usize, noun: &str) -> String {
    match count {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

impl Outcome {
    /// The stable form: `docs/policy-check.md` describes it.
    fn document(&self) -> Value {
        let errors = self.errors.iter().map(|problem| member("error", problem));
        let warnings = self.warnings.iter().map(|problem| member("warning", problem));
        json!({
            "version": 1,
            "valid": self.snapshot.is_some(),
            "policies": self.snapshot.as_ref().map(PolicySnapshot::policy_count),
            "fingerprint": self.snapshot.as_ref().map(|snapshot| snapshot.fingerprint().to_string()),
            "errors": self.errors.len(),
            "warnings": self.warnings.len(),
            "problems": errors.chain(warnings).collect::<Vec<_>>(),
        })
    }
}

/// A problem; what it does not have is null.
fn member(severity: &str, problem: &Problem) -> Value {
    let place = |number: u32| (problem.line > 0).then_some(number);
    json!({
        "severity": severity,
        "code": problem.code.word(),
        "policy": problem.policy.as_deref(),
        "file": (!problem.file.is_empty()).then_some(&*problem.file),
        "line": place(problem.line),
        "column": place(problem.column),
        "length": place(problem.length),
        "message": problem.message,
        "help": problem.help,
    })
}
