//! The console, when the configuration asks for one: what its pages are made of, and the links with which the operator logs in.

use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use serde_json::Value;
use tokio::sync::watch;

use super::inquiry::Inquiry;
use super::people::people;
use crate::audit::archive::{Facet, Pattern, Query};
use crate::audit::check::{Question, Trusted};
use crate::audit::{self, AuditReader};
use crate::clock::Clock;
use crate::config::{Config, ConsoleSettings};
use crate::console::{Book, Console, Lab, Row, Sessions, Sources, Verified, Wanted, router};
use crate::control::ConsoleLink;
use crate::domain::DecisionId;
use crate::gate::{Explanation, Gate};
use crate::identity::{self, Identity, Login, Upkeep};
use crate::lifecycle::{Stop, Tasks};
use crate::listen::tls::{Keeper, Served};
use crate::listen::{Listener, Metrics};
use crate::mcp;
use crate::policy::{self, PolicySnapshot, Request};
use crate::rest::approvals::{Bearers, approvals_router};

/// Most connections to the console at a time: each open page holds one, and another for each thing it asks for.
const CONNECTIONS: usize = 128;

/// Its listener, open before anything else starts.
pub(super) struct ConsoleFace(Option<(Listener, ConsoleSettings)>);

/// What the console needs of a running sidecar.
pub(super) struct Parts<'a> {
    pub(super) gate: &'a Gate,
    pub(super) reader: &'a AuditReader,
    pub(super) clock: Clock,
    pub(super) settings: Arc<policy::Settings>,
    pub(super) status: Arc<dyn Fn() -> Value + Send + Sync>,
    pub(super) sessions: Sessions,
}

impl ConsoleFace {
    /// Opens the listener, if one is configured.
    pub(super) async fn bind(settings: Option<&ConsoleSettings>, metrics: &Metrics) -> anyhow::Result<Self> {
        let Some(settings) = settings else { return Ok(Self(None)) };
        let listener = Listener::bind("console", &settings.listener, CONNECTIONS, metrics).await;
        Ok(Self(Some((listener.context("failed to open the console's listener")?, settings.clone()))))
    }

    /// What keeps its certificate, and the certificate.
    pub(super) fn certificate(&mut self) -> Option<(Keeper, Served)> {
        self.0.as_mut().and_then(|(listener, _)| listener.take_keeper().zip(listener.certificate()))
    }

    /// Who will be logged in, and how links look; `None` without a console.
    pub(super) fn links(&self) -> (Sessions, ConsoleLink) {
        let Some((listener, settings)) = &self.0 else { return (Sessions::new(true), Box::new(|| None)) };
        let has_tls = settings.listener.tls.is_some();
        let secure = settings.url.as_deref().map_or(has_tls, |url| url.starts_with("https:"));
        let scheme = if has_tls { "https" } else { "http" };
        let bound = listener.local_addr().tcp().map(|address| match address.ip().is_unspecified() {
            true => format!("{scheme}://localhost:{}", address.port()),
            false => format!("{scheme}://{address}"),
        });
        let (base, sessions) = (settings.url.clone().or(bound), Sessions::new(secure));
        let links = sessions.clone();
        let link = move || Some(format!("{}/login/link?word={}", base.as_ref()?, links.new_link()?));
        (sessions, Box::new(link))
    }

    /// Starts it.
    pub(super) fn start(self, config: &Config, parts: Parts<'_>, stop: &Stop, tasks: &mut Tasks) -> anyhow::Result<()> {
        let Some((listener, settings)) = self.0 else { return Ok(()) };
        let mut keep = |what, upkeep: Upkeep| {
            let running = upkeep.run(stop.clone());
            tasks.spawn(what, async move {
                running.await;
                Ok::<(), std::convert::Infallible>(())
            });
        };
        let login = login(config, &settings, &parts.clock)?.map(|(login, upkeep)| {
            keep("the keys of the console's provider", upkeep);
            login
        });
        let gate = parts.gate.clone();
        let api = bearers(config, &parts.clock)?.map(|(bearers, upkeep)| {
            keep("the keys for tokens of people who rule", upkeep);
            approvals_router(gate.clone(), Arc::new(bearers))
        });
        let sources = Sources {
            gate: gate.clone(),
            clock: parts.clock,
            sessions: parts.sessions,
            operator: config.approvals.operator.clone(),
            login,
            status: parts.status,
            book: Arc::new(LogBook { reader: parts.reader.clone(), growth: growth(parts.reader.clone()) }),
            lab: Arc::new(PolicyLab { gate, settings: parts.settings }),
            allowed_hosts: settings.allowed_hosts,
            url: settings.url,
            api,
        };
        tracing::info!(event = "listening", face = "console", address = %listener.local_addr(), "the console is ready");
        tasks.spawn("the console", Console::new(listener, router(sources)).run(stop.clone()));
        Ok(())
    }
}

/// People whose tools show tokens of theirs, if there are any.
fn bearers(config: &Config, clock: &Clock) -> anyhow::Result<Option<(Bearers, Upkeep)>> {
    let Some(settings) = people(config, None).zip(config.approvals.bearers.as_ref()) else { return Ok(None) };
    let (identity, upkeep) = Identity::open(settings.0, clock.clone(), identity::Metrics::default())
        .context("failed to prepare how people who rule at the console are known")?;
    Ok(Some((Bearers::new(identity, settings.1.programs.clone()), upkeep)))
}

fn login(config: &Config, settings: &ConsoleSettings, clock: &Clock) -> anyhow::Result<Option<(Login, Upkeep)>> {
    let (Some(oidc), Some(url)) = (settings.oidc.clone(), &settings.url) else { return Ok(None) };
    let oidc = identity::LoginSettings { deny: config.callers.ways.deny.clone(), ..oidc };
    let back = format!("{url}/login/callback");
    let opened = Login::open(oidc, back, clock.clone(), identity::Metrics::default());
    opened.map(Some).context("failed to prepare how people log in to the console")
}

/// The number of records, whenever there are more.
fn growth(reader: AuditReader) -> watch::Receiver<u64> {
    let (tell, growth) = watch::channel(reader.len());
    tokio::spawn(async move {
        let mut grows = reader.growth();
        while grows.happens().await {
            if tell.send(reader.len()).is_err() {
                return;
            }
        }
    });
    growth
}

struct LogBook {
    reader: AuditReader,
    growth: watch::Receiver<u64>,
}

impl Book for LogBook {
    fn find(&self, wanted: &Wanted) -> Result<Vec<Row>, String> {
        let found = self.reader.find(&query(wanted)?).map_err(|error| chain(&error))?;
        let row = |record: &audit::StoredRecord| {
            let summary = record.summary();
            Row {
                seq: record.seq(),
                time: summary.time,
                kind: summary.kind,
                agent: summary.agent,
                actor: summary.actor,
                server: summary.server,
                action: summary.action,
                target: summary.target,
                verdict: summary.verdict,
                causes: summary.causes,
            }
        };
        Ok(found.iter().map(row).collect())
    }

    fn record(&self, seq: u64) -> Result<Option<String>, String> {
        let record = self.reader.get(seq).map_err(|error| chain(&error))?;
        Ok(record.map(|record| record.json().into_owned()))
    }

    fn verify(&self) -> Result<Verified, String> {
        let directory = self.reader.directory();
        let schedule = audit::read_schedule(directory).map_err(|error| chain(&error))?;
        let scratch = tempfile::Builder::new().prefix("cedarpost-console-").tempdir().map_err(|error| chain(&error))?;
        let question = Question { threads: 1, ..Question::new(Trusted::schedule(schedule)) };
        let report = audit::verify(directory, scratch.path(), &question, &mut |_, _| {}).map_err(|error| chain(&error))?;
        let faults = report.faults.iter().take(20).map(ToString::to_string);
        let unsigned = (!report.signed).then(|| "no checkpoint covers all of it".to_owned());
        let cut_off =
            (report.without_outcome > 0).then(|| format!("allowed calls without an outcome: {}", report.without_outcome));
        let anchors = report.anchors.iter().filter(|anchor| anchor.holds == Some(false));
        let anchors = anchors.map(|anchor| format!("an older head does not hold: {}", anchor.name));
        Ok(Verified {
            holds: report.verified(),
            records: report.read,
            head: report.tree.to_string(),
            lines: faults.chain(unsigned).chain(anchors).chain(cut_off).collect(),
        })
    }

    fn growth(&self) -> watch::Receiver<u64> {
        self.growth.clone()
    }
}

fn query(wanted: &Wanted) -> Result<Query, String> {
    let kind = wanted.kind.as_deref().filter(|kind| audit::Kind::parse(kind).is_none());
    if let Some(kind) = kind {
        return Err(format!("`{kind}` is not a kind of record"));
    }
    let id = wanted.id.as_deref().map(|id| DecisionId::parse(id).ok_or_else(|| format!("`{id}` is not the id of a decision")));
    let terms = [
        (Facet::Agent, &wanted.agent),
        (Facet::Actor, &wanted.actor),
        (Facet::Server, &wanted.server),
        (Facet::Target, &wanted.target),
        (Facet::Verdict, &wanted.verdict),
        (Facet::Kind, &wanted.kind),
        (Facet::Policy, &wanted.policy),
    ];
    let terms = terms.into_iter().filter_map(|(facet, text)| Some((facet, Pattern::from(text.as_deref()?)))).collect();
    let (to, limit) = (wanted.to.unwrap_or(u64::MAX), wanted.limit);
    Ok(Query { terms, id: id.transpose()?, to, outcomes: wanted.outcomes, limit, ..Query::default() })
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

struct PolicyLab {
    gate: Gate,
    settings: Arc<policy::Settings>,
}

impl Lab for PolicyLab {
    fn policies(&self) -> Result<Vec<(String, String)>, String> {
        let files = policy::read(&self.settings).map_err(|error| chain(&error))?;
        Ok(files.policy_texts().map(|(name, text)| (name.to_owned(), text.to_owned())).collect())
    }

    fn explain(&self, policies: Option<&[(String, String)]>, inquiry: Bytes) -> Result<Explanation, Vec<String>> {
        let sentence = |error: &dyn ToString| vec![error.to_string()];
        let limits = mcp::Limits { max_bytes: crate::rest::MAX_INQUIRY, max_depth: mcp::Limits::DEEPEST };
        let question = Inquiry::read(&inquiry, limits).and_then(Inquiry::question).map_err(|error| sentence(&error))?;
        let Some(texts) = policies else { return Ok(self.gate.explain(&question.caller, &question.call, question.at)) };
        let intricate = policy::intricate(texts);
        if !intricate.is_empty() {
            return Err(intricate.iter().map(ToString::to_string).collect());
        }
        let files = policy::read(&self.settings).map_err(|error| vec![chain(&error)])?.with_policies(texts);
        let now = self.gate.snapshot();
        let tried = PolicySnapshot::build(&self.settings, &files, now.catalog());
        let tried = tried.map_err(|error| error.problems().iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let at = question.at.unwrap_or_else(|| Clock::System.now());
        Ok(tried.explain(&Request { caller: &question.caller, call: &question.call, now: at, approval: None }))
    }
}
