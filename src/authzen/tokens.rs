//! Services that may ask, by tokens in a file that is read again when it changes.
//!
//! A line is `NAME TOKEN` or `NAME sha256:HEX`, the SHA-256 of the token, so that the file need not hold any secret. What comes after
//! `#` at the beginning of a line is a remark. Only what is understood counts: a line that is not lets nobody in, and neither does a
//! file that cannot be read.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ring::digest::{SHA256, digest};

use crate::identity;
use crate::lifecycle::Stop;

/// How often the file is read.
const PERIOD: Duration = Duration::from_millis(500);
/// The longest file, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// The shortest and the longest token, in bytes: whoever guesses shall have much to guess.
const LENGTHS: std::ops::RangeInclusive<usize> = 20..=4096;
/// The longest name, in bytes.
const MAX_NAME: usize = 128;

type Digest = [u8; 32];
type List = HashMap<Digest, Arc<str>>;

/// Why nobody can be let in by a file.
#[derive(Debug, thiserror::Error)]
pub enum BadTokens {
    /// It cannot be read.
    #[error("failed to read the tokens of services in `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// Some lines say nothing that can be understood.
    #[error(
        "line {lines} of `{path}` is not `NAME TOKEN` or `NAME sha256:HEX`, with a token of 20 bytes at least (letters, digits, `-._~+/`, and `=` at its end), each once"
    )]
    Lines {
        /// The file.
        path: PathBuf,
        /// Which lines, from 1.
        lines: String,
    },
    /// There is no token in it.
    #[error("`{0}` has no token: nobody could ask")]
    Empty(PathBuf),
}

/// The tokens in force. Cheap to clone.
#[derive(Clone, Default)]
pub struct Tokens(Arc<ArcSwap<List>>);

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tokens").field(&self.0.load().len()).finish()
    }
}

impl Tokens {
    /// The service that a token was given to.
    #[must_use]
    pub fn service(&self, token: &str) -> Option<Arc<str>> {
        // What is compared is a digest: how long that takes says nothing of any token.
        self.0.load().get(&sha256(token)).cloned()
    }
}

/// Keeps the tokens as the file says.
#[derive(Debug)]
pub struct TokensWatch {
    path: PathBuf,
    tokens: Tokens,
    /// What the file held when it was read last; `None` while it cannot be read.
    seen: Option<Digest>,
}

impl TokensWatch {
    /// Reads the file for the first time.
    ///
    /// # Errors
    ///
    /// [`BadTokens`]: at the start everything in it must be right.
    pub fn open(path: &Path) -> Result<(Tokens, Self), BadTokens> {
        let text = read(path).map_err(|source| BadTokens::Read { path: path.to_owned(), source })?;
        let (list, bad) = parse(&text);
        if !bad.is_empty() {
            return Err(BadTokens::Lines { path: path.to_owned(), lines: numbers(&bad) });
        }
        if list.is_empty() {
            return Err(BadTokens::Empty(path.to_owned()));
        }
        let tokens = Tokens::default();
        tokens.0.store(Arc::new(list));
        let watch = Self { path: path.to_owned(), tokens: tokens.clone(), seen: Some(sha256(&text)) };
        Ok((tokens, watch))
    }

    /// Looks at the file until the stop.
    ///
    /// # Errors
    ///
    /// Never; the type is what `Tasks` expects.
    pub async fn run(mut self, stop: Stop) -> Result<(), Infallible> {
        loop {
            tokio::select! {
                () = tokio::time::sleep(PERIOD) => {}
                () = stop.wait() => return Ok(()),
            }
            let path = self.path.clone();
            if let Ok(text) = tokio::task::spawn_blocking(move || read(&path)).await {
                self.look(text);
            }
        }
    }

    fn look(&mut self, read: io::Result<String>) {
        let path = self.path.display();
        match read {
            Ok(text) => {
                let digest = sha256(&text);
                if self.seen.replace(digest) == Some(digest) {
                    return;
                }
                let (list, bad) = parse(&text);
                if bad.is_empty() {
                    tracing::info!(event = "authzen_tokens", services = list.len(), "the tokens of services have changed");
                } else {
                    tracing::error!(
                        event = "authzen_tokens",
                        lines = numbers(&bad),
                        "lines of `{path}` are no tokens of services: they let nobody in"
                    );
                }
                self.tokens.0.store(Arc::new(list));
            }
            Err(error) => {
                if self.seen.take().is_some() {
                    tracing::error!(event = "authzen_tokens", %error, "`{path}` cannot be read: no service may ask");
                    self.tokens.0.store(Arc::default());
                }
            }
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    let length = file.take(MAX_FILE + 1).read_to_string(&mut text)?;
    if length as u64 > MAX_FILE { Err(io::Error::other("it is longer than 1 MiB")) } else { Ok(text) }
}

/// The tokens of a file, and the numbers of the lines that are none.
fn parse(text: &str) -> (List, Vec<usize>) {
    let (mut list, mut names, mut bad) = (List::new(), HashSet::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match entry(line) {
            Some((name, digest)) if !list.contains_key(&digest) && names.insert(name.to_owned()) => {
                list.insert(digest, name.into());
            }
            _ => bad.push(number),
        }
    }
    (list, bad)
}

fn entry(line: &str) -> Option<(&str, Digest)> {
    let (name, token) = line.split_once(char::is_whitespace)?;
    let token = token.trim();
    if name.len() > MAX_NAME
        || name.contains(char::is_control)
        || !identity::is_token(token.strip_prefix("sha256:").unwrap_or(token))
    {
        return None;
    }
    match token.strip_prefix("sha256:") {
        Some(hex) => Some((name, unhex(hex)?)),
        None => LENGTHS.contains(&token.len()).then(|| (name, sha256(token))),
    }
}

fn unhex(hex: &str) -> Option<Digest> {
    let mut digest = [0; 32];
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (place, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(digest)
}

fn sha256(text: &str) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    bytes
}

fn numbers(lines: &[usize]) -> String {
    lines.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
