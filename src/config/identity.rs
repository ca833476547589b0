//! `[identity]`: who everybody is, or how one finds out.

use std::sync::Arc;
use std::time::Duration;

use super::environment::Environment;
use super::issuers;
use super::raw::Table;
use super::reader::{Reader, id, list, scope, text};
use super::report::Problem;
use super::servers::url;
use super::settings::{ActorTokenSource, CallerSettings, IdentitySettings};
use super::workloads;
use crate::domain::{Actor, AgentId, AttributeKind, Caller, Evidence, UserId, Way};
use crate::identity::{Accept, ActorTokens, IssuerKind, IssuerSettings, ProofSettings, Resource, Settings};

mod connections;

pub(super) use connections::CallersAt;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// The words of `identity.accept`.
const WAYS: [&str; 5] = ["configured", "oauth", "kubernetes", "mtls", "peer"];

/// Which ways are accepted.
#[derive(Debug, Clone, Copy, Default)]
struct Ways {
    configured: bool,
    oauth: bool,
    kubernetes: bool,
    mtls: bool,
    peer: bool,
}

impl Ways {
    /// Whether callers are identified by what they show.
    const fn by_show(self) -> bool {
        self.oauth || self.kubernetes || self.mtls || self.peer
    }
}

/// The lists of tables that stand in the section.
pub(super) struct Tables {
    pub(super) issuers: Vec<Table>,
    pub(super) authorities: Vec<Table>,
    pub(super) peers: Vec<Table>,
}

/// All that `[identity]` says.
pub(super) struct Identity {
    pub(super) configured: Option<IdentitySettings>,
    pub(super) callers: CallerSettings,
}

/// Reads the section and its tables. `environment` may hold the token of a person.
pub(super) fn identity(
    reader: &mut Reader<'_>,
    tables: Tables,
    environment: &Environment,
    at: CallersAt<'_>,
) -> Option<Identity> {
    let ways = ways(reader);
    let actors = actor_tokens(reader);
    let configured = match ways {
        Some(Ways { configured: false, .. }) => nobody_configured(reader),
        // What is wrong with the ways is said already; the rest is read as if everybody were configured.
        Some(_) | None => configured(reader, actors).map(Some),
    };
    let resource = resource(reader);
    let skew = reader.duration("identity.clock_skew", Duration::ZERO..=MINUTE * 5);
    let remembered = reader.count("identity.cache_size", 0..=1_000_000);
    let remember_for = reader.duration("identity.cache_ttl", SECOND..=HOUR);
    let deny = reader.optional_path("identity.deny");
    let actor_file = reader.optional_path("identity.actor_token_file");
    let max_age = reader.duration("identity.dpop_max_age", SECOND..=MINUTE * 10);
    let nonce = reader.flag("identity.dpop_nonce");
    // Last, so that `config show` prints their tables behind all other keys of the section.
    let issuers = issuers::issuers(reader, tables.issuers);
    let authorities = workloads::authorities(reader, tables.authorities);
    let peers = workloads::peers(reader, tables.peers);
    let (ways, actors, issuers, resource) = (ways?, actors?, issuers?, resource?);
    let (authorities, peers) = (authorities?, peers?);
    connections::fit(reader, ways, at, &authorities, &peers);
    fits(reader, ways, actors, &issuers, resource.as_ref());
    let configured = configured?;
    let Ways { oauth, kubernetes, mtls, peer, .. } = ways;
    let accept = Accept { configured: configured.as_ref().map(caller), oauth, kubernetes, mtls, peer };
    let proofs = ProofSettings { max_age: max_age?, nonce: nonce?, ..ProofSettings::default() };
    let (skew, remembered, remember_for) = (skew?, remembered?, remember_for?);
    let (deny, actor) = (deny?, actors);
    let settings =
        Settings { accept, issuers, resource, skew, remembered, remember_for, deny, actor, proofs, authorities, peers };
    let given = environment.actor_token().map(ActorTokenSource::Given);
    let actor_token = given.or(actor_file?.map(ActorTokenSource::File)).filter(|_| actors != ActorTokens::Off);
    Some(Identity { configured, callers: CallerSettings { ways: settings, actor_token } })
}

/// What tokens tell policies, for commands that need nothing else of the issuers.
pub(super) fn attributes(reader: &mut Reader<'_>, issuers: Vec<Table>) -> Option<Vec<(Arc<str>, AttributeKind)>> {
    Some(Settings::attributes_of(&issuers::issuers(reader, issuers)?))
}

fn ways(reader: &mut Reader<'_>) -> Option<Ways> {
    reader.read("identity.accept", |given| {
        let words = list(given)?;
        if let Some(unknown) = words.iter().find(|word| !WAYS.contains(&word.as_str())) {
            return Err(format!("`{unknown}` is not one of {}", WAYS.join(", ")));
        }
        let has = |way: &str| words.iter().any(|word| word == way);
        let ways = Ways {
            configured: has("configured"),
            oauth: has("oauth"),
            kubernetes: has("kubernetes"),
            mtls: has("mtls"),
            peer: has("peer"),
        };
        match (ways.configured, ways.by_show()) {
            (false, false) => Err("nobody would be let in".to_owned()),
            (true, true) => Err("`configured` stands alone: whoever shows nothing would be the configured caller".to_owned()),
            (true, false) | (false, true) => Ok(ways),
        }
    })
}

fn actor_tokens(reader: &mut Reader<'_>) -> Option<ActorTokens> {
    reader.read("identity.actor_token", |given| match text(given)?.as_str() {
        "off" => Ok(ActorTokens::Off),
        "optional" => Ok(ActorTokens::Optional),
        "required" => Ok(ActorTokens::Required),
        other => Err(format!("`{other}` is not one of off, optional, required")),
    })
}

/// Who everybody is.
pub(super) fn configured(reader: &mut Reader<'_>, actors: Option<ActorTokens>) -> Option<IdentitySettings> {
    let actor_origin = reader.origin("identity.actor");
    let agent = reader.read("identity.agent", |given| id(&text(given)?));
    let agent_roles = reader.list_of("identity.agent_roles", id);
    let actor = reader.optional("identity.actor", |given| id(&text(given)?));
    let actor_roles = reader.list_of("identity.actor_roles", id);
    let unattended = reader.flag("identity.unattended");
    let (actor, unattended) = (actor?, unattended?);
    let by_token = actors == Some(ActorTokens::Required);
    let said = match (&actor, unattended) {
        (Some(_), _) | (_, true) if by_token => Err("whom the agent acts for is said by a token (`identity.actor_token`)"),
        (Some(_), true) => Err("`identity.actor` and `identity.unattended` contradict each other"),
        (None, false) if !by_token => Err("it is not said for whom the agent acts"),
        (Some(_), false) | (None, true | false) => Ok(()),
    };
    if let Err(message) = said {
        let help =
            "set `actor` to a person's id, or `unattended = true` when nobody stands behind the agent (--actor, --unattended)";
        let problem = Problem::new(&actor_origin, message);
        reader.problem(if by_token { problem } else { problem.help(help) });
    }
    let actor_roles = actor_roles?;
    if unattended && actor.is_none() && !actor_roles.is_empty() {
        let origin = reader.origin("identity.actor_roles");
        reader.problem(Problem::new(&origin, "`identity.actor_roles` is set, but there is no actor"));
    }
    Some(IdentitySettings { agent: agent?, agent_roles: agent_roles?, actor, actor_roles })
}

/// Nobody is the configured caller, so nothing may be said of them.
fn nobody_configured(reader: &mut Reader<'_>) -> Option<Option<IdentitySettings>> {
    let said = ["identity.agent", "identity.agent_roles", "identity.actor", "identity.actor_roles", "identity.unattended"];
    for path in said.into_iter().filter(|path| reader.given.contains_key(path)).collect::<Vec<_>>() {
        let origin = reader.origin(path);
        let problem = Problem::new(&origin, format!("`{path}` means nothing: callers are identified by what they show"));
        reader.problem(problem.help("leave it out, or set `accept = [\"configured\"]` in [identity]"));
    }
    Some(None)
}

/// `Some(None)` when the listener has no name for the outside.
fn resource(reader: &mut Reader<'_>) -> Option<Option<Resource>> {
    let base = reader.optional("identity.resource", |given| resource_url(&text(given)?));
    let scopes = reader.list_of("identity.scopes", scope);
    let documentation = reader.optional("identity.documentation", |given| {
        let address = text(given)?;
        url(&address).map(|_| address)
    });
    let (base, scopes, documentation) = (base?, scopes?, documentation?);
    Some(base.map(|base| Resource { base, scopes, documentation }))
}

/// The URL by which clients know this listener, without what could be written in two ways.
pub(super) fn resource_url(text: &str) -> Result<Arc<str>, String> {
    let uri = url(text)?;
    let plain = text.trim_end_matches('/');
    let canonical = uri.query().is_none() && !text.contains('#') && plain.to_ascii_lowercase() == plain;
    canonical
        .then(|| plain.into())
        .ok_or_else(|| "a resource is a URL in lower case without query, such as \"https://mcp.example.com\"".to_owned())
}

/// What must hold between the ways, the issuers and the resource.
fn fits(reader: &mut Reader<'_>, ways: Ways, actors: ActorTokens, issuers: &[IssuerSettings], resource: Option<&Resource>) {
    let of_kind = |kind| issuers.iter().filter(move |issuer| issuer.kind == kind);
    let mut problems = Vec::new();
    // People who rule show tokens of the same issuers, whoever calls.
    let people_rule = reader.given.contains_key("approvals.resource");
    for (way, accepted, kind, preset) in [
        ("oauth", ways.oauth, IssuerKind::OAuth, "another preset than `kubernetes`"),
        ("kubernetes", ways.kubernetes, IssuerKind::Kubernetes, "`preset = \"kubernetes\"`"),
    ] {
        if accepted && of_kind(kind).next().is_none() {
            let help = format!("add an [[identity.issuer]] table with {preset}");
            problems.push((format!("`accept` has `{way}`, and there is no such issuer"), help));
        }
        for issuer in of_kind(kind).filter(|issuer| !accepted && !issuer.for_actors) {
            if people_rule && kind == IssuerKind::OAuth {
                continue;
            }
            let help = format!("add `{way}` to `accept`, or set `actors = true` in its table");
            problems.push((format!("issuer `{}` is believed by nobody", issuer.name), help));
        }
        if accepted && resource.is_none() && of_kind(kind).any(|issuer| issuer.audiences.is_empty()) {
            let help = "set `resource` to the URL by which clients reach this listener, such as \"https://mcp.example.com\"";
            problems.push(("it is not said for what tokens must be given out".to_owned(), help.to_owned()));
        }
    }
    if ways.oauth && resource.is_none() && problems.is_empty() {
        let help = "set `resource` to the URL by which clients reach this listener, such as \"https://mcp.example.com\"";
        problems.push(("clients would not find out where to get a token".to_owned(), help.to_owned()));
    }
    let vouches = issuers.iter().any(|issuer| issuer.for_actors);
    if (actors != ActorTokens::Off) != vouches {
        let help = "set `actor_token` in [identity], and `actors = true` in the table of whoever gives out such tokens";
        problems.push((
            "actors' tokens need both somebody who accepts and somebody who vouches for them".to_owned(),
            help.to_owned(),
        ));
    }
    let origin = reader.origin("identity.accept");
    for (message, help) in problems {
        reader.problem(Problem::new(&origin, message).help(help));
    }
}

/// The caller whom the configuration names.
fn caller(settings: &IdentitySettings) -> Caller {
    let actor = settings.actor.as_deref().map_or(Actor::Unattended, |user| Actor::Person(UserId::new(user)));
    Caller::new(AgentId::new(settings.agent.as_str()), actor).with_evidence(Evidence::of(Way::CONFIGURED))
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
