//! `policy test`: which tests to run, and how to report on them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{FileFlag, Override, PolicyFlags};

const EXAMPLES: &str = "\
Examples:
  cedarpost policy test policies
      every case of every *.test.toml in policies and below it
  cedarpost policy test policies --filter refund
      only the cases whose names contain `refund`
  cedarpost policy test policies --format junit --output tests.xml --min-coverage 100
      in CI: a report for the machine in a file, one for people on standard output

Exit codes:
    0  every case passed
    1  failed while running
    2  the command line cannot be understood
    3  a case failed, there are none, tests or policies are invalid, or the coverage is too low
   78  the configuration is wrong";

/// `policy test`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct PolicyTestFlags {
    /// A directory with policies, schema, entities and tests; each is a set of its own [default: what the settings say]
    #[arg(value_name = "DIR", conflicts_with_all = ["policies", "schema", "entities"])]
    pub directories: Vec<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub file: FileFlag,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub policy: PolicyFlags,
    /// Run only the cases whose names contain this, whatever their upper and lower case
    #[arg(long, value_name = "SUBSTRING")]
    pub filter: Option<String>,
    /// Fail when less than this share of the policies of a set is covered by cases
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100), conflicts_with = "filter")]
    pub min_coverage: Option<u8>,
    /// How the report looks
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = TestFormatFlag::Human)]
    pub format: TestFormatFlag,
    /// Write the report into a file; standard output then gets the one for people
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `--format` of `policy test`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum TestFormatFlag {
    /// For people.
    #[default]
    Human,
    /// One JSON document.
    Json,
    /// JUnit's XML, which CI systems read.
    Junit,
}

impl PolicyTestFlags {
    /// The settings these flags give: one list for each set of policies.
    #[must_use]
    pub fn overrides(&self) -> Vec<Vec<Override>> {
        if self.directories.is_empty() {
            return vec![self.policy.overrides().into_iter().flatten().collect()];
        }
        let of = |directory: &String| {
            let keys = ["policy.policies", "policy.schema", "policy.entities"];
            keys.into_iter().filter_map(|key| Override::list(key, "DIR", std::slice::from_ref(directory))).collect()
        };
        self.directories.iter().map(of).collect()
    }
}
