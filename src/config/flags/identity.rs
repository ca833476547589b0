//! `identity …`: who somebody is for this sidecar.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::policy::OutputFormat;
use super::{FileFlag, Override};

const HELP: &str = "\
Examples:
  cedarpost identity test --config cedarpost.toml eyJhbGciOi…
      whom does this token tell of, and if it is not believed, why not?
  pbpaste | cedarpost identity test --config cedarpost.toml -
      a token from standard input, which no history of a shell keeps
  cedarpost identity test --config cedarpost.toml --server shop --actor-token PERSON_TOKEN AGENT_TOKEN
      at one server, with the token of the person behind the agent
  cedarpost identity test --config cedarpost.toml --certificate client.pem
      whom does this client certificate tell of?

Keys are fetched from where the configuration says. A token that is bound to a key is checked as far as that goes without a proof.

Exit codes:
    0  somebody would be let in with it
    1  failed while running
    2  the command line cannot be understood
    3  nobody would
   78  the configuration is wrong";

/// `identity …`
#[derive(Debug, Subcommand)]
pub enum IdentityCommand {
    /// Show what a token becomes, step by step, or why nobody is let in with it.
    Test(IdentityTestFlags),
}

/// `identity test`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = HELP)]
pub struct IdentityTestFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub file: FileFlag,
    /// The token, or - for standard input
    #[arg(value_name = "TOKEN", required_unless_present = "certificate")]
    pub token: Option<String>,
    /// A client certificate, PEM: alone, or the one that the token is shown with
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// The server that it is shown to [default: the first one]
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    /// The token of the person behind the agent
    #[arg(long, value_name = "TOKEN")]
    pub actor_token: Option<String>,
    /// How the answer looks
    #[arg(long, value_enum, default_value_t = OutputFormat::Human)]
    pub format: OutputFormat,
}

impl IdentityTestFlags {
    /// The settings these flags give: none.
    #[must_use]
    pub const fn overrides(&self) -> Vec<Override> {
        Vec::new()
    }
}
