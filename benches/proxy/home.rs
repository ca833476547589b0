//! A sidecar's files: configuration, policies, schema, entities and audit log, removed when this is dropped. What stands in them is up to
//! each benchmark.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tokio::process::Command;

/// What policies are made of.
pub(crate) struct Texts<'a> {
    pub(crate) policies: &'a str,
    pub(crate) schema: &'a str,
    pub(crate) entities: &'a str,
}

/// Where the files are.
pub(crate) struct Home {
    home: TempDir,
    audit: TempDir,
}

impl Home {
    /// Writes everything that one sidecar needs, with its audit log below `disk`. `faces` are the parts of its configuration that say what
    /// it serves and to whom; where the files are is said here.
    pub(crate) fn prepare(texts: &Texts<'_>, faces: &str, disk: &Path) -> Result<Self> {
        let home = tempfile::tempdir().context("failed to make a directory for the sidecar")?;
        let audit = tempfile::tempdir_in(disk).context("failed to make a directory for the audit log")?;
        let config = format!(
            "[policy]\npolicies = [\"{home}/policies\"]\nschema = [\"{home}/schema\"]\nentities = [\"{home}/entities\"]\n\n\
             [audit]\ndirectory = \"{audit}\"\n\n[log]\nformat = \"json\"\nlevel = \"info\"\n\n{faces}",
            home = home.path().display(),
            audit = audit.path().display(),
        );
        for (file, text) in [
            ("policies/bench.cedar", texts.policies),
            ("schema/bench.cedarschema", texts.schema),
            ("entities/bench.json", texts.entities),
            ("cedarpost.toml", &config),
        ] {
            let path = home.path().join(file);
            fs::create_dir_all(path.parent().unwrap_or(home.path()))?;
            fs::write(&path, text).with_context(|| format!("failed to write `{}`", path.display()))?;
        }
        Ok(Self { home, audit })
    }

    /// The command that serves it: this program, or the one that was just built.
    pub(crate) fn command(&self, binary: Option<&Path>) -> Command {
        let mut command = Command::new(binary.unwrap_or_else(|| Path::new(env!("CARGO_BIN_EXE_cedarpost"))));
        command.arg("serve").arg("--config").arg(self.home.path().join("cedarpost.toml"));
        command
    }

    /// How much it has recorded, in bytes: a benchmark of a sidecar that records nothing would be worthless.
    pub(crate) fn recorded_bytes(&self) -> Result<u64> {
        let mut bytes = 0;
        let mut directories = vec![self.audit.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    directories.push(entry.path());
                } else {
                    bytes += entry.metadata()?.len();
                }
            }
        }
        Ok(bytes)
    }
}
