//! `policy …`: what can be done with policies besides having them in force.

use clap::{Args, Subcommand};

use super::{FileFlag, Override, PolicyTestFlags};

/// `policy …`
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Load policies, schema and entities, and report every problem with file and line.
    Check(PolicyCheckFlags),
    /// Run the tests (*.test.toml) that stand beside policies; exit code 3 when one fails.
    Test(PolicyTestFlags),
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

impl PolicyFlags {
    pub(super) fn overrides(&self) -> [Option<Override>; 3] {
        [
            Override::list("policy.policies", "--policies", &self.policies),
            Override::list("policy.schema", "--schema", &self.schema),
            Override::list("policy.entities", "--entities", &self.entities),
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
