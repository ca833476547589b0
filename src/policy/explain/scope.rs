//! Whether the scope of a policy fits a request, and if not quite, where it misses.

use cedar_policy::{
    ActionConstraint, Entities, EntityTypeName, EntityUid, Policy, PrincipalConstraint, Request, ResourceConstraint,
};

use super::asks;
use super::model::{About, ScopeMiss};

/// How the scope of a policy stands to a request.
#[derive(Debug)]
pub(super) enum Fit {
    Fits,
    /// It misses in one of principal, action and resource.
    Misses(Miss),
    /// It misses in more than one.
    Far,
}

/// The one thing in which a scope does not fit.
#[derive(Debug)]
pub(super) struct Miss {
    variable: &'static str,
    asks: Asks,
    found: EntityUid,
}

/// What a scope asks of principal or resource, or of the action.
#[derive(Debug)]
enum Asks {
    Anything,
    Itself(EntityUid),
    Kind(EntityTypeName),
    Member(Option<EntityTypeName>, EntityUid),
    OneOf(Vec<EntityUid>),
}

/// How the scope of a policy stands to a request.
pub(super) fn fit(policy: &Policy, request: &Request, entities: &Entities) -> Fit {
    let (Some(principal), Some(action), Some(resource)) = (request.principal(), request.action(), request.resource()) else {
        return Fit::Far;
    };
    let asked = [
        ("principal", of_principal(policy.principal_constraint()), principal),
        ("action", of_action(policy.action_constraint()), action),
        ("resource", of_resource(policy.resource_constraint()), resource),
    ];
    let mut misses = asked.into_iter().filter(|(_, asks, uid)| !asks.accepts(uid, entities));
    match (misses.next(), misses.next()) {
        (None, _) => Fit::Fits,
        (Some((variable, asks, found)), None) => Fit::Misses(Miss { variable, asks, found: found.clone() }),
        (Some(_), Some(_)) => Fit::Far,
    }
}

/// Whether a scope is about this one tool, resource or prompt, and not about many.
pub(super) fn names_target(policy: &Policy, request: &Request) -> bool {
    let action = matches!(policy.action_constraint(), ActionConstraint::Eq(uid) if Some(&uid) == request.action());
    action || matches!(policy.resource_constraint(), ResourceConstraint::Eq(uid) if Some(&uid) == request.resource())
}

impl Miss {
    /// Whether whoever gives roles and groups could mend it, without touching the policy.
    pub(super) fn is_membership(&self) -> bool {
        matches!(self.about(), About::Role | About::Group)
    }

    pub(super) fn tell(&self, entities: &Entities) -> ScopeMiss {
        let member = matches!(self.asks, Asks::Member(..));
        ScopeMiss {
            variable: self.variable.to_owned(),
            wanted: self.asks.text(self.variable),
            found: if member { asks::described(&self.found, entities) } else { self.found.to_string() },
            about: self.about(),
        }
    }

    /// The role, team or group that the missing membership is in.
    pub(super) const fn wanted_parent(&self) -> Option<&EntityUid> {
        if let Asks::Member(_, parent) = &self.asks { Some(parent) } else { None }
    }

    pub(super) const fn found(&self) -> &EntityUid {
        &self.found
    }

    /// What kind of thing is missing.
    pub(super) fn about(&self) -> About {
        let fits_kind = |kind: &Option<EntityTypeName>| kind.as_ref().is_none_or(|kind| kind == self.found.type_name());
        match (self.variable, &self.asks) {
            ("principal", Asks::Member(kind, _)) if fits_kind(kind) => About::Role,
            ("principal", _) => About::Principal,
            ("action", _) => About::Action,
            // A tool cannot be moved to another server.
            (_, Asks::Member(kind, parent)) if fits_kind(kind) && parent.type_name().basename() != "Server" => About::Group,
            _ => About::Resource,
        }
    }
}

impl Asks {
    fn accepts(&self, uid: &EntityUid, entities: &Entities) -> bool {
        let is_in = |parent: &EntityUid| parent == uid || entities.is_ancestor_of(parent, uid);
        match self {
            Self::Anything => true,
            Self::Itself(other) => other == uid,
            Self::Kind(kind) => kind == uid.type_name(),
            Self::Member(kind, parent) => kind.as_ref().is_none_or(|kind| kind == uid.type_name()) && is_in(parent),
            Self::OneOf(parents) => parents.iter().any(is_in),
        }
    }

    /// The constraint as an author writes it.
    fn text(&self, variable: &str) -> String {
        match self {
            Self::Anything => variable.to_owned(),
            Self::Itself(uid) => format!("{variable} == {uid}"),
            Self::Kind(kind) => format!("{variable} is {kind}"),
            Self::Member(None, parent) => format!("{variable} in {parent}"),
            Self::Member(Some(kind), parent) => format!("{variable} is {kind} in {parent}"),
            Self::OneOf(parents) => match parents.as_slice() {
                [parent] => format!("{variable} in {parent}"),
                parents => {
                    let parents: Vec<String> = parents.iter().map(ToString::to_string).collect();
                    format!("{variable} in [{}]", parents.join(", "))
                }
            },
        }
    }
}

fn of_principal(constraint: PrincipalConstraint) -> Asks {
    match constraint {
        PrincipalConstraint::Any => Asks::Anything,
        PrincipalConstraint::Eq(uid) => Asks::Itself(uid),
        PrincipalConstraint::In(parent) => Asks::Member(None, parent),
        PrincipalConstraint::Is(kind) => Asks::Kind(kind),
        PrincipalConstraint::IsIn(kind, parent) => Asks::Member(Some(kind), parent),
    }
}

fn of_resource(constraint: ResourceConstraint) -> Asks {
    match constraint {
        ResourceConstraint::Any => Asks::Anything,
        ResourceConstraint::Eq(uid) => Asks::Itself(uid),
        ResourceConstraint::In(parent) => Asks::Member(None, parent),
        ResourceConstraint::Is(kind) => Asks::Kind(kind),
        ResourceConstraint::IsIn(kind, parent) => Asks::Member(Some(kind), parent),
    }
}

fn of_action(constraint: ActionConstraint) -> Asks {
    match constraint {
        ActionConstraint::Any => Asks::Anything,
        ActionConstraint::Eq(uid) => Asks::Itself(uid),
        ActionConstraint::In(parents) => Asks::OneOf(parents),
    }
}
