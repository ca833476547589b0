//! Files are rewritten whole or not at all.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use tempfile::TempDir;

use super::super::super::Exit;
use super::fmt;
use crate::config::Environment;
use crate::config::flags::PolicyFmtFlags;

const UGLY: &str = "permit(principal,action,resource);// all\n";
const PRETTY: &str = "permit (principal, action, resource); // all\n";

fn run(paths: &[PathBuf], check: bool) -> Exit {
    fmt(&PolicyFmtFlags { paths: paths.to_vec(), check }, &Environment::default()).unwrap()
}

#[test]
fn files_below_a_directory_are_formatted_and_nothing_else() {
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("team")).unwrap();
    fs::create_dir(path(".git")).unwrap();
    for name in ["a.cedar", "team/b.cedar", "notes.txt", ".git/c.cedar"] {
        fs::write(path(name), UGLY).unwrap();
    }
    fs::set_permissions(path("a.cedar"), fs::Permissions::from_mode(0o640)).unwrap();
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("d.cedar"), UGLY).unwrap();
    symlink(outside.path().join("d.cedar"), path("linked.cedar")).unwrap();

    assert_eq!(run(&[directory.path().to_owned()], true), Exit::Invalid);
    assert_eq!(fs::read_to_string(path("a.cedar")).unwrap(), UGLY, "--check writes nothing");
    assert_eq!(run(&[directory.path().to_owned()], false), Exit::Done);
    let text = |name: &str| fs::read_to_string(path(name)).unwrap();
    assert_eq!([text("a.cedar"), text("team/b.cedar")], [PRETTY, PRETTY]);
    assert_eq!([text("notes.txt"), text(".git/c.cedar"), text("linked.cedar")], [UGLY, UGLY, UGLY]);
    assert_eq!(fs::metadata(path("a.cedar")).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 5, "nothing is left over");
    assert_eq!(run(&[directory.path().to_owned()], true), Exit::Done);
}

#[test]
fn a_link_that_is_named_stays_a_link() {
    let directory = TempDir::new().unwrap();
    let (real, link) = (directory.path().join("real.txt"), directory.path().join("link.cedar"));
    fs::write(&real, UGLY).unwrap();
    symlink(&real, &link).unwrap();
    assert_eq!(run(std::slice::from_ref(&link), false), Exit::Done);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), PRETTY);
}

#[test]
fn a_file_that_is_not_cedar_is_left_alone_and_the_others_are_formatted() {
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("a.cedar"), "permit (").unwrap();
    fs::write(path("b.cedar"), UGLY).unwrap();
    assert_eq!(run(&[directory.path().to_owned()], false), Exit::Invalid);
    assert_eq!(fs::read_to_string(path("a.cedar")).unwrap(), "permit (");
    assert_eq!(fs::read_to_string(path("b.cedar")).unwrap(), PRETTY);
}

#[test]
fn a_path_that_is_not_there_is_a_failure() {
    let flags = PolicyFmtFlags { paths: vec![PathBuf::from("nowhere.cedar")], check: true };
    assert_eq!(fmt(&flags, &Environment::default()).unwrap_err().to_string(), "failed to read `nowhere.cedar`");
}
