//! `[[approvals.webhook]]`: who is told of calls that wait for a person.
//!
//! Secrets are never settings but stand in files of their own; so may an address that is a secret itself.

use std::collections::BTreeSet;
use std::time::Duration;

use super::keys::{WEBHOOK, WEBHOOK_KEYS};
use super::raw::{Given, Table};
use super::reader::{Reader, id, list, text};
use super::report::Problem;
use crate::hooks::{Address, Event, Format, HookSettings, Target};

/// The most hooks.
const MOST: usize = 16;

/// All of them.
pub(super) fn webhooks(reader: &mut Reader<'_>, tables: Vec<Table>) -> Option<Vec<HookSettings>> {
    let mut hooks = Vec::new();
    let (mut complete, mut names) = (true, BTreeSet::new());
    for (index, table) in tables.into_iter().enumerate() {
        let at = table.origin.clone();
        if index >= MOST {
            reader.problem(Problem::new(&at, format!("there are more than {MOST} webhooks")));
            return None;
        }
        let default = format!("webhook{}", index + 1);
        match webhook(&mut reader.scoped(WEBHOOK_KEYS, format!("[[{WEBHOOK}]] {index}"), table), default) {
            None => complete = false,
            Some(hook) => {
                if !names.insert(hook.name.clone()) {
                    reader.problem(Problem::new(&at, format!("two webhooks are named `{}`", hook.name)));
                }
                hooks.push(hook);
            }
        }
    }
    complete.then_some(hooks)
}

fn webhook(reader: &mut Reader<'_>, default: String) -> Option<HookSettings> {
    let name = reader.optional("name", |given| id(&text(given)?));
    let target = target(reader);
    let secret_file = reader.optional_path("secret_file");
    let events = reader.read("events", events);
    let format = reader.read("format", format);
    let timeout = reader.duration("timeout", Duration::from_millis(100)..=Duration::from_secs(60));
    let include_arguments = reader.flag("include_arguments");
    let plaintext = reader.flag("plaintext_non_loopback");
    let (secret_file, format, plaintext_non_loopback) = (secret_file?, format?, plaintext?);
    let target = target?;
    if let Target::Address(address) = &target
        && address.is_exposed()
        && !plaintext_non_loopback
    {
        let message = format!("`url` is plain http to another machine, `{}`", address.host());
        let help = "use https, or set `plaintext_non_loopback = true` if nobody can listen there";
        reader.problem(Problem::new(&reader.origin("url"), message).help(help));
    }
    if secret_file.is_none() && format == Format::Standard {
        let message = "`secret_file` is not set: whoever receives the messages could not tell them from others";
        let help = "set `secret_file` to a file with `whsec_` and the base64 form of 24 to 64 random bytes";
        reader.problem(Problem::new(&reader.at.clone(), message).help(help));
    }
    Some(HookSettings {
        name: name?.unwrap_or(default),
        target,
        secret_file,
        events: events?,
        format,
        timeout: timeout?,
        include_arguments: include_arguments?,
        plaintext_non_loopback,
    })
}

fn target(reader: &mut Reader<'_>) -> Option<Target> {
    let url = reader.optional("url", |given| text(given)?.parse::<Address>().map_err(|error| error.to_string()))?;
    let file = reader.optional_path("url_file")?;
    match (url, file) {
        (Some(address), None) => Some(Target::Address(address)),
        (None, Some(file)) => Some(Target::File(file)),
        (given, _) => {
            let what =
                if given.is_some() { "`url` and `url_file` are both set" } else { "there is neither `url` nor `url_file`" };
            let help =
                "set `url` to the address of the webhook, or `url_file` to a file with it when the address itself is a secret";
            reader.problem(Problem::new(&reader.at.clone(), what).help(help));
            None
        }
    }
}

fn events(given: &Given) -> Result<Vec<Event>, String> {
    let names = list(given)?;
    if names.is_empty() {
        return Ok(Event::ALL.to_vec());
    }
    let event = |name: &String| {
        let found = Event::ALL.into_iter().find(|event| event.name() == name);
        found.ok_or_else(|| format!("`{name}` is not one of {}", Event::ALL.map(Event::name).join(", ")))
    };
    names.iter().map(event).collect()
}

fn format(given: &Given) -> Result<Format, String> {
    let word = text(given)?;
    let found = Format::NAMES.into_iter().find(|(name, _)| *name == word);
    found.map(|(_, format)| format).ok_or_else(|| format!("`{word}` is not one of standard, slack"))
}

#[cfg(test)]
#[path = "webhooks_tests.rs"]
mod tests;
