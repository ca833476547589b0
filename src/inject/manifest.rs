//! Finds pods in manifests: in workloads, in lists of those, and by themselves.
//!
//! Kinds that are not known here pass through as they are; one that seems to hold a pod is mentioned.

use serde_json::Value;

use super::pass::{Outcome, Patch};
use super::patch::{Op, apply};
use super::refused::Refused;

/// The kinds that hold a pod: group and version, kind, and where the pod is.
const KINDS: [(&str, &str, &str); 10] = [
    ("v1", "Pod", ""),
    ("v1", "PodTemplate", "/template"),
    ("v1", "ReplicationController", "/spec/template"),
    ("apps/v1", "Deployment", "/spec/template"),
    ("apps/v1", "StatefulSet", "/spec/template"),
    ("apps/v1", "DaemonSet", "/spec/template"),
    ("apps/v1", "ReplicaSet", "/spec/template"),
    ("batch/v1", "Job", "/spec/template"),
    ("batch/v1", "CronJob", "/spec/jobTemplate/spec/template"),
    ("batch/v1beta1", "CronJob", "/spec/jobTemplate/spec/template"),
];
/// Where other kinds usually have a pod.
const SUSPECTS: [&str; 2] = ["/spec/template/spec/containers", "/spec/podTemplate/spec/containers"];
/// How deep lists may stand in lists.
const MAX_DEPTH: u32 = 4;

/// What became of one pod of a manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The object, such as `Deployment shop/web`.
    pub object: String,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a pod.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// It is as it was wanted now; whether it had to be changed, by which operations on the document, and what the user should hear.
    Done {
        /// The operations, in the whole document.
        ops: Vec<Op>,
        /// What the user should hear.
        warnings: Vec<String>,
    },
    /// It is left alone, and why.
    Skipped(String),
}

/// A pod that could not be handled, or a document in which pods cannot be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{object}: {refused}")]
pub struct ManifestError {
    /// The object, such as `Deployment shop/web`.
    pub object: String,
    /// What is wrong, with its place in the object.
    #[source]
    pub refused: Refused,
}

/// Handles every pod of a document with `work`, and changes the document as that says.
///
/// # Errors
/// The first pod that `work` refuses; the document is as it was up to there.
pub fn each_pod(document: &mut Value, work: &dyn Fn(&Value) -> Result<Outcome, Refused>) -> Result<Vec<Seen>, ManifestError> {
    let mut found = Vec::new();
    find(document, "", None, MAX_DEPTH, &mut found)?;
    let mut seen = Vec::new();
    for Found { pointer, path, object } in found {
        let fail = |refused: Refused| ManifestError {
            object: object.clone(),
            refused: Refused { path: format!("{path}{}", refused.path), ..refused },
        };
        let Some(pointer) = pointer else {
            let reason = "this kind is not known here: the pod in it is not injected by this command";
            seen.push(Seen { object, fate: Fate::Skipped(reason.to_owned()) });
            continue;
        };
        let Some(pod) = document.pointer(&pointer) else {
            return Err(fail(Refused::new("", "there is no pod template")));
        };
        let fate = match work(pod).map_err(fail)? {
            Outcome::Skipped(reason) => Fate::Skipped(reason.to_owned()),
            Outcome::Injected(Patch { ops, warnings, .. }) => {
                let ops: Vec<Op> = ops.into_iter().map(|op| op.below(&pointer)).collect();
                for op in &ops {
                    apply(document, op).map_err(|misfit| fail(Refused::new("", misfit.to_string())))?;
                }
                Fate::Done { ops, warnings }
            }
        };
        seen.push(Seen { object, fate });
    }
    Ok(seen)
}

struct Found {
    /// `None` for a pod in an object of a kind that is not known.
    pointer: Option<String>,
    /// The same for people, to stand before what is below.
    path: String,
    object: String,
}

fn find(
    document: &Value,
    at: &str,
    inherited: Option<(&str, &str)>,
    depth: u32,
    found: &mut Vec<Found>,
) -> Result<(), ManifestError> {
    let here = if at.is_empty() { document } else { document.pointer(at).unwrap_or(&Value::Null) };
    let text = |key: &str| here.get(key).and_then(Value::as_str);
    let (version, kind) = match (text("apiVersion"), text("kind"), inherited) {
        (Some(version), Some(kind), _) => (version, kind),
        (None, None, Some(inherited)) => inherited,
        _ => {
            let refused = Refused::new("apiVersion, kind", "this is not an object of Kubernetes");
            return Err(ManifestError { object: "document".to_owned(), refused });
        }
    };
    let object = name(here, kind);
    if let Some(element) = kind.strip_suffix("List").filter(|_| here.get("items").is_some()) {
        let error = |reason: &str| ManifestError { object: object.clone(), refused: Refused::new("items", reason) };
        let items = here.get("items").and_then(Value::as_array).ok_or_else(|| error("this is not a list"))?;
        let depth = depth.checked_sub(1).ok_or_else(|| error("lists are nested too deeply"))?;
        let inherited = (!element.is_empty()).then_some((version, element));
        return (0..items.len()).try_for_each(|place| find(document, &format!("{at}/items/{place}"), inherited, depth, found));
    }
    if let Some((_, _, below)) = KINDS.iter().find(|(of_version, of_kind, _)| *of_version == version && *of_kind == kind) {
        let dotted = below.trim_start_matches('/').replace('/', ".");
        let path = if dotted.is_empty() { dotted } else { format!("{dotted}.") };
        found.push(Found { pointer: Some(format!("{at}{below}")), path, object });
    } else if SUSPECTS.iter().any(|suspect| here.pointer(suspect).is_some()) {
        found.push(Found { pointer: None, path: String::new(), object });
    }
    Ok(())
}

fn name(object: &Value, kind: &str) -> String {
    let text = |key: &str| object.get("metadata").and_then(|metadata| metadata.get(key)).and_then(Value::as_str);
    let name = text("name").or_else(|| text("generateName")).unwrap_or("(without a name)");
    match text("namespace") {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
