//! Asks one witness to cosign a checkpoint, with the proof that it continues the one that the witness saw last.
//!
//! What a witness says of another size is its word and nothing more: it can make us ask again from there, or be reported, but it can
//! never stop the log. Only a cosignature with its key counts.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use ring::digest;

use crate::audit::ship::cursor::{CursorFile, Position};
use crate::audit::ship::hold::{HoldError, hold_root};
use crate::audit::ship::source::{Hashes, Source, SourceError, of_proof, reading, root_at};
use crate::audit::tlog::merkle::prove_consistency;
use crate::audit::tlog::witness::{AnswerError, RequestError, SIZE_TYPE, parse_size};
use crate::audit::tlog::{AddCheckpoint, Signature, SignedCheckpoint, TreeHash, VerifierKey};
use crate::outbound::{Limits, Outbound, OutboundError};

/// How often a witness may tell us to start from another size before we give it a rest.
const TRIES: usize = 3;
/// The longest answer, in bytes: a few signatures.
const MAX_ANSWER: usize = 64 << 10;
/// The longest rest that a witness can ask for.
const MAX_REST: Duration = Duration::from_secs(600);

/// A witness as the operator knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessSettings {
    /// What stands before `/add-checkpoint`.
    pub url: Uri,
    /// The key that it cosigns with.
    pub key: VerifierKey,
}

/// Why there is no cosignature.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// There was no answer.
    #[error(transparent)]
    Unanswered(#[from] OutboundError),
    /// It took too long with all its questions.
    #[error("the witness did not come to an end within {} s", .0.as_secs())]
    Slow(Duration),
    /// The witness has no time, or trouble of its own.
    #[error("the witness answers {status}")]
    Busy {
        /// What it says.
        status: StatusCode,
        /// How long it wants to be left alone.
        rest: Option<Duration>,
    },
    /// The witness does not know the log.
    #[error("the witness does not know this log (404): give it the name and the key of the log")]
    Unknown,
    /// The witness does not know the key.
    #[error("the witness does not know the key that signed (403): give it the key of the log")]
    Unsigned,
    /// It refuses for another reason.
    #[error("the witness refuses with {0}")]
    Refused(StatusCode),
    /// It has seen more than there is.
    #[error("the witness has seen {seen} records of this log, which has {found}: it may have been rolled back")]
    Ahead {
        /// What it has seen.
        seen: u64,
        /// What there is.
        found: u64,
    },
    /// It has seen another log of the same size.
    #[error("the witness has seen other records than the first {0} of this log: its history may have been changed")]
    Forked(u64),
    /// It says something, and then something else.
    #[error("the witness keeps naming other sizes")]
    Restless,
    /// Its answer is of no use.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The request cannot be made.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The log could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// What it cosigned last could not be written down.
    #[error("failed to write what the witness cosigned last")]
    Cursor(#[source] io::Error),
}

impl AskError {
    /// How long the witness wants to be left alone.
    pub(super) const fn rest(&self) -> Option<Duration> {
        match self {
            Self::Busy { rest, .. } => *rest,
            _ => None,
        }
    }

    /// Whether asking again soon cannot help: somebody has to do something.
    pub(super) const fn is_lasting(&self) -> bool {
        matches!(self, Self::Unknown | Self::Unsigned | Self::Refused(_) | Self::Ahead { .. } | Self::Forked(_))
    }
}

/// One witness, and what it cosigned last.
#[derive(Debug)]
pub(super) struct Peer {
    url: String,
    keys: [VerifierKey; 1],
    cursor: CursorFile,
    position: Position,
    /// Whether the position was held against the log in this run.
    held: bool,
    outbound: Outbound,
    deadline: Duration,
}

impl Peer {
    /// Goes on where the file in `directory`, that of the log, says.
    pub(super) fn new(settings: &WitnessSettings, directory: &Path, outbound: Outbound, deadline: Duration) -> io::Result<Self> {
        let base = settings.url.to_string();
        let url = format!("{}/add-checkpoint", base.trim_end_matches('/'));
        let cursor = CursorFile::new(directory, &id(&settings.key), &base);
        let position = cursor.read()?;
        Ok(Self { url, keys: [settings.key.clone()], cursor, position, held: false, outbound, deadline })
    }

    pub(super) fn id(&self) -> String {
        let [key] = &self.keys;
        id(key)
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) const fn cosigned(&self) -> u64 {
        self.position.next
    }

    pub(super) fn has_signed(&self, checkpoint: &SignedCheckpoint) -> bool {
        checkpoint.note().signatures().iter().any(|signature| self.is_by_us(signature))
    }

    fn is_by_us(&self, signature: &Signature) -> bool {
        self.keys.iter().any(|key| signature.claims(key))
    }

    /// The cosignatures of this witness on `head`.
    pub(super) async fn ask(&mut self, source: &Arc<dyn Source>, head: &SignedCheckpoint) -> Result<Vec<Signature>, AskError> {
        let asked = tokio::time::timeout(self.deadline, self.negotiate(source, head)).await;
        let cosigned = asked.map_err(|_| AskError::Slow(self.deadline))??;
        Ok(cosigned.note().signatures().iter().filter(|signature| self.is_by_us(signature)).cloned().collect())
    }

    async fn negotiate(&mut self, source: &Arc<dyn Source>, head: &SignedCheckpoint) -> Result<SignedCheckpoint, AskError> {
        self.hold(source, head).await?;
        for _ in 0..TRIES {
            let old = self.position.next;
            let request = self.request(source, old, head).await?;
            let answer = self.post(&request).await?;
            match answer.status() {
                StatusCode::OK => {
                    let cosigned = request.accept(answer.body(), &self.keys)?;
                    self.keep(head.checkpoint().size(), *head.checkpoint().root()).await?;
                    return Ok(cosigned);
                }
                StatusCode::CONFLICT => self.start_from(source, old, head, &answer).await?,
                _ => return Err(refused(&answer, old)),
            }
        }
        Err(AskError::Restless)
    }

    /// What the file says may be of a log that is not there any more; the witness knows better then.
    async fn hold(&mut self, source: &Arc<dyn Source>, head: &SignedCheckpoint) -> Result<(), AskError> {
        if self.held {
            return Ok(());
        }
        let (size, position, place): (_, _, Arc<str>) = (head.checkpoint().size(), self.position, self.url.as_str().into());
        let held = reading(source, move |source| Ok(hold_root(source, size, &place, position.next, &position.root))).await?;
        match held {
            Ok(()) => {}
            Err(HoldError::Source(error)) => return Err(error.into()),
            Err(HoldError::Mismatch(_)) if position.next > size => {
                return Err(AskError::Ahead { seen: position.next, found: size });
            }
            Err(HoldError::Mismatch(_)) => return Err(AskError::Forked(position.next)),
        }
        self.held = true;
        Ok(())
    }

    async fn request(&self, source: &Arc<dyn Source>, old: u64, head: &SignedCheckpoint) -> Result<AddCheckpoint, AskError> {
        let size = head.checkpoint().size();
        let proof = reading(source, move |source| prove_consistency(old, size, &Hashes(source)).map_err(of_proof)).await?;
        Ok(AddCheckpoint::new(old, proof, head.clone())?)
    }

    async fn post(&self, request: &AddCheckpoint) -> Result<Response<Bytes>, AskError> {
        let body = Bytes::from(request.to_string());
        let post = Request::post(&self.url).header(header::CONTENT_TYPE, "text/plain; charset=utf-8").body(body);
        let post = post.map_err(|_| OutboundError::Address)?;
        Ok(self.outbound.request(post, Limits { deadline: self.deadline, max_body: MAX_ANSWER }).await?)
    }

    /// The witness has cosigned last at another size than we thought.
    async fn start_from(
        &mut self,
        source: &Arc<dyn Source>,
        old: u64,
        head: &SignedCheckpoint,
        answer: &Response<Bytes>,
    ) -> Result<(), AskError> {
        let typed = answer
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().eq_ignore_ascii_case(SIZE_TYPE.as_bytes()));
        let seen = parse_size(answer.body()).filter(|_| typed).ok_or(AskError::Refused(StatusCode::CONFLICT))?;
        let found = source.head().borrow().checkpoint().size();
        if seen > found {
            return Err(AskError::Ahead { seen, found });
        }
        // It is where we said that it is, and still does not like it: at that size it has another root.
        if seen == old {
            return Err(AskError::Forked(seen));
        }
        if seen > head.checkpoint().size() {
            // The log has grown since; the next round asks for a newer checkpoint.
            return Err(AskError::Restless);
        }
        if seen < self.position.next {
            let (cosigned, url) = (self.position.next, &self.url);
            // It could cosign another history now; we go on telling it ours.
            tracing::warn!(event = "audit_witness_forgot", witness = %url, cosigned, seen, "a witness has forgotten what it cosigned");
        }
        let root = reading(source, move |source| root_at(source, seen)).await?;
        self.keep(seen, root).await
    }

    async fn keep(&mut self, next: u64, root: TreeHash) -> Result<(), AskError> {
        let (position, cursor) = (Position { next, root, skipped: 0 }, self.cursor.clone());
        let written = tokio::task::spawn_blocking(move || cursor.write(&position)).await;
        written.unwrap_or_else(|panicked| Err(io::Error::other(panicked))).map_err(AskError::Cursor)?;
        self.position = position;
        Ok(())
    }
}

/// What an answer means that is neither a cosignature nor a conflict.
fn refused(answer: &Response<Bytes>, old: u64) -> AskError {
    match answer.status() {
        StatusCode::NOT_FOUND => AskError::Unknown,
        StatusCode::FORBIDDEN => AskError::Unsigned,
        // The proof leads from our first `old` records: that it does not from those of the witness is the point of it.
        StatusCode::UNPROCESSABLE_ENTITY => AskError::Forked(old),
        status if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
            AskError::Busy { status, rest: rest(answer.headers()) }
        }
        status => AskError::Refused(status),
    }
}

/// How long a server wants to be left alone, in the form with seconds.
fn rest(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_REST))
}

/// A short name for files and metrics.
fn id(key: &VerifierKey) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let name: String = key.name().as_str().chars().take(40).map(plain).collect();
    let digest = digest::digest(&digest::SHA256, key.to_string().as_bytes());
    let end: String = digest.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("witness-{name}-{end}")
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
