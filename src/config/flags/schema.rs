//! `schema …`: what policies can talk about.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::catalog::duration;
use super::{OutputFormat, PolicySetFlags};
use crate::config::servers::AskedServers;
use crate::domain::ServerName;

const SHOW_HELP: &str = "\
Examples:
  cedarpost schema show policies
      the base vocabulary, the schema files in `policies`, and the tools of the catalog lock there
  cedarpost schema show --config cedarpost.toml --server files
      the same for one of the servers of a configuration
  cedarpost schema show policies --format json > schema.json
      everything merged, for programs that read Cedar's JSON form of schemas

Tools come from the catalog lock: without one only the tools that schema files declare are known.
A comment before an action says what policies cannot see of the tool's arguments, and why.

Exit codes:
    0  printed
    1  something failed while running
    2  the command line cannot be understood
    3  the schema files are invalid
   78  the configuration is wrong";

const GENERATE_HELP: &str = "\
Examples:
  cedarpost schema generate --server files tools.json > policies/files.cedarschema
      typed actions for the tools of a `tools/list` result in a file
  some-program | cedarpost schema generate --server files
      the same from standard input
  cedarpost schema generate --server files -- npx some-mcp-server
      ask a server itself; with --url one that speaks HTTP

The input is a result of `tools/list`: the whole answer, its result, or the list of tools alone.
A schema file that declares a tool comes before what the tool's server says, also when the server changes it.
docs/argument-types.md says which JSON Schema becomes which type.

Exit codes:
    0  printed; tools whose definition cannot be read are named on standard error
    1  the input is no list of tools, the server does not tell its tools, or something failed
    2  the command line cannot be understood";

/// `schema …`
#[derive(Debug, Subcommand)]
pub enum SchemaCommand {
    /// Print the vocabulary in force: what is built in, the schema files, and the tools of servers.
    Show(SchemaShowFlags),
    /// Print a schema file with the typed actions of a server's tools.
    Generate(SchemaGenerateFlags),
}

/// `schema show`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = SHOW_HELP)]
pub struct SchemaShowFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub set: PolicySetFlags,
    /// Only the tools of this server
    #[arg(long, value_name = "SERVER", value_parser = server_name)]
    pub server: Option<ServerName>,
    /// What is printed: Cedar's schema syntax with comments, or Cedar's JSON form of schemas
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: OutputFormat,
}

/// `schema generate`
#[derive(Debug, Clone, Args)]
#[command(after_help = GENERATE_HELP)]
pub struct SchemaGenerateFlags {
    /// The server's name in policies
    #[arg(long, value_name = "SERVER", value_parser = server_name)]
    pub server: ServerName,
    /// A file with a result of `tools/list` [default: standard input]
    #[arg(value_name = "FILE", conflicts_with_all = ["url", "command"])]
    pub file: Option<PathBuf>,
    /// Ask the server at this URL
    #[arg(long, value_name = "URL", conflicts_with = "command")]
    pub url: Option<String>,
    /// How long the server may take to list its tools
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "30s")]
    pub timeout: Duration,
    /// Start this server, with its arguments, and ask it
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

impl SchemaGenerateFlags {
    /// The live server to ask; `None` when its list is read.
    #[must_use]
    pub fn live(&self) -> Option<AskedServers> {
        let names = vec![self.server.to_string()];
        let asked = AskedServers { names, url: self.url.clone(), command: self.command.clone(), optional: false };
        (self.url.is_some() || !self.command.is_empty()).then_some(asked)
    }
}

fn server_name(text: &str) -> Result<ServerName, String> {
    ServerName::new(text).ok_or_else(|| {
        "the name of a server has lower case letters, digits, `.`, `_` and `-`, and starts with a letter or digit".to_owned()
    })
}
