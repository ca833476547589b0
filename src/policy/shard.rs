//! One server's tools as policies see them: the vocabulary of the files and, added to it, an action for each tool.
//!
//! Every server has a shard of its own, because the cost of checking policies grows with the number of actions in a schema. A shard
//! holds the tools, the schema that calls are checked against, and which policies do not fit the tools as they are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use cedar_policy::{Entities, EntityUid, PolicyId, Schema};

use super::catalog::Tools;
use super::dependence::Dependences;
use super::entities::Names;
use super::fit::{self, Fit};
use super::json_schema;
use super::policies::Policies;
use super::report::{LoadError, Problem};
use super::schema::{Arguments, Vocabulary};
use super::ty::Ty;
use crate::domain::ServerName;

/// What the files of an author say, as far as it matters to what servers list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Authored<'a> {
    pub(super) policies: &'a Policies,
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) dependences: &'a Dependences,
    /// The actions of the vocabulary, with their groups.
    pub(super) actions: &'a Entities,
    pub(super) names: &'a Names,
}

/// The tools of one server.
#[derive(Debug)]
pub(super) struct Shard {
    /// What the server listed; `None` when that is not known yet.
    pub(super) listed: Option<Arc<Tools>>,
    tools: HashMap<Arc<str>, TypedTool>,
    /// The vocabulary with this server's actions, as far as arguments are read.
    pub(super) schema: Schema,
    /// How the policies that depend on what servers list fit this one's tools.
    pub(super) fit: Fit,
}

/// A tool with an action of its own.
#[derive(Debug)]
pub(super) struct TypedTool {
    pub(super) action: EntityUid,
    /// The type of what policies read of the arguments; `None` when they read nothing.
    pub(super) input: Option<Ty>,
}

impl Shard {
    /// Builds the shard of a server and checks the policies that speak of its tools.
    ///
    /// # Errors
    ///
    /// [`LoadError::Vocabulary`] when Cedar does not take a type of ours, which would be a defect of this module.
    pub(super) fn build(server: &ServerName, listed: Option<Arc<Tools>>, authored: Authored<'_>) -> Result<Self, LoadError> {
        let types = types(server, listed.as_deref(), authored.vocabulary);
        let broken = |message: String| LoadError::Vocabulary(format!("the tools of server `{server}`: {message}"));
        let fit = match &listed {
            Some(_) => fit::check(server, &types, authored).map_err(broken)?,
            None => Fit::default(),
        };
        let shown: BTreeMap<&str, (EntityUid, Ty)> = types.iter().map(|(id, ty)| (&**id, shown(id, ty, authored))).collect();
        let schema =
            authored.vocabulary.with_tools(shown.iter().map(|(id, (_, ty))| (*id, Arguments::Of(ty)))).map_err(broken)?;
        let own = server.as_str().len() + 1;
        let typed = shown.into_iter().filter_map(|(id, (action, ty))| {
            let input = ty.is_visible().then_some(ty);
            Some((Arc::from(id.get(own..)?), TypedTool { action, input }))
        });
        let tools = typed.collect();
        Ok(Self { listed, tools, schema, fit })
    }

    /// The action of a tool, if it has one of its own.
    pub(super) fn tool(&self, name: &str) -> Option<&TypedTool> {
        self.tools.get(name)
    }

    /// All actions of tools.
    pub(super) fn actions(&self) -> impl Iterator<Item = &EntityUid> {
        self.tools.values().map(|tool| &tool.action)
    }

    /// Policies that do not fit the tools, each with the reason.
    pub(super) fn unfit(&self) -> impl Iterator<Item = (&PolicyId, &Problem)> {
        self.fit.errors.iter().map(|(id, problem)| (id, problem))
    }
}

/// The full types of the arguments of all tools, by the id of their action. What the author declares comes before what the server says.
fn types(server: &ServerName, listed: Option<&Tools>, vocabulary: &Vocabulary) -> BTreeMap<String, Ty> {
    let prefix = format!("{server}/");
    let declared = vocabulary.tools.iter().filter(|(id, _)| id.starts_with(&prefix));
    let mut types: BTreeMap<String, Ty> = declared.map(|(id, ty)| (id.clone(), ty.clone())).collect();
    for tool in listed.into_iter().flat_map(Tools::values) {
        let id = format!("{prefix}{}", tool.name);
        // A server `tools` with a tool `call` would otherwise redefine what all tools are in.
        if !vocabulary.has_action(&id) {
            types.insert(id, json_schema::map(tool.input_schema.as_deref()).input);
        }
    }
    types
}

/// The action, and the type of what is read of its arguments.
fn shown(id: &str, ty: &Ty, authored: Authored<'_>) -> (EntityUid, Ty) {
    let action = authored.names.tool_action(id);
    let group = authored.names.action(crate::domain::Action::ToolsCall);
    let declared: BTreeSet<EntityUid> = authored.actions.ancestors(&action).into_iter().flatten().cloned().collect();
    let groups = if declared.is_empty() { [group].into() } else { declared };
    let reads = authored.dependences.input_of(&action, groups.iter());
    (action.clone(), reads.map_or(Ty::Hidden, |reads| ty.only(&reads)))
}
