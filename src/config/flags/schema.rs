//! `schema …`: what policies can talk about.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{OutputFormat, PolicySetFlags};
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

The input is a result of `tools/list`: the whole answer, its result, or the list of tools alone.
A schema file that declares a tool comes before what the tool's server says, also when the server changes it.
docs/argument-types.md says which JSON Schema becomes which type.

Exit codes:
    0  printed; tools whose definition cannot be read are named on standard error
    1  the input is no list of tools, or something failed while running
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
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

fn server_name(text: &str) -> Result<ServerName, String> {
    ServerName::new(text).ok_or_else(|| {
        "the name of a server has lower case letters, digits, `.`, `_` and `-`, and starts with a letter or digit".to_owned()
    })
}
