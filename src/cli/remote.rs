//! Asks the admin face of a running sidecar.

use std::time::Duration;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::app::Inquiry;
use crate::policy::Explanation;

/// Answers above this many bytes are not read.
const MAX_ANSWER: usize = 16 << 20;
/// How long the whole exchange may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// Why there is no answer.
pub(super) enum Failure {
    /// The sidecar cannot make sense of the question.
    Refused(String),
    Other(anyhow::Error),
}

/// Has the sidecar whose admin listener is at `url` explain how a call would be decided.
pub(super) fn explain(url: &str, inquiry: &Inquiry) -> Result<Explanation, Failure> {
    let work = || -> anyhow::Result<(StatusCode, Bytes)> {
        let uri: Uri = format!("{}/explain", url.trim_end_matches('/')).parse()?;
        let body = serde_json::to_vec(inquiry)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let exchange = async { tokio::time::timeout(DEADLINE, post(uri, body)).await };
        runtime.block_on(exchange).map_err(|_| anyhow!("nothing came within {DEADLINE:?}"))?
    };
    let (status, body) = work().with_context(|| format!("failed to ask the sidecar at `{url}`")).map_err(Failure::Other)?;
    let sentence =
        || String::from_utf8_lossy(&body).trim().chars().filter(|letter| !letter.is_control()).take(1000).collect::<String>();
    match status {
        StatusCode::OK => serde_json::from_slice(&body)
            .with_context(|| format!("what answers at `{url}` is not the admin face of a sidecar"))
            .map_err(Failure::Other),
        StatusCode::BAD_REQUEST => Err(Failure::Refused(sentence())),
        other => Err(Failure::Other(anyhow!("the sidecar at `{url}` answers {other}: {}", sentence()))),
    }
}

async fn post(uri: Uri, body: Vec<u8>) -> anyhow::Result<(StatusCode, Bytes)> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    let tls = if uri.scheme_str() == Some("https") {
        HttpsConnectorBuilder::new().with_native_roots().context("failed to read the system's root certificates")?
    } else {
        // Without roots no certificate is ever accepted.
        HttpsConnectorBuilder::new().with_tls_config(
            rustls::ClientConfig::builder().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth(),
        )
    };
    let client = Client::builder(TokioExecutor::new()).build(tls.https_or_http().enable_http1().wrap_connector(tcp));
    let request = Request::post(uri).header(header::CONTENT_TYPE, "application/json").body(Full::new(Bytes::from(body)))?;
    let response = client.request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await.map_err(|error| anyhow!(error))?;
    Ok((status, body.to_bytes()))
}
