//! The shop's tools: what it claims about them, how their arguments are read, and how often each was reached.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::stock::{self, Answer, Stock};

/// The `tools` array of `tools/list`, as it goes over the wire. The annotations are honest: a refund only adds a line to an order's
/// account, so it is not destructive in the specification's sense, but it is not idempotent either.
const DEFINITIONS: &str = include_str!("tools.json");

/// The shop's tools by name, in the order of [`DEFINITIONS`].
pub(super) const NAMES: [&str; 6] = ["search_orders", "read_order", "refund", "delete_customer", "send_email", "fetch_url"];

/// The tools over one stock, with a counter for each.
#[derive(Debug)]
pub(super) struct Tools {
    definitions: Value,
    stock: Mutex<Stock>,
    reached: [(&'static str, AtomicU64); NAMES.len()],
}

impl Tools {
    /// Fresh stock, and nothing called yet.
    pub(super) fn new() -> Self {
        Self {
            definitions: serde_json::from_str(DEFINITIONS).unwrap_or_default(),
            stock: Mutex::new(Stock::new()),
            reached: NAMES.map(|name| (name, AtomicU64::new(0))),
        }
    }

    /// What `tools/list` answers under `tools`.
    pub(super) const fn definitions(&self) -> &Value {
        &self.definitions
    }

    /// How often `tools/call` reached the tool, whether its arguments were good or not.
    pub(super) fn reached(&self, tool: &str) -> u64 {
        self.counter(tool).map_or(0, |counter| counter.load(Ordering::SeqCst))
    }

    /// Runs a tool; `None` when there is none of that name.
    pub(super) fn run(&self, tool: &str, arguments: &Map<String, Value>) -> Option<Answer> {
        self.counter(tool)?.fetch_add(1, Ordering::SeqCst);
        let arguments = Value::Object(arguments.clone());
        Some(self.answer(tool, arguments))
    }

    fn answer(&self, tool: &str, arguments: Value) -> Answer {
        let mut stock = self.stock.lock();
        match tool {
            "search_orders" => read(arguments).map(|Search { query }| stock.search(&query)),
            "read_order" => read(arguments).and_then(|ReadOrder { order }| stock.read(&order)),
            "refund" => read(arguments).and_then(|ask: Refund| stock.refund(&ask.order, ask.amount, ask.reason.as_deref())),
            "delete_customer" => read(arguments).map(|DeleteCustomer { customer }| stock.delete_customer(&customer)),
            "send_email" => read(arguments).and_then(|mail: Email| stock.send_email(&mail.to, &mail.subject, &mail.body)),
            "fetch_url" => read(arguments).and_then(|Fetch { url }| stock::page(&url)),
            other => Err(format!("The shop has no tool `{other}`.")),
        }
    }

    fn counter(&self, tool: &str) -> Option<&AtomicU64> {
        self.reached.iter().find(|(name, _)| *name == tool).map(|(_, counter)| counter)
    }
}

/// Reads arguments strictly; a mistake comes back as a sentence that the model can act on.
fn read<T: DeserializeOwned>(arguments: Value) -> Result<T, String> {
    serde_json::from_value(arguments).map_err(|error| format!("The arguments do not fit the tool: {error}."))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    query: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadOrder {
    order: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refund {
    order: String,
    amount: i64,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeleteCustomer {
    customer: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Email {
    to: String,
    subject: String,
    body: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fetch {
    url: String,
}
