//! `policy keygen`, `policy sign` and `policy verify`: policies that somebody has signed.

use std::path::PathBuf;

use clap::Args;

const KEYGEN_HELP: &str = "\
Examples:
  cedarpost policy keygen --name policies.example.com/shop --output policies.key > policies.pub
      the private key in policies.key, which nobody but you can read; what trusts it in policies.pub
  cedarpost policy keygen --name policies.example.com/shop --output policies.key --json
      the same, for scripts

The public key goes into `trusted_keys` in [policy] of the sidecars. A name is told in logs; a key is known by name and id together.

Exit codes:
    0  the key is made
    1  something failed: also when the file is there already, which is never overwritten
    2  the command line cannot be understood";

/// `policy keygen`
#[derive(Debug, Clone, Args)]
#[command(after_help = KEYGEN_HELP)]
pub struct PolicyKeygenFlags {
    /// The name of the key, such as a domain and path of yours: no spaces and no plus signs
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// The file for the private key, which must not be there yet
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// Print JSON instead of the public key alone
    #[arg(long)]
    pub json: bool,
}

const SIGN_HELP: &str = "\
Examples:
  cedarpost policy sign --key policies.key --version 1 policies
      for the first time
  cedarpost policy sign --key policies.key policies
      as the version after that of policies/policies.sig; files that did not change keep their version
  cedarpost policy check policies && cedarpost policy sign --key policies.key --version \"$(date +%s)\" policies
      in CI, where nobody keeps the signature: any number that grows
  cedarpost policy sign --key old.key --key new.key policies
      with two keys, for sidecars that trust either

All files of the directory are signed but hidden ones, whatever their names. A ConfigMap has no directories: keep files for one side by side.
A key is a line as `policy keygen` writes it, or an Ed25519 key in PKCS #8 form (PEM or DER), which needs --name.

Exit codes:
    0  the files are signed
    1  something failed while running
    2  the command line cannot be understood
    3  the version does not follow, or there is none to count on from: nothing was written";

/// `policy sign`
#[derive(Debug, Clone, Args)]
#[command(after_help = SIGN_HELP)]
pub struct PolicySignFlags {
    /// The directory with all files of the policies
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// The file with the private key (may be repeated)
    #[arg(long, value_name = "FILE", required = true)]
    pub key: Vec<PathBuf>,
    /// The name of a key whose file does not say it
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The version, higher than any that was in force [default: the one after that of the signature which is there]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=9_007_199_254_740_991))]
    pub version: Option<u64>,
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
}

const VERIFY_HELP: &str = "\
Examples:
  cedarpost policy verify --key policies.pub policies
  cedarpost policy verify --key policies.example.com/shop+1f2e3d4c+AQ… --minimum-version 12 --json policies

A sidecar also refuses what is older than what it had in force, which this does not know. `policy check --config FILE` looks at
the keys of a configuration.

Exit codes:
    0  the files are as one of the keys has signed them
    1  something failed while running
    2  the command line cannot be understood
    3  they are not";

/// `policy verify`
#[derive(Debug, Clone, Args)]
#[command(after_help = VERIFY_HELP)]
pub struct PolicyVerifyFlags {
    /// The directory with all files of the policies
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// A public key, as `name+id+key`, or a file with one on each line (may be repeated)
    #[arg(long, value_name = "KEY", required = true)]
    pub key: Vec<String>,
    /// The lowest version that is good enough
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub minimum_version: u64,
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
}
