//! `policy …`: what can be done with policies besides having them in force.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::{FileFlag, Override, PolicyKeygenFlags, PolicySignFlags, PolicySuggestFlags, PolicyTestFlags, PolicyVerifyFlags};

/// `policy …`
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Load policies, schema and entities, and report every problem with file and line.
    Check(PolicyCheckFlags),
    /// Write a first set of policies for the tools of a server: least privilege, to be edited.
    Suggest(PolicySuggestFlags),
    /// Put policy files into one form; comments stay.
    Fmt(PolicyFmtFlags),
    /// Make a key that signs policies.
    Keygen(PolicyKeygenFlags),
    /// Sign all files of a directory, so that sidecars with the public key put them in force, and nothing else.
    Sign(PolicySignFlags),
    /// Say whether a directory is what one of the keys has signed; exit code 3 when it is not.
    Verify(PolicyVerifyFlags),
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
    /// The catalog lock: tools must be as it says
    #[arg(long, value_name = "FILE")]
    pub lock: Option<String>,
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

const FMT_HELP: &str = "\
Exit codes:
    0  all files are formatted
    1  a file cannot be read or written
    2  the command line cannot be understood
    3  a file is not Cedar and was left alone; with --check: a file would change";

/// `policy fmt`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = FMT_HELP)]
pub struct PolicyFmtFlags {
    /// Policy files, and directories with *.cedar files; - for standard input to standard output
    #[arg(value_name = "PATHS", required = true)]
    pub paths: Vec<PathBuf>,
    /// Change nothing, and name the files that would change
    #[arg(long)]
    pub check: bool,
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

impl PolicySetFlags {
    /// The settings these flags give.
    #[must_use]
    pub fn overrides(&self) -> Vec<Override> {
        let Some(directory) = &self.directory else { return self.policy.overrides().into_iter().flatten().collect() };
        let all = ["policy.policies", "policy.schema", "policy.entities"];
        let all = all.into_iter().filter_map(|key| Override::list(key, "DIR", std::slice::from_ref(directory)));
        let beside = format!("{directory}/catalog.lock.json");
        let lock = match &self.policy.lock {
            Some(lock) => Override::text("policy.lock", "--lock", Some(lock)),
            None => Path::new(&beside).is_file().then(|| Override::text("policy.lock", "DIR", Some(&beside))).flatten(),
        };
        all.chain(lock).collect()
    }
}
