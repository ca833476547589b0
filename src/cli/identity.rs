//! `cedarpost identity test`: what a token becomes, step by step.

use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::{Exit, output, serve};
use crate::clock::Clock;
use crate::config::flags::{IdentityCommand, IdentityTestFlags, OutputFormat};
use crate::config::{Config, Environment, Sources};
use crate::domain::{Attribute, Caller, Memberships};
use crate::identity::{Credentials, Handshake, Identified, Identity, Metrics, Scheme, Step, Unidentified};
use crate::lifecycle::Stop;
use crate::listen::Peer;
use crate::listen::tls::pem_certificates;

/// The longest text that is read from standard input.
const MAX_INPUT: u64 = 64 * 1024;
/// How long everything may take: keys that cannot be had are no reason to wait for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// Says who somebody is.
pub(super) fn identity(command: &IdentityCommand, environment: Environment) -> anyhow::Result<Exit> {
    match command {
        IdentityCommand::Test(flags) => test(flags, environment),
    }
}

fn test(flags: &IdentityTestFlags, environment: Environment) -> anyhow::Result<Exit> {
    let sources = Sources { file: flags.file.config.as_deref(), environment, flags: flags.overrides() };
    let config = Config::for_serve(&sources)?;
    let token = flags.token.as_deref().map(token).transpose()?;
    let shown = shown(flags.certificate.as_deref())?;
    let (steps, outcome) = serve::on_runtime(look(&config, flags, token.as_deref().map(str::trim), &shown))?;
    let text = match flags.format {
        OutputFormat::Human => human(&steps, &outcome),
        OutputFormat::Json => format!("{:#}\n", machine(&steps, &outcome)),
    };
    output::print(text.as_bytes())?;
    Ok(if outcome.is_ok() { Exit::Done } else { Exit::Invalid })
}

fn token(argument: &str) -> anyhow::Result<String> {
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let mut text = String::new();
    io::stdin().take(MAX_INPUT).read_to_string(&mut text).context("failed to read the token from standard input")?;
    Ok(text)
}

/// What a connection would show with this certificate.
fn shown(certificate: Option<&Path>) -> anyhow::Result<Handshake> {
    let Some(path) = certificate else { return Ok(Handshake::default()) };
    let text = std::fs::read(path).with_context(|| format!("failed to read `{}`", path.display()))?;
    Ok(Handshake::of(&Peer { certificates: pem_certificates(path, &text)?, ..Peer::default() }))
}

type Outcome = Result<Identified, Unidentified>;

async fn look(
    config: &Config,
    flags: &IdentityTestFlags,
    token: Option<&str>,
    shown: &Handshake,
) -> anyhow::Result<(Vec<Step>, Outcome)> {
    let mut servers = config.servers.iter();
    let server = match &flags.server {
        None => servers.next().context("no server is configured")?,
        Some(name) => match servers.find(|server| server.name.as_str() == name) {
            Some(server) => server,
            None => bail!("no server `{name}` is configured"),
        },
    };
    let (identity, upkeep) = Identity::open(config.callers.ways.clone(), Clock::System, Metrics::default())
        .context("failed to prepare how callers are identified")?;
    let stop = Stop::new();
    let keeping = tokio::spawn(upkeep.run(stop.clone()));
    let protected = identity.protect(&server.path, server.scopes.clone());
    let token = token.map(|token| (Scheme::Bearer, token));
    let credentials = Credentials { token, actor: flags.actor_token.as_deref(), ..Credentials::default() }.over(shown);
    let explained = tokio::time::timeout(PATIENCE, identity.explain(&credentials, &protected)).await;
    stop.request();
    let _ = keeping.await;
    explained.context("the keys of an issuer could not be had in time")
}

fn human(steps: &[Step], outcome: &Outcome) -> String {
    let mut text = String::new();
    for Step { name, found } in steps {
        let _ = writeln!(text, "ok  {name:<12} {found}");
    }
    match outcome {
        Err(unidentified) => {
            let _ = writeln!(text, "no  {:<12} {unidentified}", unidentified.word());
            text.push_str("\nnobody is let in with this\n");
        }
        Ok(who) => {
            text.push('\n');
            for (name, value) in facts(who) {
                let _ = writeln!(text, "{name:<12} {value}");
            }
        }
    }
    text
}

/// What is known of somebody, by name.
fn facts(who: &Identified) -> Vec<(String, String)> {
    let Caller { agent, actor, standing, token, vouched: _, evidence: _ } = &who.caller;
    let nobody = "nobody: the agent acts on its own".to_owned();
    let person = actor.person().map_or(nobody, ToString::to_string);
    let mut facts = vec![("agent".to_owned(), agent.to_string())];
    let mut list = |name: &str, values: Vec<String>| {
        if !values.is_empty() {
            facts.push((name.to_owned(), values.join(", ")));
        }
    };
    let names = |names: &std::collections::BTreeSet<std::sync::Arc<str>>| names.iter().map(ToString::to_string).collect();
    list("  roles", names(&standing.agent.roles));
    list("  teams", names(&standing.agent.teams));
    list("person", vec![person]);
    list("  roles", names(&standing.actor.roles));
    list("  teams", names(&standing.actor.teams));
    if let Some(token) = token {
        list("token id", token.id.iter().map(ToString::to_string).collect());
        list("through", token.chain.iter().map(ToString::to_string).collect());
        list("scopes", names(&token.scopes));
        for (name, value) in &token.attributes {
            list(&format!("claim {name}"), vec![attribute(value).to_string()]);
        }
    }
    list("lasts", who.lasts.iter().map(|left| format!("{} s", left.as_secs())).collect());
    facts
}

fn machine(steps: &[Step], outcome: &Outcome) -> Value {
    let steps: Vec<Value> = steps.iter().map(|step| json!({ "step": step.name, "found": step.found })).collect();
    match outcome {
        Err(unidentified) => {
            json!({ "accepted": false, "steps": steps, "reason": unidentified.word(), "sentence": unidentified.to_string() })
        }
        Ok(who) => {
            json!({ "accepted": true, "steps": steps, "caller": caller(&who.caller), "lasts_s": who.lasts.map(|left| left.as_secs()) })
        }
    }
}

fn caller(caller: &Caller) -> Value {
    let memberships = |of: &Memberships| json!({ "roles": of.roles, "teams": of.teams });
    let token = caller.token.as_ref().map(|token| {
        let attributes: serde_json::Map<String, Value> =
            token.attributes.iter().map(|(name, value)| (name.to_string(), attribute(value))).collect();
        json!({ "issuer": token.issuer, "id": token.id, "chain": token.chain, "scopes": token.scopes, "claims": attributes })
    });
    json!({
        "agent": caller.agent.as_str(), "agent_brings": memberships(&caller.standing.agent),
        "actor": caller.actor.person().map(|user| user.as_str()), "actor_brings": memberships(&caller.standing.actor),
        "token": token,
    })
}

fn attribute(value: &Attribute) -> Value {
    match value {
        Attribute::Text(text) => json!(text),
        Attribute::Texts(texts) => json!(texts),
        Attribute::Flag(flag) => json!(flag),
        Attribute::Number(number) => json!(number),
    }
}
