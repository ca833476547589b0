//! What belongs to a directory, and what cannot be signed.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::*;

fn names(tree: &Tree) -> Vec<&str> {
    tree.files.keys().map(String::as_str).collect()
}

#[test]
fn everything_belongs_to_it_but_hidden_files_and_the_signature() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::create_dir_all(root.join("sub/.git")).unwrap();
    fs::create_dir(root.join(".hidden")).unwrap();
    for name in
        ["a.cedar", "README", "sub/b.json", "sub/policies.sig", "policies.sig", ".swp", ".hidden/c.cedar", "sub/.git/d.cedar"]
    {
        fs::write(root.join(name), name).unwrap();
    }
    let tree = Tree::read(root).unwrap();
    // A signature of another directory is a file like any other.
    assert_eq!(names(&tree), ["README", "a.cedar", "sub/b.json", "sub/policies.sig"]);
    assert_eq!(tree.signature.as_deref(), Some(&b"policies.sig"[..]));
}

#[test]
fn a_volume_is_read_from_where_its_data_was_when_reading_began() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::create_dir(root.join("..2026_1")).unwrap();
    fs::write(root.join("..2026_1/a.cedar"), "one").unwrap();
    fs::write(root.join("..2026_1/policies.sig"), "signature").unwrap();
    symlink("..2026_1", root.join("..data")).unwrap();
    for name in ["a.cedar", "policies.sig"] {
        symlink(format!("..data/{name}"), root.join(name)).unwrap();
    }
    // What stands beside the links is not of the volume.
    fs::write(root.join("stray.cedar"), "stray").unwrap();
    let tree = Tree::read(root).unwrap();
    assert_eq!((names(&tree), tree.is_signed()), (vec!["a.cedar"], true));
}

#[test]
fn names_that_cannot_be_signed_are_refused_and_not_left_out() {
    for name in [&b"a\nb.cedar"[..], b"a\\b.cedar", b"\xff.cedar", b"a\x7f.cedar"] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(std::ffi::OsStr::from_bytes(name)), "").unwrap();
        let error = Tree::read(directory.path()).unwrap_err();
        assert!(matches!(&error, LoadError::Bundle(refused) if refused.reason == Reason::Malformed), "{error}");
        assert!(error.to_string().contains("cannot be signed"), "{error}");
    }
}

#[test]
fn limits_are_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(SIGNATURE), vec![b'x'; MAX_NOTE + 1]).unwrap();
    assert!(Tree::read(directory.path()).unwrap_err().to_string().contains("bytes in a signature"));
    let deep = tempfile::tempdir().unwrap();
    fs::create_dir_all(deep.path().join("a/a/a/a/a/a/a/a/a")).unwrap();
    assert!(Tree::read(deep.path()).unwrap_err().to_string().contains("nested directories"));
    assert!(matches!(Tree::read(&deep.path().join("none")), Err(LoadError::Read { .. })));
}
