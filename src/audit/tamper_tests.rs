//! What verification says of a sidecar's own directory, files and databases, after somebody was there.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::super::epoch;
use super::super::tlog::TreeHash;
use super::*;

/// A closed log of some hundred records, most of them in files; and the same log before its last hundred.
async fn logs() -> (TempDir, TempDir) {
    let (dir, older) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let small = Settings { epochs: EpochLimits { records: 256, ..EpochLimits::default() }, ..settings(dir.path()) };
    let scene = Scene::new();
    for calls in [700, 100] {
        let (writer, reader) = open(&small, &Clock::System, &mut Registry::default()).unwrap();
        for number in 0..calls {
            writer.append(scene.decided(number)).await.unwrap();
        }
        while reader.archived() < 512 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        writer.close().await.unwrap();
        drop(reader);
        if calls == 700 {
            copy(dir.path(), older.path());
        }
    }
    (dir, older)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() { copy(&path, &target) } else { fs::copy(&path, &target).map(drop).unwrap() }
    }
}

/// The newest database of a log.
fn newest(directory: &Path) -> PathBuf {
    epoch::list(&epoch::directory_of(directory)).unwrap().pop().unwrap().1
}

/// Changes a byte in the middle of a file.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn replace(directory: &Path, with: &Path, name: &str) {
    let (path, other) = (directory.join(name), with.join(name));
    if path.is_dir() {
        fs::remove_dir_all(&path).unwrap();
        copy(&other, &path);
    } else {
        fs::copy(other, path).unwrap();
    }
}

/// Somebody's deed: in a directory, with an older copy of it at hand.
type Deed = fn(&Path, &Path);

#[tokio::test]
async fn whatever_is_changed_in_a_sidecars_directory_is_found_and_named() {
    let (dir, older) = logs().await;
    assert!(check(dir.path()).is_ok() && check(older.path()).is_ok());
    let cases: [(&str, Deed, &str); 12] = [
        ("a record in a file", |log, _| flip(&log.join("tiles/tile/entries/001")), "record 3"),
        ("the hashes over it", |log, _| flip(&log.join("tiles/tile/0/001")), "record 3"),
        (
            "a file of records",
            |log, _| fs::remove_file(log.join("tiles/tile/entries/000")).unwrap(),
            "records 0 to 255 are missing",
        ),
        ("a file of hashes", |log, _| fs::remove_file(log.join("tiles/tile/0/000")).unwrap(), "`tile/0/000`: missing"),
        (
            "a file cut short",
            |log, _| fs::write(log.join("tiles/tile/0/001"), [7; 40]).unwrap(),
            "`tile/0/001`: it has not the right number",
        ),
        ("the anchor", |log, _| flip(&log.join("anchor")), ""),
        (
            "the keys",
            |log, other| {
                fs::write(log.join("trust"), fs::read_to_string(other.join("trust")).unwrap().replace('A', "B")).unwrap()
            },
            "",
        ),
        ("the newest database", |log, _| fs::remove_dir_all(newest(log)).unwrap(), "the newest records are gone"),
        ("the databases by older ones", |log, older| replace(log, older, "epochs"), "ROLLBACK: the log's `anchor` is of"),
        ("how much is in files", |log, _| flip(&log.join("archived")), ""),
        (
            "the files by older ones, and their marker",
            |log, _| {
                fs::remove_dir_all(log.join("tiles")).unwrap();
            },
            "",
        ),
        (
            "everything but the anchor by what was there before",
            |log, older| {
                ["epochs", "tiles", "archived", "index"].into_iter().for_each(|name| replace(log, older, name));
            },
            "ROLLBACK: the log's `anchor` is of",
        ),
    ];
    for (what, deed, expected) in cases {
        let victim = tempfile::tempdir().unwrap();
        copy(dir.path(), victim.path());
        deed(victim.path(), older.path());
        let said = check(victim.path()).expect_err(what);
        assert!(said.starts_with(expected), "{what}: {said}");
        println!("{what}: {said}");
    }
    // Somebody with all files of an earlier day has a log that is whole: only a head that is kept elsewhere tells.
    let kept = check(dir.path()).unwrap().tree;
    assert!(check_with(older.path(), &[kept]).unwrap_err().starts_with("ROLLBACK: the kept head of size"));
    let other = TreeHead { root: TreeHash::from_bytes([7; 32]), ..kept };
    assert!(check_with(dir.path(), &[other]).unwrap_err().starts_with("FORK"));
}

#[tokio::test]
async fn a_changed_byte_anywhere_in_a_sidecars_directory_is_found_or_changes_no_record() {
    let (dir, _) = logs().await;
    let whole = check(dir.path()).unwrap();
    let mut files = Vec::new();
    list(dir.path(), &mut files);
    let (mut found, mut harmless) = (0, 0);
    for path in files {
        let bytes = fs::read(&path).unwrap();
        // Sled pads its file with zeros, and the ballast is nothing else.
        let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        for at in used.iter().step_by(used.len().div_ceil(flips()).max(1)) {
            let mut changed = bytes.clone();
            changed[*at] ^= 0x10;
            fs::write(&path, changed).unwrap();
            match check(dir.path()) {
                Ok(report) => {
                    assert_eq!((report.tree, report.head), (whole.tree, whole.head), "{} {at}", path.display());
                    harmless += 1;
                }
                Err(_) => found += 1,
            }
        }
        fs::write(&path, bytes).unwrap();
    }
    println!("{found} found, {harmless} harmless");
    assert!(found > harmless / 4, "{found} found, {harmless} harmless");
    assert_eq!(check(dir.path()).unwrap().tree, whole.tree);
}

fn list(directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { list(&path, into) } else { into.push(path) }
    }
}

/// How many bytes of each file are changed.
#[expect(clippy::disallowed_methods, reason = "the number of changes is a setting of this test, not of the product")]
fn flips() -> usize {
    std::env::var("CEDARPOST_FLIPS").map_or(4, |flips| flips.parse().unwrap())
}
