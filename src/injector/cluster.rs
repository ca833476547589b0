//! The `MutatingWebhookConfiguration` of this webhook: keeps the authorities in it right, with the service account of the pod.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::bundle;
use crate::domain::Timestamp;
use crate::outbound::{Limits, Outbound, OutboundError};

/// What an exchange with the API server may take.
const LIMITS: Limits = Limits { deadline: Duration::from_secs(10), max_body: 4 << 20 };

/// The configuration, and the way to it.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// The client, which trusts the authority of the cluster.
    pub outbound: Outbound,
    /// Where the API server is, such as `https://kubernetes.default.svc`.
    pub api: String,
    /// The token of the service account; it is read anew each time.
    pub token_file: PathBuf,
    /// The name of the `MutatingWebhookConfiguration`.
    pub configuration: String,
}

/// Why the configuration is not known to be right.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
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
    Request(#[source] http::Error),
    /// No answer.
    #[error("the API server cannot be asked")]
    Silent(#[source] OutboundError),
    /// Another answer than was hoped for.
    #[error("the API server answers {status} for `{configuration}`: {said}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// The configuration.
        configuration: String,
        /// What it says, shortened.
        said: String,
    },
    /// An answer that makes no sense.
    #[error("what the API server answers is no MutatingWebhookConfiguration")]
    Shape,
}

impl ClusterError {
    /// Whether somebody else has changed the configuration in the meantime, so that asking again helps.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY, .. })
    }
}

impl Cluster {
    /// Makes sure that all webhooks of the configuration believe this authority: whether that had to be changed.
    ///
    /// # Errors
    /// When nobody knows.
    pub async fn ensure(&self, ca: &str, now: Timestamp) -> Result<bool, ClusterError> {
        let found = self.ask(Method::GET, None).await?;
        let version = found.pointer("/metadata/resourceVersion").and_then(Value::as_str).ok_or(ClusterError::Shape)?;
        let webhooks = found.get("webhooks").and_then(Value::as_array).ok_or(ClusterError::Shape)?;
        // Whatever was changed since then makes this fail, and the next try sees it.
        let mut ops = vec![json!({ "op": "test", "path": "/metadata/resourceVersion", "value": version })];
        for (place, webhook) in webhooks.iter().enumerate() {
            let before = webhook.pointer("/clientConfig/caBundle").and_then(Value::as_str).unwrap_or_default();
            let before = STANDARD.decode(before).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
            if let Some(bundle) = bundle::with(&before, ca, now) {
                let path = format!("/webhooks/{place}/clientConfig/caBundle");
                ops.push(json!({ "op": "add", "path": path, "value": STANDARD.encode(bundle) }));
            }
        }
        if ops.len() == 1 {
            return if webhooks.is_empty() { Err(ClusterError::Shape) } else { Ok(false) };
        }
        self.ask(Method::PATCH, Some(Value::Array(ops))).await.map(|_| true)
    }

    async fn ask(&self, method: Method, patch: Option<Value>) -> Result<Value, ClusterError> {
        let token = std::fs::read_to_string(&self.token_file).map(Zeroizing::new);
        let token = token.map_err(|source| ClusterError::Token { path: self.token_file.clone(), source })?;
        let url = format!(
            "{}/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{}",
            self.api.trim_end_matches('/'),
            self.configuration
        );
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header(header::AUTHORIZATION, format!("Bearer {}", token.trim()))
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/json-patch+json")
            .body(patch.map(|patch| Bytes::from(patch.to_string())).unwrap_or_default())
            .map_err(ClusterError::Request)?;
        let answer = self.outbound.request(request, LIMITS).await.map_err(ClusterError::Silent)?;
        let (status, body) = (answer.status(), answer.into_body());
        if status != StatusCode::OK {
            let said = String::from_utf8_lossy(&body);
            let said = said.chars().filter(|letter| !letter.is_control()).take(300).collect();
            return Err(ClusterError::Refused { status, configuration: self.configuration.clone(), said });
        }
        serde_json::from_slice(&body).map_err(|_| ClusterError::Shape)
    }
}
