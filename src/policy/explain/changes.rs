//! What would change an answer, in words that follow "it takes".

use super::model::{About, Change, Clause, Failed, Force, Matched, Near, Need, Part, Unknown};

/// The most policies whose changes are told.
const MAX_CHANGES: usize = 5;

/// What would make a permit match: what the nearest ones lack.
pub(super) fn for_a_permit(near: &[Near]) -> Vec<Change> {
    let change = |near: &Near| {
        let parent = near.scope.as_ref().and_then(|scope| Some((scope.about, scope.parent.as_ref()?)));
        let membership = parent.map(|(about, parent)| match about {
            About::Group => Need { about, text: format!("the tool, resource or prompt to be in `{parent}`") },
            _ => Need { about, text: format!("to be in `{parent}`") },
        });
        let needs = membership.into_iter().chain(needs(near.missing.iter().map(|part| (part, part.wanted)))).collect();
        Change { policy: Some(near.policy.clone()), ways: vec![needs] }
    };
    let changes: Vec<Change> = within_reach(near).take(MAX_CHANGES).map(change).collect();
    if changes.is_empty() { vec![other("a policy that permits it: none comes near")] } else { changes }
}

/// The permits that are worth telling: those whose scope fits and those that miss only a membership and are about this very tool;
/// if there are none, all that miss only a membership.
pub(super) fn within_reach(near: &[Near]) -> impl Iterator<Item = &Near> {
    let permits = || near.iter().filter(|near| near.policy.effect == Force::Permit && near.is_reachable());
    let is_close = |near: &Near| near.scope.is_none() || near.names_target;
    let any_close = permits().any(is_close);
    permits().filter(move |near| !any_close || is_close(near))
}

/// What would lift a forbid that matched: an exception that is met, or a condition that is not.
pub(super) fn to_lift(forbid: &Matched) -> Change {
    let unmet = |parts: &Vec<Part>| needs(parts.iter().filter(|part| !part.is_as_wanted()).map(|part| (part, part.wanted)));
    let exceptions = forbid.exceptions.iter().map(unmet);
    let conditions = forbid.because.iter().filter(|part| part.clause == Clause::When);
    let conditions = conditions.map(|part| needs(std::iter::once((part, !part.wanted))));
    let mut ways: Vec<Vec<Need>> = exceptions.chain(conditions).collect();
    if ways.iter().any(|way| is_open(way)) {
        ways.retain(|way| is_open(way));
    }
    let policy = Some(forbid.policy.clone());
    if ways.is_empty() {
        return Change { policy, ..other("a change of this policy, which forbids the call whatever the circumstances") };
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
    let guard = "in the policy, something before it that keeps it from failing, such as `has` or a bound";
    let text = match &failed.part {
        Some(part) if part.about == About::Argument => {
            format!("arguments for which `{}` can be evaluated, or, {guard}", part.text)
        }
        Some(part) => format!("for `{}`, {guard}", part.text),
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
        "tool" => "a server that lists the tool, or a catalog lock or entities file that names it".to_owned(),
        "server" => format!("a server `{name}` in the configuration"),
        kind => format!("the {kind} `{name}` in the configuration or in an entities file"),
    };
    let meant = nearest.as_ref().map(|nearest| way(format!("`{nearest}`, if that is meant")));
    Change { policy: None, ways: meant.into_iter().chain([way(declared)]).collect() }
}

/// A change that is not about a policy.
pub(super) fn other(text: &str) -> Change {
    Change { policy: None, ways: vec![vec![Need { about: About::Other, text: text.to_owned() }]] }
}

impl Near {
    /// Whether it is about what was asked for, so that it could come to match: it misses nothing in scope but a membership.
    pub(super) fn is_reachable(&self) -> bool {
        self.scope.as_ref().is_none_or(|scope| matches!(scope.about, About::Role | About::Group))
    }
}

/// Whether a caller or an approver could do what is needed, without anybody changing who or what the call is about.
fn is_open(way: &[Need]) -> bool {
    way.iter().all(|need| match need.about {
        About::Approval | About::Argument | About::Person | About::Time | About::Source | About::Role => true,
        About::Principal | About::Group | About::Resource | About::Action | About::Other => false,
    })
}

/// What it takes for parts to be what they should be. What is about the same thing is said once.
fn needs<'a>(goals: impl Iterator<Item = (&'a Part, bool)>) -> Vec<Need> {
    let goals: Vec<(&Part, bool)> = goals.collect();
    let mut abouts: Vec<About> = Vec::new();
    for (part, _) in &goals {
        if !abouts.contains(&part.about) {
            abouts.push(part.about);
        }
    }
    let need = |about: About| Need { about, text: wish(about, goals.iter().filter(|(part, _)| part.about == about)) };
    abouts.into_iter().map(need).collect()
}

fn wish<'a>(about: About, goals: impl Iterator<Item = &'a (&'a Part, bool)>) -> String {
    let mut beginning = match about {
        About::Approval => "a person's approval",
        About::Argument => "other arguments, for which ",
        About::Person => "",
        About::Time => "another time, at which ",
        About::Source => "another connection, for which ",
        _ => "",
    }
    .to_owned();
    let mut clauses = Vec::new();
    for (part, goal) in goals {
        match (about, part.text.as_str(), goal) {
            (About::Approval, "context has approval", true) => {}
            (About::Approval, text, true) => clauses.push(approver(text).unwrap_or_else(|| format!("for which `{text}`"))),
            (About::Approval, _, false) => "no approval".clone_into(&mut beginning),
            (About::Person, "context has actor", true) => clauses.push("a person behind the agent".to_owned()),
            (About::Argument | About::Time | About::Source, text, true) => clauses.push(format!("`{text}`")),
            (About::Argument | About::Time | About::Source, text, false) => clauses.push(format!("`{text}` does not hold")),
            (_, text, true) => clauses.push(format!("`{text}` to hold")),
            (_, text, false) => clauses.push(format!("`{text}` not to hold")),
        }
    }
    let separator = if about == About::Approval && !clauses.is_empty() { ", " } else { "" };
    format!("{beginning}{separator}{}", clauses.join(" and "))
}

/// From whom the approval has to come, when that is what a condition says.
fn approver(text: &str) -> Option<String> {
    let (operator, whom) = text.strip_prefix("context.approval.by ")?.split_once(' ')?;
    let is_simple = !whom.contains("||") && !whom.contains("&&");
    match operator {
        _ if !is_simple => None,
        "in" => Some(format!("by somebody in `{whom}`")),
        "==" => Some(format!("by `{whom}`")),
        "!=" => Some(format!("by somebody else than `{whom}`")),
        _ => None,
    }
}
