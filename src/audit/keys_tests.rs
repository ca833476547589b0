//! Keys that come into being, are found again, follow each other, and survive a crash at any step of it.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::audit::tlog::Frontier;

fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

/// A directory for a log, with its keys in `keys`.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn keys(&self) -> PathBuf {
        self.0.path().join("keys")
    }

    fn create(&self) -> Signer {
        Signer::create(self.0.path(), &self.keys(), Some(&name("audit.example/a"))).unwrap()
    }

    fn open(&self, newest: Option<&SignedCheckpoint>) -> Result<Signer, KeysError> {
        Signer::open(self.0.path(), &self.keys(), None, newest)
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.keys()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn root(size: u64) -> TreeHash {
    let mut tree = Frontier::new();
    for leaf in 0..size {
        tree.append(TreeHash::leaf(&leaf.to_be_bytes()), |_, _| {}).unwrap();
    }
    tree.root()
}

#[test]
fn a_new_log_gets_a_key_that_only_its_owner_can_read_and_that_the_next_start_finds() {
    let place = Place::new();
    let made = place.create();
    let key = made.schedule().current().clone();
    assert_eq!(place.files(), [format!("{}.pk8", key.id())]);
    let mode = std::fs::metadata(place.keys().join(&place.files()[0])).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o400);
    let found = place.open(None).unwrap();
    assert_eq!((found.schedule().current(), found.origin().as_str()), (&key, "audit.example/a"));
    assert_eq!(read_schedule(place.0.path()).unwrap().to_string(), format!("0 - {key}\n"));
}

#[test]
fn logs_without_a_configured_name_have_names_of_their_own() {
    let [one, other] = [Place::new(), Place::new()].map(|place| Signer::create(place.0.path(), &place.keys(), None).unwrap());
    assert_ne!(one.origin(), other.origin());
    assert!(one.origin().as_str().starts_with("cedarpost/"));
}

#[test]
fn a_log_keeps_its_name() {
    let place = Place::new();
    place.create();
    let refused = Signer::open(place.0.path(), &place.keys(), Some(&name("audit.example/b")), None).unwrap_err();
    assert!(refused.to_string().contains("the log's name is `audit.example/a`"), "{refused}");
}

#[test]
fn a_key_that_was_put_there_is_used_and_of_several_none() {
    // A PEM file as `openssl genpkey -algorithm ed25519` writes it.
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    let place = Place::new();
    std::fs::create_dir(place.keys()).unwrap();
    std::fs::write(place.keys().join("mine.pem"), PEM).unwrap();
    let signer = place.create();
    assert_eq!(place.files(), ["mine.pem"]);
    // The public key of RFC 8032's first test vector.
    let public: String = signer.schedule().current().public().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(public, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    place.open(None).unwrap();

    let place = Place::new();
    std::fs::create_dir(place.keys()).unwrap();
    for file in ["one.pem", "two.pem"] {
        std::fs::write(place.keys().join(file), PEM).unwrap();
    }
    let refused = Signer::create(place.0.path(), &place.keys(), None).unwrap_err();
    assert!(matches!(refused, KeysError::Several(_)), "{refused}");
}

#[test]
fn what_is_missing_or_no_key_is_named() {
    let place = Place::new();
    assert!(matches!(place.open(None), Err(KeysError::NoSchedule(_))));
    place.create();
    let file = place.keys().join(&place.files()[0]);
    let moved = place.0.path().join("elsewhere");
    std::fs::rename(&file, &moved).unwrap();
    assert!(matches!(place.open(None), Err(KeysError::NoKey { .. })));
    std::fs::write(&file, "not a key").unwrap();
    assert!(matches!(place.open(None), Err(KeysError::Key { .. })));
    std::fs::write(place.0.path().join("trust"), "0 - nonsense\n").unwrap();
    assert!(matches!(place.open(None), Err(KeysError::Schedule { .. })));
}

#[test]
fn a_rotation_leaves_one_private_key_and_a_schedule_of_both() {
    let place = Place::new();
    let mut signer = place.create();
    let old = signer.schedule().current().clone();
    let next = signer.next_key().unwrap();
    let signed = signer.sign_with_both(7, root(7), &next).unwrap();
    signer.rotate(&signed, next).unwrap();
    let new = signer.schedule().current().clone();
    assert_eq!(place.files(), [format!("{}.pk8", new.id())]);
    assert_eq!(read_schedule(place.0.path()).unwrap().to_string(), format!("0 7 {old}\n7 - {new}\n"));
    let newest = signer.sign(8, root(8)).unwrap();
    assert_eq!(place.open(Some(&newest)).unwrap().schedule(), signer.schedule());
}

#[test]
fn a_rotation_that_was_cut_off_is_completed_or_undone() {
    // Before both had signed: the old key signs on, and the new one is gone.
    let place = Place::new();
    let signer = place.create();
    let old = signer.schedule().current().clone();
    let next = signer.next_key().unwrap();
    let before = signer.sign(6, root(6)).unwrap();
    let found = place.open(Some(&before)).unwrap();
    assert_eq!((found.schedule().current(), place.files().len()), (&old, 1));
    drop(next);

    // After both had signed, before the schedule said so.
    let next = signer.next_key().unwrap();
    let both = signer.sign_with_both(7, root(7), &next).unwrap();
    let found = place.open(Some(&both)).unwrap();
    assert_eq!((found.schedule().current(), place.files().len()), (next.verifier(), 1));

    // After the schedule said so, before the old key was destroyed, and before the new one had its name.
    let place = Place::new();
    let signer = place.create();
    let old_file = place.keys().join(&place.files()[0]);
    let kept = std::fs::read(&old_file).unwrap();
    let next = signer.next_key().unwrap();
    let both = signer.sign_with_both(7, root(7), &next).unwrap();
    place.open(Some(&both)).unwrap();
    std::fs::write(&old_file, kept).unwrap();
    let named = place.keys().join(format!("{}.pk8", next.verifier().id()));
    std::fs::rename(&named, named.with_extension("next")).unwrap();
    let found = place.open(Some(&both)).unwrap();
    assert_eq!((found.schedule().current(), place.files().len()), (next.verifier(), 1));
}

#[test]
fn a_key_whose_destruction_or_making_was_cut_off_is_gone_after_the_next_start() {
    let place = Place::new();
    let key = place.create().schedule().current().id().to_string();
    // Overwritten and not removed; not even overwritten; half written.
    let left = [("11111111.retired", vec![0; 83]), ("22222222.retired", vec![7; 83]), ("33333333.unfinished", vec![7; 40])];
    for (name, bytes) in &left {
        std::fs::write(place.keys().join(name), bytes).unwrap();
        std::fs::set_permissions(place.keys().join(name), std::fs::Permissions::from_mode(0o400)).unwrap();
    }
    assert_eq!(place.open(None).unwrap().schedule().current().id().to_string(), key);
    assert_eq!(place.files(), [format!("{key}.pk8")]);
}

#[test]
fn a_rotation_that_failed_half_way_is_completed_when_the_keys_are_looked_at_again() {
    let place = Place::new();
    let mut signer = place.create();
    let next = signer.next_key().unwrap();
    let signed = signer.sign_with_both(3, root(3), &next).unwrap();
    let new = next.verifier().clone();
    // The schedule can be written, and the key cannot get its name.
    std::fs::create_dir(place.keys().join(format!("{}.pk8", new.id()))).unwrap();
    signer.rotate(&signed, next).unwrap_err();
    std::fs::remove_dir(place.keys().join(format!("{}.pk8", new.id()))).unwrap();
    let signer = signer.again(&signed).unwrap();
    assert_eq!((signer.schedule().current(), place.files()), (&new, vec![format!("{}.pk8", new.id())]));
    assert!(signer.sign(4, root(4)).unwrap().note().verify(&[new]).is_ok());
}
