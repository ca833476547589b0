//! Every way a file can change is noticed, and nothing else is.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::super::{Settings, read};
use super::{Watch, mount_points, watched};

const FIRST: &str = "permit (principal, action, resource);";
const SECOND: &str = "forbid (principal, action, resource);";

fn settings(path: &Path, poll: Duration) -> Settings {
    Settings { poll_interval: poll, ..Settings::new(vec![path.to_owned()]) }
}

/// Runs `change` on a watched path and says whether it was noticed, and whether within a second.
async fn noticed(path: &Path, poll: Duration, change: impl FnOnce()) -> bool {
    let settings = settings(path, poll);
    let mut watch = Watch::new(&settings, read(&settings).as_ref());
    // Lets the first tick of the poll, which comes at once, pass.
    assert!(tokio::time::timeout(Duration::from_millis(80), watch.changed()).await.is_err(), "nothing has changed yet");
    let start = Instant::now();
    change();
    tokio::time::timeout(Duration::from_secs(5), watch.changed()).await.is_ok() && start.elapsed() < Duration::from_secs(1)
}

const NEVER: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_millis(100);

#[tokio::test]
async fn events_report_a_write_a_rename_and_a_removal() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("p.cedar");
    fs::write(&file, FIRST).unwrap();
    assert!(noticed(directory.path(), NEVER, || fs::write(&file, SECOND).unwrap()).await, "plain write");
    let rename = || {
        fs::write(directory.path().join(".new"), FIRST).unwrap();
        fs::rename(directory.path().join(".new"), &file).unwrap();
    };
    assert!(noticed(directory.path(), NEVER, rename).await, "rename over");
    assert!(noticed(directory.path(), NEVER, || fs::remove_file(&file).unwrap()).await, "remove");
    assert!(noticed(directory.path(), NEVER, || fs::write(&file, FIRST).unwrap()).await, "create");
    fs::create_dir(directory.path().join("team")).unwrap();
    let nested = directory.path().join("team/q.cedar");
    assert!(noticed(directory.path(), NEVER, || fs::write(&nested, FIRST).unwrap()).await, "in a nested directory");
    assert!(noticed(&file, NEVER, || fs::write(&file, SECOND).unwrap()).await, "a single file");
}

#[tokio::test]
async fn events_report_the_swap_of_a_kubernetes_volume() {
    let mount = TempDir::new().unwrap();
    let version = |name: &str, text: &str| {
        fs::create_dir(mount.path().join(name)).unwrap();
        fs::write(mount.path().join(name).join("p.cedar"), text).unwrap();
    };
    version("..2026_01", FIRST);
    symlink("..2026_01", mount.path().join("..data")).unwrap();
    symlink("..data/p.cedar", mount.path().join("p.cedar")).unwrap();
    let swap = || {
        version("..2026_02", SECOND);
        symlink("..2026_02", mount.path().join("..data_tmp")).unwrap();
        fs::rename(mount.path().join("..data_tmp"), mount.path().join("..data")).unwrap();
        fs::remove_dir_all(mount.path().join("..2026_01")).unwrap();
    };
    assert!(noticed(mount.path(), NEVER, swap).await);
}

#[tokio::test]
async fn the_poll_notices_what_no_event_reports() {
    let directory = TempDir::new().unwrap();
    let outer = directory.path().join("outer");
    let inner = outer.join("policies");
    fs::create_dir_all(&inner).unwrap();
    fs::write(inner.join("p.cedar"), FIRST).unwrap();
    // A link to a file elsewhere: its directory is not watched, as with a file that is mounted itself.
    let elsewhere = TempDir::new().unwrap();
    fs::write(elsewhere.path().join("real"), FIRST).unwrap();
    symlink(elsewhere.path().join("real"), inner.join("linked.cedar")).unwrap();
    assert!(noticed(&inner, SOON, || fs::write(elsewhere.path().join("real"), SECOND).unwrap()).await, "linked file");
    let replace = || {
        fs::rename(&outer, directory.path().join("old")).unwrap();
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("p.cedar"), SECOND).unwrap();
    };
    assert!(noticed(&inner, SOON, replace).await, "a directory above replaced");
}

#[tokio::test]
async fn a_directory_that_vanishes_and_comes_back_are_two_changes() {
    let directory = TempDir::new().unwrap();
    let policies = directory.path().join("policies");
    fs::create_dir(&policies).unwrap();
    fs::write(policies.join("p.cedar"), FIRST).unwrap();
    let settings = settings(&policies, SOON);
    let mut watch = Watch::new(&settings, read(&settings).as_ref());
    fs::remove_dir_all(&policies).unwrap();
    let gone = tokio::time::timeout(Duration::from_secs(2), watch.changed()).await.expect("gone");
    assert!(gone.is_err());
    fs::create_dir(&policies).unwrap();
    fs::write(policies.join("p.cedar"), SECOND).unwrap();
    let back = tokio::time::timeout(Duration::from_secs(2), watch.changed()).await.expect("back");
    assert_eq!(back.unwrap(), read(&settings).unwrap());
}

#[tokio::test]
async fn touching_or_rewriting_the_same_content_is_not_a_change() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("p.cedar");
    fs::write(&file, FIRST).unwrap();
    let settings = settings(directory.path(), SOON);
    let mut watch = Watch::new(&settings, read(&settings).as_ref());
    for _ in 0..3 {
        fs::write(&file, FIRST).unwrap();
        fs::write(directory.path().join("README.md"), "not a policy").unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(150), watch.changed()).await.is_err());
    }
}

#[tokio::test]
async fn what_was_not_there_is_watched_for() {
    let directory = TempDir::new().unwrap();
    let policies = directory.path().join("policies");
    let settings = settings(&policies, NEVER);
    let mut watch = Watch::new(&settings, read(&settings).as_ref());
    assert!(tokio::time::timeout(Duration::from_millis(80), watch.changed()).await.is_err(), "it is known to be missing");
    // Made elsewhere and put there in one step, as a volume is.
    let made = directory.path().join(".made");
    fs::create_dir(&made).unwrap();
    fs::write(made.join("p.cedar"), FIRST).unwrap();
    fs::rename(&made, &policies).unwrap();
    let there = tokio::time::timeout(Duration::from_secs(2), watch.changed()).await.expect("there");
    assert_eq!(there.unwrap(), read(&settings).unwrap());
}

#[tokio::test]
async fn a_cancelled_wait_loses_nothing() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("p.cedar");
    fs::write(&file, FIRST).unwrap();
    let settings = settings(directory.path(), NEVER);
    let mut watch = Watch::new(&settings, read(&settings).as_ref());
    fs::write(&file, SECOND).unwrap();
    for _ in 0..20 {
        // Shorter than files need to settle, so that the wait is cancelled in the middle.
        let _ = tokio::time::timeout(Duration::from_millis(5), watch.changed()).await;
    }
    let changed = tokio::time::timeout(Duration::from_secs(2), watch.changed()).await.expect("the change is still there");
    assert_eq!(changed.unwrap(), read(&settings).unwrap());
}

#[test]
fn mount_points_are_read_with_their_escapes() {
    let table =
        "36 35 98:0 /mnt1 /mnt/with\\040space rw,noatime master:1 - ext3 /dev/root rw\n\nbroken line\n22 1 0:1 / /a rw - x y z\n";
    assert_eq!(mount_points(table), [Path::new("/mnt/with space"), Path::new("/a")]);
}

#[test]
fn the_directory_above_is_watched_so_that_a_replacement_is_seen() {
    let directory = TempDir::new().unwrap();
    let inner = directory.path().join("policies");
    fs::create_dir(&inner).unwrap();
    let paths: Vec<_> = watched(&settings(&inner, SOON)).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, [directory.path().to_owned(), inner]);
}
