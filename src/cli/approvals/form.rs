//! A ticket as the sidecar tells it (`docs/approvals.md`).

use anyhow::Context;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::domain::Timestamp;

#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    pub(super) approvals: Vec<Approval>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Looked {
    pub(super) approval: Approval,
    pub(super) last_approved: Option<Last>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Told {
    pub(super) event: String,
    pub(super) approval: Option<Approval>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Approval {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) asked: String,
    pub(super) expires: String,
    pub(super) ended: Option<String>,
    pub(super) agent: String,
    pub(super) actor: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) server: String,
    pub(super) action: String,
    pub(super) target: Option<String>,
    pub(super) via: Option<String>,
    pub(super) arguments: Option<Box<RawValue>>,
    pub(super) digest: Option<String>,
    pub(super) definition: Option<String>,
    pub(super) decision: String,
    pub(super) seq: u64,
    pub(super) because: Vec<Policy>,
    pub(super) terms: Terms,
    pub(super) votes: Vec<Vote>,
    pub(super) grant: Option<Grant>,
    pub(super) used: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Policy {
    pub(super) policy: String,
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Terms {
    pub(super) groups: Vec<String>,
    pub(super) window_seconds: Option<u64>,
    pub(super) breakglass_seconds: Option<u64>,
    pub(super) confirm: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Vote {
    pub(super) ruler: String,
    pub(super) verdict: String,
    pub(super) at: String,
    pub(super) comment: Option<String>,
    pub(super) channel: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Grant {
    pub(super) until: String,
    pub(super) uses_left: Option<u32>,
    pub(super) any_arguments: bool,
}

/// The last approved call of the same thing.
#[derive(Debug, Deserialize)]
pub(super) struct Last {
    pub(super) id: String,
    pub(super) at: Option<String>,
    pub(super) by: Option<String>,
    pub(super) arguments: Option<Box<RawValue>>,
}

impl Approval {
    /// When it ends by itself, as it stands.
    pub(super) fn ends(&self) -> Option<Timestamp> {
        match (self.state.as_str(), &self.grant) {
            ("waiting", _) => time(&self.expires),
            ("granted", Some(grant)) => time(&grant.until),
            _ => None,
        }
    }
}

pub(super) fn time(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_micros(time.as_microsecond()))
}

/// Reads an answer.
pub(super) fn read<T: DeserializeOwned>(answer: &str) -> anyhow::Result<T> {
    serde_json::from_str(answer).context("what the sidecar answers cannot be read: it is of another version")
}
