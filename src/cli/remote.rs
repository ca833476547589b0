//! Asks the admin face of a running sidecar.

use std::time::Duration;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use http::{Request, StatusCode, header};

use crate::app::Inquiry;
use crate::outbound::{Limits, Outbound, PlainHttp, Settings};
use crate::policy::Explanation;

/// What the exchange may take.
const LIMITS: Limits = Limits { deadline: Duration::from_secs(30), max_body: 16 << 20 };

/// Why there is no answer.
pub(super) enum Failure {
    /// The sidecar cannot make sense of the question.
    Refused(String),
    Other(anyhow::Error),
}

/// Has the sidecar whose admin listener is at `url` explain how a call would be decided.
pub(super) fn explain(url: &str, inquiry: &Inquiry) -> Result<Explanation, Failure> {
    let work = || -> anyhow::Result<(StatusCode, Bytes)> {
        let request = Request::post(format!("{}/explain", url.trim_end_matches('/')))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(serde_json::to_vec(inquiry)?))?;
        // Whoever typed the URL knows whether somebody else listens on the way.
        let outbound = Outbound::new(Settings { plain_http: PlainHttp::Anywhere, ..Settings::default() })?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let answer = runtime.block_on(outbound.request(request, LIMITS))?;
        Ok((answer.status(), answer.into_body()))
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
