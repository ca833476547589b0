//! A witness of our own: what it remembers across restarts, and when it must not begin.

use tempfile::TempDir;

use super::*;
use crate::audit::ship::fixtures::log::{FakeLog, ORIGIN, cosigner};
use crate::audit::ship::source::Hashes;
use crate::audit::tlog::merkle::prove_consistency;
use crate::audit::tlog::{AddCheckpoint, Algorithm};
use crate::domain::Timestamp;

fn settings(directory: &Path, keys: Vec<VerifierKey>) -> Settings {
    let name = KeyName::new("witness.example/one").unwrap();
    Settings { directory: directory.to_owned(), name, logs: BTreeMap::from([(ORIGIN.to_owned(), keys)]) }
}

fn log_key() -> VerifierKey {
    FakeLog::of(0).key().verifier().clone()
}

fn open(directory: &Path) -> Result<Service, ServiceError> {
    Service::open(&settings(directory, vec![log_key()]), Clock::manual(Timestamp::from_micros(1_700_000_000_999_999)))
}

fn request(old: u64, log: &FakeLog) -> AddCheckpoint {
    let proof = prove_consistency(old, log.size(), &Hashes(log)).unwrap();
    AddCheckpoint::new(old, proof, (*log.checkpoint()).clone()).unwrap()
}

#[test]
fn it_cosigns_what_continues_what_it_saw_also_after_a_restart() {
    let directory = TempDir::new().unwrap();
    let service = open(directory.path()).unwrap();
    let key = service.verifier().clone();
    let first = request(0, &FakeLog::of(5));
    let answer = service.add_checkpoint(first.to_string().as_bytes());
    assert_eq!((answer.status, answer.content_type), (200, "text/plain; charset=utf-8"));
    let cosigned = first.accept(answer.body.as_bytes(), std::slice::from_ref(&key)).unwrap();
    let keys = [key.clone()];
    let signers = cosigned.note().verify(&keys).unwrap();
    assert_eq!((signers.count(Algorithm::Cosignature), signers.as_slice()[0].time), (1, Some(1_700_000_000)));
    drop(service);

    let again = open(directory.path()).unwrap();
    assert_eq!(*again.verifier(), key);
    assert_eq!(std::fs::read_to_string(directory.path().join("vkey")).unwrap(), format!("{key}\n"));
    let late = again.add_checkpoint(request(0, &FakeLog::of(3)).to_string().as_bytes());
    assert_eq!((late.status, late.content_type, late.body.as_str()), (409, "text/x.tlog.size", "5\n"));
    assert_eq!(again.add_checkpoint(request(5, &FakeLog::telling("other", 9)).to_string().as_bytes()).status, 422);
    assert_eq!(again.add_checkpoint(request(5, &FakeLog::of(9)).to_string().as_bytes()).status, 200);
}

#[test]
fn refusals_have_their_status_and_a_sentence() {
    let directory = TempDir::new().unwrap();
    let service = open(directory.path()).unwrap();
    let good = request(0, &FakeLog::of(5)).to_string();
    for (body, status) in
        [("nonsense".to_owned(), 400), (good.replace("\n5\n", "\n6\n"), 403), (good.replace(ORIGIN, "other.example"), 404)]
    {
        let answer = service.add_checkpoint(body.as_bytes());
        assert_eq!(
            (answer.status, answer.content_type, answer.body.ends_with('\n')),
            (status, "text/plain; charset=utf-8", true)
        );
    }
}

#[test]
fn what_cannot_be_stored_is_not_cosigned() {
    let directory = TempDir::new().unwrap();
    let service = open(directory.path()).unwrap();
    std::fs::remove_dir(directory.path().join("logs")).unwrap();
    assert_eq!(service.add_checkpoint(request(0, &FakeLog::of(5)).to_string().as_bytes()).status, 503);
    std::fs::create_dir(directory.path().join("logs")).unwrap();
    // It has not happened: the same witness still starts from nothing.
    assert_eq!(service.add_checkpoint(request(0, &FakeLog::of(3)).to_string().as_bytes()).status, 200);
}

#[test]
fn a_witness_that_lost_its_memory_or_has_a_double_does_not_begin() {
    let directory = TempDir::new().unwrap();
    let running = open(directory.path()).unwrap();
    assert!(matches!(open(directory.path()).unwrap_err(), ServiceError::Taken(_)));
    assert_eq!(running.add_checkpoint(request(0, &FakeLog::of(5)).to_string().as_bytes()).status, 200);
    drop(running);
    let file = file_of(&directory.path().join("logs"), ORIGIN);
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, "").unwrap();
    assert!(matches!(open(directory.path()).unwrap_err(), ServiceError::Damaged { .. }));
    std::fs::write(&file, good.replace("\n5\n", "\n4\n")).unwrap();
    assert!(matches!(open(directory.path()).unwrap_err(), ServiceError::Unsigned { .. }));
    std::fs::write(&file, good).unwrap();
    let cosigns = settings(directory.path(), vec![cosigner("w.example", 3).verifier().clone(), log_key()]);
    assert!(matches!(Service::open(&cosigns, Clock::System).unwrap_err(), ServiceError::LogKey { .. }));
    std::fs::remove_file(directory.path().join("key.pk8")).unwrap();
    std::fs::write(directory.path().join("key.pk8"), "x").unwrap();
    assert!(matches!(open(directory.path()).unwrap_err(), ServiceError::Key { .. }));
}

#[test]
fn nobody_else_can_read_the_key() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = TempDir::new().unwrap();
    let home = directory.path().join("witness");
    let _service = open(&home).unwrap();
    for (name, mode) in [("", 0o700), ("key.pk8", 0o400), ("logs", 0o700)] {
        assert_eq!(std::fs::metadata(home.join(name)).unwrap().permissions().mode() & 0o777, mode, "{name}");
    }
}
