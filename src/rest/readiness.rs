//! Whether calls can be answered now: a list of named checks, each a look at state that somebody else keeps up to date.

use std::fmt;

use serde_json::{Value, json};

/// One condition of being ready.
pub struct Check {
    name: &'static str,
    look: Box<dyn Fn() -> Verdict + Send + Sync>,
    details: Option<Box<dyn Fn() -> Vec<String> + Send + Sync>>,
}

/// What a check found, in words that anybody may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The condition holds; the text says how (`12 policies`).
    Holds(String),
    /// It does not; the text says why.
    Fails(String),
}

impl Check {
    /// A check that `look` makes: it must not block, probes run it.
    pub fn new(name: &'static str, look: impl Fn() -> Verdict + Send + Sync + 'static) -> Self {
        Self { name, look: Box::new(look), details: None }
    }

    /// With more to say, to those alone who are told details: what is wrong with which file, say.
    #[must_use]
    pub fn with_details(self, details: impl Fn() -> Vec<String> + Send + Sync + 'static) -> Self {
        Self { details: Some(Box::new(details)), ..self }
    }

    fn told(&self, verdict: &Verdict, near: bool) -> Value {
        let (ok, text) = match verdict {
            Verdict::Holds(text) => (true, text),
            Verdict::Fails(text) => (false, text),
        };
        let mut told = json!({ "name": self.name, "ok": ok, "detail": text });
        let details = self.details.as_ref().filter(|_| near).map(|details| details()).unwrap_or_default();
        if let (Some(fields), false) = (told.as_object_mut(), details.is_empty()) {
            fields.insert("problems".to_owned(), details.into());
        }
        told
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.name).finish()
    }
}

/// Ready when all checks hold. Without any check it is never ready: forgetting to say what is needed must not look healthy.
#[derive(Debug, Default)]
pub struct Readiness {
    checks: Vec<Check>,
}

impl Readiness {
    /// Ready when all these hold.
    #[must_use]
    pub const fn new(checks: Vec<Check>) -> Self {
        Self { checks }
    }

    /// Makes all checks. Those who are `near` are told details.
    #[must_use]
    pub fn look(&self, near: bool) -> Found {
        let found: Vec<(&Check, Verdict)> = self.checks.iter().map(|check| (check, (check.look)())).collect();
        let failing = found.iter().filter_map(|(check, verdict)| match verdict {
            Verdict::Holds(_) => None,
            Verdict::Fails(text) => Some(format!("{}: {text}", check.name)),
        });
        let failing: Vec<String> = failing.collect();
        let ready = !found.is_empty() && failing.is_empty();
        let checks: Vec<Value> = found.iter().map(|(check, verdict)| check.told(verdict, near)).collect();
        Found { ready, failing, detail: json!({ "ready": ready, "checks": checks }) }
    }
}

/// What all checks found together.
#[derive(Debug)]
pub struct Found {
    /// Whether all hold.
    pub ready: bool,
    /// Those that do not, a line each.
    pub failing: Vec<String>,
    /// All of it, as JSON.
    pub detail: Value,
}
