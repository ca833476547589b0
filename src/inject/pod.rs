//! A typed look at the parts of a pod that matter here. What is there must be of the right type: a `hostNetwork: "yes"` is not `false`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::refused::Refused;

/// A pod, or the template of one.
#[derive(Debug)]
pub(super) struct Pod<'a> {
    pub(super) annotations: BTreeMap<&'a str, &'a str>,
    pub(super) labels: BTreeMap<&'a str, &'a str>,
    pub(super) containers: Vec<Container<'a>>,
    pub(super) init_containers: Vec<Container<'a>>,
    pub(super) host_network: bool,
    pub(super) windows: bool,
    /// `securityContext` of the pod.
    pub(super) security: Option<&'a Map<String, Value>>,
    pub(super) share_process_namespace: bool,
}

/// One of its containers.
#[derive(Debug)]
pub(super) struct Container<'a> {
    /// Where it stands, as a JSON pointer.
    pub(super) pointer: String,
    /// Where it stands, for people.
    pub(super) path: String,
    pub(super) name: &'a str,
    pub(super) value: &'a Map<String, Value>,
    pub(super) ports: Vec<Port<'a>>,
}

/// A port that a container names.
#[derive(Debug)]
pub(super) struct Port<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) number: u16,
    pub(super) tcp: bool,
}

impl<'a> Pod<'a> {
    pub(super) fn read(pod: &'a Value) -> Result<Self, Refused> {
        let root = pod.as_object().ok_or_else(|| Refused::new("pod", "this is not an object"))?;
        let metadata = object(root, "metadata", "metadata")?;
        let spec = object(root, "spec", "spec")?.ok_or_else(|| Refused::new("spec", "the pod has no spec"))?;
        let os = object(spec, "os", "spec.os")?.and_then(|os| os.get("name"));
        let windows = match os {
            None | Some(Value::Null) => false,
            Some(Value::String(name)) => name == "windows",
            Some(_) => return Err(Refused::new("spec.os.name", "this is not text")),
        };
        let read = Self {
            annotations: strings(metadata, "annotations", "metadata.annotations")?,
            labels: strings(metadata, "labels", "metadata.labels")?,
            containers: containers(spec, "containers")?,
            init_containers: containers(spec, "initContainers")?,
            host_network: boolean(spec, "hostNetwork", "spec.hostNetwork")?,
            windows,
            security: object(spec, "securityContext", "spec.securityContext")?,
            share_process_namespace: boolean(spec, "shareProcessNamespace", "spec.shareProcessNamespace")?,
        };
        list(spec, "volumes", "spec.volumes")?;
        if read.containers.is_empty() {
            return Err(Refused::new("spec.containers", "the pod has no containers"));
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = read.all().find(|container| !seen.insert(container.name)) {
            let reason = format!("there are two containers called `{}`", twice.name);
            return Err(Refused::new(format!("{}.name", twice.path), reason));
        }
        drop(seen);
        Ok(read)
    }

    /// All containers, those that run all the time first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Container<'a>> {
        self.containers.iter().chain(&self.init_containers)
    }

    /// The containers that run as long as the pod does.
    pub(super) fn lasting(&self) -> impl Iterator<Item = &Container<'a>> {
        let sidecar = |container: &&Container<'_>| container.value.get("restartPolicy").and_then(Value::as_str) == Some("Always");
        self.containers.iter().chain(self.init_containers.iter().filter(sidecar))
    }
}

fn containers<'a>(spec: &'a Map<String, Value>, key: &str) -> Result<Vec<Container<'a>>, Refused> {
    let read = |(index, value): (usize, &'a Value)| {
        let path = format!("spec.{key}[{index}]");
        let value = value.as_object().ok_or_else(|| Refused::new(&path, "this is not an object"))?;
        let name = value.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Refused::new(format!("{path}.name"), "a container needs a name"))?;
        let ports = list(value, "ports", &format!("{path}.ports"))?.iter().enumerate();
        let ports = ports.map(|(place, port)| self::port(port, &format!("{path}.ports[{place}]"))).collect::<Result<_, _>>()?;
        for (list_key, element) in [("env", "name"), ("volumeMounts", "name")] {
            let place = format!("{path}.{list_key}");
            if list(value, list_key, &place)?.iter().any(|entry| entry.get(element).and_then(Value::as_str).is_none()) {
                return Err(Refused::new(place, format!("an entry has no `{element}`")));
            }
        }
        Ok(Container { pointer: format!("/spec/{key}/{index}"), path, name, value, ports })
    };
    list(spec, key, &format!("spec.{key}"))?.iter().enumerate().map(read).collect()
}

fn port<'a>(port: &'a Value, path: &str) -> Result<Port<'a>, Refused> {
    let number = port.get("containerPort").and_then(Value::as_u64).and_then(|number| u16::try_from(number).ok());
    let number = number.filter(|number| *number > 0);
    let number = number.ok_or_else(|| Refused::new(format!("{path}.containerPort"), "this is not a port from 1 to 65535"))?;
    let tcp = port.get("protocol").is_none_or(|protocol| protocol.is_null() || protocol == "TCP");
    Ok(Port { name: port.get("name").and_then(Value::as_str), number, tcp })
}

pub(super) fn object<'a>(
    parent: &'a Map<String, Value>,
    key: &str,
    path: &str,
) -> Result<Option<&'a Map<String, Value>>, Refused> {
    match parent.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(map)) => Ok(Some(map)),
        Some(_) => Err(Refused::new(path, "this is not an object")),
    }
}

fn list<'a>(parent: &'a Map<String, Value>, key: &str, path: &str) -> Result<&'a [Value], Refused> {
    match parent.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(Refused::new(path, "this is not a list")),
    }
}

fn boolean(parent: &Map<String, Value>, key: &str, path: &str) -> Result<bool, Refused> {
    match parent.get(key) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(_) => Err(Refused::new(path, "this is neither true nor false")),
    }
}

fn strings<'a>(parent: Option<&'a Map<String, Value>>, key: &str, path: &str) -> Result<BTreeMap<&'a str, &'a str>, Refused> {
    let map = parent.map(|parent| object(parent, key, path)).transpose()?.flatten();
    let Some(map) = map else { return Ok(BTreeMap::new()) };
    let read = |(key, value): (&'a String, &'a Value)| {
        let text = value.as_str().ok_or_else(|| Refused::new(format!("{path}[{key}]"), "this is not text; put it in quotes"))?;
        Ok((key.as_str(), text))
    };
    map.iter().map(read).collect()
}
