//! What is no file is never opened, and what cannot be read is no fault of the log.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

#[test]
fn only_plain_files_of_a_fitting_length_are_read() {
    let home = tempfile::tempdir().unwrap();
    let (path, directory) = (home.path(), Directory::new(home.path().to_owned()));
    fs::write(path.join("file"), "12345").unwrap();
    fs::create_dir(path.join("folder")).unwrap();
    symlink(path.join("file"), path.join("link")).unwrap();
    symlink(path.join("nowhere"), path.join("broken")).unwrap();
    symlink("/dev/zero", path.join("device")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(path.join("pipe")).status().unwrap();
    assert!(pipe.success());
    let found = |name: &str, limit| directory.get(name, limit).unwrap();
    let bytes = Found::Bytes("12345".into());
    assert_eq!([found("file", 5), found("link", 9)], [bytes.clone(), bytes]);
    let unfit = ["file", "folder", "device", "pipe"].map(|name| found(name, 4));
    assert_eq!(unfit, [Found::Unfit, Found::Unfit, Found::Unfit, Found::Unfit]);
    let nothing = ["nothing", "broken", "file/inside", "no/folder/either"].map(|name| found(name, 4));
    assert_eq!(nothing, [Found::Nothing, Found::Nothing, Found::Nothing, Found::Nothing]);
}

#[test]
fn what_cannot_be_read_is_an_error_that_names_it() {
    let home = tempfile::tempdir().unwrap();
    let looping = home.path().join("looping");
    symlink(&looping, &looping).unwrap();
    let error = Directory::new(home.path().to_owned()).get("looping", 9).unwrap_err();
    assert_eq!(error.to_string(), format!("failed to read `{}`", looping.display()));
    let closed = home.path().join("closed");
    fs::write(&closed, "1").unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    // Whoever may read everything reads this too.
    let found = Directory::new(home.path().to_owned()).get("closed", 9);
    assert!(found.is_err() || found.is_ok_and(|found| found == Found::Bytes("1".into())));
}
