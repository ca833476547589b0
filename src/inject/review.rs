//! The conversation with an API server: `AdmissionReview` of `admission.k8s.io/v1`, decoded strictly, and its answer.
//!
//! What is not understood gets no answer that lets a pod in: the webhook is registered with `failurePolicy: Fail`, so an error is a no.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::names::STATUS;
use super::pass::{Outcome, inject};
use super::settings::Settings;
use super::subject::Subject;

const VERSION: &str = "admission.k8s.io/v1";
/// How deep a review may be nested: an object of Kubernetes stays far below.
const MAX_DEPTH: u32 = 100;
/// The most that an API server shows of warnings, in bytes.
const MAX_WARNING: usize = 250;

/// Why a request is no review that could be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadReview {
    /// Not JSON that everybody reads alike.
    #[error("the body is not JSON with one meaning")]
    Json,
    /// JSON, but not what is asked for.
    #[error("the body is not an AdmissionReview of admission.k8s.io/v1: {0}")]
    Shape(&'static str),
}

/// An answer, and what is to be said of it in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The body.
    pub body: Value,
    /// The pod, such as `shop/web-`.
    pub pod: String,
    /// What became of it.
    pub verdict: Verdict,
    /// What an event about it would be about. None in a dry run, which leaves no trace, and when no pod is being made.
    pub subject: Option<Subject>,
}

/// What became of a pod that was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It gets the sidecar, or has it already.
    Injected,
    /// It is left as it is, and why.
    Skipped(String),
    /// It is refused, and why.
    Refused(String),
}

impl Verdict {
    /// The word for it in metrics.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Injected => "injected",
            Self::Skipped(_) => "skipped",
            Self::Refused(_) => "refused",
        }
    }
}

/// Answers a review.
///
/// # Errors
/// When it is none.
pub fn answer(body: &[u8], settings: &Settings) -> Result<Answer, BadReview> {
    let text = std::str::from_utf8(body).map_err(|_| BadReview::Json)?;
    let review = crate::json::value(text, MAX_DEPTH).map_err(|_| BadReview::Json)?;
    if review.get("apiVersion") != Some(&json!(VERSION)) || review.get("kind") != Some(&json!("AdmissionReview")) {
        return Err(BadReview::Shape("`apiVersion` or `kind` is another one"));
    }
    let request = review.get("request").and_then(Value::as_object).ok_or(BadReview::Shape("`request` is missing"))?;
    let text = |key: &str| request.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let uid = text("uid").ok_or(BadReview::Shape("`request.uid` is missing"))?;
    let operation = text("operation").ok_or(BadReview::Shape("`request.operation` is missing"))?;
    let resource = request.get("resource").ok_or(BadReview::Shape("`request.resource` is missing"))?;
    let object = request.get("object").unwrap_or(&Value::Null);
    let dry = match request.get("dryRun") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(dry)) => *dry,
        Some(_) => return Err(BadReview::Shape("`request.dryRun` is neither true nor false")),
    };
    let pod = name(object, text("namespace"));
    let mut subject = text("namespace").filter(|_| !dry).and_then(|namespace| Subject::of(object, namespace));
    let of_pods = json!({ "group": "", "version": "v1", "resource": "pods" });
    let response = if *resource != of_pods || text("subResource").is_some() {
        subject = None;
        skip("this webhook is about pods")
    } else if operation != "CREATE" {
        subject = None;
        skip("this webhook is about pods that are made")
    } else {
        decide(object, settings)
    };
    let Response { allowed, patch, warnings, verdict, annotations } = response;
    let mut answer = Map::new();
    answer.insert("uid".to_owned(), uid.into());
    answer.insert("allowed".to_owned(), allowed.into());
    if let Some(patch) = patch {
        answer.insert("patchType".to_owned(), "JSONPatch".into());
        answer.insert("patch".to_owned(), STANDARD.encode(patch.to_string()).into());
    }
    if let Verdict::Refused(reason) = &verdict {
        let status = json!({ "code": 403, "reason": "Forbidden", "message": format!("cedarpost: {reason}") });
        answer.insert("status".to_owned(), status);
    }
    if !warnings.is_empty() {
        answer.insert("warnings".to_owned(), warnings.iter().map(|warning| short(warning)).collect());
    }
    answer.insert("auditAnnotations".to_owned(), Value::Object(annotations));
    let body = json!({ "apiVersion": VERSION, "kind": "AdmissionReview", "response": answer });
    Ok(Answer { body, pod, verdict, subject })
}

struct Response {
    allowed: bool,
    patch: Option<Value>,
    warnings: Vec<String>,
    verdict: Verdict,
    annotations: Map<String, Value>,
}

fn decide(object: &Value, settings: &Settings) -> Response {
    match inject(object, settings) {
        Ok(Outcome::Skipped(reason)) => skip(reason),
        Ok(Outcome::Injected(done)) => {
            let status = done.pod.pointer("/metadata/annotations").and_then(|all| all.get(STATUS)).and_then(Value::as_str);
            let status: Value = status.and_then(|status| serde_json::from_str(status).ok()).unwrap_or_default();
            let mut annotations = annotations("injected");
            for key in ["mode", "digest", "version"] {
                if let Some(value) = status.get(key) {
                    annotations.insert(key.to_owned(), value.clone());
                }
            }
            let patch = (!done.ops.is_empty()).then(|| json!(done.ops));
            Response { allowed: true, patch, warnings: done.warnings, verdict: Verdict::Injected, annotations }
        }
        Err(refused) => {
            let reason = refused.to_string();
            let mut annotations = annotations("refused");
            annotations.insert("reason".to_owned(), reason.clone().into());
            Response { allowed: false, patch: None, warnings: Vec::new(), verdict: Verdict::Refused(reason), annotations }
        }
    }
}

fn skip(reason: &str) -> Response {
    let mut annotations = annotations("skipped");
    annotations.insert("reason".to_owned(), reason.into());
    let warnings = vec![format!("no sidecar: {reason}")];
    Response { allowed: true, patch: None, warnings, verdict: Verdict::Skipped(reason.to_owned()), annotations }
}

fn annotations(verdict: &str) -> Map<String, Value> {
    [("verdict".to_owned(), verdict.into())].into_iter().collect()
}

/// A warning, as much of it as an API server passes on.
fn short(warning: &str) -> Value {
    let text = format!("cedarpost: {warning}");
    let end = (0..=MAX_WARNING.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    text.get(..end).unwrap_or_default().into()
}

fn name(object: &Value, namespace: Option<&str>) -> String {
    let metadata = object.get("metadata");
    let text =
        |key: &str| metadata.and_then(|metadata| metadata.get(key)).and_then(Value::as_str).filter(|text| !text.is_empty());
    format!("{}/{}", namespace.unwrap_or("?"), text("name").or_else(|| text("generateName")).unwrap_or("?"))
}

#[cfg(test)]
#[path = "review_tests.rs"]
mod tests;
