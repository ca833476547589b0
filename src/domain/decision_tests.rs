//! The algebra of decisions: the strictest judgement decides.

use super::{Cause, Decision, Fingerprint, Grounds, Judgement, Principal};

fn decide(causes: &[Cause]) -> &'static str {
    let judgement =
        |cause: &Cause| Judgement { principal: Principal::Agent, cause: cause.clone(), policies: vec![], faults: vec![] };
    let judgements = causes.iter().map(judgement).collect();
    Decision::from_grounds(Grounds { snapshot: Fingerprint::new([0; 32]), judgements }).name()
}

#[test]
fn the_stricter_of_two_judgements_decides() {
    use Cause::{ApprovalMissing, Forbidden, Permitted};
    for (causes, expected) in [
        ([Permitted, Permitted], "allow"),
        ([Permitted, ApprovalMissing], "require_approval"),
        ([ApprovalMissing, Permitted], "require_approval"),
        ([Forbidden, Permitted], "deny"),
        ([ApprovalMissing, Forbidden], "deny"),
    ] {
        assert_eq!(decide(&causes), expected, "{causes:?}");
    }
}

#[test]
fn nobody_judged_is_a_deny() {
    assert_eq!(decide(&[]), "deny");
}

#[test]
fn every_doubt_denies() {
    for cause in [
        Cause::NoPermit,
        Cause::NotEvaluable,
        Cause::NotRepresentable("x".into()),
        Cause::UnknownTool,
        Cause::UnknownPrincipal,
        Cause::InvalidRequest("x".into()),
    ] {
        assert_eq!(decide(&[Cause::Permitted, cause.clone()]), "deny", "{cause:?}");
    }
}
