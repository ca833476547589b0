//! What an event about a pod is about that is only being made.
//!
//! Most pods have neither a name nor an id yet when a webhook is asked (`generateName`), and one that is refused never gets them. Whoever
//! looks for a pod that is missing, or bare, looks at what should make it: the ReplicaSet or the Job (`kubectl describe`). So an event is
//! about the controller that owns the pod; without one, about the pod by the name that it has or whose beginning it has.

use serde_json::{Map, Value};

use super::wish::is_object_name;

/// The longest name or id of an object, in bytes.
const MAX_NAME: usize = 253;

/// An object in a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The namespace: the name of an object of Kubernetes.
    pub namespace: String,
    /// The object's group and version, such as `apps/v1`.
    pub api_version: String,
    /// Its kind, such as `ReplicaSet`.
    pub kind: String,
    /// Its name; of a pod that has none yet the beginning.
    pub name: String,
    /// Its id, when it is known.
    pub uid: Option<String>,
}

impl Subject {
    /// Whom an event about this pod is about; nobody when the pod does not say enough.
    pub(super) fn of(pod: &Value, namespace: &str) -> Option<Self> {
        if !is_object_name(namespace) {
            return None;
        }
        let metadata = pod.get("metadata")?.as_object()?;
        owner(metadata, namespace).or_else(|| itself(metadata, namespace))
    }
}

/// What it says of its owner is believed as far as it can be: whoever makes a pod writes that, too.
fn owner(metadata: &Map<String, Value>, namespace: &str) -> Option<Subject> {
    let owners = metadata.get("ownerReferences")?.as_array()?;
    let owner = owners.iter().find(|owner| owner.get("controller") == Some(&Value::Bool(true)))?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/' | b'-');
    let text = |key: &str| {
        let text = owner.get(key).and_then(Value::as_str)?;
        (!text.is_empty() && text.len() <= MAX_NAME && text.bytes().all(plain)).then(|| text.to_owned())
    };
    // The mirror of a static pod is its node's, and a node is in no namespace.
    let kind = text("kind").filter(|kind| kind != "Node")?;
    let name = text("name").filter(|name| is_object_name(name))?;
    Some(Subject { namespace: namespace.to_owned(), api_version: text("apiVersion")?, kind, name, uid: text("uid") })
}

fn itself(metadata: &Map<String, Value>, namespace: &str) -> Option<Subject> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    let fits = |text: &&str| !text.is_empty() && text.len() <= MAX_NAME && text.bytes().all(plain);
    let text = |key: &str| metadata.get(key).and_then(Value::as_str).filter(fits);
    let name = text("name").or_else(|| text("generateName"))?;
    let (api_version, kind) = ("v1".to_owned(), "Pod".to_owned());
    Some(Subject { namespace: namespace.to_owned(), api_version, kind, name: name.to_owned(), uid: None })
}

#[cfg(test)]
mod tests {
    //! Pods with owners, with names, with beginnings of names, and with nonsense.

    use serde_json::json;

    use super::*;

    fn of(metadata: &Value) -> Option<String> {
        let subject = Subject::of(&json!({ "metadata": metadata }), "shop")?;
        assert_eq!(subject.namespace, "shop");
        Some(format!("{} {} {} {}", subject.api_version, subject.kind, subject.name, subject.uid.unwrap_or_default()))
    }

    #[test]
    fn an_event_is_about_the_controller_and_else_about_the_pod() {
        let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7d9c", "uid": "u-1", "controller": true});
        let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u-2"});
        let node = json!({"apiVersion": "v1", "kind": "Node", "name": "n-1", "uid": "u-3", "controller": true});
        let with = |owner: &Value| json!({ "generateName": "web-7d9c-", "ownerReferences": [other, owner] });
        assert_eq!(of(&with(&set)).unwrap(), "apps/v1 ReplicaSet web-7d9c u-1");
        assert_eq!(of(&with(&other)).unwrap(), "v1 Pod web-7d9c- ", "who only owns it does not make it");
        assert_eq!(of(&with(&node)).unwrap(), "v1 Pod web-7d9c- ");
        assert_eq!(of(&json!({ "name": "web", "generateName": "w-" })).unwrap(), "v1 Pod web ");
        for nonsense in
            [json!({}), json!([]), json!({ "name": "" }), json!({ "name": "a\nb" }), json!({ "name": "a".repeat(254) })]
        {
            assert_eq!(of(&nonsense), None, "{nonsense}");
        }
        for (key, bad) in [("name", "../x"), ("kind", "A B"), ("apiVersion", ""), ("name", "Web")] {
            let mut owner = set.clone();
            owner[key] = bad.into();
            assert_eq!(of(&with(&owner)).unwrap(), "v1 Pod web-7d9c- ", "{key}: {bad}");
        }
        for namespace in ["", "a/b", "..", "Shop", "?"] {
            assert_eq!(Subject::of(&json!({ "metadata": { "name": "web" } }), namespace), None);
        }
    }
}
