//! The real `/proc` of this machine, and ones that are not there.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use super::*;

const HEAD: &str = "sl local_address rem_address st\n";

fn guarded(port: u16) -> Vec<Guarded> {
    vec![Guarded { what: Arc::from("it"), port }]
}

#[test]
fn our_own_listeners_are_ours_wherever_they_listen() {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let own = look(Path::new("/proc"), &guarded(port)).unwrap();
    assert!(own.bypasses.is_empty() && own.others.iter().all(|other| other.address.port() != port), "{own:?}");
}

/// A directory like `/proc`, with these tables.
fn proc(tcp: Option<&str>, tcp6: Option<&str>) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir_all(directory.path().join("net")).unwrap();
    fs::create_dir_all(directory.path().join("self/fd")).unwrap();
    for (name, text) in [("net/tcp", tcp), ("net/tcp6", tcp6)] {
        text.into_iter().for_each(|text| fs::write(directory.path().join(name), text).unwrap());
    }
    directory
}

#[test]
fn what_cannot_be_read_is_a_doubt_and_a_kernel_without_ipv6_is_none() {
    let line = " 0: 00000000:2328 00000000:0000 0A 0:0 0:0 0 1000 0 12345\n";
    let table = format!("{HEAD}{line}");
    let said = |directory: &tempfile::TempDir| look(directory.path(), &guarded(9000)).map_err(|doubt| doubt.to_string());

    let directory = proc(Some(&table), None);
    assert_eq!(said(&directory).unwrap().bypasses.len(), 1);
    fs::write(directory.path().join("net/if_inet6"), "").unwrap();
    assert!(said(&directory).unwrap_err().ends_with("net/tcp6`"));
    fs::write(directory.path().join("net/tcp6"), HEAD).unwrap();
    assert_eq!(said(&directory).unwrap().bypasses.len(), 1);

    symlink("socket:[12345]", directory.path().join("self/fd/3")).unwrap();
    symlink("/dev/null", directory.path().join("self/fd/4")).unwrap();
    assert_eq!(said(&directory).unwrap(), Found::default());
    fs::remove_dir_all(directory.path().join("self")).unwrap();
    assert!(said(&directory).unwrap_err().ends_with("self/fd`"));

    for directory in [proc(None, Some(HEAD)), proc(Some(""), Some(HEAD)), proc(Some(HEAD), Some("x\n"))] {
        assert!(said(&directory).unwrap_err().starts_with("failed to read `"), "{:?}", said(&directory));
    }
}
