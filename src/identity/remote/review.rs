//! A Kubernetes cluster is asked about a service account's token (`authentication.k8s.io/v1`, TokenReview).
//!
//! Who asks needs a token of its own that may create token reviews. The answer tells of audiences, account and pod; it has no end, so it is
//! believed for a short time only.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header};
use serde_json::{Map, Value, json};

use super::{AskError, LIMITS, MAX_DEPTH, Question};
use crate::domain::Timestamp;
use crate::identity::kubernetes::PREFIX;
use crate::outbound::Outbound;

/// How long an answer is believed.
const BELIEVE_SECONDS: i64 = 60;
/// Where a cluster says more about a token.
const EXTRA: &str = "authentication.kubernetes.io";

/// A cluster that can be asked.
#[derive(Debug)]
pub(in crate::identity) struct Review {
    pub(in crate::identity) issuer: Arc<str>,
    pub(in crate::identity) url: Uri,
    /// Our own token, which changes.
    pub(in crate::identity) own_token: PathBuf,
    pub(in crate::identity) outbound: Outbound,
}

impl Review {
    /// The claims of a token; `None` when the cluster does not know it.
    pub(super) async fn claims(&self, question: &Question) -> Result<Option<Value>, AskError> {
        let failed = |error| AskError::Secret(self.own_token.clone(), error);
        let own = tokio::fs::read_to_string(&self.own_token).await.map_err(failed)?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", own.trim())).map_err(|_| AskError::Request)?;
        bearer.set_sensitive(true);
        let body = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": { "token": question.token, "audiences": question.audiences },
        });
        let mut request = Request::new(Bytes::from(body.to_string()));
        (*request.method_mut(), *request.uri_mut()) = (Method::POST, self.url.clone());
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.outbound.request(request, LIMITS).await.map_err(|error| AskError::Outbound(Box::new(error)))?;
        if !answer.status().is_success() {
            return Err(AskError::Status(answer.status()));
        }
        read(answer.body(), &self.issuer, question.now)
    }
}

/// Reads an answer, and says it in the words of the token itself.
pub(super) fn read(body: &[u8], issuer: &str, now: Timestamp) -> Result<Option<Value>, AskError> {
    let text = std::str::from_utf8(body).map_err(|_| AskError::Answer)?;
    let review = crate::json::value(text, MAX_DEPTH).map_err(|_| AskError::Answer)?;
    let status = review.get("status").ok_or(AskError::Answer)?;
    if status.get("authenticated") != Some(&Value::Bool(true)) {
        return Ok(None);
    }
    let account = status.pointer("/user/username").and_then(Value::as_str).ok_or(AskError::Answer)?;
    // Only service accounts: a cluster may know people too, and those come by other ways.
    let Some((namespace, name)) = account.strip_prefix(PREFIX).and_then(|rest| rest.split_once(':')) else { return Ok(None) };
    let extra = |key: &str| {
        let values = status.pointer("/user/extra")?.get(format!("{EXTRA}/{key}"))?.as_array()?;
        values.first().and_then(Value::as_str)
    };
    let mut bound = Map::new();
    bound.insert("namespace".to_owned(), namespace.into());
    bound.insert("serviceaccount".to_owned(), json!({ "name": name }));
    if let Some(pod) = extra("pod-name") {
        bound.insert("pod".to_owned(), json!({ "name": pod, "uid": extra("pod-uid") }));
    }
    bound.extend(extra("node-name").map(|node| ("node".to_owned(), json!({ "name": node }))));
    let expires = now.as_micros().div_euclid(1_000_000).saturating_add(BELIEVE_SECONDS);
    // A cluster that says nothing of audiences does not look at them (an old webhook): then the token is for nobody.
    let audiences = status.get("audiences").cloned().unwrap_or_else(|| json!([]));
    let mut claims = json!({ "iss": issuer, "sub": account, "aud": audiences, "exp": expires, "kubernetes.io": bound });
    let id = extra("credential-id").and_then(|id| id.strip_prefix("JTI="));
    if let (Some(id), Some(members)) = (id, claims.as_object_mut()) {
        members.insert("jti".to_owned(), id.into());
    }
    Ok(Some(claims))
}
