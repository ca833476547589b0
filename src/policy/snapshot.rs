//! One state of the world for decisions: policies, schema, entities and catalog together, under one fingerprint. It never changes.
//!
//! How a snapshot decides is in `evaluate.rs`; how it turns a call into Cedar's terms in `request.rs`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use cedar_policy::{Entities, Entity, EntityUid};
use jiff::tz::TimeZone;
use prometheus_client::metrics::counter::Counter;
use ring::digest::{Context as Sha256, SHA256};

use super::bundle::Signed;
use super::catalog::Catalog;
use super::circumstances::Kept;
use super::code::Code;
use super::dependence::Dependences;
use super::derive::Unknown;
use super::digests::Digests;
use super::entities::{Declared, Names};
use super::entity_file;
use super::fit;
use super::intricate::beyond;
use super::literals::looked_up;
use super::load::PolicyFiles;
use super::lock::{Change, Lock};
use super::meta::{MetaTool, MetaTools};
use super::policies::{Policies, in_order};
use super::reach::Reaches;
use super::report::{LoadError, Problem};
use super::residual::{Residuals, Switch, Which};
use super::schema::{self, BASE, Vocabulary};
use super::settings::{PrincipalKind, Settings};
use super::shard::{Authored, Shard};
use super::slice::Sliced;
use crate::domain::{Action, Fingerprint, ServerName, Target};

/// Policies, schema, entities and catalog of one moment. Cheap to share, never changed; replace it as a whole.
#[derive(Debug)]
pub struct PolicySnapshot {
    pub(super) core: Arc<Core>,
    pub(super) catalog: Catalog,
    /// The tools of each configured server, as policies see them.
    pub(super) shards: BTreeMap<ServerName, Arc<Shard>>,
    pub(super) entities: Arc<Entities>,
    /// Tools that are not as they were reviewed, and are refused.
    drifted: HashMap<ServerName, HashSet<Arc<str>>>,
    pub(super) warnings: Vec<Problem>,
    pub(super) fingerprint: Fingerprint,
    /// No policies are in force: there is nothing to decide by, and every answer is no. See `closed.rs`.
    pub(super) is_closed: bool,
    /// Small stores for callers and targets that are not in `entities` as they are.
    pub(super) reaches: Reaches,
    pub(super) residuals: Residuals,
    pub(super) digests: Digests,
}

/// What does not change when only the catalog does.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) vocabulary: Vocabulary,
    pub(super) policies: Policies,
    pub(super) concrete: Sliced,
    /// The derived sets; `None` when no policy reads what is unknown there, so that the concrete set answers as well.
    pub(super) discovery: Option<Sliced>,
    pub(super) approval: Option<Sliced>,
    /// Whether residuals are used.
    pub(super) residuals: Switch,
    pub(super) names: Names,
    pub(super) circumstances: Kept,
    pub(super) zone: TimeZone,
    pub(super) meta_tools: MetaTools,
    /// Which policies depend on what servers list.
    pub(super) dependences: Dependences,
    /// The actions that the files declare.
    actions: Entities,
    pub(super) declared: Declared,
    /// The tools that were reviewed, if anybody does review them, and the same as the servers should list them.
    lock: Option<Lock>,
    pub(super) reviewed: Catalog,
    /// The entities that policies name where evaluation looks them up.
    pub(super) looked_up: Vec<EntityUid>,
    warnings: Vec<Problem>,
    digest: [u8; 32],
    signed: Option<Arc<Signed>>,
}

impl PolicySnapshot {
    /// Builds a snapshot from files that were read, reporting everything that is wrong with them at once.
    ///
    /// # Errors
    ///
    /// [`LoadError::Invalid`] with all problems of the files, [`LoadError::TimeZone`] when the time zone is unknown.
    pub fn build(settings: &Settings, files: &PolicyFiles, catalog: &Catalog) -> Result<Self, LoadError> {
        let zone = TimeZone::get(&settings.timezone).map_err(|_| LoadError::TimeZone(settings.timezone.clone()))?;
        let names = Names::new()?;
        let mut problems: Vec<Problem> = beyond(&files.policies).chain(beyond(&files.schema)).collect();
        if !problems.is_empty() {
            return Err(problems.into());
        }
        let mut policies = Policies::parse(&files.policies, &mut problems);
        policies.link(&files.links, &mut problems);
        let Some(vocabulary) = schema::build(&files.schema, &settings.token_claims, &mut problems)? else {
            // The author should hear of these in the same run, not once the schema is mended.
            files.entities.iter().for_each(|file| drop(entity_file::read(file, None, &mut problems)));
            in_order(&mut problems);
            return Err(problems.into());
        };
        let broken = |message: String| LoadError::from(vec![Problem::nowhere("", message)]);
        policies.check_annotations(&mut problems);
        let dependences = Dependences::of(&policies, &vocabulary);
        let actions = vocabulary.schema.action_entities().map_err(|error| LoadError::Vocabulary(error.to_string()))?;
        let authored = Authored {
            policies: &policies,
            vocabulary: &vocabulary,
            dependences: &dependences,
            actions: &actions,
            names: &names,
        };
        let lock = files.lock.as_ref().map(|file| Lock::read(file, &mut problems));
        let reviewed = lock.as_ref().map(|lock| lock.catalog(&settings.servers)).unwrap_or_default();
        let shards = shards(settings, if lock.is_some() { &reviewed } else { catalog }, authored)?;
        let warnings = fit::check_files(settings, &shards, authored, &mut problems);
        let mut entity_problems = Vec::new();
        let declared = Declared::read(settings, &files.entities, &vocabulary, &names, &mut entity_problems);
        problems.append(&mut entity_problems);
        in_order(&mut problems);
        if !problems.is_empty() {
            return Err(problems.into());
        }
        let concrete = Sliced::new(policies.set.clone());
        let core = Core {
            looked_up: looked_up(&policies.syntax).map_err(broken)?.into_iter().collect(),
            discovery: derived(&concrete, &policies, Unknown::InputAndApproval)?,
            approval: derived(&concrete, &policies, Unknown::ApprovalContents)?,
            concrete,
            residuals: Switch::new(settings.residuals),
            meta_tools: MetaTools::new(&settings.meta_tools, declared.tools(&names)),
            warnings: with_own_warnings(warnings, settings, &policies, &vocabulary),
            digest: settings_digest(settings, files),
            signed: files.signed.clone(),
            vocabulary,
            policies,
            names,
            circumstances: Kept::default(),
            zone,
            dependences,
            actions,
            declared,
            lock,
            reviewed,
        };
        Self::assemble(Arc::new(core), catalog, shards)
    }

    /// The same policies, schema and entities with another catalog. Policies are not parsed again; those that speak of tools are
    /// checked again. One that does not fit the tools any more stays, and denies what it could be about.
    ///
    /// # Errors
    ///
    /// [`LoadError`] when the catalog's tools do not fit the schema, which no list of a server should make happen.
    pub fn with_catalog(&self, catalog: &Catalog) -> Result<Self, LoadError> {
        let mut shards = BTreeMap::new();
        // What was reviewed gives the types, whatever servers list.
        let catalog_of_types = if self.core.lock.is_some() { &self.core.reviewed } else { catalog };
        for (server, shard) in &self.shards {
            let listed = catalog_of_types.of(server);
            let same = match (listed, &shard.listed) {
                (Some(now), Some(then)) => Arc::ptr_eq(now, then),
                (now, then) => now.is_none() && then.is_none(),
            };
            let shard =
                if same { Arc::clone(shard) } else { Arc::new(Shard::build(server, listed.cloned(), self.core.authored())?) };
            shards.insert(server.clone(), shard);
        }
        let next = Self::assemble(Arc::clone(&self.core), catalog, shards)?;
        Ok(if self.is_closed { next.closing() } else { next })
    }

    fn assemble(core: Arc<Core>, catalog: &Catalog, shards: BTreeMap<ServerName, Arc<Shard>>) -> Result<Self, LoadError> {
        let of_tools = shards.values().flat_map(|shard| shard.actions()).filter(|action| core.actions.get(action).is_none());
        let group = core.names.action(Action::ToolsCall);
        let of_tools = of_tools.map(|action| Entity::new_no_attrs(action.clone(), [group.clone()].into()));
        let drifted = core.drifted(catalog);
        let reviewed = |server: &ServerName, tool: &str| {
            core.lock.is_some() && !drifted.get(server).is_some_and(|tools| tools.contains(tool))
        };
        let entities = core.declared.entities(&core.names, catalog, &reviewed, core.actions.iter().cloned().chain(of_tools));
        let entities = entities.map_err(|message| LoadError::from(vec![Problem::nowhere("", message)]))?;
        let mut digest = Sha256::new(&SHA256);
        digest.update(&core.digest);
        catalog.hash(&mut digest);
        let fingerprint = Fingerprint::new(finish(digest));
        let warnings = core.warnings.iter().cloned().chain(fit::warnings(&shards, core.authored())).collect();
        let (catalog, entities) = (catalog.clone(), Arc::new(entities));
        let (reaches, residuals, digests) = (Reaches::default(), Residuals::default(), Digests::default());
        let is_closed = false;
        Ok(Self { core, catalog, shards, entities, drifted, warnings, fingerprint, is_closed, reaches, residuals, digests })
    }

    /// Names this snapshot in records: a digest of everything it was built from.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// What was signed, and by whom; `None` where policies need not be signed.
    #[must_use]
    pub fn signed(&self) -> Option<&Arc<Signed>> {
        self.core.signed.as_ref()
    }

    /// How many policies are in force.
    #[must_use]
    pub fn policy_count(&self) -> usize {
        self.core.policies.set.num_of_policies()
    }

    /// The files that the policies in force stand in, in order; a file without any is not among them.
    #[must_use]
    pub fn policy_files(&self) -> Vec<Arc<str>> {
        self.core.policies.files().collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }

    /// What the author should know although it does not stop the load.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Whether a server of this name is configured.
    #[must_use]
    pub fn has_server(&self, server: &ServerName) -> bool {
        self.shards.contains_key(server)
    }

    /// Whether there is such a tool: its server lists it, or an entities file declares it.
    #[must_use]
    pub fn knows_tool(&self, server: &ServerName, tool: &str) -> bool {
        self.catalog.has(server, tool) || self.entities.get(&self.core.names.target(server, &Target::Tool(tool.into()))).is_some()
    }

    /// Whether a tool is not as it was reviewed. Without a catalog lock nothing is reviewed, and nothing can drift.
    pub(super) fn is_drifted(&self, server: &ServerName, tool: &str) -> bool {
        self.drifted.get(server).is_some_and(|tools| tools.contains(tool))
    }

    /// How many tools of each configured server are refused because they are not as they were reviewed.
    pub(super) fn drifted_tools(&self) -> impl Iterator<Item = (&ServerName, usize)> {
        self.shards.keys().map(|server| (server, self.drifted.get(server).map_or(0, HashSet::len)))
    }

    /// Whether a tool's definition is the one that was reviewed; always so without a catalog lock.
    #[must_use]
    pub fn accepts_definition(&self, server: &ServerName, tool: &str, definition: &[u8]) -> bool {
        self.core.lock.as_ref().is_none_or(|lock| lock.holds_text(server, tool, definition))
    }

    /// How what the servers list differs from what was reviewed, in order; nothing without a catalog lock. Tools that are new or changed
    /// are refused; a tool that is gone is only worth knowing.
    #[must_use]
    pub fn drift(&self) -> Vec<Change> {
        self.core.lock.as_ref().map(|lock| lock.diff(&self.catalog)).unwrap_or_default()
    }

    /// Where it counts that residuals led to another answer than the policies.
    pub(super) fn count_mismatches_in(&self, counter: &Counter) {
        self.core.residuals.count_in(counter);
    }

    /// The catalog this snapshot was built with.
    #[must_use]
    pub const fn catalog(&self) -> &Catalog {
        &self.catalog
    }
}

impl Core {
    /// The policy set for what is unknown; `None` when an approval would change nothing.
    pub(super) fn set(&self, which: Which) -> Option<&Sliced> {
        match which {
            Which::Concrete => Some(&self.concrete),
            Which::Discovery => Some(self.discovery.as_ref().unwrap_or(&self.concrete)),
            Which::Approval => self.approval.as_ref(),
        }
    }

    fn drifted(&self, catalog: &Catalog) -> HashMap<ServerName, HashSet<Arc<str>>> {
        let mut drifted: HashMap<ServerName, HashSet<Arc<str>>> = HashMap::new();
        let Some(lock) = &self.lock else { return drifted };
        for (server, tool) in catalog.tools().filter(|(server, tool)| !lock.holds(server, tool)) {
            drifted.entry(server.clone()).or_default().insert(Arc::clone(&tool.name));
        }
        drifted
    }

    fn authored(&self) -> Authored<'_> {
        Authored {
            policies: &self.policies,
            vocabulary: &self.vocabulary,
            dependences: &self.dependences,
            actions: &self.actions,
            names: &self.names,
        }
    }
}

fn shards(settings: &Settings, catalog: &Catalog, authored: Authored<'_>) -> Result<BTreeMap<ServerName, Arc<Shard>>, LoadError> {
    let shard = |server: &ServerName| {
        Shard::build(server, catalog.of(server).cloned(), authored).map(|shard| (server.clone(), Arc::new(shard)))
    };
    settings.servers.iter().map(shard).collect()
}

fn derived(concrete: &Sliced, policies: &Policies, unknown: Unknown) -> Result<Option<Sliced>, LoadError> {
    let set = super::derive::derive(&policies.set, &policies.syntax, unknown)
        .map_err(|message| LoadError::from(vec![Problem::nowhere("", message)]))?;
    Ok(set.map(|set| concrete.derived(set)))
}

/// Adds what Cedar cannot know: that nothing is permitted at all, and that a typed action is for no server there is.
fn with_own_warnings(
    mut warnings: Vec<Problem>,
    settings: &Settings,
    policies: &Policies,
    vocabulary: &Vocabulary,
) -> Vec<Problem> {
    warnings.extend(policies.unused.iter().cloned());
    if policies.set.num_of_policies() == 0 {
        let help = "without a permit every call is denied".to_owned();
        warnings.push(Problem::nowhere("", "there are no policies").with_code(Code::NoPolicies).with_help(help));
    }
    let configured = |tool: &str| {
        let server = tool.split_once('/').map(|(server, _)| server);
        settings.servers.iter().any(|name| Some(name.as_str()) == server)
    };
    let mut orphans: Vec<&String> = vocabulary.tools.keys().filter(|tool| !configured(tool)).collect();
    orphans.sort();
    for tool in orphans {
        let help = "a typed action is named `server/tool`, after a configured server".to_owned();
        let message = format!("action `{tool}` is for no configured server");
        warnings.push(Problem::nowhere("", message).with_code(Code::OrphanAction).with_help(help));
    }
    warnings
}

/// Digest of the files and of everything in the settings that a decision can depend on.
fn settings_digest(settings: &Settings, files: &PolicyFiles) -> [u8; 32] {
    let mut digest = Sha256::new(&SHA256);
    let mut add = |part: &[u8]| {
        digest.update(&(part.len() as u64).to_be_bytes());
        digest.update(part);
    };
    // Who signed them, and as which version, decides nothing.
    add(&files.digest);
    add(BASE.as_bytes());
    add(settings.timezone.as_bytes());
    for principal in &settings.principals {
        add(match principal.kind {
            PrincipalKind::Agent => b"agent",
            PrincipalKind::User => b"user",
        });
        add(principal.id.as_bytes());
        principal.roles.iter().for_each(|role| add(role.as_bytes()));
    }
    add(b"token-claims");
    for (name, kind) in &settings.token_claims {
        [name, &*format!("{kind:?}")].iter().for_each(|part| add(part.as_bytes()));
    }
    add(b"servers");
    settings.servers.iter().for_each(|server| add(server.as_str().as_bytes()));
    add(b"meta-tools");
    for MetaTool { server, tool, name, arguments } in &settings.meta_tools {
        [server.as_str(), tool, &name.to_string(), &arguments.to_string()].iter().for_each(|part| add(part.as_bytes()));
    }
    finish(digest)
}

fn finish(digest: Sha256) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.finish().as_ref());
    bytes
}
