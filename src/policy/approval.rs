//! Approvals in Cedar's terms: the fact that people approved a call (`context.approval`), what the policies that ask for one say about it in
//! annotations, and whether somebody may rule (`approve`).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cedar_policy::{ActionConstraint, Context, PolicyId, Request as CedarRequest, RestrictedExpression};

use super::circumstances::{Fact, instant, record, text, time};
use super::code::Code;
use super::entities::Names;
use super::lock::canonical;
use super::policies::{Policies, annotation};
use super::reach::{Asked, Reach};
use super::report::Problem;
use super::residual::{Answer, Needs, Which};
use super::snapshot::PolicySnapshot;
use crate::domain::{
    Action, Approval, Caller, Cause, Channel, Grounds, Judgement, Memberships, PolicyRef, Principal, ServerName, Target, Terms,
    Timestamp, UserId, Verdict,
};

/// The action of those who rule.
const APPROVE: &str = "approve";

/// A person who wants to rule on a call: everything that this decision looks at besides the snapshot.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// The person.
    pub person: &'a UserId,
    /// What they bring.
    pub standing: &'a Memberships,
    /// By what way.
    pub channel: Channel,
    /// What they want to rule.
    pub verdict: Verdict,
    /// What they say about it.
    pub comment: &'a str,
    /// For how long it is to hold, when for more than one call.
    pub window: Option<Duration>,
    /// For how many calls at most, when for more than one.
    pub uses: Option<u32>,
    /// Whether it is to hold whatever the arguments.
    pub any_arguments: bool,
    /// Who asked for the call.
    pub caller: &'a Caller,
    /// At which server.
    pub server: &'a ServerName,
    /// For what.
    pub action: Action,
    /// Of what.
    pub target: &'a Target,
    /// What others have approved before.
    pub before: Option<&'a Approval>,
    /// The time of the ruling.
    pub now: Timestamp,
}

/// The arguments of a call in the one form that all texts with the same meaning share: RFC 8785, except that numbers stay as they were
/// written, because what a number means beyond 53 bits depends on who reads it. `None` for a text that not everybody reads alike.
#[must_use]
pub fn canonical_arguments(arguments: &[u8]) -> Option<String> {
    canonical(arguments).ok()
}

/// The fact that people approved a call.
pub(super) fn fact(names: &Names, approval: &Approval) -> Result<Fact, String> {
    let user = |user: &UserId| RestrictedExpression::new_entity_uid(names.user(user));
    let count = i64::try_from(approval.approvers.len()).unwrap_or(i64::MAX);
    record(
        "approval",
        vec![
            ("by".to_owned(), user(&approval.by)),
            ("at".to_owned(), instant(approval.at)?),
            ("expires".to_owned(), instant(approval.expires)?),
            ("count".to_owned(), RestrictedExpression::new_long(count)),
            ("approvers".to_owned(), RestrictedExpression::new_set(approval.approvers.iter().map(user))),
            ("window".to_owned(), RestrictedExpression::new_bool(approval.window)),
        ],
    )
}

impl PolicySnapshot {
    /// Whether a person may rule as they want to: the judgement about them alone, which allows when its cause is [`Cause::Permitted`].
    #[must_use]
    pub fn may_rule(&self, asking: &Asking<'_>) -> Judgement {
        self.judge_ruler(asking).unwrap_or_else(|cause| Judgement {
            principal: Principal::Actor,
            cause,
            policies: Vec::new(),
            faults: Vec::new(),
        })
    }

    fn judge_ruler(&self, asking: &Asking<'_>) -> Result<Judgement, Cause> {
        let invalid = |message: String| Cause::InvalidRequest(message.into());
        if self.in_force().is_none() {
            return Err(Cause::NoPoliciesInForce);
        }
        if let Target::Tool(tool) = asking.target {
            match () {
                () if !self.knows_tool(asking.server, tool) => return Err(Cause::UnknownTool),
                () if self.is_drifted(asking.server, tool) => return Err(Cause::Drifted),
                () => {}
            }
        }
        let shard = self.shards.get(asking.server);
        let shard = shard.ok_or_else(|| invalid(format!("server `{}` is not configured", asking.server)))?;
        let names = &self.core.names;
        let (principal, action) = (names.user(asking.person), names.tool_action(APPROVE));
        let resource = names.target(asking.server, asking.target);
        let context = self.context_of_ruling(asking).map_err(invalid)?;
        let asked = Asked {
            named: [Some(principal.clone()), Some(names.agent(&asking.caller.agent)), names.actor(asking.caller)]
                .into_iter()
                .chain([asking.before.map(|before| names.user(&before.by))])
                .flatten()
                .collect(),
            standing: None,
            vouched: true,
            action: action.clone(),
            resource: resource.clone(),
        };
        let reach = self.reach_of_ruling(asking, &asked).map_err(invalid)?;
        let request = CedarRequest::new(principal, action, resource, context, Some(&shard.schema));
        let request = request.map_err(|error| invalid(error.to_string()))?;
        let unfit = self.unfit_in(shard, &request, &reach);
        let set = self.core.set(Which::Concrete).ok_or(Cause::NotEvaluable)?;
        let judgement = self.judge(Principal::Actor, &Answer::from(&set.evaluate(&request, &reach)), unfit, || None);
        // Whoever wrote `permit (principal, action, resource)` for callers did not mean that everybody may rule.
        let meant = judgement.policies.iter().any(|policy| self.core.policies.names_an_action(&policy.id));
        if judgement.cause == Cause::Permitted && !meant { Err(Cause::NoPermit) } else { Ok(judgement) }
    }

    /// The entities, among them those who ask and who approved before. Whoever rules is who they say now, also if they took part before.
    fn reach_of_ruling(&self, asking: &Asking<'_>, asked: &Asked) -> Result<Reach, String> {
        let core = &*self.core;
        let names = &core.names;
        let ruler = names.user(asking.person);
        let mut people = vec![(names.agent(&asking.caller.agent), &asking.caller.standing.agent)];
        people.extend(names.actor(asking.caller).map(|actor| (actor, &asking.caller.standing.actor)));
        people.extend(asking.before.map(|before| (names.user(&before.by), &before.standing)));
        let mut additions = Vec::new();
        for (uid, brings) in people.into_iter().filter(|(uid, _)| *uid != ruler).chain([(ruler.clone(), asking.standing)]) {
            additions.extend(core.declared.principal(names, &core.vocabulary, uid, brings, true)?);
        }
        let learned = matches!(asking.target, Target::Resource(_) | Target::Prompt(_));
        if learned && self.entities.get(&asked.resource).is_none() {
            additions.push(core.declared.learned(names, asking.server, asking.target)?);
        }
        Reach::made(asked, &self.entities, &core.looked_up, additions)
    }

    fn context_of_ruling(&self, asking: &Asking<'_>) -> Result<Context, String> {
        let names = &self.core.names;
        let long = |value: u64| RestrictedExpression::new_long(i64::try_from(value).unwrap_or(i64::MAX));
        let mut facts = vec![
            ("agent".to_owned(), RestrictedExpression::new_entity_uid(names.agent(&asking.caller.agent))),
            record("time", time(&self.core.zone, asking.now.as_micros().div_euclid(1_000_000), Needs::EVERYTHING)?)?,
            record("source", vec![("transport".to_owned(), text(asking.channel.name()))])?,
            record("session", Vec::new())?,
            ("method".to_owned(), text(asking.action.name())),
            ("verdict".to_owned(), text(asking.verdict.name())),
            ("comment".to_owned(), text(asking.comment)),
            ("anyArguments".to_owned(), RestrictedExpression::new_bool(asking.any_arguments)),
        ];
        let actor = names.actor(asking.caller);
        facts.extend(actor.map(|actor| ("actor".to_owned(), RestrictedExpression::new_entity_uid(actor))));
        facts.extend(asking.before.map(|before| fact(names, before)).transpose()?);
        facts.extend(asking.window.map(|window| ("window".to_owned(), long(window.as_secs()))));
        facts.extend(asking.uses.map(|uses| ("uses".to_owned(), long(uses.into()))));
        Context::from_pairs(facts).map_err(|error| error.to_string())
    }

    /// What the policies that ask for an approval say about it.
    #[must_use]
    pub fn terms(&self, grounds: &Grounds) -> Terms {
        let asks = grounds.judgements.iter().filter(|judgement| judgement.cause == Cause::ApprovalMissing);
        let mut because: Vec<PolicyRef> = Vec::new();
        for policy in asks.flat_map(|judgement| &judgement.policies) {
            if !because.contains(policy) {
                because.push(policy.clone());
            }
        }
        let each: Vec<Annotations<'_>> = because.iter().map(|policy| self.core.policies.annotations(&policy.id)).collect();
        let shortest = |of: fn(&Annotations<'_>) -> Option<Duration>| {
            each.iter().map(of).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().min())
        };
        let groups: BTreeSet<&str> = each.iter().filter_map(|said| said.approval).collect();
        Terms {
            window: shortest(|said| said.window.and_then(duration)),
            breakglass: shortest(|said| said.breakglass.and_then(duration)),
            confirm: !each.is_empty() && each.iter().all(|said| said.confirm == Some(FORM)),
            groups: groups.into_iter().map(Arc::from).collect(),
            because,
        }
    }
}

/// The only thing that `@confirm` may say.
const FORM: &str = "form";

/// What a policy says about approvals in annotations.
#[derive(Debug, Clone, Copy, Default)]
struct Annotations<'a> {
    approval: Option<&'a str>,
    window: Option<&'a str>,
    breakglass: Option<&'a str>,
    confirm: Option<&'a str>,
}

impl Policies {
    fn annotations(&self, id: &str) -> Annotations<'_> {
        let Some(policy) = self.set.policy(&PolicyId::new(id)) else { return Annotations::default() };
        let said = |name: &str| annotation(policy.annotations(), name).filter(|value| !value.is_empty());
        Annotations {
            approval: said("approval"),
            window: said("window"),
            breakglass: said("breakglass"),
            confirm: said("confirm"),
        }
    }

    /// Whether the scope of this policy says which actions it is about.
    fn names_an_action(&self, id: &str) -> bool {
        self.set.policy(&PolicyId::new(id)).is_some_and(|policy| policy.action_constraint() != ActionConstraint::Any)
    }

    /// Annotations about approvals that nobody could follow.
    pub(super) fn check_annotations(&self, problems: &mut Vec<Problem>) {
        for (policy, origin) in self.each() {
            let mut refuse = |name: &str, help: &str| {
                let value = annotation(policy.annotations(), name).unwrap_or_default();
                let at = origin.text().find(&format!("@{name}")).unwrap_or_default();
                let problem = origin.problem(at, name.len() + 1, format!("`@{name}(\"{value}\")` cannot be followed"));
                problems.push(problem.with_code(Code::Annotation).with_help(help.to_owned()));
            };
            for name in ["window", "breakglass"] {
                if annotation(policy.annotations(), name).is_some_and(|value| duration(value).is_none()) {
                    refuse(name, "write a whole number and one of s, m, h, at most a week: `\"30m\"`");
                }
            }
            if annotation(policy.annotations(), "confirm").is_some_and(|value| value != FORM) {
                refuse("confirm", "the only way that there is: `@confirm(\"form\")`");
            }
            if annotation(policy.annotations(), "approval").is_some_and(str::is_empty) {
                refuse("approval", "say whom to ask: `@approval(\"tool-owners\")`");
            }
        }
    }
}

/// The longest time for which anything is granted.
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// Reads `"90s"`, `"30m"` or `"8h"`; `None` for anything else, and for no time or more than a week.
fn duration(text: &str) -> Option<Duration> {
    let unit = [('s', 1), ('m', 60), ('h', 3600)].into_iter().find(|(unit, _)| text.ends_with(*unit))?;
    let number = text.strip_suffix(unit.0)?;
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = digits.then(|| number.parse::<u64>().ok()).flatten()?.checked_mul(unit.1)?;
    let duration = Duration::from_secs(seconds);
    (!duration.is_zero() && duration <= WEEK).then_some(duration)
}

#[cfg(test)]
#[path = "approval_tests.rs"]
mod tests;
