//! `policy suggest`: a first set of policies for the tools of a server.

use std::path::PathBuf;

use clap::Args;

use super::AskFlags;
use crate::config::servers::AskedServers;

const HELP: &str = "\
Examples:
  cedarpost policy suggest --server files --role editor -- npx some-mcp-server
      policies for a server that is started and asked
  cedarpost policy suggest --lock policies/catalog.lock.json --output policies
      policies for the tools that were reviewed

Without --url or a command the tools come from the lock, if there is one, else from the configured servers.
Nothing is overwritten. Edit the result, then `cedarpost policy check`.";

/// `policy suggest`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = HELP)]
pub struct PolicySuggestFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub ask: AskFlags,
    /// The role that gets to use the tools
    #[arg(long, value_name = "ROLE", default_value = "reader")]
    pub role: String,
    /// Ask the servers even if there is a lock
    #[arg(long)]
    pub live: bool,
    /// Write one file a server, NAME.cedar, into this directory instead of standard output
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

impl PolicySuggestFlags {
    /// Whether the servers are asked although there is a lock.
    #[must_use]
    pub fn wants_live(&self) -> bool {
        self.live || self.ask.servers().names_a_target()
    }

    /// What these flags say about the servers to ask: a lock is enough.
    #[must_use]
    pub fn servers(&self) -> AskedServers {
        AskedServers { optional: !self.wants_live(), ..self.ask.servers() }
    }
}
