//! A gate for the tests of faces: with a log below a directory, and a policy that permits everything.

use std::path::Path;
use std::sync::Arc;

use prometheus_client::registry::Registry;

use super::{ApprovalSettings, Books, Gate, Metrics};
use crate::approval::{Desk, Limits};
use crate::audit;
use crate::clock::Clock;
use crate::policy;
use crate::storage::LocalDisk;

/// Opens it.
pub(crate) async fn gate(directory: &Path) -> Gate {
    let policies = directory.join("policies");
    std::fs::create_dir(&policies).unwrap();
    std::fs::write(policies.join("all.cedar"), "permit (principal, action, resource);").unwrap();
    let settings = policy::Settings::new(vec![policies]);
    let files = policy::read(&settings).unwrap();
    let mut registry = Registry::default();
    let log = audit::Settings { low_water: 1, ..audit::Settings::new(directory.join("audit")) };
    let (writer, _reader) = audit::open(&log, &Clock::System, &mut registry).unwrap();
    let detail = audit::Detail::new(&audit::DetailSettings::default());
    let metrics = (Metrics::new(&mut registry), policy::Metrics::new(&mut registry));
    let tickets = tickets(directory, Limits { waiting: 100, waiting_per_caller: 10 });
    let books = Books { audit: writer, detail, tickets, approvals: ApprovalSettings::default() };
    Gate::open(settings, files, books, Clock::System, metrics.0, metrics.1).await.unwrap()
}

/// The desk in that directory.
pub(crate) fn tickets(directory: &Path, limits: Limits) -> Desk {
    Desk::open(&directory.join("approvals"), limits, Arc::new(LocalDisk)).unwrap()
}
