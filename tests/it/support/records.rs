//! What the audit log says about the calls of a test.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::{Home, cedarpost};

const ATTEMPTS: usize = 60;

/// A decision, and how what it allowed has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) action: String,
    /// The tool, resource, prompt or method; empty for the server itself.
    pub(crate) target: String,
    /// The meta-tool that was asked; empty where none was.
    pub(crate) via: String,
    pub(crate) decision: String,
    /// The outcome records that belong to it, with the reason of a failure.
    pub(crate) outcomes: Vec<String>,
}

impl Entry {
    /// `action target [via meta-tool] decision outcome`, with everything there is of the last.
    pub(crate) fn line(&self) -> String {
        let via = if self.via.is_empty() { String::new() } else { format!("via {}", self.via) };
        let words = [self.action.as_str(), &self.target, &via, &self.decision, &self.outcomes.join("+")];
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// All decisions in the log, in order. Waits until every allowed call has an outcome: outcomes are written behind the answer.
pub(crate) async fn entries(home: &Home) -> Vec<Entry> {
    for _ in 0..ATTEMPTS {
        let entries = read(home).await;
        if entries.iter().all(|entry| entry.decision != "allow" || !entry.outcomes.is_empty()) {
            assert!(entries.iter().all(|entry| entry.outcomes.len() == usize::from(entry.decision == "allow")), "{entries:#?}");
            return entries;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("some allowed call has no outcome: {:#?}", read(home).await);
}

async fn read(home: &Home) -> Vec<Entry> {
    let directory = home.audit();
    let shown = cedarpost(&["audit", "show", "--limit", "100000", "--audit-dir", directory.to_str().unwrap(), "--json"]).await;
    assert!(shown.status.success(), "{shown:?}");
    let mut entries: BTreeMap<u64, Entry> = BTreeMap::new();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for line in String::from_utf8(shown.stdout).unwrap().lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        match record["t"].as_str() {
            Some("decision") => {
                let target = ["tool", "resource", "prompt", "method"].iter().find_map(|key| record[key].as_str());
                let (action, decision) = (text(&record["action"]), text(&record["decision"]));
                let (target, via) = (target.unwrap_or_default().to_owned(), text(&record["via"]));
                let entry = Entry { action, target, via, decision, outcomes: Vec::new() };
                entries.insert(record["seq"].as_u64().unwrap(), entry);
            }
            Some("outcome") => {
                let entry = entries.get_mut(&record["decision_seq"].as_u64().unwrap()).expect("an outcome belongs to a decision");
                let failure = record["failure"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
                entry.outcomes.push(text(&record["outcome"]) + &failure);
            }
            _ => {}
        }
    }
    entries.into_values().collect()
}
