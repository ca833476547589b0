//! The injection itself: strip, read, check, and put everything in.

use serde_json::{Value, json};

use super::names::{
    BIN, BIN_DIRECTORY, BIN_THERE, CONTAINERS, DEFAULT_CONTAINER, INJECTED, INJECTED_LABEL, MIRROR, POD_LABEL, RUN,
    RUN_DIRECTORY, STDIO_SOCKET,
};
use super::patch::{Draft, Misfit, Op, object, word};
use super::pod::{Pod, object as object_of};
use super::probes::{Redirect, redirects};
use super::refused::Refused;
use super::settings::Settings;
use super::status::{self, Notes};
use super::strip::strip;
use super::wish::{Guard, Mode, Socket, Stdio, Wish};
use super::{env, sidecar};

/// What became of a pod.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It gets the sidecar.
    Injected(Patch),
    /// It is left as it is, and why.
    Skipped(&'static str),
}

/// How a pod is changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// The operations; none when the pod is as it should be.
    pub ops: Vec<Op>,
    /// The pod after them.
    pub pod: Value,
    /// What the user should hear.
    pub warnings: Vec<String>,
}

/// Injects the sidecar into a pod, or into the template of one.
///
/// Of the user's containers nothing changes but what its mode says: probes of the guarded port, the name of a port that moves, variables
/// that were asked for, the command that is wrapped, and mounts of our volumes.
///
/// # Errors
/// [`Refused`] when the pod should be injected and cannot be.
pub fn inject(pod: &Value, settings: &Settings) -> Result<Outcome, Refused> {
    if let Some(reason) = skipped(&Pod::read(pod)?) {
        return Ok(Outcome::Skipped(reason));
    }
    let mut draft = Draft::new(pod.clone());
    strip(&mut draft).map_err(Refused::from)?;
    let stripped = draft.document.clone();
    let view = Pod::read(&stripped)?;
    fits(&view, settings)?;
    let wish = Wish::read(&view, settings)?;
    let warnings = fill(&mut draft, &view, &wish, settings)?;
    Ok(Outcome::Injected(patch(draft, pod, warnings)))
}

/// Takes the sidecar out of a pod and puts back what was changed for it.
///
/// # Errors
/// [`Refused`] when this is no pod.
pub fn remove(pod: &Value) -> Result<Patch, Refused> {
    Pod::read(pod)?;
    let mut draft = Draft::new(pod.clone());
    strip(&mut draft).map_err(Refused::from)?;
    Ok(patch(draft, pod, Vec::new()))
}

/// Operations that lead back to where they began are none.
fn patch(draft: Draft, before: &Value, warnings: Vec<String>) -> Patch {
    let ops = if draft.document == *before { Vec::new() } else { draft.ops };
    Patch { ops, pod: draft.document, warnings }
}

fn skipped(pod: &Pod<'_>) -> Option<&'static str> {
    if pod.labels.get(POD_LABEL) == Some(&"false") {
        return Some("its label cedarpost.dev/inject is \"false\"");
    }
    if pod.annotations.contains_key(MIRROR) {
        return Some("it mirrors a static pod, which cannot be changed");
    }
    pod.windows.then_some("it is a Windows pod, for which there is no sidecar")
}

/// What makes a sidecar pointless: then the answer is no.
fn fits(pod: &Pod<'_>, settings: &Settings) -> Result<(), Refused> {
    if let Some(label) = pod.labels.get(POD_LABEL).filter(|label| **label != "true") {
        let reason = format!("`{label}` is neither \"true\" nor \"false\"");
        return Err(Refused::new(format!("metadata.labels[{POD_LABEL}]"), reason));
    }
    if pod.host_network {
        let reason = "a pod in the network of its node cannot have a sidecar: everybody on the node shares its addresses";
        return Err(Refused::new("spec.hostNetwork", reason));
    }
    if pod.share_process_namespace {
        let reason = "containers that share their processes can look into the sidecar";
        return Err(Refused::new("spec.shareProcessNamespace", reason));
    }
    let user =
        |security: Option<&serde_json::Map<String, Value>>| security.and_then(|security| security.get("runAsUser")).cloned();
    for container in pod.all() {
        if CONTAINERS.contains(&container.name) {
            let reason = format!("`{}` is a name of the sidecar's", container.name);
            return Err(Refused::new(format!("{}.name", container.path), reason));
        }
        let own = object_of(container.value, "securityContext", &format!("{}.securityContext", container.path))?;
        if user(own).or_else(|| user(pod.security)) == Some(json!(settings.user)) {
            let reason = format!("container `{}` runs as user {}, which is the sidecar's", container.name, settings.user);
            return Err(Refused::new(format!("{}.securityContext.runAsUser", container.path), reason));
        }
    }
    Ok(())
}

/// Puts everything in, and says what the user should hear.
fn fill(draft: &mut Draft, pod: &Pod<'_>, wish: &Wish, settings: &Settings) -> Result<Vec<String>, Refused> {
    let mut notes = Notes::default();
    let (mut targets, mut named, mut warnings) = (Vec::new(), None, Vec::new());
    let mut touched = json!([]);
    match &wish.mode {
        Mode::Guard(guard) => {
            let (redirected, said) = redirects(pod, guard, settings.admin_port)?;
            warnings.extend(said);
            touched = redirected.iter().map(|redirect| redirect.becomes.clone()).collect();
            targets = redirect(draft, redirected, &mut notes).map_err(Refused::from)?;
            named = move_port(draft, pod, guard, &mut notes).map_err(Refused::from)?;
            if let Some(socket) = &guard.socket {
                share(draft, pod, socket, &mut notes).map_err(Refused::from)?;
            }
        }
        Mode::Stdio(stdio) => wrap(draft, pod, stdio, settings, &mut notes).map_err(Refused::from)?,
        Mode::Agent(agent) => env::set(draft, pod, agent, settings.agent_port, &mut notes).map_err(Refused::from)?,
    }
    let container = sidecar::container(wish, settings, &targets, named.as_deref());
    let copier = sidecar::copier(wish, settings);
    let volumes = sidecar::volumes(wish, settings);
    let digest = status::digest(&json!([container, copier, volumes, touched]));
    place(draft, container, copier, volumes, &mut notes).map_err(Refused::from)?;
    mark(draft, pod, wish.mode.word(), &digest, notes).map_err(Refused::from)?;
    warnings.extend(advice(pod, wish));
    Ok(warnings)
}

fn advice(pod: &Pod<'_>, wish: &Wish) -> Vec<String> {
    let mut advice = Vec::new();
    if wish.mode.port().is_some() && wish.services.is_empty() {
        let text = "no annotation cedarpost.dev/services: only clients that use the address of the pod, or a host in the sidecar's \
                    own settings, are let in";
        advice.push(text.to_owned());
    }
    let grouped = pod.security.is_some_and(|security| security.contains_key("fsGroup"));
    if let Some(socket) = wish.mode.socket().filter(|_| !grouped) {
        advice.push(format!(
            "spec.securityContext.fsGroup is not set: the sidecar reaches the socket of container `{}` only if its mode is 0666",
            socket.container
        ));
    }
    if wish.state_claim.is_some() && !grouped {
        advice.push("spec.securityContext.fsGroup is not set: the sidecar may not be able to write to its volume".to_owned());
    }
    advice
}

/// The pointer to the label.
pub(super) fn label() -> String {
    format!("/metadata/labels/{}", word(INJECTED_LABEL))
}

fn redirect(draft: &mut Draft, redirected: Vec<Redirect>, notes: &mut Notes) -> Result<Vec<String>, Misfit> {
    let mut targets = Vec::new();
    for redirect in redirected {
        draft.replace(redirect.pointer, redirect.becomes)?;
        notes.was_whole(&redirect.container, redirect.key, redirect.was);
        targets.push(redirect.target);
    }
    Ok(targets)
}

/// Where the sidecar has another port than the server, the server's port loses its name to the sidecar's, so that Services which go by
/// the name lead to the sidecar.
fn move_port(draft: &mut Draft, pod: &Pod<'_>, guard: &Guard, notes: &mut Notes) -> Result<Option<String>, Misfit> {
    let mut moved = None;
    if guard.port == guard.app_port {
        return Ok(moved);
    }
    for container in pod.lasting() {
        for (place, port) in container.ports.iter().enumerate() {
            let Some(name) = port.name.filter(|_| port.tcp && port.number == guard.app_port) else { continue };
            draft.remove(format!("{}/ports/{place}/name", container.pointer))?;
            notes.was(container.name, "ports", &port.number.to_string(), name.into());
            moved = moved.or_else(|| Some(name.to_owned()));
        }
    }
    Ok(moved)
}

/// Gives the server's container the directory of its socket.
fn share(draft: &mut Draft, pod: &Pod<'_>, socket: &Socket, notes: &mut Notes) -> Result<(), Misfit> {
    let Some(container) = pod.containers.iter().find(|container| container.name == socket.container) else { return Ok(()) };
    let mounts = format!("{}/volumeMounts", container.pointer);
    if draft.ensure(&mounts, json!([]))? {
        notes.made(format!("volumeMounts:{}", container.name));
    }
    draft.add(format!("{mounts}/-"), json!({ "name": RUN, "mountPath": socket.directory }))
}

/// Has the server's container start the bridge, which starts the server.
fn wrap(draft: &mut Draft, pod: &Pod<'_>, stdio: &Stdio, settings: &Settings, notes: &mut Notes) -> Result<(), Misfit> {
    let Some(container) = pod.containers.iter().find(|container| container.name == stdio.container) else { return Ok(()) };
    let was = container.value.get("command").cloned().unwrap_or_default();
    let user = settings.user.to_string();
    let before = [BIN_THERE, "bridge", "serve", STDIO_SOCKET, "--peer", &user, "--"];
    let words = was.as_array().map(Vec::as_slice).unwrap_or_default();
    let command: Vec<Value> = before.iter().map(|word| json!(word)).chain(words.iter().cloned()).collect();
    draft.replace(format!("{}/command", container.pointer), Value::Array(command))?;
    notes.was_whole(container.name, "command", was);
    let mounts = format!("{}/volumeMounts", container.pointer);
    if draft.ensure(&mounts, json!([]))? {
        notes.made(format!("volumeMounts:{}", container.name));
    }
    draft.add(format!("{mounts}/-"), json!({ "name": BIN, "mountPath": BIN_DIRECTORY, "readOnly": true }))?;
    draft.add(format!("{mounts}/-"), json!({ "name": RUN, "mountPath": RUN_DIRECTORY }))
}

fn place(
    draft: &mut Draft,
    container: Value,
    copier: Option<Value>,
    volumes: Vec<Value>,
    notes: &mut Notes,
) -> Result<(), Misfit> {
    if draft.ensure("/spec/initContainers", json!([]))? {
        notes.made("initContainers");
    }
    if let Some(copier) = copier {
        draft.add("/spec/initContainers/0", copier)?;
    }
    draft.add("/spec/initContainers/0", container)?;
    if draft.ensure("/spec/volumes", json!([]))? {
        notes.made("volumes");
    }
    for volume in volumes {
        draft.add("/spec/volumes/-", volume)?;
    }
    Ok(())
}

/// The label by which others select the pod, and the annotations that say what was done to it.
fn mark(draft: &mut Draft, pod: &Pod<'_>, mode: &str, digest: &str, mut notes: Notes) -> Result<(), Misfit> {
    if draft.ensure("/metadata", object())? {
        notes.made("metadata");
    }
    if draft.ensure("/metadata/labels", object())? {
        notes.made("labels");
    }
    draft.add(label(), INJECTED.into())?;
    if draft.ensure("/metadata/annotations", object())? {
        notes.made("annotations");
    }
    let default_container = format!("/metadata/annotations/{}", word(DEFAULT_CONTAINER));
    if let (None, Some(first)) = (draft.at(&default_container), pod.containers.first()) {
        draft.add(default_container, first.name.into())?;
        notes.made("default-container");
    }
    draft.add(status::pointer(), notes.status(mode, digest).into())
}
