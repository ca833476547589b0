//! `subscriptions/listen`: what a client wants to be told, and how to ask the server for less.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::jsonrpc::Message;
use super::malformed::Malformed;
use super::splice::Splice;
use crate::json;

/// The filter of a `subscriptions/listen` request, or of its acknowledgement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListenFilter {
    /// Tell when the list of tools changes.
    pub tools_list_changed: bool,
    /// Tell when the list of prompts changes.
    pub prompts_list_changed: bool,
    /// Tell when the list of resources changes.
    pub resources_list_changed: bool,
    /// Tell when one of these resources changes.
    pub resource_subscriptions: Vec<Arc<str>>,
    /// Tell how these tasks go on.
    pub task_ids: Vec<Arc<str>>,
}

const KEYS: [&str; 5] = ["toolsListChanged", "promptsListChanged", "resourcesListChanged", "resourceSubscriptions", "taskIds"];

/// Reads what a message asks to be told; nothing, when it does not say.
///
/// # Errors
///
/// [`Malformed`] (-32602) when the filter is not of the specification's types.
pub fn filter(message: &Message) -> Result<ListenFilter, Malformed> {
    let refused = |malformed: Malformed| malformed.answering(message.id());
    let parts = Parts::read(message.notifications()).map_err(refused)?;
    let texts = |elements: &[&str]| elements.iter().map(|raw| Ok(string(raw)?.into())).collect::<Result<_, Malformed>>();
    Ok(ListenFilter {
        tools_list_changed: parts.tools_list_changed,
        prompts_list_changed: parts.prompts_list_changed,
        resources_list_changed: parts.resources_list_changed,
        resource_subscriptions: texts(&parts.resources).map_err(refused)?,
        task_ids: texts(&parts.tasks).map_err(refused)?,
    })
}

/// The request without the resources and tasks that `keep_resource` and `keep_task` do not want; every other byte stays.
///
/// # Errors
///
/// [`Malformed`], as for [`filter`].
pub fn retain(
    message: &Message,
    mut keep_resource: impl FnMut(&str) -> bool,
    mut keep_task: impl FnMut(&str) -> bool,
) -> Result<Bytes, Malformed> {
    let refused = |malformed: Malformed| malformed.answering(message.id());
    let parts = Parts::read(message.notifications()).map_err(refused)?;
    let mut splice = Splice::of(message.body());
    let resources = parts.resources.iter().map(|raw| Ok(keep_resource(&string(raw)?)));
    splice.retain(&parts.resources, &resources.collect::<Result<Vec<_>, Malformed>>().map_err(refused)?);
    let tasks = parts.tasks.iter().map(|raw| Ok(keep_task(&string(raw)?)));
    splice.retain(&parts.tasks, &tasks.collect::<Result<Vec<_>, Malformed>>().map_err(refused)?);
    Ok(splice.apply())
}

/// The filter as text.
#[derive(Default)]
struct Parts<'a> {
    tools_list_changed: bool,
    prompts_list_changed: bool,
    resources_list_changed: bool,
    resources: Vec<&'a str>,
    tasks: Vec<&'a str>,
}

impl<'a> Parts<'a> {
    fn read(text: Option<&'a Bytes>) -> Result<Self, Malformed> {
        let malformed = || Malformed::params("The filter in `notifications` is not of the specified form.");
        let mut parts = Self::default();
        let Some(text) = text else { return Ok(parts) };
        let text = std::str::from_utf8(text).map_err(|_| malformed())?;
        for member in json::members(text)? {
            match &*member.key {
                "toolsListChanged" => parts.tools_list_changed = flag(member.value)?,
                "promptsListChanged" => parts.prompts_list_changed = flag(member.value)?,
                "resourcesListChanged" => parts.resources_list_changed = flag(member.value)?,
                "resourceSubscriptions" => parts.resources = json::elements(member.value).map_err(|_| malformed())?,
                "taskIds" => parts.tasks = json::elements(member.value).map_err(|_| malformed())?,
                other if json::disguised(other, &KEYS) => return Err(malformed()),
                _ => {}
            }
        }
        Ok(parts)
    }
}

fn flag(raw: &str) -> Result<bool, Malformed> {
    match raw {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Malformed::params("A flag in `notifications` is not a boolean.")),
    }
}

fn string(raw: &str) -> Result<Cow<'_, str>, Malformed> {
    json::string(raw).map_err(|_| Malformed::params("A list in `notifications` holds something else than strings."))
}

#[cfg(test)]
#[path = "listen_tests.rs"]
mod tests;
