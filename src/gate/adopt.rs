//! New policies take effect: built off to the side, recorded, then put in force in one step. A bad set never takes effect.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::asked::ApprovalSettings;
use super::door::Shared;
use super::{Gate, drift};
use crate::approval::Desk;
use crate::audit::{self, AppendError, AuditWriter, Detail, PolicyRecord, Record};
use crate::clock::Clock;
use crate::domain::{Fingerprint, ServerName, Timestamp};
use crate::policy::{self, Catalog, Change, LoadError, PolicyFiles, PolicySnapshot, PolicyStore, Problem, Settings};

/// What it takes to build the next snapshot.
pub(super) struct World {
    pub(super) settings: Arc<Settings>,
    pub(super) metrics: policy::Metrics,
}

/// What the gate writes in.
pub struct Books {
    /// The log.
    pub audit: AuditWriter,
    /// How much is kept of which call.
    pub detail: Detail,
    /// The tickets of calls that wait for a person.
    pub tickets: Desk,
    /// How those go.
    pub approvals: ApprovalSettings,
}

/// How the newest attempt to load policies went.
#[derive(Debug, Clone)]
pub struct PolicyReport {
    /// When it was made.
    pub at: Timestamp,
    /// Whether the set took effect; otherwise the one before it is still in force.
    pub accepted: bool,
    /// What is wrong with it, for its author.
    pub problems: Vec<Problem>,
}

/// What came of the attempts to load policies.
pub(super) struct Reports {
    /// Of the newest.
    pub(super) last: PolicyReport,
    /// Of the newest that was refused.
    pub(super) refused: Option<PolicyReport>,
    /// When the newest was made that was not.
    pub(super) since: Timestamp,
}

/// The policies in force, and the newest report.
#[derive(Debug, Clone)]
pub struct PolicyStatus {
    /// What is in force.
    pub fingerprint: Fingerprint,
    /// Since when.
    pub since: Timestamp,
    /// How many policies that is.
    pub policies: usize,
    /// The files that they stand in, in order.
    pub files: Vec<Arc<str>>,
    /// Warnings about what is in force.
    pub warnings: Vec<Problem>,
    /// How the newest attempt to load policies went.
    pub last_report: PolicyReport,
    /// How the newest attempt went that was refused since the start.
    pub last_refused: Option<PolicyReport>,
    /// How many tools each server is known to have.
    pub tools: BTreeMap<ServerName, usize>,
    /// How the servers' tools differ from those that were reviewed.
    pub drift: Vec<Change>,
}

/// Why policies did not take effect.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// They are not a valid set; the one before stays in force.
    #[error("the policies are not valid")]
    Invalid(#[source] LoadError),
    /// That they take effect could not be recorded; the set before stays in force.
    #[error("failed to record the change of policies")]
    NotRecorded(#[source] AppendError),
    /// The task that builds a snapshot was cut off: the process is going down.
    #[error("the policies could not be built")]
    Interrupted,
}

impl Gate {
    /// Opens the gate with the first policies, which must be valid: a sidecar without policies in force has nothing to say.
    ///
    /// # Errors
    ///
    /// When the policies are not valid, or that they take effect could not be recorded.
    pub async fn open(
        settings: Settings,
        files: PolicyFiles,
        books: Books,
        clock: Clock,
        metrics: super::Metrics,
        policy_metrics: policy::Metrics,
    ) -> Result<Self, AdoptError> {
        let Books { audit, detail, tickets, approvals } = books;
        let (settings, files) = (Arc::new(settings), Arc::new(files));
        let snapshot = build(&settings, &files, Catalog::default()).await?;
        let at = clock.now();
        audit.append(Record::Policy(accepted(&snapshot))).await.map_err(AdoptError::NotRecorded)?;
        policy_metrics.observe(Ok(&snapshot));
        drift::tell(None, &snapshot, &policy_metrics);
        Ok(Self {
            shared: Arc::new(Shared {
                policies: PolicyStore::new(snapshot),
                audit,
                detail,
                tickets,
                approvals,
                clock,
                random: ring::rand::SystemRandom::new(),
                count: 0.into(),
                metrics,
                world: tokio::sync::Mutex::new(World { settings, metrics: policy_metrics }),
                reports: parking_lot::Mutex::new(Reports { last: PolicyReport::accepted(at), refused: None, since: at }),
                adopted: tokio::sync::watch::Sender::new(0),
                told: tokio::sync::watch::Sender::new(0),
                unrecorded: super::unidentified::Unrecorded::default(),
            }),
        })
    }

    /// Puts a newly read set of files in force, or keeps the old one and says why. Either way it is recorded.
    ///
    /// # Errors
    ///
    /// When the files could not be read or are not a valid set, or when the change could not be recorded.
    pub async fn adopt(&self, read: Result<PolicyFiles, LoadError>) -> Result<Fingerprint, AdoptError> {
        let world = self.shared.world.lock().await;
        let built = match read {
            Ok(files) => {
                let catalog = self.snapshot().catalog().clone();
                build(&world.settings, &Arc::new(files), catalog).await
            }
            Err(error) => Err(AdoptError::Invalid(error)),
        };
        let at = self.shared.clock.now();
        match built {
            Ok(snapshot) => {
                self.shared.audit.append(Record::Policy(accepted(&snapshot))).await.map_err(AdoptError::NotRecorded)?;
                world.metrics.observe(Ok(&snapshot));
                drift::tell(Some(&self.snapshot()), &snapshot, &world.metrics);
                let fingerprint = snapshot.fingerprint();
                self.shared.policies.replace(snapshot);
                {
                    let mut reports = self.shared.reports.lock();
                    (reports.last, reports.since) = (PolicyReport::accepted(at), at);
                }
                self.shared.adopted.send_modify(|count| *count += 1);
                self.shared.told.send_modify(|count| *count += 1);
                Ok(fingerprint)
            }
            Err(error) => {
                let problems = problems(&error);
                let report = PolicyReport { at, accepted: false, problems: problems.clone() };
                {
                    let mut reports = self.shared.reports.lock();
                    (reports.last, reports.refused) = (report.clone(), Some(report));
                }
                self.shared.told.send_modify(|count| *count += 1);
                if let AdoptError::Invalid(error) = &error {
                    world.metrics.observe(Err(error));
                }
                self.record_refused(&problems).await?;
                Err(error)
            }
        }
    }

    async fn record_refused(&self, problems: &[Problem]) -> Result<(), AdoptError> {
        let problems: Vec<audit::Problem<'_>> = problems
            .iter()
            .map(|problem| audit::Problem {
                file: &problem.file,
                line: problem.line.into(),
                column: problem.column.into(),
                message: &problem.message,
            })
            .collect();
        let record = PolicyRecord::Refused { in_force: Some(self.snapshot().fingerprint()), problems: &problems };
        self.shared.audit.append(Record::Policy(record)).await.map(drop).map_err(AdoptError::NotRecorded)
    }

    /// The policies in force, and how the newest attempt to change them went.
    #[must_use]
    pub fn policy_status(&self) -> PolicyStatus {
        let snapshot = self.snapshot();
        let mut tools = BTreeMap::new();
        for (server, _) in snapshot.catalog().tools() {
            *tools.entry(server.clone()).or_insert(0) += 1;
        }
        let (since, last_report, last_refused) = {
            let reports = self.shared.reports.lock();
            (reports.since, reports.last.clone(), reports.refused.clone())
        };
        PolicyStatus {
            fingerprint: snapshot.fingerprint(),
            since,
            files: snapshot.policy_files(),
            policies: snapshot.policy_count(),
            warnings: snapshot.warnings().to_vec(),
            last_report,
            last_refused,
            tools,
            drift: snapshot.drift(),
        }
    }
}

impl PolicyReport {
    const fn accepted(at: Timestamp) -> Self {
        Self { at, accepted: true, problems: Vec::new() }
    }
}

/// Builds a snapshot on a thread that may block: thousands of policies take a good part of a second.
async fn build(settings: &Arc<Settings>, files: &Arc<PolicyFiles>, catalog: Catalog) -> Result<PolicySnapshot, AdoptError> {
    let (settings, files) = (Arc::clone(settings), Arc::clone(files));
    tokio::task::spawn_blocking(move || PolicySnapshot::build(&settings, &files, &catalog))
        .await
        .map_err(|_| AdoptError::Interrupted)?
        .map_err(AdoptError::Invalid)
}

fn accepted(snapshot: &PolicySnapshot) -> PolicyRecord<'static> {
    PolicyRecord::Accepted { fingerprint: snapshot.fingerprint(), policies: snapshot.policy_count() as u64 }
}

fn problems(error: &AdoptError) -> Vec<Problem> {
    match error {
        AdoptError::Invalid(error) => error.problems(),
        AdoptError::NotRecorded(_) | AdoptError::Interrupted => Vec::new(),
    }
}
