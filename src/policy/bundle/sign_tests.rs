//! Which version a signature gets, and when one does not fit.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::note::fixtures::signing_key;

fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a.cedar"), "permit (principal, action, resource);").unwrap();
    directory
}

/// Signs with the key of a seed, writes it, and tells the version.
fn sign(directory: &Path, seed: u8, version: Option<u64>) -> Result<u64, String> {
    let tree = Tree::read(directory).unwrap();
    let signing = Signing::of(&tree, &[&signing_key("policies.example", seed)], version).map_err(|error| error.to_string())?;
    fs::write(directory.join(SIGNATURE), &signing.text).unwrap();
    Ok(signing.version)
}

#[test]
fn versions_count_on_from_a_signature_of_the_same_key() {
    let directory = directory();
    let path = directory.path();
    assert!(sign(path, 1, None).unwrap_err().contains("say --version N"));
    assert_eq!(sign(path, 1, Some(7)), Ok(7));
    assert_eq!(sign(path, 1, None), Ok(7), "nothing has changed");
    assert_eq!(sign(path, 1, Some(7)), Ok(7));
    fs::write(path.join("b.cedar"), "").unwrap();
    assert_eq!(
        sign(path, 1, Some(7)),
        Err("version 7 does not follow 7, which `policies.sig` has already: sidecars would refuse it".to_owned())
    );
    assert!(sign(path, 1, Some(6)).unwrap_err().contains("does not follow"));
    assert_eq!(sign(path, 1, None), Ok(8));
    assert_eq!(sign(path, 1, Some(20)), Ok(20));
    // The version of somebody else says nothing.
    assert!(sign(path, 2, None).unwrap_err().contains("say --version N"));
    assert_eq!(sign(path, 2, Some(3)), Ok(3));
}

#[test]
fn there_is_a_last_version() {
    let directory = directory();
    let last = (1 << 53) - 1;
    assert_eq!(sign(directory.path(), 1, Some(last)), Ok(last));
    fs::write(directory.path().join("b.cedar"), "").unwrap();
    assert_eq!(sign(directory.path(), 1, None), Err(format!("there is no version after {last}")));
    assert!(sign(directory.path(), 1, Some(0)).is_err());
}

#[test]
fn a_signature_that_does_not_fit_is_seen_without_a_key() {
    let directory = directory();
    assert!(stale(directory.path()).is_empty());
    sign(directory.path(), 1, Some(1)).unwrap();
    assert!(stale(directory.path()).is_empty());
    fs::write(directory.path().join("b.cedar"), "").unwrap();
    let problems = stale(directory.path());
    assert_eq!(
        problems.iter().map(|problem| (problem.code, &*problem.file)).collect::<Vec<_>>(),
        [(Code::StaleSignature, "b.cedar")]
    );
    fs::write(directory.path().join(SIGNATURE), "nonsense").unwrap();
    assert_eq!(stale(directory.path()).len(), 1);
}
