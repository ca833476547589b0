//! The API server, asked with the service account of the pod.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::outbound::{Limits, Outbound, OutboundError};

/// The longest answer, in bytes.
const MAX_ANSWER: usize = 4 << 20;
/// How much of what it says is kept of an answer that is none.
const MAX_SAID: usize = 300;

/// The way to the API server.
#[derive(Debug, Clone)]
pub struct Api {
    /// The client, which trusts the authority of the cluster.
    pub outbound: Outbound,
    /// Where the API server is, such as `https://kubernetes.default.svc`.
    pub url: String,
    /// The token of the service account; it is read anew each time.
    pub token_file: PathBuf,
}

/// Why the API server did not do what it was asked for, or is not known to have done it.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The token cannot be read.
    #[error("failed to read the token `{path}`")]
    Token {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No request can be made of it.
    #[error("the URL of the API server or the token cannot be used")]
    Request,
    /// No answer.
    #[error("the API server cannot be asked")]
    Silent(#[source] OutboundError),
    /// Another answer than was hoped for.
    #[error("the API server answers {status} to {method} {path}: {said}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// What was to be done.
        method: Method,
        /// With what.
        path: String,
        /// What it says, shortened.
        said: String,
    },
    /// An answer that makes no sense.
    #[error("what the API server answers is not what was asked for")]
    Shape,
}

impl ApiError {
    /// Whether somebody else has changed the object in the meantime, so that asking again helps.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY, .. })
    }

    /// Whether the object is not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::NOT_FOUND, .. })
    }
}

/// What is asked for.
pub(super) struct Asked<'a> {
    pub(super) method: Method,
    /// The path in the API, which nobody else may have a word in.
    pub(super) path: &'a str,
    /// The type of the body, and the body.
    pub(super) body: Option<(&'static str, Value)>,
    /// How long it may take.
    pub(super) within: Duration,
}

impl Api {
    /// Asks once. The answer is JSON.
    pub(super) async fn ask(&self, asked: Asked<'_>) -> Result<Value, ApiError> {
        let token = std::fs::read_to_string(&self.token_file).map(Zeroizing::new);
        let token = token.map_err(|source| ApiError::Token { path: self.token_file.clone(), source })?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.trim())).map_err(|_| ApiError::Request)?;
        bearer.set_sensitive(true);
        let Asked { method, path, body, within } = asked;
        let mut request = Request::builder()
            .method(&method)
            .uri(format!("{}{path}", self.url.trim_end_matches('/')))
            .header(header::AUTHORIZATION, bearer)
            .header(header::ACCEPT, "application/json");
        if let Some((kind, _)) = &body {
            request = request.header(header::CONTENT_TYPE, *kind);
        }
        let body = body.map(|(_, body)| Bytes::from(body.to_string())).unwrap_or_default();
        let request = request.body(body).map_err(|_| ApiError::Request)?;
        let limits = Limits { deadline: within, max_body: MAX_ANSWER };
        let answer = self.outbound.request(request, limits).await.map_err(ApiError::Silent)?;
        let (status, body) = (answer.status(), answer.into_body());
        if !matches!(status, StatusCode::OK | StatusCode::CREATED) {
            let said = String::from_utf8_lossy(&body);
            let said = said.chars().filter(|letter| !letter.is_control()).take(MAX_SAID).collect();
            return Err(ApiError::Refused { status, method, path: path.to_owned(), said });
        }
        serde_json::from_slice(&body).map_err(|_| ApiError::Shape)
    }
}
