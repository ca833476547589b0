//! `policy …`: what can be done with policies besides having them in force.

use clap::{Args, Subcommand, ValueEnum};

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

const CHECK_HELP: &str = "\
Exit codes:
    0  the policies are valid
    1  something failed while running
    2  the command line cannot be understood
    3  the policies are invalid, or there are warnings and --deny-warnings was given
   78  the configuration is wrong

Each problem has a code: docs/policy-check.md says what it means and what to do.
`@allow(\"code\")` on a policy silences a warning about it.";

/// `policy check`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = CHECK_HELP)]
pub struct PolicyCheckFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub set: PolicySetFlags,
    /// How problems are printed: for people, or as one JSON document on standard output
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: OutputFormat,
    /// End with exit code 3 on warnings too
    #[arg(long)]
    pub deny_warnings: bool,
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
