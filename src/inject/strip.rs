//! Takes everything out of a pod that carries a name of this house, and puts back what was changed.
//!
//! This comes before each injection too: what only looks like the sidecar is not left in place, and nothing that a user wrote reads the
//! sidecar's volumes.

use serde_json::{Map, Value};

use super::env;
use super::names::{BIN_THERE, CONTAINERS, DEFAULT_CONTAINER, VOLUMES};
use super::pass::label;
use super::patch::{Draft, Misfit, word};
use super::probes;
use super::status::{self, Noted};

pub(super) fn strip(draft: &mut Draft) -> Result<(), Misfit> {
    let noted = Noted::read(draft);
    let annotated = noted.is_some();
    let noted = noted.unwrap_or_default();
    for list in ["containers", "initContainers"] {
        restore(draft, list, &noted)?;
    }
    remove_named(draft, "/spec/initContainers", &CONTAINERS)?;
    remove_named(draft, "/spec/volumes", &VOLUMES)?;
    for list in ["initContainers", "volumes"] {
        remove_made(draft, &noted, list, &format!("/spec/{list}"))?;
    }
    if draft.at(&label()).is_some() {
        draft.remove(label())?;
        remove_made(draft, &noted, "labels", "/metadata/labels")?;
    }
    if annotated {
        draft.remove(status::pointer())?;
        let default_container = format!("/metadata/annotations/{}", word(DEFAULT_CONTAINER));
        if noted.made("default-container") && draft.at(&default_container).is_some() {
            draft.remove(default_container)?;
        }
        remove_made(draft, &noted, "annotations", "/metadata/annotations")?;
        remove_made(draft, &noted, "metadata", "/metadata")?;
    }
    Ok(())
}

/// Puts back what was changed in the containers of a list.
fn restore(draft: &mut Draft, list: &str, noted: &Noted) -> Result<(), Misfit> {
    let nothing = Map::new();
    for place in 0..draft.list(&format!("/spec/{list}")).len() {
        let pointer = format!("/spec/{list}/{place}");
        let Some(name) = draft.at(&format!("{pointer}/name")).and_then(Value::as_str).map(str::to_owned) else { continue };
        let was = noted.was(&name).unwrap_or(&nothing).clone();
        probes::restore(draft, &pointer, &name, &was)?;
        env::restore(draft, &pointer, &was)?;
        remove_made(draft, noted, &format!("env:{name}"), &format!("{pointer}/env"))?;
        restore_command(draft, &pointer, &was)?;
        restore_ports(draft, &pointer, &was)?;
        remove_named(draft, &format!("{pointer}/volumeMounts"), &VOLUMES)?;
        remove_made(draft, noted, &format!("volumeMounts:{name}"), &format!("{pointer}/volumeMounts"))?;
    }
    Ok(())
}

fn restore_command(draft: &mut Draft, pointer: &str, was: &Map<String, Value>) -> Result<(), Misfit> {
    let path = format!("{pointer}/command");
    match was.get("command") {
        Some(old @ Value::Array(_)) if draft.at(&format!("{path}/0")).and_then(Value::as_str) == Some(BIN_THERE) => {
            draft.replace(path, old.clone())
        }
        _ => Ok(()),
    }
}

/// Ports that lost their names to the sidecar get them back.
fn restore_ports(draft: &mut Draft, pointer: &str, was: &Map<String, Value>) -> Result<(), Misfit> {
    let Some(names) = was.get("ports").and_then(Value::as_object) else { return Ok(()) };
    for place in 0..draft.list(&format!("{pointer}/ports")).len() {
        let port = format!("{pointer}/ports/{place}");
        let number = draft.at(&format!("{port}/containerPort")).map(Value::to_string);
        let name = number.and_then(|number| names.get(&number)).filter(|name| name.is_string()).cloned();
        if let (Some(name), None) = (name, draft.at(&format!("{port}/name"))) {
            draft.add(format!("{port}/name"), name)?;
        }
    }
    Ok(())
}

fn remove_named(draft: &mut Draft, list: &str, names: &[&str]) -> Result<(), Misfit> {
    let ours = |value: &Value| value.get("name").and_then(Value::as_str).is_some_and(|name| names.contains(&name));
    while let Some(place) = draft.list(list).iter().rposition(ours) {
        draft.remove(format!("{list}/{place}"))?;
    }
    Ok(())
}

/// Takes away a list or an object that was made for us and is empty again.
fn remove_made(draft: &mut Draft, noted: &Noted, what: &str, path: &str) -> Result<(), Misfit> {
    let empty = match draft.at(path) {
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        _ => false,
    };
    if empty && noted.made(what) { draft.remove(path) } else { Ok(()) }
}
