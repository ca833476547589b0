//! The webhook that puts the sidecar into pods.

use std::path::PathBuf;
use std::time::Duration;

use super::LogSettings;
use crate::inject;
use crate::listen;

/// How the webhook of injection makes its own certificate, and tells API servers of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCertificate {
    /// The Service by which API servers find the webhook.
    pub service: String,
    /// The namespace of that Service.
    pub namespace: String,
    /// The `MutatingWebhookConfiguration` to keep right.
    pub configuration: String,
    /// Where the certificate and its key are written.
    pub directory: PathBuf,
    /// How long a certificate is good for; another one follows after two thirds of it.
    pub lifetime: Duration,
}

/// How the webhook of injection asks an API server for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiAccess {
    /// Where the API server is.
    pub url: String,
    /// The directory with `token` and `ca.crt` of the service account.
    pub account: PathBuf,
}

/// What the webhook of injection is told at the start.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// Where an API server asks, and with which certificate it is answered.
    pub listener: listen::Settings,
    /// The certificate that it makes for itself, when the listener has none from files.
    pub own_certificate: Option<OwnCertificate>,
    /// Whether it writes events about pods that get no sidecar.
    pub events: bool,
    /// The way to the API server, for those two.
    pub api: ApiAccess,
    /// Connections open at the same time; more wait in the system's queue.
    pub max_connections: usize,
    /// What pods get.
    pub injection: inject::Settings,
    /// What is logged.
    pub log: LogSettings,
}
