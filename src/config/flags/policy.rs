//! `policy …`: what can be done with policies besides having them in force.

use clap::{Args, Subcommand, ValueEnum};

use super::{FileFlag, Override};

/// `policy …`
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Load policies, schema and entities, and report every problem with file and line.
    Check(PolicyCheckFlags),
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
    /// A directory of *.json or *.yaml entities (may be repeated)
    #[arg(long, value_name = "DIR")]
    pub entities: Vec<String>,
}

/// What the commands about a set of policies share: a settings file, the places of each kind of file, or one directory for all.
#[derive(Debug, Clone, Default, Args)]
pub struct PolicySetFlags {
    /// The directory that holds policies, schema and entities [default: what the settings file says]
    #[arg(value_name = "DIR", conflicts_with_all = ["policies", "schema", "entities"])]
    pub directory: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub file: FileFlag,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub policy: PolicyFlags,
}

/// `policy check`
#[derive(Debug, Clone, Default, Args)]
pub struct PolicyCheckFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub set: PolicySetFlags,
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
    pub(super) fn overrides(&self) -> [Option<Override>; 3] {
        [
            Override::list("policy.policies", "--policies", &self.policies),
            Override::list("policy.schema", "--schema", &self.schema),
            Override::list("policy.entities", "--entities", &self.entities),
        ]
    }
}

impl PolicySetFlags {
    /// The settings these flags give.
    #[must_use]
    pub fn overrides(&self) -> Vec<Override> {
        let Some(directory) = &self.directory else { return self.policy.overrides().into_iter().flatten().collect() };
        let all = ["policy.policies", "policy.schema", "policy.entities"];
        all.into_iter().filter_map(|key| Override::list(key, "DIR", std::slice::from_ref(directory))).collect()
    }
}
