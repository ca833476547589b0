//! A secret that does not depend on anybody: in a file, which is looked at again and again, or as the environment had it at the start.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Credential, NoCredential};
use crate::identity::Secret;

/// How long what stood in the file is used before one looks again.
const BELIEVED_FOR: Duration = Duration::from_secs(1);
/// The longest secret, in bytes.
const MAX_SECRET: usize = 16 * 1024;

/// A fixed secret, and how it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedCredential {
    /// Where it is.
    pub source: FixedSource,
    /// The header that it goes into as it is; `None` for a bearer's token in `Authorization`.
    pub header: Option<HeaderName>,
}

/// Where a fixed secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FixedSource {
    /// In this file. Whoever mounts secrets there may change them.
    File(PathBuf),
    /// Here.
    Given(Secret),
}

/// A fixed secret, and what was last read of it.
#[derive(Debug)]
pub(in crate::proxy::upstream) struct Fixed {
    settings: FixedCredential,
    /// Guards the file: it is read by one at a time.
    read: Mutex<Option<(Credential, Instant)>>,
}

impl Fixed {
    pub(super) fn new(settings: FixedCredential) -> Self {
        Self { settings, read: Mutex::new(None) }
    }

    /// The secret as it stands there now. A file that cannot be read is none, whatever was in it before: whoever took it away meant that.
    pub(super) async fn get(&self) -> Result<Credential, NoCredential> {
        let mut read = self.read.lock().await;
        if let Some((credential, since)) = &*read
            && since.elapsed() < BELIEVED_FOR
        {
            return Ok(credential.clone());
        }
        *read = None;
        let credential = self.look().await?;
        *read = Some((credential.clone(), Instant::now()));
        Ok(credential)
    }

    /// Whether the file holds something else than this by now.
    pub(super) async fn changed(&self, shown: &HeaderValue) -> bool {
        let mut read = self.read.lock().await;
        match self.look().await {
            Ok(credential) => {
                let changed = credential.value != *shown;
                *read = Some((credential, Instant::now()));
                changed
            }
            Err(_) => false,
        }
    }

    async fn look(&self) -> Result<Credential, NoCredential> {
        let text = match &self.settings.source {
            FixedSource::Given(secret) => secret.clone(),
            FixedSource::File(path) => file(path).await.map_err(|error| NoCredential::File(path.clone(), Arc::new(error)))?,
        };
        let text = text.expose().trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(NoCredential::Form);
        }
        match &self.settings.header {
            Some(name) => Credential::new(name.clone(), text, None),
            None if text.bytes().all(|byte| byte.is_ascii_graphic()) => Credential::bearer(text, None),
            None => Err(NoCredential::Form),
        }
    }
}

async fn file(path: &Path) -> io::Result<Secret> {
    let text = Secret::new(tokio::fs::read_to_string(path).await?);
    if text.expose().len() > MAX_SECRET { Err(io::Error::other("it is too long for a secret")) } else { Ok(text) }
}
