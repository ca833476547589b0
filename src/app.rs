//! What the commands run. The rooms are wired here.

use crate::cli::Exit;
use crate::config::flags::{AuditShowFlags, AuditVerifyFlags, DemoFlags};
use crate::config::{AuditSettings, Config, PolicyCheck};

const MISSING: &str = "this build has no rooms yet";

/// Runs the sidecar over HTTP until it is stopped.
///
/// # Errors
/// Always, until the rooms are wired.
pub async fn serve(_config: Config) -> anyhow::Result<Exit> {
    anyhow::bail!(MISSING)
}

/// Runs the sidecar over standard input and output until its client or server ends.
///
/// # Errors
/// Always, until the rooms are wired.
pub async fn stdio(_config: Config) -> anyhow::Result<Exit> {
    anyhow::bail!(MISSING)
}

/// Runs the demo.
///
/// # Errors
/// Always, until the rooms are wired.
pub async fn demo(_flags: DemoFlags) -> anyhow::Result<Exit> {
    anyhow::bail!(MISSING)
}

/// Loads policies and reports on them.
///
/// # Errors
/// Always, until the rooms are wired.
pub fn check_policies(_check: &PolicyCheck) -> anyhow::Result<Exit> {
    anyhow::bail!(MISSING)
}

/// Verifies the log.
///
/// # Errors
/// Always, until the rooms are wired.
pub fn verify_log(_settings: &AuditSettings, _flags: &AuditVerifyFlags) -> anyhow::Result<Exit> {
    anyhow::bail!(MISSING)
}

/// Prints records of the log.
///
/// # Errors
/// Always, until the rooms are wired.
pub fn show_log(_settings: &AuditSettings, _flags: &AuditShowFlags) -> anyhow::Result<Exit> {
    anyhow::bail!(MISSING)
}
