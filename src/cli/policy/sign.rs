//! `cedarpost policy sign`: signs all files of a directory.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;
use serde_json::json;
use zeroize::Zeroizing;

use super::super::{Exit, output};
use crate::config::flags::PolicySignFlags;
use crate::note::{KeyName, SigningKey};
use crate::policy;
use crate::policy::bundle::sign::SignError;
use crate::policy::bundle::{SIGNATURE, Signing, Tree};

/// The longest key file, in bytes.
const MAX_FILE: u64 = 16 << 10;
/// Everybody may read a signature: a sidecar that runs as somebody else has to.
const MODE: u32 = 0o644;

/// Signs a directory.
pub(super) fn sign(flags: &PolicySignFlags) -> anyhow::Result<Exit> {
    let keys = flags.key.iter().map(|file| key(file, flags.name.as_deref())).collect::<anyhow::Result<Vec<_>>>()?;
    let keys: Vec<&SigningKey> = keys.iter().collect();
    let directory = &flags.directory;
    let tree = match Tree::read(directory) {
        Ok(tree) => tree,
        Err(error) => return refuse(&policy::draw(&error.problems(), false)),
    };
    let signing = match Signing::of(&tree, &keys, flags.version) {
        Ok(signing) => signing,
        Err(error @ (SignError::Version | SignError::Follows { .. } | SignError::Last(_))) => {
            return refuse(&format!("cedarpost: {error}\n"));
        }
        Err(error) => return Err(error).with_context(|| format!("failed to sign `{}`", directory.display())),
    };
    let file = directory.join(SIGNATURE);
    write(directory, &file, &signing.text).with_context(|| format!("failed to write `{}`", file.display()))?;
    let by: Vec<String> = keys.iter().map(|key| format!("{}+{}", key.verifier().name(), key.verifier().id())).collect();
    let Signing { version, digest, files, .. } = signing;
    if flags.json {
        let told = json!({
            "version": version, "digest": digest.to_string(), "files": files, "keys": by, "signature": file.display().to_string(),
        });
        return output::print(format!("{told}\n").as_bytes());
    }
    let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
    output::print(format!("{files}, version {version}, signed by {}\n{digest}\n", by.join(", ")).as_bytes())
}

fn refuse(text: &str) -> anyhow::Result<Exit> {
    io::stderr().write_all(text.as_bytes()).context("failed to write to standard error")?;
    Ok(Exit::Invalid)
}

/// A private key: a line with its name in it, or PKCS #8, which has none.
fn key(file: &Path, name: Option<&str>) -> anyhow::Result<SigningKey> {
    let failed = || format!("failed to read `{}`", file.display());
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(file).with_context(failed)?.take(MAX_FILE).read_to_end(&mut bytes).with_context(failed)?;
    let no_key = || format!("`{}` is not a private key", file.display());
    if bytes.starts_with(b"PRIVATE+KEY+") {
        let text = std::str::from_utf8(&bytes).with_context(no_key)?;
        return SigningKey::from_text(text.trim_ascii_end()).with_context(no_key);
    }
    let name = name.with_context(|| format!("the key in `{}` has no name: say --name NAME", file.display()))?;
    let name = KeyName::new(name).with_context(|| format!("`{name}` cannot name a key"))?;
    SigningKey::from_pkcs8_file(name, &bytes).with_context(no_key)
}

/// Puts the signature in its place, so that nobody ever reads a half of it. What is there beside it for a moment is hidden, and so is no
/// file of the bundle.
fn write(directory: &Path, file: &Path, text: &str) -> io::Result<()> {
    let mut new = tempfile::Builder::new().prefix(".policies.sig.").tempfile_in(directory)?;
    new.write_all(text.as_bytes())?;
    new.as_file().set_permissions(Permissions::from_mode(MODE))?;
    new.as_file().sync_all()?;
    // A link stays, and what it points to is replaced.
    let place = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    new.persist(place).map(drop).map_err(|error| error.error)
}
