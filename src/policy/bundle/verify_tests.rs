//! What is believed of a bundle, and what the refusals say.

use std::fs;

use tempfile::TempDir;

use super::super::super::{Code, Settings, read};
use super::super::sign::Signing;
use super::*;
use crate::note::fixtures::signing_key;

const ALLOW: &str = "permit (principal, action, resource);";

/// A signed directory with policies, entities and a schema further down, as version 7 by the key of seed 1.
fn signed() -> (TempDir, VerifierKey) {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("more")).unwrap();
    fs::write(directory.path().join("shop.cedar"), ALLOW).unwrap();
    fs::write(directory.path().join("roles.json"), "[]").unwrap();
    fs::write(directory.path().join("more/x.cedarschema"), "").unwrap();
    sign(directory.path(), 7);
    (directory, signing_key("policies.example", 1).verifier().clone())
}

fn sign(directory: &Path, version: u64) {
    let tree = Tree::read(directory).unwrap();
    let signing = Signing::of(&tree, &[&signing_key("policies.example", 1)], Some(version)).unwrap();
    fs::write(directory.join(SIGNATURE), signing.text).unwrap();
}

fn verify(directory: &Path, key: &VerifierKey) -> Result<Verified, Refused> {
    Tree::read(directory).unwrap().verify(std::slice::from_ref(key), 0)
}

fn refused(directory: &Path, key: &VerifierKey) -> (Reason, String) {
    let refused = verify(directory, key).unwrap_err();
    assert!(refused.problems().iter().all(|problem| problem.code == Code::Signature && problem.help.is_some()));
    (refused.reason, refused.to_string())
}

#[test]
fn what_was_signed_is_believed() {
    let (directory, key) = signed();
    let verified = verify(directory.path(), &key).unwrap();
    assert_eq!((verified.signed.version, verified.signed.files), (7, 3));
    assert_eq!(verified.signed.keys, [format!("policies.example+{}", key.id())]);
}

#[test]
fn whatever_differs_is_refused_and_named() {
    let other = signing_key("policies.example", 2).verifier().clone();
    let (directory, key) = signed();
    let path = |name: &str| directory.path().join(name);
    assert_eq!(refused(directory.path(), &other).0, Reason::Untrusted);
    let (reason, told) = refused(directory.path(), signing_key("other.example", 1).verifier());
    assert!(reason == Reason::Untrusted && told.contains(&format!("`policies.example+{}`", key.id())), "{told}");

    let signature = fs::read_to_string(path(SIGNATURE)).unwrap();
    for (change, reason) in [
        (signature.replace("version 7", "version 8"), Reason::Forged),
        (signature.replace("shop.cedar", "shap.cedar"), Reason::Forged),
        (signature.replace("\n\n", "\n"), Reason::Malformed),
        (format!("{signature}\n"), Reason::Malformed),
        (signature.trim_end().to_owned(), Reason::Malformed),
        (String::new(), Reason::Malformed),
    ] {
        fs::write(path(SIGNATURE), &change).unwrap();
        assert_eq!(refused(directory.path(), &key).0, reason, "{change}");
    }
    fs::write(path(SIGNATURE), &signature).unwrap();

    fs::write(path("shop.cedar"), "forbid (principal, action, resource);").unwrap();
    fs::write(path("notes.txt"), "added").unwrap();
    fs::remove_file(path("roles.json")).unwrap();
    let (reason, told) = refused(directory.path(), &key);
    assert_eq!(reason, Reason::Changed);
    for part in ["`shop.cedar` is not as it was signed", "`notes.txt` was not signed", "`roles.json` is missing"] {
        assert!(told.contains(part), "{told}");
    }
    fs::remove_file(path(SIGNATURE)).unwrap();
    assert_eq!(refused(directory.path(), &key).0, Reason::Unsigned);
}

#[test]
fn another_text_of_the_same_key_is_no_bundle() {
    let (directory, key) = signed();
    let checkpoint = Note::sign("policies.example\n7\nAAAA\n".to_owned(), &[&signing_key("policies.example", 1)]).unwrap();
    fs::write(directory.path().join(SIGNATURE), checkpoint.to_string()).unwrap();
    let (reason, told) = refused(directory.path(), &key);
    assert!(reason == Reason::Malformed && told.contains("begins with `policies.example`"), "{told}");
}

#[test]
fn many_changes_are_counted() {
    let (directory, key) = signed();
    (0..50).for_each(|number| fs::write(directory.path().join(format!("{number}.txt")), "").unwrap());
    let refused = verify(directory.path(), &key).unwrap_err();
    assert_eq!(refused.problems().len(), 21);
    assert!(refused.to_string().contains("30 more files are not as they were signed"), "{refused}");
}

#[test]
fn one_of_several_keys_is_enough_and_the_lowest_version_counts() {
    let (directory, key) = signed();
    let other = signing_key("other.example", 2).verifier().clone();
    let tree = || Tree::read(directory.path()).unwrap();
    assert!(tree().verify(&[other, key.clone()], 7).is_ok());
    let refused = tree().verify(&[key], 8).unwrap_err();
    assert_eq!(refused.reason, Reason::Older);
    assert!(refused.to_string().contains("version 7 is older than 8"), "{refused}");
}

/// Settings that take everything from one directory.
fn settings(directory: &Path, key: &VerifierKey) -> Settings {
    let mut settings = Settings::new(vec![directory.to_owned()]);
    settings.bundle = Some(BundleSettings::new(directory.to_owned(), vec![key.clone()], 0));
    settings
}

#[test]
fn loading_takes_the_same_files_by_the_same_names_as_without_a_signature() {
    let (directory, key) = signed();
    let root = directory.path();
    let mut settings = settings(root, &key);
    settings.schema = vec![root.join("more"), root.join("more/x.cedarschema")];
    settings.entities = vec![root.to_owned()];
    let files = read(&settings).unwrap();
    settings.bundle = None;
    let plain = read(&settings).unwrap();
    assert_eq!(
        (&files.policies, &files.schema, &files.entities, files.digest),
        (&plain.policies, &plain.schema, &plain.entities, plain.digest)
    );
    assert_eq!((files.signed.unwrap().version, plain.signed), (7, None));
}

#[test]
fn a_watch_sees_a_new_signature_of_old_files_and_records_name_the_files_alone() {
    let (directory, key) = signed();
    let settings = settings(directory.path(), &key);
    let before = read(&settings).unwrap();
    assert_eq!(before.digest(), read(&settings).unwrap().digest());
    sign(directory.path(), 8);
    let after = read(&settings).unwrap();
    assert_ne!(before.digest(), after.digest());
    assert_eq!(before.digest, after.digest);
}

#[test]
fn what_leads_out_of_the_directory_is_not_loaded() {
    let (directory, key) = signed();
    let mut settings = settings(directory.path(), &key);
    for outside in ["/etc", "policies", "more/../../etc"] {
        settings.entities = vec![directory.path().join(outside)];
        if outside == "policies" {
            settings.entities = vec![outside.into()];
        }
        let error = read(&settings).unwrap_err();
        assert!(matches!(&error, LoadError::Bundle(refused) if refused.reason == Reason::Outside), "{outside}: {error}");
    }
    settings.entities = vec![directory.path().join("none")];
    assert!(matches!(read(&settings), Err(LoadError::Read { .. })));
}

#[test]
fn a_set_with_other_policies_to_try_out_is_not_signed() {
    let (directory, key) = signed();
    let files = read(&settings(directory.path(), &key)).unwrap();
    assert_eq!(files.with_policies(&[("shop.cedar".to_owned(), ALLOW.to_owned())]).signed, None);
}
