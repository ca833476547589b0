//! `catalog …`: what tools servers offer, and what of it was reviewed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{FileFlag, OutputFormat, Override};
use crate::config::servers::AskedServers;
use crate::config::units;

const LOCK_HELP: &str = "\
Examples:
  cedarpost catalog lock --config cedarpost.toml
      ask every configured server, and write the file that `policy.lock` names
  cedarpost catalog lock --config cedarpost.toml --server files
      only this one; the others keep their entries
  cedarpost catalog lock --server files --output catalog.lock.json -- npx some-mcp-server
      a server that is not configured

Review the file as you review code, and keep it in version control: docs/catalog.md says why.

Exit codes:
    0  the lock is written
    1  a server did not tell its tools; nothing is written
    2  the command line cannot be understood
    3  the lock that is there cannot be read
   78  the configuration is wrong";

const DIFF_HELP: &str = "\
Exit codes:
    0  the servers were asked, whether or not their tools are as in the lock
    1  a server did not tell its tools
    2  the command line cannot be understood
    3  with --fail-on-drift: tools are not as in the lock; or the lock cannot be read
   78  the configuration is wrong";

/// `catalog …`
#[derive(Debug, Subcommand)]
pub enum CatalogCommand {
    /// Ask servers for their tools and write down the answer as reviewed.
    Lock(CatalogLockFlags),
    /// Ask servers for their tools and compare the answer with what was reviewed.
    Diff(CatalogDiffFlags),
}

/// Which servers are asked for their tools, and for how long.
#[derive(Debug, Clone, Default, Args)]
pub struct AskFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub file: FileFlag,
    /// The catalog lock [default: the setting policy.lock]
    #[arg(long, value_name = "FILE")]
    pub lock: Option<String>,
    /// Only this server (may be repeated); with --url or a command, the name it gets [default: server]
    #[arg(long, value_name = "NAME")]
    pub server: Vec<String>,
    /// Ask the server at this URL
    #[arg(long, value_name = "URL", conflicts_with = "command")]
    pub url: Option<String>,
    /// How long a server may take to list its tools
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "30s")]
    pub timeout: Duration,
    /// Start this server, with its arguments, and ask it
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// `catalog lock`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = LOCK_HELP)]
pub struct CatalogLockFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub ask: AskFlags,
    /// Write to this file instead, or to standard output (-)
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `catalog diff`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = DIFF_HELP)]
pub struct CatalogDiffFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub ask: AskFlags,
    /// How differences are printed: for people, or as one JSON document
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: OutputFormat,
    /// End with exit code 3 when a tool is not as in the lock
    #[arg(long)]
    pub fail_on_drift: bool,
}

impl AskFlags {
    /// The settings these flags give.
    #[must_use]
    pub fn overrides(&self) -> Vec<Override> {
        Override::text("policy.lock", "--lock", self.lock.as_ref()).into_iter().collect()
    }

    /// What these flags say about the servers to ask.
    #[must_use]
    pub fn servers(&self) -> AskedServers {
        let (names, url, command) = (self.server.clone(), self.url.clone(), self.command.clone());
        AskedServers { names, url, command, optional: false }
    }
}

/// A time of at least a millisecond.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let duration = units::parse_duration(text)?;
    if duration.is_zero() { Err("a server needs some time".to_owned()) } else { Ok(duration) }
}
