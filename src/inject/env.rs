//! Variables of the user's containers that tell an agent where its servers are.

use serde_json::{Map, Value, json};

use super::patch::{Draft, Misfit};
use super::pod::Pod;
use super::status::Notes;
use super::wish::Agent;

/// Sets the variables that were asked for, and notes what was there.
pub(super) fn set(draft: &mut Draft, pod: &Pod<'_>, agent: &Agent, agent_port: u16, notes: &mut Notes) -> Result<(), Misfit> {
    let wanted = |name: &str| agent.containers.is_empty() || agent.containers.iter().any(|chosen| chosen == name);
    for container in pod.containers.iter().filter(|container| wanted(container.name)) {
        for (variable, server) in &agent.variables {
            let list = format!("{}/env", container.pointer);
            let entry = json!({ "name": variable, "value": address(agent_port, server) });
            if draft.ensure(&list, json!([]))? {
                notes.made(format!("env:{}", container.name));
            }
            let places: Vec<usize> = places(draft.list(&list), variable);
            let was: Vec<Value> = places.iter().filter_map(|place| draft.list(&list).get(*place).cloned()).collect();
            match places.last() {
                // The last of several counts.
                Some(place) => draft.replace(format!("{list}/{place}"), entry)?,
                None => draft.add(format!("{list}/-"), entry)?,
            }
            notes.was(container.name, "env", variable, was.last().cloned().unwrap_or(Value::Null));
        }
    }
    Ok(())
}

fn address(port: u16, server: &str) -> String {
    format!("http://127.0.0.1:{port}/{server}")
}

fn places(list: &[Value], variable: &str) -> Vec<usize> {
    let named = |(place, entry): (usize, &Value)| (entry.get("name").and_then(Value::as_str) == Some(variable)).then_some(place);
    list.iter().enumerate().filter_map(named).collect()
}

/// Puts variables back as they were, those that still hold an address of ours.
pub(super) fn restore(draft: &mut Draft, pointer: &str, was: &Map<String, Value>) -> Result<(), Misfit> {
    let Some(variables) = was.get("env").and_then(Value::as_object) else { return Ok(()) };
    let list = format!("{pointer}/env");
    for (variable, old) in variables.iter().rev() {
        let Some(place) = places(draft.list(&list), variable).last().copied() else { continue };
        let value = draft.at(&format!("{list}/{place}/value")).and_then(Value::as_str);
        if !value.is_some_and(|value| value.starts_with("http://127.0.0.1:")) {
            continue;
        }
        match old {
            Value::Object(_) => draft.replace(format!("{list}/{place}"), old.clone())?,
            _ => draft.remove(format!("{list}/{place}"))?,
        }
    }
    Ok(())
}
