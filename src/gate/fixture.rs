//! A gate for the tests of faces: with a log below a directory, and a policy that permits everything.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use prometheus_client::registry::Registry;

use super::{ApprovalSettings, Books, Gate, Metrics};
use crate::approval::{Desk, Limits};
use crate::audit;
use crate::clock::Clock;
use crate::domain::{Annotations, ServerName, ToolDefinition};
use crate::policy::{self, DeclaredPrincipal, PrincipalKind};
use crate::storage::LocalDisk;

/// Opens it.
pub(crate) async fn gate(directory: &Path) -> Gate {
    gate_under(directory, "permit (principal, action, resource);").await
}

/// Opens one with other policies, in front of the server `shop` with a tool `pay`; the agent `bot` and the person `ann` are known.
pub(crate) async fn gate_under(directory: &Path, text: &str) -> Gate {
    let policies = directory.join("policies");
    std::fs::create_dir(&policies).unwrap();
    std::fs::write(policies.join("all.cedar"), text).unwrap();
    let principal = |kind, id: &str| DeclaredPrincipal { kind, id: id.to_owned(), roles: Vec::new() };
    let shop = ServerName::new("shop").unwrap();
    let settings = policy::Settings {
        principals: vec![principal(PrincipalKind::Agent, "bot"), principal(PrincipalKind::User, "ann")],
        servers: vec![shop.clone()],
        ..policy::Settings::new(vec![policies])
    };
    let files = Ok(policy::read(&settings).unwrap());
    let mut registry = Registry::default();
    let log = audit::Settings { low_water: 1, ..audit::Settings::new(directory.join("audit")) };
    let (writer, _reader) = audit::open(&log, &Clock::System, &mut registry).unwrap();
    let detail = audit::Detail::new(&audit::DetailSettings::default());
    let metrics = (Metrics::new(&mut registry), policy::Metrics::new(&mut registry));
    let tickets = tickets(directory, Limits { waiting: 100, waiting_per_caller: 10 });
    let books = Books { audit: writer, detail, tickets, approvals: ApprovalSettings::default() };
    let gate = Gate::open(settings, files, books, Clock::System, metrics.0, metrics.1).await.unwrap().0;
    let (annotations, definition) = (Annotations::default(), Bytes::from_static(b"pay"));
    let pay = ToolDefinition { name: "pay".into(), annotations, input_schema: None, definition };
    gate.learn(&shop, false, vec![pay]).await;
    gate
}

/// The desk in that directory.
pub(crate) fn tickets(directory: &Path, limits: Limits) -> Desk {
    Desk::open(&directory.join("approvals"), limits, Arc::new(LocalDisk)).unwrap()
}
