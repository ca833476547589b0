//! Do the policies fit the tools that a server lists?
//!
//! Strict validation takes time in proportion to policies times actions. So a policy that names tools is checked against a schema
//! with a few tools besides those, and one that is about tools in general against one tool of each kind of arguments.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use cedar_policy::{Policy, PolicyId};

use super::alike;
use super::code::Code;
use super::dependence::Dependence;
use super::policies::{Findings, explain, in_order, once_a_place};
use super::report::Problem;
use super::schema::Arguments;
use super::settings::Settings;
use super::shard::{Authored, Shard};
use super::ty::Ty;
use crate::domain::ServerName;

/// How many tools one schema for named tools has at most, unless a single policy names more.
const BATCH: usize = 32;

/// What came out.
#[derive(Debug, Default)]
pub(super) struct Fit {
    /// Policies that do not fit, each with a reason; a policy may have several.
    pub(super) errors: Vec<(PolicyId, Problem)>,
    pub(super) warnings: Vec<Problem>,
    /// The policies that were looked at.
    pub(super) checked: BTreeSet<PolicyId>,
    /// Policies that cannot match any of this server's tools.
    pub(super) impossible: BTreeMap<PolicyId, Problem>,
}

/// Checks the policies that depend on a server's tools, whose types are given by the id of their action.
///
/// # Errors
///
/// A sentence when Cedar does not take a type of ours.
pub(super) fn check(server: &ServerName, types: &BTreeMap<String, Ty>, authored: Authored<'_>) -> Result<Fit, String> {
    let mut checker = Checker { prefix: format!("{server}/"), server, types, authored, fit: Fit::default() };
    checker.named()?;
    checker.general()?;
    Ok(checker.fit)
}

/// Checks the policies that fit the files or do not, whatever servers list, and adds what the shards found. Returns the warnings.
pub(super) fn check_files(
    settings: &Settings,
    shards: &BTreeMap<ServerName, Arc<Shard>>,
    authored: Authored<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Problem> {
    let Authored { policies, vocabulary, dependences, .. } = authored;
    let configured = |name: &String| {
        let server = name.split_once('/').map(|(server, _)| server);
        settings.servers.iter().any(|known| Some(known.as_str()) == server)
    };
    // An action of a server that is not configured will never be there.
    let independent =
        |id: &&PolicyId| dependences.policies.get(*id).is_none_or(|dependence| !dependence.named.iter().all(configured));
    let independent = policies.set.policies().map(Policy::id).filter(independent);
    let Findings { errors, mut warnings, impossible } = alike::validate(policies, vocabulary, independent);
    let mut errors: Vec<Problem> = errors.into_iter().map(|(_, problem)| problem).collect();
    for shard in shards.values() {
        errors.extend(shard.fit.errors.iter().map(|(_, problem)| problem.clone()));
    }
    in_order(&mut errors);
    problems.extend(once_a_place(errors).into_iter().map(explain));
    warnings.extend(impossible.into_values());
    in_order(&mut warnings);
    warnings
}

/// What is worth a remark about policies that depend on what servers list: those that are waiting for it, and those that cannot match
/// anything that is listed.
pub(super) fn warnings(shards: &BTreeMap<ServerName, Arc<Shard>>, authored: Authored<'_>) -> Vec<Problem> {
    let mut warnings: Vec<Problem> = shards.values().flat_map(|shard| shard.fit.warnings.iter().cloned()).collect();
    let pending: Vec<&ServerName> = shards.iter().filter(|(_, shard)| shard.listed.is_none()).map(|(name, _)| name).collect();
    for (id, dependence) in &authored.dependences.policies {
        let concerns = |server: &ServerName| {
            let prefix = format!("{server}/");
            dependence.of_any_tool || dependence.named.iter().any(|name| name.starts_with(&prefix))
        };
        if let Some(server) = pending.iter().find(|server| concerns(server)) {
            let message = format!("policy `{id}` waits for the tools of server `{server}`, which are not known yet");
            let help = "it is checked once the server lists them; a catalog lock tells them beforehand".to_owned();
            warnings.push(authored.policies.remark(id, message).with_code(Code::WaitingPolicy).with_help(help));
            continue;
        }
        warnings.extend(unfit(id, shards));
    }
    in_order(&mut warnings);
    warnings
}

/// What is wrong with a policy that fits some tools of no server, or does not fit those that it is about.
fn unfit(id: &PolicyId, shards: &BTreeMap<ServerName, Arc<Shard>>) -> Vec<Problem> {
    let looked: Vec<&Fit> = shards.values().map(|shard| &shard.fit).filter(|fit| fit.checked.contains(id)).collect();
    let errors = looked.iter().flat_map(|fit| fit.errors.iter().filter(|(of, _)| of == id));
    let mut problems = once_a_place(errors.map(|(_, problem)| problem.clone()).collect());
    if problems.is_empty() && !looked.is_empty() && looked.iter().all(|fit| fit.impossible.contains_key(id)) {
        problems.extend(looked.first().and_then(|fit| fit.impossible.get(id)).cloned());
    }
    problems
}

struct Checker<'a> {
    prefix: String,
    server: &'a ServerName,
    types: &'a BTreeMap<String, Ty>,
    authored: Authored<'a>,
    fit: Fit,
}

impl<'a> Checker<'a> {
    /// Policies that name tools of this server.
    fn named(&mut self) -> Result<(), String> {
        let mut batch = Batch::default();
        for (id, dependence) in &self.authored.dependences.policies {
            let mut own = dependence.named.iter().filter(|name| name.starts_with(&self.prefix)).peekable();
            if own.peek().is_none() || dependence.of_any_tool {
                continue;
            }
            if let Some(missing) = own.find(|name| !self.types.contains_key(*name)) {
                self.missing(id, missing);
                continue;
            }
            if batch.names.len() + dependence.named.len() > BATCH {
                self.validate(std::mem::take(&mut batch))?;
            }
            batch.add(id, dependence);
        }
        self.validate(batch)
    }

    /// Policies that read arguments of tools in general.
    fn general(&mut self) -> Result<(), String> {
        let mut batch = Batch::default();
        let general = self.authored.dependences.policies.iter().filter(|(_, dependence)| dependence.of_any_tool);
        for (id, dependence) in general {
            let own = |name: &&String| name.starts_with(&self.prefix) && !self.types.contains_key(*name);
            match dependence.named.iter().find(own) {
                Some(missing) => self.missing(id, missing),
                None => batch.add(id, dependence),
            }
        }
        if !batch.policies.is_empty() {
            // Tools whose arguments have the same type are all the same to a policy that does not name them.
            let mut kinds = HashSet::new();
            let kind = |ty: &Ty| ty.to_cedar().map(|ty| ty.to_string());
            batch.names.extend(self.types.iter().filter(|(_, ty)| kinds.insert(kind(ty))).map(|(name, _)| name.as_str()));
        }
        self.validate(batch)
    }

    fn missing(&mut self, id: &PolicyId, name: &str) {
        let (tool, server) = (name.get(self.prefix.len()..).unwrap_or_default(), self.server);
        let problem = self.authored.policies.remark(id, format!("server `{server}` lists no tool `{tool}`"));
        let known: Vec<&str> = self.types.keys().filter_map(|id| id.get(self.prefix.len()..)).take(8).collect();
        let more = if self.types.len() > known.len() { ", …" } else { "" };
        let help = (!known.is_empty()).then(|| format!("its tools are {}{more}", known.join(", ")));
        self.fit.checked.insert(id.clone());
        self.fit.errors.push((id.clone(), problem.with_code(Code::UnknownTool).with_help(help)));
    }

    fn validate(&mut self, batch: Batch<'a>) -> Result<(), String> {
        if batch.policies.is_empty() {
            return Ok(());
        }
        let arguments = |name: &&'a str| (*name, self.types.get(*name).map_or(Arguments::Irrelevant, Arguments::Of));
        let schema = self.authored.vocabulary.with_tools(batch.names.iter().map(arguments))?;
        let policies = self.authored.policies.subset(batch.policies.iter().copied());
        let Findings { errors, warnings, impossible } = self.authored.policies.validate(&policies, &schema);
        self.fit.errors.extend(errors);
        self.fit.warnings.extend(warnings);
        self.fit.impossible.extend(impossible);
        self.fit.checked.extend(batch.policies.into_iter().cloned());
        Ok(())
    }
}

/// Policies that are checked against one schema, and the actions that it must have for them.
#[derive(Default)]
struct Batch<'a> {
    policies: Vec<&'a PolicyId>,
    names: BTreeSet<&'a str>,
}

impl<'a> Batch<'a> {
    fn add(&mut self, id: &'a PolicyId, dependence: &'a Dependence) {
        self.policies.push(id);
        self.names.extend(dependence.named.iter().map(String::as_str));
    }
}
