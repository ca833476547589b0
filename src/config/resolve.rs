//! File, environment and flags to [`Config`]: the strongest source of each key wins, and every problem is reported at once.
//!
//! Order of strength: flag, environment, file, default. Each part of the house has one function here that reads its keys; a function
//! reads all of them before it gives up, so that one bad value does not hide the next.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::approvals;
use super::authzen;
use super::console;
use super::credentials;
use super::environment::Environment;
use super::flags::Override;
use super::gateways;
use super::identity::{self, CallersAt, Identity};
use super::injection;
use super::keys::{self, KEYS};
use super::keys::{AUDIT_TOOL, AUTHORITY, ISSUER, PEER, WEBHOOK};
use super::listeners;
use super::parts;
use super::raw::{self, Given, RawConfig, Value};
use super::reader::Reader;
use super::report::{ConfigReport, Origin, Problem, SourceFile};
use super::servers::{self, AskedServers, CommandLineServer};
use super::settings::{AuditSettings, CatalogSettings, Config, IdentitySettings, PolicyServer, PolicySettings, WebhookSettings};
use super::ship;
use super::show;
use super::webhooks;
use crate::domain::AttributeKind;
use crate::inject;

/// Where settings come from.
#[derive(Debug, Default)]
pub struct Sources<'a> {
    /// The file that `--config` names; else `CEDARPOST_CONFIG` does, else there is none.
    pub file: Option<&'a Path>,
    /// The environment.
    pub environment: Environment,
    /// What flags say.
    pub flags: Vec<Override>,
}

/// What `policy check` needs to know; identity and servers only if they are configured.
#[derive(Debug)]
pub struct PolicyCheck {
    /// Where policies come from.
    pub policy: PolicySettings,
    /// Whose roles the entities need.
    pub identity: Option<IdentitySettings>,
    /// What tokens tell policies.
    pub token_claims: Vec<(Arc<str>, AttributeKind)>,
    /// The servers that policies can speak of.
    pub servers: Vec<PolicyServer>,
}

impl Config {
    /// The settings of `serve`.
    ///
    /// # Errors
    /// Every problem of file, environment and flags.
    pub fn for_serve(sources: &Sources<'_>) -> Result<Self, ConfigReport> {
        Layers::read(sources).build(&sources.environment, Face::Http(None))
    }

    /// The settings of `serve` with the one server that the command line names, on top of its table in the file.
    ///
    /// # Errors
    /// Every problem of file, environment and flags.
    pub fn for_serve_of(sources: &Sources<'_>, server: &CommandLineServer) -> Result<Self, ConfigReport> {
        Layers::read(sources).build(&sources.environment, Face::Http(Some(server)))
    }

    /// The settings of `stdio`: one server, and no admin listener unless somebody asks for one.
    ///
    /// # Errors
    /// Every problem of file, environment and flags.
    pub fn for_stdio(sources: &Sources<'_>, server: &CommandLineServer) -> Result<Self, ConfigReport> {
        Layers::read(sources).build(&sources.environment, Face::Stdio(server))
    }

    /// The settings of `audit verify` and `audit show`: only where the log is.
    ///
    /// # Errors
    /// Every problem of file, environment and flags that concerns the log or cannot be read at all.
    pub fn for_audit(sources: &Sources<'_>) -> Result<AuditSettings, ConfigReport> {
        let mut layers = Layers::read(sources);
        let tools = layers.raw.take(AUDIT_TOOL);
        let audit = parts::audit(&mut layers.reader(), default_log(&sources.environment), tools, None);
        layers.finish(audit)
    }

    /// The settings of `policy check`.
    ///
    /// # Errors
    /// Every problem of file, environment and flags that concerns policies or cannot be read at all.
    pub fn for_policy_check(sources: &Sources<'_>) -> Result<PolicyCheck, ConfigReport> {
        let mut layers = Layers::read(sources);
        let named = layers.raw.settings.contains_key("identity.agent");
        let servers = servers::of_policies(&layers.raw.servers, &mut layers.problems);
        let issuers = layers.raw.take(ISSUER);
        let mut reader = layers.reader();
        let policy = parts::policy(&mut reader);
        let identity = if named { identity::configured(&mut reader, None) } else { None };
        let token_claims = identity::attributes(&mut reader, issuers);
        layers.finish(policy.zip(token_claims).map(|(policy, token_claims)| PolicyCheck {
            policy,
            identity,
            token_claims,
            servers,
        }))
    }

    /// The settings of `catalog …` and `policy suggest`: the servers to ask, and where the lock is.
    ///
    /// # Errors
    /// Every problem of file, environment and flags that concerns them or cannot be read at all.
    pub fn for_catalog(sources: &Sources<'_>, asked: &AskedServers) -> Result<CatalogSettings, ConfigReport> {
        let mut layers = Layers::read(sources);
        let tables = std::mem::take(&mut layers.raw.servers);
        let mut reader = layers.reader();
        let limits = parts::limits(&mut reader);
        let lock = reader.optional_path("policy.lock");
        let servers = servers::to_ask(&mut reader, tables, asked, &sources.environment);
        let settings = limits.zip(lock).zip(servers);
        layers.finish(settings.map(|((limits, lock), servers)| CatalogSettings { servers, limits, lock }))
    }

    /// The settings of `inject`: what pods get.
    ///
    /// # Errors
    /// Every problem of file, environment and flags that concerns it or cannot be read at all.
    pub fn for_inject(sources: &Sources<'_>) -> Result<inject::Settings, ConfigReport> {
        let mut layers = Layers::read(sources);
        let settings = injection::needed(&mut layers.reader());
        layers.finish(settings)
    }

    /// The settings of `webhook`.
    ///
    /// # Errors
    /// Every problem of file, environment and flags that concerns it or cannot be read at all.
    pub fn for_webhook(sources: &Sources<'_>) -> Result<WebhookSettings, ConfigReport> {
        let mut layers = Layers::read(sources);
        let settings = injection::served(&mut layers.reader());
        layers.finish(settings)
    }

    /// The resolved configuration as TOML; a value that is not the default is followed by where it came from. Secrets are hidden.
    #[must_use]
    pub fn show(&self) -> String {
        show::document(&self.shown)
    }
}

/// Which face the configuration is for.
#[derive(Clone, Copy)]
enum Face<'a> {
    /// All servers of the file, or the one that the command line names.
    Http(Option<&'a CommandLineServer>),
    Stdio(&'a CommandLineServer),
}

impl<'a> Face<'a> {
    const fn command_line(self) -> Option<&'a CommandLineServer> {
        match self {
            Face::Http(server) => server,
            Face::Stdio(server) => Some(server),
        }
    }
}

/// What all sources said, the strongest value of each key on top.
struct Layers {
    raw: RawConfig,
    file: Option<SourceFile>,
    problems: Vec<Problem>,
    shown: Vec<show::Shown>,
}

impl Layers {
    fn read(sources: &Sources<'_>) -> Self {
        let mut problems = Vec::new();
        let file = read_file(sources, &mut problems);
        let raw = file.as_ref().map(|file| raw::read(&file.text, &mut problems)).unwrap_or_default();
        let mut layers = Self { raw, file, problems, shown: Vec::new() };
        let environment = sources.environment.settings(&mut layers.problems);
        layers.cover(environment.into_iter().collect());
        layers.cover(sources.flags.iter().map(|flag| (flag.key, flag.given())).collect());
        layers
    }

    /// Puts a stronger layer on top. A key also takes away what belonged to the value it replaces.
    fn cover(&mut self, layer: Vec<(&'static str, Given)>) {
        for (path, given) in &layer {
            let replaced = keys::find(KEYS, path).map(|key| key.replaces).unwrap_or_default();
            if given.value != Value::Bool(false) {
                self.raw.settings.retain(|key, _| !replaced.contains(key));
            }
        }
        self.raw.settings.extend(layer);
    }

    fn reader(&mut self) -> Reader<'_> {
        Reader {
            keys: KEYS,
            heading: None,
            given: std::mem::take(&mut self.raw.settings),
            at: Origin::Default,
            base: self.file.as_ref().and_then(|file| file.path.parent()),
            problems: &mut self.problems,
            shown: &mut self.shown,
        }
    }

    fn build(mut self, environment: &Environment, face: Face<'_>) -> Result<Config, ConfigReport> {
        let (tables, tools) = (std::mem::take(&mut self.raw.servers), self.raw.take(AUDIT_TOOL));
        let vouching = identity::Tables {
            issuers: self.raw.take(ISSUER),
            authorities: self.raw.take(AUTHORITY),
            peers: self.raw.take(PEER),
        };
        let hooks = self.raw.take(WEBHOOK);
        let names = servers::names(&tables, face.command_line());
        let log = match face {
            Face::Http(_) => default_log(environment),
            // A log has one writer, and a client may start several servers: each gets its own.
            Face::Stdio(server) => {
                default_log(environment).map(|log| log.with_file_name(format!("audit-{}", server.name_or_default())))
            }
        };
        let admin_asked = self.raw.settings.contains_key("admin.address");
        let mut reader = self.reader();
        let listen = parts::listen(&mut reader);
        let admin = parts::admin(&mut reader);
        let bypass = parts::bypass(&mut reader);
        let grpc = parts::grpc(&mut reader);
        let authzen = authzen::authzen(&mut reader);
        let console = console::console(&mut reader);
        let limits = parts::limits(&mut reader);
        let callers_at = match (face, &listen) {
            (Face::Stdio(_), _) => CallersAt::StandardInput,
            (Face::Http(_), Some(listen)) => CallersAt::Listener(&listen.listener),
            (Face::Http(_), None) => CallersAt::Unknown,
        };
        let identity = identity::identity(&mut reader, vouching, environment, callers_at);
        let policy = parts::policy(&mut reader);
        let approvals = approvals::approvals(&mut reader);
        let webhooks = webhooks::webhooks(&mut reader, hooks);
        // Logs that nobody named share these settings, and each needs places of its own.
        let suffix = match face {
            Face::Stdio(server) if !reader.given.contains_key("audit.directory") => Some(server.name_or_default()),
            Face::Stdio(_) | Face::Http(_) => None,
        };
        let audit = parts::audit(&mut reader, log, tools, Some(&names));
        let directory = audit.as_ref().map(|audit| audit.directory.as_path());
        let ship = ship::shipping(&mut reader, environment, directory, suffix);
        let witness = ship::witness_server(&mut reader);
        // Nothing of the sidecar's own, but what is wrong there is to be seen wherever the file is checked.
        let (injection, webhook) = (injection::injection(&mut reader), injection::webhook(&mut reader));
        let outbound = ship::outbound(&mut reader);
        let log = parts::log(&mut reader);
        let (servers, admin) = match face {
            Face::Http(said) => {
                let admin_listener = admin.iter().flatten().map(|admin| ("admin.address", &admin.listener));
                let grpc_listener = grpc.iter().flatten().map(|grpc| ("grpc.address", &grpc.listener));
                let all =
                    listen.iter().map(|listen| ("listen.address", &listen.listener)).chain(admin_listener).chain(grpc_listener);
                listeners::distinct_addresses(&mut reader, &all.collect::<Vec<_>>());
                // A decision point for services alone has no servers.
                let of_use = authzen.as_ref().is_some_and(Option::is_some);
                let servers = match said {
                    Some(said) => servers::of_served(&mut reader, tables, said, environment).map(|server| vec![server]),
                    None => servers::of_file(&mut reader, tables, environment, of_use),
                };
                (servers, admin)
            }
            Face::Stdio(server) => {
                let admin = admin.map(|admin| admin.filter(|_| admin_asked));
                (servers::of_command_line(&mut reader, tables, server, environment).map(|server| vec![server]), admin)
            }
        };
        let shown = std::mem::take(&mut self.shown);
        let config = (|| {
            let (listen, admin, grpc, authzen, console, limits) = (listen?, admin?, grpc?, authzen?, console?, limits?);
            let (identity, policy, approvals, audit) = (identity?, policy?, approvals?, audit?);
            let Identity { configured: identity, callers } = identity;
            let (_, _) = (injection?, webhook?);
            let (ship, witness, outbound, webhooks) = (ship?, witness?, outbound?, webhooks?);
            Some(Config {
                listen,
                admin,
                bypass: bypass?,
                grpc,
                authzen,
                console,
                limits,
                identity,
                callers,
                policy,
                approvals,
                webhooks,
                audit,
                ship,
                witness,
                outbound,
                log: log?,
                servers: servers?,
                shown,
            })
        })();
        if let Some(config) = &config {
            let mut reader = self.reader();
            ship::around_the_witness(&mut reader, config);
            listeners::distinct_from_all(&mut reader, config);
            gateways::fit(&mut reader, config);
            approvals::around_the_bearers(&mut reader, config);
            credentials::fits(&mut reader, config, matches!(face, Face::Stdio(_)));
        }
        self.finish(config)
    }

    fn finish<T>(self, value: Option<T>) -> Result<T, ConfigReport> {
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(ConfigReport::new(self.problems, self.file.as_ref())),
        }
    }
}

fn read_file(sources: &Sources<'_>, problems: &mut Vec<Problem>) -> Option<SourceFile> {
    let named = sources.file.map(|path| (path.to_owned(), Origin::Flag("--config")));
    let from_environment = || Some((sources.environment.config_file()?, Origin::Environment("CEDARPOST_CONFIG".to_owned())));
    let (path, origin) = named.or_else(from_environment)?;
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(SourceFile { path, text: Arc::from(text) }),
        Err(error) => {
            problems.push(Problem::new(&origin, format!("failed to read the settings file `{}`: {error}", path.display())));
            None
        }
    }
}

fn default_log(environment: &Environment) -> Option<PathBuf> {
    environment.state_directory().map(|state| state.join("cedarpost/audit"))
}
