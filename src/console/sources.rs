//! What pages are made of, handed in by whoever starts the console: the gate, and the rooms that only they may name.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::watch;

use super::session::Sessions;
use crate::clock::Clock;
use crate::gate::{Explanation, Gate};
use crate::identity::Login;

/// Everything that the console works with.
pub struct Sources {
    /// The one door.
    pub gate: Gate,
    /// What time it is.
    pub clock: Clock,
    /// Who is logged in.
    pub sessions: Sessions,
    /// The name by which policies know whoever comes with a one-time link.
    pub operator: String,
    /// How people log in at a provider; `None` when they cannot.
    pub login: Option<Login>,
    /// Tells the state of the sidecar, as `/status` does.
    pub status: Arc<dyn Fn() -> Value + Send + Sync>,
    /// The log.
    pub book: Arc<dyn Book>,
    /// Where policies are tried out.
    pub lab: Arc<dyn Lab>,
    /// `Host` names besides `localhost` and IP addresses that are answered to, lower case, without port.
    pub allowed_hosts: Vec<String>,
    /// The URL by which browsers know the console, without a slash at its end.
    pub url: Option<String>,
    /// What is served below `/api/v1` to tools of people, who show tokens and no cookies; `None` when nobody has any.
    pub api: Option<axum::Router>,
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

/// The log, as pages look at it. All of it but [`Book::growth`] may block.
pub trait Book: Send + Sync {
    /// The records that fit, the newest first.
    ///
    /// # Errors
    ///
    /// What is wrong with the question, or with the log, in a sentence.
    fn find(&self, wanted: &Wanted) -> Result<Vec<Row>, String>;

    /// The text of the record with a number; `None` when there is none.
    ///
    /// # Errors
    ///
    /// Why it cannot be read.
    fn record(&self, seq: u64) -> Result<Option<String>, String>;

    /// Checks all of it, as `cedarpost audit verify` does.
    ///
    /// # Errors
    ///
    /// Why that could not be found out.
    fn verify(&self) -> Result<Verified, String>;

    /// The number of records, whenever there are more.
    fn growth(&self) -> watch::Receiver<u64>;
}

/// Which records are looked for: all that is given has to fit. `*` at the end of a text stands for anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The agent.
    pub agent: Option<String>,
    /// The person it acts for.
    pub actor: Option<String>,
    /// The server.
    pub server: Option<String>,
    /// The tool, resource, prompt or method.
    pub target: Option<String>,
    /// The decision's or outcome's word.
    pub verdict: Option<String>,
    /// The kind of record.
    pub kind: Option<String>,
    /// A policy that a decision rests on.
    pub policy: Option<String>,
    /// The decision that records are, or are about.
    pub id: Option<String>,
    /// Records below this number.
    pub to: Option<u64>,
    /// Whether outcomes are looked for, too.
    pub outcomes: bool,
    /// How many at most.
    pub limit: usize,
}

/// A record in a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// Where it stands in the log.
    pub seq: u64,
    /// When it was put in line (RFC 3339).
    pub time: String,
    /// Its kind.
    pub kind: String,
    /// The agent.
    pub agent: String,
    /// The actor.
    pub actor: String,
    /// The server.
    pub server: String,
    /// The action.
    pub action: String,
    /// The tool, resource, prompt or method.
    pub target: String,
    /// The decision's or outcome's word.
    pub verdict: String,
    /// Why.
    pub causes: Vec<String>,
}

/// What came of checking the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Whether nothing is wrong and everything is signed.
    pub holds: bool,
    /// How many records were read.
    pub records: u64,
    /// The size and root of the tree.
    pub head: String,
    /// What was found, line by line.
    pub lines: Vec<String>,
}

/// Where policies are tried out. Nothing that is done here lasts.
pub trait Lab: Send + Sync {
    /// The names and texts of the policy files that are in force.
    ///
    /// # Errors
    ///
    /// Why they cannot be read.
    fn policies(&self) -> Result<Vec<(String, String)>, String>;

    /// How a call would be decided: by the policies in force, or by these texts in their place. The call is an inquiry as `/explain` takes it.
    ///
    /// # Errors
    ///
    /// What is wrong with the policies or the call, a sentence each.
    fn explain(&self, policies: Option<&[(String, String)]>, inquiry: Bytes) -> Result<Explanation, Vec<String>>;
}
