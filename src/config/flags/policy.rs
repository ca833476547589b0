//! `policy …`: what can be done with policies besides having them in force.

use clap::{Args, Subcommand, ValueEnum};

use super::{FileFlag, Override, PolicySuggestFlags};

/// `policy …`
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Load policies, schema and entities, and report every problem with file and line.
    Check(PolicyCheckFlags),
    /// Write a first set of policies for the tools of a server: least privilege, to be edited.
    Suggest(PolicySuggestFlags),
}

/// Where policies are.
#[derive(Debug, Clone, Default, Args)]
pub struct PolicyFlags {
    /// A directory of *.cedar policies (may be repeated)
    #[arg(long, value_name = "DIR")]
    pub policies: Vec<String>,
    /// A directory of *.cedarschema files on top of the base vocabulary (may be repeated)
    #[arg(long, value_name = "DIR")]
    pub schema: Vec<String>,
    /// A directory of *.json entities (may be repeated)
    #[arg(long, value_name = "DIR")]
    pub entities: Vec<String>,
    /// The catalog lock: tools must be as it says
    #[arg(long, value_name = "FILE")]
    pub lock: Option<String>,
}

/// `policy check`
#[derive(Debug, Clone, Default, Args)]
pub struct PolicyCheckFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub file: FileFlag,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub policy: PolicyFlags,
}

/// `--format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON document.
    Json,
}

impl PolicyFlags {
    pub(super) fn overrides(&self) -> [Option<Override>; 4] {
        [
            Override::list("policy.policies", "--policies", &self.policies),
            Override::list("policy.schema", "--schema", &self.schema),
            Override::list("policy.entities", "--entities", &self.entities),
            Override::text("policy.lock", "--lock", self.lock.as_ref()),
        ]
    }
}

impl PolicyCheckFlags {
    /// The settings these flags give.
    #[must_use]
    pub fn overrides(&self) -> Vec<Override> {
        self.policy.overrides().into_iter().flatten().collect()
    }
}
