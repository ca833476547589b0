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
        Cause::Drifted,
        Cause::UnknownPrincipal,
        Cause::InvalidRequest("x".into()),
        Cause::NoPoliciesInForce,
    ] {
        assert_eq!(decide(&[Cause::Permitted, cause.clone()]), "deny", "{cause:?}");
    }
}

#[test]
fn a_fingerprint_is_written_as_every_digest_tool_writes_it() {
    let mut digest = [0; 32];
    digest[..6].copy_from_slice(&[0x00, 0x09, 0x0a, 0x10, 0x9f, 0xff]);
    assert_eq!(Fingerprint::new(digest).to_string(), format!("sha256:00090a109fff{}", "00".repeat(26)));
}
