//! New policies take effect: built off to the side, recorded, then put in force in one step. A bad set never takes effect: the one before
//! stays in force, and at the start, when there is none before, one that says no to everything.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::asked::ApprovalSettings;
use super::door::Shared;
use super::{Gate, drift};
use crate::approval::Desk;
use crate::audit::{self, AppendError, AuditWriter, BundleRecord, Detail, PolicyRecord, Record};
use crate::clock::Clock;
use crate::domain::{Fingerprint, ServerName, Timestamp};
use crate::policy::bundle::{Memory, Refused, Signed};
use crate::policy::{self, Catalog, Change, LoadError, PolicyFiles, PolicySnapshot, PolicyStore, Problem, Settings};

/// The stack on which policies are built, in bytes. It is taken as far as it is used.
const BUILD_STACK: usize = 64 << 20;
/// How long remembering a version of signed policies may take; the disk may hang.
const REMEMBER: Duration = Duration::from_secs(10);

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
    /// Whether the set took effect; otherwise what was in force before it is still so.
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
    /// What is in force; `None` while nothing is, and every call is denied.
    pub in_force: Option<Fingerprint>,
    /// What was signed, where policies must be.
    pub signed: Option<Arc<Signed>>,
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
    /// Opens the gate with the first policies. When they cannot be put in force nothing is, every call is denied until
    /// [`Gate::adopt`] has others, and the reason is returned besides: whether that is good enough is for the caller to say.
    ///
    /// # Errors
    ///
    /// When the settings are wrong that policies depend on, whatever is in files; or what came of the policies could not be recorded.
    pub async fn open(
        settings: Settings,
        read: Result<PolicyFiles, LoadError>,
        books: Books,
        clock: Clock,
        metrics: super::Metrics,
        policy_metrics: policy::Metrics,
    ) -> Result<(Self, Option<LoadError>), AdoptError> {
        let Books { audit, detail, tickets, approvals } = books;
        let settings = Arc::new(settings);
        let (snapshot, refused) = match build(&settings, read, Catalog::default()).await {
            Ok(snapshot) => (snapshot, None),
            Err(AdoptError::Invalid(error)) => {
                let closed = PolicySnapshot::closed(&settings, &Catalog::default()).map_err(AdoptError::Invalid)?;
                (closed, Some(error))
            }
            Err(error) => return Err(error),
        };
        let at = clock.now();
        let problems = refused.as_ref().map(LoadError::problems);
        match &problems {
            None => audit.append(Record::Policy(accepted(&snapshot))).await.map(drop).map_err(AdoptError::NotRecorded)?,
            Some(problems) => record_refused(&audit, None, problems).await?,
        }
        policy_metrics.observe(refused.as_ref().map_or(Ok(&snapshot), Err));
        drift::tell(None, &snapshot, &policy_metrics);
        let refusal = problems.map(|problems| PolicyReport { at, accepted: false, problems });
        let last = refusal.clone().unwrap_or_else(|| PolicyReport::accepted(at));
        let gate = Self {
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
                reports: parking_lot::Mutex::new(Reports { last, refused: refusal, since: at }),
                adopted: tokio::sync::watch::Sender::new(0),
                told: tokio::sync::watch::Sender::new(0),
                unrecorded: super::unidentified::Unrecorded::default(),
            }),
        };
        Ok((gate, refused))
    }

    /// Puts a newly read set of files in force, or keeps the old one and says why. Either way it is recorded.
    ///
    /// # Errors
    ///
    /// When the files could not be read or are not a valid set, or when the change could not be recorded.
    pub async fn adopt(&self, read: Result<PolicyFiles, LoadError>) -> Result<Fingerprint, AdoptError> {
        let world = self.shared.world.lock().await;
        let built = build(&world.settings, read, self.snapshot().catalog().clone()).await;
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
                record_refused(&self.shared.audit, self.snapshot().in_force(), &problems).await?;
                Err(error)
            }
        }
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
            in_force: snapshot.in_force(),
            signed: snapshot.signed().cloned(),
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

/// Builds a snapshot of what was read on a thread that may block: thousands of policies take a good part of a second.
async fn build(
    settings: &Arc<Settings>,
    read: Result<PolicyFiles, LoadError>,
    catalog: Catalog,
) -> Result<PolicySnapshot, AdoptError> {
    let memory = settings.bundle.as_ref().map(|bundle| Arc::clone(&bundle.memory));
    let (settings, files) = (Arc::clone(settings), read.map_err(AdoptError::Invalid)?);
    let build = move || {
        // Parsers call themselves, as deep as an expression is nested.
        std::thread::scope(|scope| {
            let building = std::thread::Builder::new().name("policy-build".to_owned()).stack_size(BUILD_STACK);
            let building = building.spawn_scoped(scope, || PolicySnapshot::build(&settings, &files, &catalog));
            // Files that bring out a defect of ours are bad files: they must not end what runs, nor keep it from starting.
            building.ok().and_then(|building| building.join().ok()).unwrap_or(Err(LoadError::BrokeOff))
        })
    };
    let built = tokio::task::spawn_blocking(build).await.map_err(|_| AdoptError::Interrupted)?;
    let snapshot = built.map_err(AdoptError::Invalid)?;
    if let Some(memory) = memory {
        remember(memory, snapshot.signed().cloned()).await?;
    }
    Ok(snapshot)
}

async fn record_refused(audit: &AuditWriter, in_force: Option<Fingerprint>, problems: &[Problem]) -> Result<(), AdoptError> {
    let problems: Vec<audit::Problem<'_>> = problems
        .iter()
        .map(|problem| audit::Problem {
            file: &problem.file,
            line: problem.line.into(),
            column: problem.column.into(),
            message: &problem.message,
        })
        .collect();
    let record = PolicyRecord::Refused { in_force, problems: &problems };
    audit.append(Record::Policy(record)).await.map(drop).map_err(AdoptError::NotRecorded)
}

/// Remembers the version of a set that is about to be recorded and put in force, so that nobody goes back below it. Before both: a
/// version that the log says was in force must not be forgotten in a crash.
async fn remember(memory: Arc<Memory>, signed: Option<Arc<Signed>>) -> Result<(), AdoptError> {
    let kept = tokio::task::spawn_blocking(move || match signed {
        Some(signed) => memory.keep(&signed),
        None => Err(Refused::unverified()),
    });
    let kept = tokio::time::timeout(REMEMBER, kept).await.unwrap_or_else(|_| Ok(Err(Refused::unremembered())));
    kept.map_err(|_| AdoptError::Interrupted)?.map_err(|refused| AdoptError::Invalid(LoadError::Bundle(refused)))
}

fn accepted(snapshot: &PolicySnapshot) -> PolicyRecord<'_> {
    let bundle =
        snapshot.signed().map(|signed| BundleRecord { version: signed.version, digest: signed.digest, keys: &signed.keys });
    PolicyRecord::Accepted { fingerprint: snapshot.fingerprint(), policies: snapshot.policy_count() as u64, bundle }
}

fn problems(error: &AdoptError) -> Vec<Problem> {
    match error {
        AdoptError::Invalid(error) => error.problems(),
        AdoptError::NotRecorded(_) | AdoptError::Interrupted => Vec::new(),
    }
}
