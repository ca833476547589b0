//! `check`: how one call would be decided, and why.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::policy::{OutputFormat, PolicySetFlags};
use crate::config::units;
use crate::outbound::Place;

const HELP: &str = "\
Examples:
  cedarpost check policies --agent helper --actor alice --tool shop/refund --input '{\"order\":\"o-7\",\"amount\":20000}'
      by the policies of a directory
  cedarpost check --config cedarpost.toml --tool shop/refund --input @refund.json --at 2026-03-02T20:00:00Z
      by the policies, agent and actor of a configuration, at another time
  cedarpost check policies --agent report --agent-role auditor --unattended --server files --resource file:///srv/report.txt
      with a role that no file gives the agent
  cedarpost check --admin http://127.0.0.1:9090 --agent helper --actor alice --tool shop/refund --input -
      by the policies in force in a running sidecar, arguments from standard input

  cedarpost check --remote http://127.0.0.1:9091 --dry-run --agent helper --actor alice --tool shop/refund --input -
      the decision of a running sidecar over gRPC; without --dry-run it counts: recorded, an approval used up, people asked
  cedarpost check --config cedarpost.toml --agent helper --actor alice --scope refunds --claim level=2 --tool shop/refund --input '{}'
      for a caller who comes with a token

With --remote you vouch for the caller, as any service does that asks the sidecar, and roles that you give count.
Tools are those that an entities file or the catalog lock names; a running sidecar knows what its servers list.

Exit codes:
    0  the call would be allowed
    1  failed while running: also when a sidecar cannot be reached, gives no decision or takes too long
    2  the command line cannot be understood, or the question makes no sense
    3  the call would be denied or needs an approval (the first word says which), or the policies are invalid
   78  the configuration is wrong";

/// `check`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = HELP)]
pub struct CheckFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub set: PolicySetFlags,
    /// Ask the sidecar whose admin listener is at this URL, instead of reading policies
    #[arg(long, value_name = "URL", conflicts_with_all = ["directory", "policies", "schema", "entities", "config", "agent_role", "actor_role"])]
    pub admin: Option<String>,
    /// Have the sidecar decide whose gRPC face is at this address: http://HOST:PORT, https://HOST:PORT or unix:/PATH
    #[arg(
        long,
        value_name = "ADDRESS",
        help_heading = "Sidecar",
        conflicts_with_all = ["admin", "directory", "policies", "schema", "entities", "lock", "config", "at"]
    )]
    pub remote: Option<Place>,
    /// A question only: it uses up no approval and asks nobody, and nobody waits until it is recorded
    #[arg(long, requires = "remote", help_heading = "Sidecar")]
    pub dry_run: bool,
    /// A PEM file with certificates to trust besides those of the system, for https
    #[arg(long, value_name = "FILE", requires = "remote", help_heading = "Sidecar")]
    pub ca_file: Option<PathBuf>,
    /// A PEM file with the certificate to show, for https
    #[arg(long, value_name = "FILE", requires_all = ["remote", "key_file"], help_heading = "Sidecar")]
    pub cert_file: Option<PathBuf>,
    /// A PEM file with the key of that certificate
    #[arg(long, value_name = "FILE", requires_all = ["remote", "cert_file"], help_heading = "Sidecar")]
    pub key_file: Option<PathBuf>,
    /// How long the answer may take, the connection included [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = deadline, requires = "remote", help_heading = "Sidecar")]
    pub deadline: Option<Duration>,
    /// The id of the calling program [default: the configured one]
    #[arg(long, value_name = "ID", help_heading = "Caller")]
    pub agent: Option<String>,
    /// A role of the agent besides those that files declare (may be repeated)
    #[arg(long, value_name = "ROLE", help_heading = "Caller")]
    pub agent_role: Vec<String>,
    /// The id of the person the agent acts for [default: the configured one]
    #[arg(long, value_name = "ID", help_heading = "Caller")]
    pub actor: Option<String>,
    /// A role of that person besides those that files declare (may be repeated)
    #[arg(long, value_name = "ROLE", help_heading = "Caller")]
    pub actor_role: Vec<String>,
    /// Nobody stands behind the agent
    #[arg(long, conflicts_with_all = ["actor", "actor_role"], help_heading = "Caller")]
    pub unattended: bool,
    /// The issuer of the caller's token, for policies that look at `context.token`
    #[arg(long, value_name = "URL", help_heading = "Caller")]
    pub token_issuer: Option<String>,
    /// A scope of the caller's token (may be repeated)
    #[arg(long, value_name = "SCOPE", help_heading = "Caller")]
    pub scope: Vec<String>,
    /// What the configuration takes from the caller's token, the value as JSON or else as text (may be repeated)
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Caller")]
    pub claim: Vec<String>,
    /// The server; not needed when --tool is SERVER/TOOL
    #[arg(long, value_name = "SERVER", help_heading = "Call")]
    pub server: Option<String>,
    /// The tool to call
    #[arg(long, value_name = "TOOL", group = "target", help_heading = "Call")]
    pub tool: Option<String>,
    /// The URI of the resource to read
    #[arg(long, value_name = "URI", group = "target", help_heading = "Call")]
    pub resource: Option<String>,
    /// The name of the prompt to get
    #[arg(long, value_name = "NAME", group = "target", help_heading = "Call")]
    pub prompt: Option<String>,
    /// A method outside the specification, decided as action `extension`
    #[arg(long, value_name = "METHOD", group = "target", help_heading = "Call")]
    pub method: Option<String>,
    /// The action, where the target does not say it, such as resources/subscribe or sampling/createMessage
    #[arg(long, value_name = "ACTION", help_heading = "Call")]
    pub action: Option<String>,
    /// The arguments: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON", help_heading = "Call")]
    pub input: Option<String>,
    /// The time of the decision, such as 2026-03-02T10:30:00Z [default: now]
    #[arg(long, value_name = "TIME", help_heading = "Circumstances")]
    pub at: Option<String>,
    /// The address the call comes from
    #[arg(long, value_name = "ADDRESS", help_heading = "Circumstances")]
    pub ip: Option<std::net::IpAddr>,
    /// How the call comes in [default: http]
    #[arg(long, value_name = "TRANSPORT", value_enum, help_heading = "Circumstances")]
    pub transport: Option<TransportFlag>,
    /// How the explanation is printed: for people, or as one JSON document
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: OutputFormat,
}

/// `--transport`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TransportFlag {
    /// Streamable HTTP.
    Http,
    /// Standard input and output.
    Stdio,
}

/// A time of at least a millisecond.
fn deadline(text: &str) -> Result<Duration, String> {
    let duration = units::parse_duration(text)?;
    if duration.is_zero() { Err("an answer needs some time".to_owned()) } else { Ok(duration) }
}
