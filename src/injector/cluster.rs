//! The `MutatingWebhookConfiguration` of this webhook: keeps the authorities in it right, with the service account of the pod.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};

use super::api::{Api, ApiError, Asked};
use super::bundle;
use crate::domain::Timestamp;

/// How long an exchange with the API server may take.
const WITHIN: Duration = Duration::from_secs(10);

/// The configuration, and the way to it.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// The API server.
    pub api: Api,
    /// The name of the `MutatingWebhookConfiguration`.
    pub configuration: String,
}

/// What has to be changed in the configuration.
#[derive(Debug)]
#[must_use = "nothing is changed yet"]
pub struct Repair {
    /// API servers do not believe the webhook: a bundle is without its authority.
    pub is_lost: bool,
    ops: Vec<Value>,
}

impl Cluster {
    /// Makes sure that all webhooks of the configuration believe this authority: whether that had to be changed.
    ///
    /// # Errors
    /// When nobody knows.
    pub async fn ensure(&self, ca: &str, now: Timestamp) -> Result<bool, ApiError> {
        match self.look(ca, now).await? {
            Some(repair) => self.repair(repair).await.map(|()| true),
            None => Ok(false),
        }
    }

    /// What has to be changed so that all webhooks of the configuration believe this authority; `None` when nothing has.
    ///
    /// # Errors
    /// When nobody knows.
    pub async fn look(&self, ca: &str, now: Timestamp) -> Result<Option<Repair>, ApiError> {
        let found = self.ask(Method::GET, None).await?;
        let version = found.pointer("/metadata/resourceVersion").and_then(Value::as_str).ok_or(ApiError::Shape)?;
        let webhooks = found.get("webhooks").and_then(Value::as_array).ok_or(ApiError::Shape)?;
        if webhooks.is_empty() {
            return Err(ApiError::Shape);
        }
        // Whatever was changed since then makes this fail, and the next try sees it.
        let mut ops = vec![json!({ "op": "test", "path": "/metadata/resourceVersion", "value": version })];
        let mut is_lost = false;
        for (place, webhook) in webhooks.iter().enumerate() {
            let before = webhook.pointer("/clientConfig/caBundle").and_then(Value::as_str).unwrap_or_default();
            let before = STANDARD.decode(before).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
            is_lost |= !bundle::holds(&before, ca);
            if let Some(bundle) = bundle::with(&before, ca, now) {
                let path = format!("/webhooks/{place}/clientConfig/caBundle");
                ops.push(json!({ "op": "add", "path": path, "value": STANDARD.encode(bundle) }));
            }
        }
        Ok((ops.len() > 1).then_some(Repair { is_lost, ops }))
    }

    /// Changes it.
    ///
    /// # Errors
    /// When nobody knows whether it was changed.
    pub async fn repair(&self, repair: Repair) -> Result<(), ApiError> {
        self.ask(Method::PATCH, Some(Value::Array(repair.ops))).await.map(drop)
    }

    async fn ask(&self, method: Method, patch: Option<Value>) -> Result<Value, ApiError> {
        let path = format!("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{}", self.configuration);
        let body = patch.map(|patch| ("application/json-patch+json", patch));
        self.api.ask(Asked { method, path: &path, body, within: WITHIN }).await
    }
}
