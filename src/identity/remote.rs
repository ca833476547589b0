//! Asking whoever gave a token out whether it is in force: an authorization server (RFC 7662) or a Kubernetes cluster.
//!
//! Several requests with the same token ask once. What is answered is remembered elsewhere, with all other tokens.

mod form;
mod introspection;
mod review;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;

use super::remembered::TokenDigest;
use crate::domain::Timestamp;
use crate::outbound::{Limits, OutboundError};

pub(super) use form::{encoded, form};
pub(super) use introspection::Introspection;
pub(super) use review::Review;

/// Most questions to one issuer at a time.
const MOST_AT_A_TIME: usize = 64;
/// What one answer may take.
const LIMITS: Limits = Limits { deadline: Duration::from_secs(5), max_body: 256 * 1024 };
/// How deep the JSON of an answer may be nested.
const MAX_DEPTH: u32 = 16;

/// Why there are no claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RemoteError {
    /// The token is not in force.
    Inactive,
    /// Nobody answered, or nothing that can be understood.
    Unavailable,
}

/// Why a question was not answered, for the log.
#[derive(Debug, thiserror::Error)]
pub(in crate::identity) enum AskError {
    #[error("failed to find out where to ask")]
    Place(#[source] super::keyring::FetchError),
    #[error("the metadata names no such endpoint")]
    NoPlace,
    #[error("failed to read `{0}`")]
    Secret(std::path::PathBuf, #[source] std::io::Error),
    #[error("the private key cannot be used")]
    Key(#[source] super::jwt::BadSigner),
    #[error("a request cannot be made of the settings")]
    Request,
    #[error("failed to ask")]
    Outbound(#[source] Box<OutboundError>),
    #[error("the answer has status {0}")]
    Status(http::StatusCode),
    #[error("the answer is not what was asked for")]
    Answer,
}

type Answer = Result<Arc<Value>, RemoteError>;

/// Whom to ask about the tokens of one issuer. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Remote(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    issuer: Arc<str>,
    whom: Whom,
    asked: Mutex<HashMap<TokenDigest, watch::Receiver<Option<Answer>>>>,
}

/// Who can be asked.
#[derive(Debug)]
pub(super) enum Whom {
    Server(Introspection),
    Cluster(Review),
}

/// What is asked.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) token: String,
    /// The audiences of which the token must have one.
    pub(super) audiences: Vec<String>,
    pub(super) now: Timestamp,
}

impl Remote {
    pub(super) fn new(issuer: Arc<str>, whom: Whom) -> Self {
        Self(Arc::new(Shared { issuer, whom, asked: Mutex::default() }))
    }

    /// Whether tokens that could be verified here are asked about all the same.
    pub(super) fn is_always_asked(&self) -> bool {
        matches!(self.0.whom, Whom::Cluster(_))
    }

    /// The claims of a token that is in force.
    ///
    /// # Cancel safety
    ///
    /// The question is answered for others who asked it when this is dropped.
    pub(super) async fn claims(&self, question: Question) -> Result<Value, RemoteError> {
        let digest = TokenDigest::of(&question.token);
        let mut answer = self.ask(digest, question)?;
        let answered = answer.wait_for(Option::is_some).await.map_err(|_| RemoteError::Unavailable)?;
        match &*answered {
            Some(Ok(claims)) => Ok((**claims).clone()),
            Some(Err(error)) => Err(*error),
            None => Err(RemoteError::Unavailable),
        }
    }

    fn ask(&self, digest: TokenDigest, question: Question) -> Result<watch::Receiver<Option<Answer>>, RemoteError> {
        let mut asked = self.0.asked.lock();
        if let Some(answer) = asked.get(&digest) {
            return Ok(answer.clone());
        }
        if asked.len() >= MOST_AT_A_TIME {
            return Err(RemoteError::Unavailable);
        }
        let (told, answer) = watch::channel(None);
        asked.insert(digest, answer.clone());
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            let said = shared.whom.claims(&question).await;
            shared.asked.lock().remove(&digest);
            let said = said.map(|claims| claims.map(Arc::new)).unwrap_or_else(|error| {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(issuer = %shared.issuer, error, "an issuer did not say whether a token is in force");
                Err(RemoteError::Unavailable)
            });
            told.send_replace(Some(said));
        });
        Ok(answer)
    }
}

impl Whom {
    async fn claims(&self, question: &Question) -> Result<Result<Value, RemoteError>, AskError> {
        let claims = match self {
            Self::Server(server) => server.claims(question).await?,
            Self::Cluster(cluster) => cluster.claims(question).await?,
        };
        Ok(claims.ok_or(RemoteError::Inactive))
    }
}

#[cfg(test)]
#[path = "remote_tests.rs"]
mod tests;
