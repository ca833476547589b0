//! Whether calls can be answered now: a list of named checks, each a look at state that somebody else keeps up to date.

use std::fmt;

use serde_json::{Value, json};

/// One condition of being ready.
pub struct Check {
    name: &'static str,
    look: Box<dyn Fn() -> Verdict + Send + Sync>,
}

/// What a check found.
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
        Self { name, look: Box::new(look) }
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

    /// Makes all checks: whether all hold, and the detail.
    #[must_use]
    pub fn look(&self) -> (bool, Value) {
        let found: Vec<(&str, Verdict)> = self.checks.iter().map(|check| (check.name, (check.look)())).collect();
        let ready = !found.is_empty() && found.iter().all(|(_, verdict)| matches!(verdict, Verdict::Holds(_)));
        let checks: Vec<Value> = found.iter().map(|(name, verdict)| detail(name, verdict)).collect();
        (ready, json!({ "ready": ready, "checks": checks }))
    }
}

fn detail(name: &str, verdict: &Verdict) -> Value {
    let (ok, text) = match verdict {
        Verdict::Holds(text) => (true, text),
        Verdict::Fails(text) => (false, text),
    };
    json!({ "name": name, "ok": ok, "detail": text })
}
