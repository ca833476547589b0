//! `cedarpost check`: how one call would be decided, and why; by policies on disk, or by a running sidecar, which may also decide it.

use std::io::{self, IsTerminal, Read, Write};

use anyhow::Context;
use serde_json::value::RawValue;

use super::{Exit, output, remote, sidecar};
use crate::app::{self, BadInquiry, Inquiry, TokenFacts, TransportName};
use crate::clock::Clock;
use crate::config::flags::{CheckFlags, OutputFormat, TransportFlag};
use crate::config::{Config, Environment, IdentitySettings, Sources};
use crate::grpc::Said;
use crate::mcp;
use crate::policy::{self, Answer, DeclaredPrincipal, Explanation, LoadError, PolicySnapshot, PrincipalKind, Request, Settings};

/// Explains how a call would be decided.
pub(super) fn check(flags: &CheckFlags, environment: Environment) -> anyhow::Result<Exit> {
    let color = !environment.refuses_color();
    match told(flags, environment, color && io::stdout().is_terminal()) {
        Ok((text, exit)) => {
            output::print(text.as_bytes())?;
            Ok(exit)
        }
        Err(Failure::Question(sentence)) => {
            complain(&format!("cedarpost: {sentence}\n"))?;
            Ok(Exit::Usage)
        }
        Err(Failure::Policies(error)) => {
            complain(&policy::draw(&error.problems(), color && io::stderr().is_terminal()))?;
            complain("the policies are not valid: nothing can be decided by them\n")?;
            Ok(Exit::Invalid)
        }
        Err(Failure::Other(error)) => Err(error),
    }
}

/// Why there is no explanation.
enum Failure {
    /// The question makes no sense.
    Question(String),
    /// The policies are not valid.
    Policies(LoadError),
    Other(anyhow::Error),
}

impl From<BadInquiry> for Failure {
    fn from(error: BadInquiry) -> Self {
        Self::Question(error.to_string())
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::Policies(error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

/// What to print, and how to end.
fn told(flags: &CheckFlags, environment: Environment, color: bool) -> Result<(String, Exit), Failure> {
    if let Some(place) = &flags.remote {
        let asked = sidecar::ask(place, inquiry(flags, None)?.question()?, flags).map_err(|error| match error {
            sidecar::Failure::Question(sentence) => Failure::Question(sentence),
            sidecar::Failure::Other(error) => Failure::Other(error),
        })?;
        let text = match flags.format {
            OutputFormat::Human => asked.render(),
            OutputFormat::Json => document(&asked.answer)?,
        };
        let exit = match asked.answer.decision {
            Said::Allow => Exit::Done,
            Said::RequireApproval | Said::Deny => Exit::Invalid,
        };
        return Ok((text, exit));
    }
    // The command line cannot say so by itself where policies are named too.
    let remote_only = [
        ("--dry-run", flags.dry_run),
        ("--ca-file", flags.ca_file.is_some()),
        ("--cert-file", flags.cert_file.is_some()),
        ("--key-file", flags.key_file.is_some()),
        ("--deadline", flags.deadline.is_some()),
    ];
    if let Some((flag, _)) = remote_only.into_iter().find(|(_, given)| *given) {
        return Err(Failure::Question(format!("`{flag}` is for a sidecar that is asked over gRPC: --remote ADDRESS")));
    }
    let explanation = explain(flags, environment)?;
    let text = match flags.format {
        OutputFormat::Human => explanation.render(color),
        OutputFormat::Json => document(&explanation)?,
    };
    let exit = match explanation.decision {
        Answer::Allow => Exit::Done,
        Answer::RequireApproval | Answer::Deny => Exit::Invalid,
    };
    Ok((text, exit))
}

fn document(of: &impl serde::Serialize) -> anyhow::Result<String> {
    Ok(format!("{:#}\n", serde_json::to_value(of)?))
}

fn explain(flags: &CheckFlags, environment: Environment) -> Result<Explanation, Failure> {
    if let Some(url) = &flags.admin {
        let inquiry = inquiry(flags, None)?;
        return remote::explain(url, &inquiry).map_err(|error| match error {
            remote::Failure::Refused(sentence) => Failure::Question(format!("the sidecar says that {sentence}")),
            remote::Failure::Other(error) => Failure::Other(error),
        });
    }
    let sources = Sources { file: flags.set.file.config.as_deref(), environment, flags: flags.set.overrides() };
    let known = Config::for_policy_check(&sources).map_err(anyhow::Error::from)?;
    let question = inquiry(flags, known.identity.as_ref())?.question()?;
    let mut settings = app::policy_settings(&known.policy, known.identity.as_ref(), known.token_claims, known.servers);
    declare(&mut settings, PrincipalKind::Agent, question.caller.agent.as_str(), &flags.agent_role);
    if let Some(person) = question.caller.actor.person() {
        declare(&mut settings, PrincipalKind::User, person.as_str(), &flags.actor_role);
    }
    let files = policy::read(&settings)?;
    let settings = settings.or_servers_of(&files);
    let snapshot = PolicySnapshot::build(&settings, &files, &files.reviewed(&settings.servers))?;
    let now = question.at.unwrap_or_else(|| Clock::System.now());
    Ok(snapshot.explain(&Request { caller: &question.caller, call: &question.call, now, approval: None }))
}

/// Whoever is given a role is declared by that; without one they must be declared elsewhere, as for a sidecar.
fn declare(settings: &mut Settings, kind: PrincipalKind, id: &str, roles: &[String]) {
    if !roles.is_empty() {
        settings.principals.push(DeclaredPrincipal { kind, id: id.to_owned(), roles: roles.to_vec() });
    }
}

/// The question of the flags; who calls may be said by the configuration.
fn inquiry(flags: &CheckFlags, identity: Option<&IdentitySettings>) -> Result<Inquiry, Failure> {
    let missing = |what: &str| Failure::Question(format!("it must be said {what}"));
    let agent = flags.agent.clone().or_else(|| identity.map(|identity| identity.agent.clone()));
    let (actor, unattended) = match (&flags.actor, flags.unattended, identity) {
        (None, false, Some(identity)) => (identity.actor.clone(), identity.actor.is_none()),
        (None, false, None) => return Err(missing("for whom the agent acts: --actor ID, or --unattended for nobody")),
        (actor, unattended, _) => (actor.clone(), unattended),
    };
    Ok(Inquiry {
        agent: agent.ok_or_else(|| missing("who calls: --agent ID"))?,
        actor,
        unattended,
        token: token(flags)?,
        server: flags.server.clone(),
        tool: flags.tool.clone(),
        resource: flags.resource.clone(),
        prompt: flags.prompt.clone(),
        method: flags.method.clone(),
        action: flags.action.clone(),
        input: flags.input.as_deref().map(input).transpose()?,
        at: flags.at.clone(),
        ip: flags.ip,
        transport: flags.transport.map(|transport| match transport {
            TransportFlag::Http => TransportName::Http,
            TransportFlag::Stdio => TransportName::Stdio,
        }),
    })
}

/// What the flags say of the caller's token, if they say anything.
fn token(flags: &CheckFlags) -> Result<Option<TokenFacts>, Failure> {
    if flags.token_issuer.is_none() && flags.scope.is_empty() && flags.claim.is_empty() {
        return Ok(None);
    }
    let claim = |given: &String| {
        let (name, value) =
            given.split_once('=').ok_or_else(|| Failure::Question(format!("`--claim {given}` is not NAME=VALUE")))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        Ok((name.to_owned(), value))
    };
    Ok(Some(TokenFacts {
        issuer: flags.token_issuer.clone().unwrap_or_else(|| "https://issuer.example".to_owned()),
        scopes: flags.scope.clone(),
        claims: flags.claim.iter().map(claim).collect::<Result<_, Failure>>()?,
    }))
}

/// The arguments, read as strictly as in a message.
fn input(given: &str) -> Result<Box<RawValue>, Failure> {
    let limits = mcp::Limits::default();
    let text = match (given, given.strip_prefix('@')) {
        ("-", _) => bounded(io::stdin().lock(), limits.max_bytes).context("failed to read standard input")?,
        (_, Some(file)) => {
            let failed = || format!("failed to read `{file}`");
            bounded(std::fs::File::open(file).with_context(failed)?, limits.max_bytes).with_context(failed)?
        }
        (text, None) => text.as_bytes().to_vec(),
    };
    let refused = |what: &dyn std::fmt::Display| Failure::Question(format!("`--input` {what}"));
    mcp::check_json(&text, limits).map_err(|error| refused(&error))?;
    let text = String::from_utf8(text).map_err(|error| refused(&error))?;
    RawValue::from_string(text.trim_ascii().to_owned()).map_err(|error| refused(&error))
}

/// All that there is to read, or a little more than `limit` allows, which is then refused.
fn bounded(from: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    from.take(limit as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}

fn complain(text: &str) -> anyhow::Result<()> {
    io::stderr().write_all(text.as_bytes()).context("failed to write to standard error")
}
