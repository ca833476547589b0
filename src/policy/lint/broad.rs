//! Permits without conditions that cover destructive tools.
//!
//! A permit that names the tool is meant; one that takes in whatever is in a server or a group may not be. A forbid about all
//! destructive tools, such as one that asks for approval, stands before every permit and settles it.

use std::collections::HashMap;

use cedar_policy::pst::{ActionConstraint, Clause, EntityOrSlot, Expr, PrincipalConstraint, ResourceConstraint, Template, Var};
use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, EvalResult};

use super::super::code::Code;
use super::super::report::Problem;
use super::super::snapshot::PolicySnapshot;
use super::Subject;
use crate::domain::ServerName;

/// What tools a permit takes in.
#[derive(Clone)]
enum Covered {
    Nothing,
    /// No tools are known, and every one that will be.
    Everything,
    /// These many destructive ones, and the id of the first.
    Tools(usize, String),
}

pub(super) fn lint(snapshot: &PolicySnapshot, subjects: &[Subject<'_>]) -> Vec<Problem> {
    if subjects.iter().any(|subject| !subject.permits && settles(&subject.body)) {
        return Vec::new();
    }
    let tools = Tools::of(snapshot);
    let mut known = HashMap::new();
    let open = subjects.iter().filter(|subject| subject.permits && subject.body.clauses().is_empty());
    let remark = |subject: &Subject<'_>| {
        let Template { action, resource, .. } = &subject.body;
        let covered = known.entry(format!("{action}|{resource}")).or_insert_with(|| tools.covered(action, resource)).clone();
        let message = match covered {
            Covered::Nothing => return None,
            Covered::Everything => "this permit has no conditions and covers every tool, destructive ones too".to_owned(),
            Covered::Tools(1, tool) => format!("this permit has no conditions and covers the destructive tool `{tool}`"),
            Covered::Tools(count, tool) => {
                format!("this permit has no conditions and covers {count} destructive tools, `{tool}` among them")
            }
        };
        let help = "add `when { !resource.destructive }`, or a forbid that asks for approval: `forbid (principal, action, resource is \
                    Mcp::Tool) when { resource.destructive } unless { context has approval };`";
        Some(subject.origin.problem(0, 0, message).with_code(Code::BroadPermit).with_help(help.to_owned()))
    };
    open.filter_map(remark).collect()
}

/// Whether a forbid is about all destructive tools, whoever calls: with an approval, or at all.
fn settles(body: &Template) -> bool {
    let everybody = matches!(body.principal, PrincipalConstraint::Any);
    let everything = match &body.resource {
        ResourceConstraint::Any => true,
        ResourceConstraint::Is(ty) => ty.to_string() == "Mcp::Tool",
        _ => false,
    };
    let conditions = body.clauses().iter().filter_map(|clause| match clause {
        Clause::When(condition) => Some(condition),
        Clause::Unless(_) => None,
    });
    everybody && everything && calls_tools(&body.action) && conditions.into_iter().any(|condition| reads_destructive(condition))
}

fn reads_destructive(condition: &Expr) -> bool {
    let reads = |expr: &Expr| match expr {
        Expr::GetAttr { expr, attr } if attr == "destructive" => Some(matches!(**expr, Expr::Var(Var::Resource))),
        _ => None,
    };
    condition.reduce(&reads, &|a, b| a || b, false)
}

/// Whether an action takes in calls of tools in general.
fn calls_tools(action: &ActionConstraint) -> bool {
    match action {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(_) => false,
        ActionConstraint::In(actions) => actions.iter().any(|action| action.eid == "tools/call"),
    }
}

/// The tools that are known, and which of them are destructive.
struct Tools<'a> {
    snapshot: &'a PolicySnapshot,
    none: bool,
    destructive: Vec<EntityUid>,
}

impl<'a> Tools<'a> {
    fn of(snapshot: &'a PolicySnapshot) -> Self {
        let tool = &snapshot.core.names.tool;
        let tools = || snapshot.entities.iter().filter(|entity| entity.uid().type_name() == tool);
        let is = |entity: &Entity, claim: &str| matches!(entity.attr(claim), Some(Ok(EvalResult::Bool(true))));
        // Of a tool that an entities file only mentions, nobody has said that it destroys anything.
        let described = |entity: &Entity| {
            let uid = entity.uid();
            let listed = uid.id().unescaped().split_once('/').and_then(|(server, tool)| Some((ServerName::new(server)?, tool)));
            is(entity, "pinned") || listed.is_some_and(|(server, tool)| snapshot.catalog.has(&server, tool))
        };
        let destructive = tools().filter(|entity| is(entity, "destructive") && described(entity));
        let mut destructive: Vec<EntityUid> = destructive.map(|entity| entity.uid()).collect();
        destructive.sort_by(|a, b| a.id().unescaped().cmp(b.id().unescaped()));
        Self { snapshot, none: tools().next().is_none(), destructive }
    }

    fn covered(&self, action: &ActionConstraint, resource: &ResourceConstraint) -> Covered {
        if !calls_tools(action) {
            return Covered::Nothing;
        }
        let group = match resource {
            ResourceConstraint::Any => None,
            ResourceConstraint::Is(ty) if ty.to_string() == "Mcp::Tool" => None,
            ResourceConstraint::In(EntityOrSlot::Entity(group)) | ResourceConstraint::IsIn(_, EntityOrSlot::Entity(group)) => {
                let Ok(ty) = group.ty.to_string().parse::<EntityTypeName>() else { return Covered::Nothing };
                Some(EntityUid::from_type_name_and_id(ty, EntityId::new(&group.eid)))
            }
            _ => return Covered::Nothing,
        };
        if self.none {
            return if group.is_none() { Covered::Everything } else { Covered::Nothing };
        }
        let inside = |tool: &&EntityUid| group.as_ref().is_none_or(|group| self.snapshot.entities.is_ancestor_of(group, tool));
        let mut covered = self.destructive.iter().filter(inside);
        match covered.next() {
            Some(first) => Covered::Tools(covered.count() + 1, first.id().unescaped().to_owned()),
            None => Covered::Nothing,
        }
    }
}
