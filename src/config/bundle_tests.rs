//! Tests of what `[policy]` says of signatures.

use super::super::tests::{problems, resolve, with};

const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

fn told(lines: &str, words: &[&str]) -> String {
    match resolve(&with("policy", lines), &[], words) {
        Ok(_) => "fits".to_owned(),
        refused => problems(refused),
    }
}

#[test]
fn nobody_is_trusted_until_somebody_says_so() {
    let policy = resolve(&with("policy", ""), &[], &["serve"]).unwrap().policy;
    assert_eq!((policy.trusted_keys, policy.minimum_version), (Vec::new(), 0));
    let lines = format!(
        "trusted_keys = ['{KEY}']\nminimum_version = 42\nschema = ['policies/schema', './policies']\nlock = 'policies/catalog.lock.json'"
    );
    let policy = resolve(&with("policy", &lines), &[], &["serve"]).unwrap().policy;
    assert_eq!((policy.trusted_keys[0].to_string().as_str(), policy.minimum_version), (KEY, 42));
    let variables = [("CEDARPOST_POLICY_TRUSTED_KEYS", KEY)];
    assert_eq!(resolve(&with("policy", ""), &variables, &["serve"]).unwrap().policy.trusted_keys.len(), 1);
}

#[test]
fn what_a_signature_would_not_cover_is_refused() {
    let keys = format!("trusted_keys = ['{KEY}']\n");
    for (lines, expected) in [
        ("schema = ['schema']", "`policy.schema`: "),
        ("entities = ['policies', 'more/entities']", "more/entities` is not in "),
        ("entities = ['policies/../entities']", "`policy.entities`: "),
        ("lock = 'catalog.lock.json'", "`policy.lock`: "),
        ("lock = '/etc/catalog.lock.json'", "`/etc/catalog.lock.json` is not in "),
    ] {
        let told = told(&format!("{keys}{lines}"), &["serve"]);
        assert!(told.contains(expected), "{lines}: {told}");
    }
    let two = ["stdio", "--policies", "policies", "--policies", "more", "--", "server"];
    assert!(told(&keys, &two).contains("`policy.policies` is one directory"), "{}", told(&keys, &two));
}

#[test]
fn keys_and_versions_that_cannot_be_meant_are_refused() {
    for (lines, expected) in [
        ("trusted_keys = ['secret']".to_owned(), "a verifier key reads `name+id+key`"),
        (format!("trusted_keys = ['{}']", KEY.replace("c74f20a3", "c74f20a4")), "does not fit its name and bytes"),
        (format!("trusted_keys = '{KEY}'"), "must be a list of strings, not a string"),
        ("minimum_version = 3".to_owned(), "`policy.trusted_keys` is not"),
        (format!("trusted_keys = ['{KEY}']\nminimum_version = -1"), "-1 is not between 0 and 9007199254740991"),
        (format!("trusted_keys = ['{KEY}']\nminimum_version = 9007199254740992"), "is not between"),
        (format!("trusted_keys = ['{KEY}']\nminimum_version = '3'"), "must be a whole number, not a string"),
    ] {
        let told = told(&lines, &["serve"]);
        assert!(told.contains(expected), "{lines}: {told}");
    }
}
