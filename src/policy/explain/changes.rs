//! What would change an answer, in words that follow "it takes".

use super::model::{About, Change, Clause, Failed, Force, Matched, Near, Need, Part, PolicyName, Unknown};
use super::scope::Miss;

/// The most policies whose changes are told.
const MAX_CHANGES: usize = 5;

/// What would make a permit match: of the nearest ones, what each lacks. `miss` finds the miss in a scope.
pub(super) fn for_a_permit<'a>(near: &[Near], miss: impl Fn(&PolicyName) -> Option<&'a Miss>) -> Vec<Change> {
    let permits = near.iter().filter(|near| near.policy.effect == Force::Permit);
    let reachable =
        permits.filter(|near| near.scope.as_ref().is_none_or(|scope| matches!(scope.about, About::Role | About::Group)));
    let change = |near: &Near| {
        let scope = near.scope.as_ref().and_then(|_| miss(&near.policy)).and_then(membership);
        let needs = scope.into_iter().chain(near.missing.iter().map(|part| need(part, part.wanted))).collect();
        Change { policy: Some(near.policy.clone()), ways: vec![needs] }
    };
    let changes: Vec<Change> = reachable.take(MAX_CHANGES).map(change).collect();
    if changes.is_empty() { vec![other("a policy that permits it: none comes near")] } else { changes }
}

/// What would lift a forbid that matched: an exception that is met, or a condition that is not.
pub(super) fn to_lift(forbid: &Matched) -> Change {
    let unmet =
        |parts: &Vec<Part>| parts.iter().filter(|part| !part.is_as_wanted()).map(|part| need(part, part.wanted)).collect();
    let exceptions = forbid.exceptions.iter().map(unmet);
    let conditions = forbid.because.iter().filter(|part| part.clause == Clause::When).map(|part| vec![need(part, !part.wanted)]);
    let ways: Vec<Vec<Need>> = exceptions.chain(conditions).collect();
    let policy = Some(forbid.policy.clone());
    if ways.is_empty() {
        return Change { policy, ..other("another policy: this one forbids the call whatever the circumstances") };
    }
    Change { policy, ways }
}

/// The same, but only what an approval has to do with it.
pub(super) fn to_lift_by_approval(forbid: &Matched) -> Change {
    let mut change = to_lift(forbid);
    change.ways.retain(|way| way.iter().any(|need| need.about == About::Approval));
    if change.ways.is_empty() {
        change.ways.push(vec![Need { about: About::Approval, text: "a person's approval".to_owned() }]);
    }
    change
}

/// What would let a policy be evaluated.
pub(super) fn to_evaluate(failed: &Failed) -> Change {
    let about = failed.part.as_ref().map_or(About::Other, |part| part.about);
    let text = match &failed.part {
        Some(part) if part.about == About::Argument => {
            format!("other arguments, or a policy that asks first whether `{}` can be evaluated", part.text)
        }
        Some(part) => format!("a policy that asks first whether `{}` can be evaluated", part.text),
        None => "a policy that can be evaluated".to_owned(),
    };
    Change { policy: Some(failed.policy.clone()), ways: vec![vec![Need { about, text }]] }
}

/// What it takes when a name is not known.
pub(super) fn to_know(unknown: &Unknown) -> Change {
    let Unknown { kind, name, nearest, .. } = unknown;
    let about = match kind.as_str() {
        "tool" => About::Resource,
        "agent" | "user" => About::Principal,
        _ => About::Other,
    };
    let way = |text: String| vec![Need { about, text }];
    let declared = match kind.as_str() {
        "tool" => "a server that lists the tool, or an entities file that declares it".to_owned(),
        "server" => format!("a server `{name}` in the configuration"),
        kind => format!("`{name}` as {kind} in the configuration or in an entities file"),
    };
    let meant = nearest.as_ref().map(|nearest| way(format!("the name `{nearest}`, if that is meant")));
    Change { policy: None, ways: meant.into_iter().chain([way(declared)]).collect() }
}

/// A change that is not about a policy.
pub(super) fn other(text: &str) -> Change {
    Change { policy: None, ways: vec![vec![Need { about: About::Other, text: text.to_owned() }]] }
}

/// The membership that a scope asks for.
fn membership(miss: &Miss) -> Option<Need> {
    let parent = miss.wanted_parent()?;
    Some(Need { about: miss.about(), text: format!("`{}` in `{parent}`", miss.found()) })
}

/// What it takes for a part to be `goal`.
fn need(part: &Part, goal: bool) -> Need {
    let Part { text, about, .. } = part;
    let holds = if goal { format!("`{text}`") } else { format!("`{text}` is false") };
    let text = match (about, text.as_str()) {
        (About::Approval, "context has approval") if goal => "a person's approval".to_owned(),
        (About::Person, "context has actor") if goal => "a person behind the agent".to_owned(),
        (About::Approval, _) if goal => format!("an approval for which {holds}"),
        (About::Argument, _) => format!("other arguments, for which {holds}"),
        (About::Time, _) => format!("another time, at which {holds}"),
        (About::Source, _) => format!("another connection, for which {holds}"),
        _ => format!("`{text}` to be {goal}"),
    };
    Need { about: *about, text }
}
