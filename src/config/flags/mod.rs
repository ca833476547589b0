//! The command line: what can be typed, and which settings it stands for. Help texts live here; what a command does is in `cli`.

mod approvals;
mod audit;
mod audit_export;
mod audit_keep;
mod audit_query;
mod bridge;
mod catalog;
mod check;
mod identity;
mod inject;
mod policy;
mod policy_sign;
mod policy_test;
mod schema;
mod suggest;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use super::raw::{Given, Value};
use super::report::Origin;
use super::servers::CommandLineServer;

pub use approvals::{ApprovalsCommand, ApprovalsListFlags, ApprovalsRuleFlags, ApprovalsShowFlags, ApproveFlags, StateFlag};
pub use audit::{AuditCommand, AuditFlags, AuditShowFlags, AuditVerifyFlags, LogSource};
pub use audit_export::{AuditExportFlags, ExportFormat};
pub use audit_keep::{AuditEraseFlags, AuditKeyCommand, AuditProveFlags, AuditPruneFlags, AuditStatsFlags};
pub use audit_query::{AuditQueryFlags, AuditTailFlags};
pub use bridge::{BridgeCommand, BridgeServeFlags};
pub use catalog::{AskFlags, CatalogCommand, CatalogDiffFlags, CatalogLockFlags};
pub use check::{CheckFlags, TransportFlag};
pub use identity::{IdentityCommand, IdentityTestFlags};
pub use inject::{InjectFlags, ManifestFormatFlag, WebhookFlags};
pub use policy::{OutputFormat, PolicyCheckFlags, PolicyCommand, PolicyFlags, PolicyFmtFlags, PolicySetFlags};
pub use policy_sign::{PolicyKeygenFlags, PolicySignFlags, PolicyVerifyFlags};
pub use policy_test::{PolicyTestFlags, TestFormatFlag};
pub use schema::{SchemaCommand, SchemaGenerateFlags, SchemaShowFlags};
pub use suggest::PolicySuggestFlags;

const EXAMPLES: &str = "\
Examples:
  cedarpost demo
      a shop behind the sidecar, with policies to play with
  cedarpost serve --config cedarpost.toml
      the sidecar in front of HTTP or stdio servers
  cedarpost stdio --policies policies --agent editor --actor alice -- npx some-mcp-server
      what an MCP client spawns instead of the server
  cedarpost policy check policies
      are the policies valid?
  cedarpost schema show policies
      what can policies talk about?
  cedarpost catalog lock --config cedarpost.toml
      note the servers' tools as they are now; what changes later is refused
  cedarpost check policies --agent helper --actor alice --tool shop/refund --input '{\"amount\":20000}'
      how would this call be decided, and why?
  cedarpost identity test --config cedarpost.toml -
      whom does the token on standard input tell of, and why not?
  cedarpost approvals watch --config cedarpost.toml
      which calls wait for a person?
  cedarpost audit verify --config cedarpost.toml
      has the log been tampered with?
  kubectl kustomize . | cedarpost inject --image registry.example/cedarpost:0.1 -f - | kubectl apply -f -
      the sidecar in pods of Kubernetes

Settings:
  Flags are strongest, then the environment (listen.address is CEDARPOST_LISTEN_ADDRESS),
  then the file that --config or CEDARPOST_CONFIG names, then the defaults.
  `cedarpost config show` prints them all and says where each came from.

Exit codes:
    0  done, or stopped as asked
    1  failed while running
    2  the command line cannot be understood
    3  the answer is no: policies are invalid (also at the start of `stdio`) or fail their
       tests, the log does not verify, tools differ from the lock (catalog diff
       --fail-on-drift), manifests are not injected (inject --verify), `check` says anything but allow, `identity test` lets nobody in, or
       a ruling does not count
   78  the configuration is wrong
  130  stopped at once by a second signal
  `stdio` passes on the exit code of the server.";

const STDIO_EXAMPLES: &str = "\
Examples:
  cedarpost stdio --policies policies --agent editor --actor alice -- npx some-mcp-server
  cedarpost stdio --policies policies --agent report --unattended --upstream https://host/mcp
  cedarpost stdio --config cedarpost.toml --name files

The server inherits the environment, except CEDARPOST_ variables.
Logs go to standard error: standard output belongs to MCP.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "cedarpost", version, about, after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Flags {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Flags {
    /// Reads the arguments of this process.
    ///
    /// # Errors
    /// What clap says, which may also be the help that was asked for.
    pub fn of_process() -> Result<Self, clap::Error> {
        Self::try_parse_from(std::env::args_os())
    }

    /// The command line's description, for shell completions.
    #[must_use]
    pub fn description() -> clap::Command {
        Self::command()
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the sidecar: MCP over HTTP in front of one or more servers.
    Serve(ServeFlags),
    /// Run the sidecar for one client over standard input and output.
    Stdio(Box<StdioFlags>),
    /// Start a small shop behind the sidecar and show what policies do.
    Demo(DemoFlags),
    /// Check or print the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check policies without running anything.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Print what policies can talk about.
    #[command(subcommand)]
    Schema(SchemaCommand),
    /// Review what tools servers offer, and keep what was reviewed.
    #[command(subcommand)]
    Catalog(CatalogCommand),
    /// Say how one call would be decided, why, and what would change that.
    Check(Box<CheckFlags>),
    /// Say who somebody is for this sidecar.
    #[command(subcommand)]
    Identity(IdentityCommand),
    /// Look at the calls that wait for a person, and rule on them.
    #[command(subcommand)]
    Approvals(ApprovalsCommand),
    /// Read the log of decisions.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Open the console of a running sidecar.
    #[command(subcommand)]
    Console(ConsoleCommand),
    /// Put the sidecar into manifests of Kubernetes.
    Inject(Box<InjectFlags>),
    /// Answer an API server that asks what to put into new pods.
    Webhook(Box<WebhookFlags>),
    /// Connect a server on standard input and output with a sidecar in another container.
    #[command(subcommand, hide = true)]
    Bridge(BridgeCommand),
    /// Print a completion script.
    Completions {
        /// The shell to complete for.
        shell: clap_complete::Shell,
    },
    /// Print the version.
    Version,
}

/// `config …`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Say every problem of the configuration of `serve`, and nothing else.
    Check(ServeFlags),
    /// Print the configuration of `serve` as TOML, with the origin of each value that is not a default.
    Show(ServeFlags),
}

/// `console …`
#[derive(Debug, Subcommand)]
pub enum ConsoleCommand {
    /// Print a link with which the operator logs in: good once, for a minute.
    Open(AuditFlags),
}

/// Where the settings file is.
#[derive(Debug, Clone, Default, Args)]
pub struct FileFlag {
    /// The settings file (TOML) [env: CEDARPOST_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What is logged.
#[derive(Debug, Clone, Default, Args)]
pub struct LogFlags {
    /// How log lines look: auto is pretty on a terminal and JSON otherwise.
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub log_format: Option<LogFormatFlag>,
    /// What is logged: error, warn, info, debug, trace, or directives such as info,cedarpost::policy=debug
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
}

/// `--log-format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormatFlag {
    /// Pretty on a terminal, JSON otherwise.
    Auto,
    /// One JSON object per line.
    Json,
    /// For people.
    Pretty,
}

/// `serve`, `config check`, `config show`
#[derive(Debug, Clone, Default, Args)]
pub struct ServeFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub file: FileFlag,
    /// Where MCP clients connect, such as 127.0.0.1:8080 or unix:/run/cedarpost/mcp
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Where probes, metrics and status are served, such as 127.0.0.1:9090 or unix:/run/cedarpost/admin, or off
    #[arg(long, value_name = "ADDRESS")]
    pub admin_listen: Option<String>,
    /// Serve only this server: the one of this name in the settings file, or the one that --upstream or COMMAND says [default: all]
    #[arg(long, value_name = "SERVER")]
    pub name: Option<String>,
    /// The URL of that server
    #[arg(long, value_name = "URL", conflicts_with = "command")]
    pub upstream: Option<String>,
    /// The unix socket on which it listens; --upstream says the path and the Host header then
    #[arg(long, value_name = "SOCKET", requires = "upstream")]
    pub upstream_socket: Option<String>,
    /// Where clients reach it [default: / and its name]
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub log: LogFlags,
    /// That server as a program to start, with its arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// `stdio`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = STDIO_EXAMPLES)]
pub struct StdioFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub file: FileFlag,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub policy: PolicyFlags,
    /// The id of the calling program in policies
    #[arg(long, value_name = "ID")]
    pub agent: Option<String>,
    /// A role of the agent (may be repeated)
    #[arg(long, value_name = "ROLE")]
    pub agent_role: Vec<String>,
    /// The id of the person the agent acts for
    #[arg(long, value_name = "ID")]
    pub actor: Option<String>,
    /// A role of that person (may be repeated)
    #[arg(long, value_name = "ROLE")]
    pub actor_role: Vec<String>,
    /// Nobody stands behind the agent
    #[arg(long, conflicts_with_all = ["actor", "actor_role"])]
    pub unattended: bool,
    /// The server's name in policies and records [default: server]
    #[arg(long, value_name = "SERVER")]
    pub name: Option<String>,
    /// Talk to a server over HTTP instead of starting one
    #[arg(long, value_name = "URL", conflicts_with = "command")]
    pub upstream: Option<String>,
    /// The unix socket on which it listens; --upstream says the path and the Host header then
    #[arg(long, value_name = "SOCKET", requires = "upstream")]
    pub upstream_socket: Option<String>,
    /// The directory of the log of decisions; when another process writes it, DIR.2, DIR.3 and so on
    #[arg(long, value_name = "DIR")]
    pub audit_dir: Option<String>,
    /// Serve probes, metrics and status at this address (off unless given)
    #[arg(long, value_name = "ADDRESS")]
    pub admin_listen: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub log: LogFlags,
    /// The server to start, with its arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// `demo`
#[derive(Debug, Clone, Default, Args)]
pub struct DemoFlags {
    /// Make the guided tour and exit
    #[arg(long)]
    pub tour: bool,
    /// Where MCP clients connect [default: a free port of 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Where probes, metrics and status are served [default: a free port of 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub admin_listen: Option<SocketAddr>,
}

/// A setting that a flag gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    pub(super) key: &'static str,
    flag: &'static str,
    value: Value,
}

impl Override {
    pub(super) fn given(&self) -> Given {
        Given { value: self.value.clone(), origin: Origin::Flag(self.flag) }
    }

    fn text(key: &'static str, flag: &'static str, value: Option<&String>) -> Option<Self> {
        value.map(|text| Self { key, flag, value: Value::Text(text.clone()) })
    }

    fn list(key: &'static str, flag: &'static str, values: &[String]) -> Option<Self> {
        (!values.is_empty()).then(|| Self { key, flag, value: Value::List(values.to_vec()) })
    }
}

impl LogFlags {
    fn overrides(&self) -> [Option<Override>; 2] {
        let format = self.log_format.and_then(|format| format.to_possible_value()).map(|value| value.get_name().to_owned());
        [
            Override::text("log.format", "--log-format", format.as_ref()),
            Override::text("log.level", "--log-level", self.log_level.as_ref()),
        ]
    }
}

impl ServeFlags {
    /// The settings these flags give.
    #[must_use]
    pub fn overrides(&self) -> Vec<Override> {
        let own = [
            Override::text("listen.address", "--listen", self.listen.as_ref()),
            Override::text("admin.address", "--admin-listen", self.admin_listen.as_ref()),
        ];
        own.into_iter().chain(self.log.overrides()).flatten().collect()
    }

    /// What these flags say about the server; `None` when they say nothing.
    #[must_use]
    pub fn server(&self) -> Option<CommandLineServer> {
        let said = CommandLineServer {
            name: self.name.clone(),
            url: self.upstream.clone(),
            socket: self.upstream_socket.clone(),
            path: self.path.clone(),
            command: self.command.clone(),
            flags: ["--name", "--upstream"],
        };
        (!said.says_nothing()).then_some(said)
    }
}

impl StdioFlags {
    /// The settings these flags give.
    #[must_use]
    pub fn overrides(&self) -> Vec<Override> {
        let unattended = Override { key: "identity.unattended", flag: "--unattended", value: Value::Bool(true) };
        let own = [
            Override::text("identity.agent", "--agent", self.agent.as_ref()),
            Override::list("identity.agent_roles", "--agent-role", &self.agent_role),
            Override::text("identity.actor", "--actor", self.actor.as_ref()),
            Override::list("identity.actor_roles", "--actor-role", &self.actor_role),
            self.unattended.then_some(unattended),
            Override::text("audit.directory", "--audit-dir", self.audit_dir.as_ref()),
            Override::text("admin.address", "--admin-listen", self.admin_listen.as_ref()),
        ];
        own.into_iter().chain(self.policy.overrides()).chain(self.log.overrides()).flatten().collect()
    }

    /// What these flags say about the server.
    #[must_use]
    pub fn server(&self) -> CommandLineServer {
        CommandLineServer {
            name: self.name.clone(),
            url: self.upstream.clone(),
            socket: self.upstream_socket.clone(),
            path: None,
            command: self.command.clone(),
            flags: ["--name", "--upstream"],
        }
    }
}
