//! Entities: what the configuration declares, what servers list, and what the author's files say about both and add to them.
//!
//! The files have Cedar's entity format (`[{"uid": {"type", "id"}, "attrs": {…}, "parents": […]}]`) but are read here, by the types
//! of the schema: Cedar's own reader takes an `unknown` in any attribute, and a forbid that reads one is skipped.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::catalog::Catalog;
use super::entity_file;
use super::load::SourceFile;
use super::report::{LoadError, Problem};
use super::schema::Vocabulary;
use super::settings::{PrincipalKind, Settings};
use crate::domain::{Action, Actor, AgentId, Annotations, Caller, Memberships, ServerName, Target, UserId};
use cedar_policy::{Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression, Schema};

/// The attributes of a tool that are the server's claims; an author who states all of them pins the tool.
const CLAIMS: [&str; 4] = ["readOnly", "destructive", "idempotent", "openWorld"];

/// The names of the base vocabulary's types, parsed once.
#[derive(Debug, Clone)]
pub(super) struct Names {
    agent: EntityTypeName,
    user: EntityTypeName,
    role: EntityTypeName,
    team: EntityTypeName,
    server: EntityTypeName,
    pub(super) tool: EntityTypeName,
    pub(super) resource: EntityTypeName,
    pub(super) prompt: EntityTypeName,
    action: EntityTypeName,
}

impl Names {
    pub(super) fn new() -> Result<Self, LoadError> {
        let name = |text: &str| format!("Mcp::{text}").parse().map_err(|error| LoadError::Vocabulary(format!("{error}")));
        Ok(Self {
            agent: name("Agent")?,
            user: name("User")?,
            role: name("Role")?,
            team: name("Team")?,
            server: name("Server")?,
            tool: name("Tool")?,
            resource: name("Resource")?,
            prompt: name("Prompt")?,
            action: name("Action")?,
        })
    }

    pub(super) fn agent(&self, id: &AgentId) -> EntityUid {
        uid(&self.agent, id.as_str())
    }

    pub(super) fn user(&self, id: &UserId) -> EntityUid {
        uid(&self.user, id.as_str())
    }

    pub(super) fn actor(&self, caller: &Caller) -> Option<EntityUid> {
        match &caller.actor {
            Actor::Person(user) => Some(self.user(user)),
            Actor::Unattended => None,
        }
    }

    pub(super) fn server(&self, name: &ServerName) -> EntityUid {
        uid(&self.server, name.as_str())
    }

    pub(super) fn action(&self, action: Action) -> EntityUid {
        uid(&self.action, action.name())
    }

    /// The action of a tool, by `server/tool`.
    pub(super) fn tool_action(&self, id: &str) -> EntityUid {
        uid(&self.action, id)
    }

    /// The Cedar resource of a call.
    pub(super) fn target(&self, server: &ServerName, target: &Target) -> EntityUid {
        match target {
            Target::Tool(name) => uid(&self.tool, &format!("{server}/{name}")),
            Target::Resource(uri) => uid(&self.resource, &format!("{server}/{uri}")),
            Target::Prompt(name) => uid(&self.prompt, &format!("{server}/{name}")),
            Target::Server | Target::Method(_) => self.server(server),
        }
    }
}

fn uid(ty: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(ty.clone(), EntityId::new(id))
}

/// An entity in the making.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    attributes: BTreeMap<String, RestrictedExpression>,
    parents: HashSet<EntityUid>,
}

impl Draft {
    pub(super) fn build(self, uid: EntityUid) -> Result<Entity, String> {
        Entity::new(uid, self.attributes.into_iter().collect(), self.parents).map_err(|error| error.to_string())
    }

    fn addition(self, uid: EntityUid) -> Result<Addition, String> {
        let parents = self.parents.iter().cloned().collect();
        self.build(uid).map(|entity| Addition { entity, parents })
    }
}

/// An entity that only some requests have, or have with more parents than others.
#[derive(Debug)]
pub(super) struct Addition {
    pub(super) entity: Entity,
    pub(super) parents: Vec<EntityUid>,
}

/// What the files declare, and the principals and servers of the configuration: everything but the catalog.
#[derive(Debug)]
pub(super) struct Declared {
    drafts: HashMap<EntityUid, Draft>,
}

/// Where an entity is declared.
struct Place<'a> {
    file: &'a SourceFile,
    offset: usize,
}

impl Declared {
    /// Reads the files and adds the configuration. Every problem is added to `problems`.
    pub(super) fn read(
        settings: &Settings,
        files: &[SourceFile],
        vocabulary: &Vocabulary,
        names: &Names,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut declared = Self { drafts: HashMap::new() };
        let mut places = HashMap::new();
        for file in files {
            declared.read_file(file, vocabulary, &mut places, problems);
        }
        declared.configure(settings, names);
        declared.check(vocabulary, names, &places, problems);
        declared
    }

    fn configure(&mut self, settings: &Settings, names: &Names) {
        for principal in &settings.principals {
            let ty = match principal.kind {
                PrincipalKind::Agent => &names.agent,
                PrincipalKind::User => &names.user,
            };
            let roles: Vec<EntityUid> = principal.roles.iter().map(|role| uid(&names.role, role)).collect();
            for role in &roles {
                self.drafts.entry(role.clone()).or_default();
            }
            self.drafts.entry(uid(ty, &principal.id)).or_default().parents.extend(roles);
        }
        for server in &settings.servers {
            self.drafts.entry(names.server(server)).or_default();
        }
    }

    fn read_file<'a>(
        &mut self,
        file: &'a SourceFile,
        vocabulary: &Vocabulary,
        places: &mut HashMap<EntityUid, Place<'a>>,
        problems: &mut Vec<Problem>,
    ) {
        for (offset, read) in entity_file::read(file, Some(vocabulary), problems) {
            let entity_file::Read { uid, attributes, parents } = read;
            if let Some(first) = places.get(&uid) {
                problems.push(Problem::at(file, offset, 1, format!("`{uid}` is already declared at {}", first.text())));
                continue;
            }
            places.insert(uid.clone(), Place { file, offset });
            self.drafts.insert(uid, Draft { attributes, parents });
        }
    }

    /// Lets Cedar check everything, and on failure each entity alone, so that every culprit is named at its place.
    fn check(&self, vocabulary: &Vocabulary, names: &Names, places: &HashMap<EntityUid, Place<'_>>, problems: &mut Vec<Problem>) {
        if !problems.is_empty() {
            return;
        }
        let (none, nobody) = (Catalog::default(), |_: &ServerName, _: &str| false);
        let built = self.complete(names, &none, &nobody).into_iter().map(|(uid, draft)| draft.build(uid));
        let built: Result<Vec<_>, _> = built.collect();
        let Err(whole) = built.and_then(|built| entities(built, Some(&vocabulary.schema))) else { return };
        let before = problems.len();
        for (uid, draft) in self.complete(names, &none, &nobody) {
            let alone = draft.build(uid.clone()).and_then(|entity| entities([entity], Some(&vocabulary.schema)).map(drop));
            if let Err(message) = alone {
                problems.push(match places.get(&uid) {
                    Some(place) => Problem::at(place.file, place.offset, 1, message),
                    None => Problem::nowhere("", message)
                        .with_help(format!("`{uid}` is declared by the configuration; give its attributes in an entities file")),
                });
            }
        }
        if problems.len() == before {
            // Each is right alone, so it is about how they hang together; the sentence names one of them.
            let named = places.iter().find(|(uid, _)| whole.contains(&uid.to_string()));
            problems.push(match named {
                Some((_, place)) => Problem::at(place.file, place.offset, 1, whole),
                None => Problem::nowhere("", whole),
            });
        }
    }

    /// All entities: the declared ones, the tools of the catalog, and the actions. Whatever is in them was checked against the schema
    /// when it was declared, or made here.
    pub(super) fn entities(
        &self,
        names: &Names,
        catalog: &Catalog,
        reviewed: &dyn Fn(&ServerName, &str) -> bool,
        actions: impl Iterator<Item = Entity>,
    ) -> Result<Entities, String> {
        let built = self.complete(names, catalog, reviewed).into_iter().map(|(uid, draft)| draft.build(uid));
        entities(built.chain(actions.map(Ok)).collect::<Result<Vec<_>, _>>()?, None)
    }

    /// A resource or prompt that a call names and no file declares. Without it, a rule about its server would silently not apply.
    pub(super) fn learned(&self, names: &Names, server: &ServerName, target: &Target) -> Result<Addition, String> {
        let mut draft = Draft::default();
        let own = match target {
            Target::Prompt(_) => "name",
            _ => "uri",
        };
        complete_learned(&mut draft, own, target.name().unwrap_or_default(), names.server(server));
        draft.addition(names.target(server, target))
    }

    /// A principal with what it brings, on top of what the files and the configuration say about it; and the roles and teams among
    /// that which nothing declares. Nothing when it brings nothing, unless somebody vouches for it and no file has heard of it.
    pub(super) fn principal(
        &self,
        names: &Names,
        vocabulary: &Vocabulary,
        principal: EntityUid,
        brings: &Memberships,
        vouched: bool,
    ) -> Result<Vec<Addition>, String> {
        if brings.is_empty() && (!vouched || self.drafts.contains_key(&principal)) {
            return Ok(Vec::new());
        }
        let roles = brings.roles.iter().map(|role| uid(&names.role, role));
        let parents: Vec<EntityUid> = roles.chain(brings.teams.iter().map(|team| uid(&names.team, team))).collect();
        let undeclared = parents.iter().filter(|parent| !self.drafts.contains_key(*parent));
        let mut additions =
            undeclared.map(|uid| self.undeclared(vocabulary, uid, Draft::default())).collect::<Result<Vec<_>, _>>()?;
        additions.push(match self.drafts.get(&principal).cloned() {
            Some(mut draft) => {
                draft.parents.extend(parents);
                draft.addition(principal)?
            }
            None => {
                self.undeclared(vocabulary, &principal, Draft { parents: parents.into_iter().collect(), ..Draft::default() })?
            }
        });
        Ok(additions)
    }

    /// An entity that no file declares. What the author's schema requires of its type, nobody has said about it.
    fn undeclared(&self, vocabulary: &Vocabulary, uid: &EntityUid, draft: Draft) -> Result<Addition, String> {
        let fields = vocabulary.shapes.get(uid.type_name());
        match fields.into_iter().flatten().find(|(_, field)| field.required) {
            Some((name, _)) => {
                Err(format!("`{uid}` is in no entities file, and its attribute `{name}` is required by the schema"))
            }
            None => draft.addition(uid.clone()),
        }
    }

    /// An entity with what a service says about it, on top of what the files declare; `None` when that adds nothing.
    ///
    /// # Errors
    ///
    /// The attribute that is said and declared otherwise: nobody who asks can change what the operator declared.
    pub(super) fn stated(
        &self,
        uid: &EntityUid,
        said: &BTreeMap<String, RestrictedExpression>,
    ) -> Result<Option<Result<Addition, String>>, String> {
        let Some(declared) = self.drafts.get(uid) else {
            let draft = Draft { attributes: said.clone(), ..Draft::default() };
            return Ok(Some(draft.addition(uid.clone())));
        };
        let mut draft = declared.clone();
        let mut adds = false;
        for (name, value) in said {
            match declared.attributes.get(name) {
                Some(declared) if is_same(declared, value) => {}
                Some(_) => return Err(name.clone()),
                None => {
                    adds = true;
                    draft.attributes.insert(name.clone(), value.clone());
                }
            }
        }
        Ok(adds.then(|| draft.addition(uid.clone())))
    }

    /// Whether a file or the configuration declares it.
    pub(super) fn declares(&self, uid: &EntityUid) -> bool {
        self.drafts.contains_key(uid)
    }

    /// The tools that files declare: server and name of each.
    pub(super) fn tools<'a>(&'a self, names: &'a Names) -> impl Iterator<Item = (&'a str, &'a str)> {
        let tools = self.drafts.keys().filter(|uid| *uid.type_name() == names.tool);
        tools.filter_map(|uid| uid.id().unescaped().split_once('/'))
    }

    fn complete(
        &self,
        names: &Names,
        catalog: &Catalog,
        reviewed: &dyn Fn(&ServerName, &str) -> bool,
    ) -> HashMap<EntityUid, Draft> {
        let mut drafts = self.drafts.clone();
        for (server, tool) in catalog.tools() {
            let target = names.target(server, &Target::Tool(tool.name.clone()));
            let draft = drafts.entry(target).or_default();
            complete_tool(draft, &tool.name, tool.annotations, reviewed(server, &tool.name), names.server(server));
        }
        for (uid, draft) in &mut drafts {
            let id = uid.id();
            let (Some((server, name)), ty) = (id.unescaped().split_once('/'), uid.type_name()) else { continue };
            let server = self::uid(&names.server, server);
            if *ty == names.tool {
                complete_tool(draft, name, Annotations::default(), false, server);
            } else if *ty == names.resource {
                complete_learned(draft, "uri", name, server);
            } else if *ty == names.prompt {
                complete_learned(draft, "name", name, server);
            }
        }
        drafts
    }
}

/// Fills in what the author's files leave open about a tool: the server's claims, or the protocol's defaults. Filling in twice
/// changes nothing, so what came first counts. Claims that somebody reviewed are as good as the author's own.
fn complete_tool(draft: &mut Draft, name: &str, claims: Annotations, reviewed: bool, server: EntityUid) {
    let pinned = reviewed || CLAIMS.iter().all(|claim| draft.attributes.contains_key(*claim));
    draft.parents.insert(server);
    let mut default = |attribute: &str, value| {
        draft.attributes.entry(attribute.to_owned()).or_insert(value);
    };
    // `pinned` first: after the claims are filled in nobody can tell any more who stated them.
    default("pinned", RestrictedExpression::new_bool(pinned));
    default("name", RestrictedExpression::new_string(name.to_owned()));
    default("readOnly", RestrictedExpression::new_bool(claims.read_only));
    default("destructive", RestrictedExpression::new_bool(claims.destructive));
    default("idempotent", RestrictedExpression::new_bool(claims.idempotent));
    default("openWorld", RestrictedExpression::new_bool(claims.open_world));
}

/// Whether two expressions have the same value.
pub(super) fn is_same(one: &RestrictedExpression, other: &RestrictedExpression) -> bool {
    let value = |expression: &RestrictedExpression| {
        let context = Context::from_pairs([("value".to_owned(), expression.clone())]).ok()?;
        context.get("value")
    };
    matches!((value(one), value(other)), (Some(one), Some(other)) if one == other)
}

fn complete_learned(draft: &mut Draft, own: &str, name: &str, server: EntityUid) {
    draft.parents.insert(server);
    draft.attributes.insert(own.to_owned(), RestrictedExpression::new_string(name.to_owned()));
}

pub(super) fn entities(list: impl IntoIterator<Item = Entity>, schema: Option<&Schema>) -> Result<Entities, String> {
    Entities::from_entities(list, schema).map_err(|error| chain(&error))
}

/// An error with its causes, because Cedar's outermost sentence alone says little.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl Place<'_> {
    fn text(&self) -> String {
        let (line, _) = super::report::position(&self.file.text, self.offset);
        format!("{}:{line}", self.file.name)
    }
}
