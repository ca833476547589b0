//! Asks the sidecar that writes a log, over the socket in its directory.

use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;

use crate::app;
use crate::domain::visible;
use crate::listen::private;

/// Answers above this many bytes are not read: a list of tickets holds what is asked for in each.
const MAX_ANSWER: usize = 64 << 20;
/// How long the sidecar may take. Pruning removes files.
const DEADLINE: Duration = Duration::from_secs(120);

/// Has the sidecar that writes the log in `directory` do something; `None` when none does.
pub(super) fn post(directory: &Path, path: &str, body: &Value) -> anyhow::Result<Option<Value>> {
    let Some((status, answer)) = request(directory, Method::POST, path, Some(body))? else { return Ok(None) };
    if status == StatusCode::OK {
        let answer = serde_json::from_slice(&answer);
        return Ok(Some(answer.context("what the sidecar that writes the log answers cannot be read")?));
    }
    bail!("the sidecar that writes the log refuses: {}", sentence(&answer))
}

/// Asks the sidecar that writes the log in `directory`, and tells what it answers; `None` when none does.
pub(super) fn request(
    directory: &Path,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> anyhow::Result<Option<(StatusCode, Bytes)>> {
    let body = body.map(ToString::to_string).unwrap_or_default();
    let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
    let request = request.body(Full::from(body))?;
    on_runtime(async {
        let Some((status, body)) = send(directory, request).await? else { return Ok(None) };
        let answer = tokio::time::timeout(DEADLINE, Limited::new(body, MAX_ANSWER).collect()).await;
        let answer = answer.context("the sidecar does not answer")?.map_err(|error| anyhow!(error))?;
        Ok(Some((status, answer.to_bytes())))
    })
}

/// Why the sidecar does not do something, in its words.
pub(super) fn sentence(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let said: Value = serde_json::from_slice(answer).unwrap_or_default();
    let sentence = said.get("error").and_then(Value::as_str).unwrap_or(&text);
    visible(sentence).into_owned()
}

/// Hands the lines that the sidecar sends for `path`, one by one as they come, to `each`, until it says no or the sidecar ends them;
/// `false` when no sidecar writes the log.
pub(super) fn follow(directory: &Path, path: &str, mut each: impl FnMut(&[u8]) -> anyhow::Result<bool>) -> anyhow::Result<bool> {
    let request = Request::get(path).body(Full::<Bytes>::default())?;
    on_runtime(async {
        let Some((status, mut body)) = send(directory, request).await? else { return Ok(false) };
        if status != StatusCode::OK {
            let answer = tokio::time::timeout(DEADLINE, Limited::new(body, MAX_ANSWER).collect()).await;
            let answer = answer.context("the sidecar does not answer")?.map_err(|error| anyhow!(error))?.to_bytes();
            bail!("the sidecar that writes the log refuses to show it: {} ({status})", sentence(&answer));
        }
        let mut line = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.context("the sidecar that writes the log has ended")?.into_data() else { continue };
            for piece in data.split_inclusive(|byte| *byte == b'\n') {
                line.extend_from_slice(piece);
                if line.last() == Some(&b'\n') {
                    if !each(&line)? {
                        return Ok(true);
                    }
                    line.clear();
                }
            }
        }
        Ok(true)
    })
}

/// Sends a request; `None` when nobody listens.
async fn send(directory: &Path, request: Request<Full<Bytes>>) -> anyhow::Result<Option<(StatusCode, Incoming)>> {
    let path = app::socket(directory);
    let failed = || format!("failed to ask the sidecar at `{}`", path.display());
    let stream = match private::connect(&path).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => return Err(error).with_context(failed),
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.with_context(failed)?;
    tokio::spawn(connection);
    let answer = tokio::time::timeout(DEADLINE, sender.send_request(request)).await.with_context(failed)?.with_context(failed)?;
    let (parts, body) = answer.into_parts();
    Ok(Some((parts.status, body)))
}

fn on_runtime<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
