//! The embedded policies are the ones in the repository.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::write_policies;

/// Every file below `root` by its relative path.
fn files(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn every_file_of_the_demo_policies_is_written_out_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    write_policies(folder.path()).unwrap();
    let kept = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/demo"));
    assert!(kept.len() >= 7, "the demo has policies, a schema and entities");
    assert_eq!(files(folder.path()), kept);
}

#[test]
fn writing_twice_restores_what_was_edited() {
    let folder = tempfile::tempdir().unwrap();
    write_policies(folder.path()).unwrap();
    let before = files(folder.path());
    fs::write(folder.path().join("reading.cedar"), "forbid (principal, action, resource);").unwrap();
    write_policies(folder.path()).unwrap();
    assert_eq!(files(folder.path()), before);
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("occupied");
    fs::write(&file, "").unwrap();
    assert!(write_policies(&file).is_err());
}
