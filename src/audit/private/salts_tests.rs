//! Salts across crashes, failing disks, damaged files and erasing: no two records ever share one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use proptest::prelude::*;

use super::*;

/// A disk that remembers what it was made to keep, and fails at a given step.
#[derive(Default)]
struct TestDisk {
    /// What each file held when it was last synced, by inode.
    durable: Mutex<HashMap<u64, Vec<u8>>>,
    /// How many steps succeed before one fails; 0 for no failure.
    fails_in: AtomicU32,
    /// What that failure does before it fails.
    fails_late: bool,
}

impl TestDisk {
    fn failing(steps: u32, fails_late: bool) -> Arc<Self> {
        Arc::new(Self { fails_in: AtomicU32::new(steps), fails_late, ..Self::default() })
    }

    /// Whether this step is the one that fails.
    fn trips(&self) -> bool {
        let left = self.fails_in.load(Ordering::SeqCst);
        self.fails_in.store(left.saturating_sub(1), Ordering::SeqCst);
        left == 1
    }
}

fn injected() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error())
}

impl Disk for TestDisk {
    fn write(&self, write: &mut dyn FnMut() -> Result<(), StorageError>) -> Result<(), StorageError> {
        let trips = self.trips();
        if !trips || self.fails_late {
            write()?;
        }
        if trips { Err(injected().into()) } else { Ok(()) }
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        if self.trips() {
            return Err(injected());
        }
        file.sync_data()?;
        let metadata = file.metadata()?;
        if metadata.is_file() {
            let mut content = vec![0; usize::try_from(metadata.len()).unwrap()];
            file.read_exact_at(&mut content, 0)?;
            self.durable.lock().insert(metadata.ino(), content);
        }
        Ok(())
    }
}

fn path(log: &Path, first: u64) -> PathBuf {
    directory_of(log).join(file_name(first))
}

fn bytes(salt: &Salt) -> [u8; 32] {
    *salt.as_bytes()
}

fn read(log: &Path, seq: u64) -> Option<[u8; 32]> {
    SaltReader::new(log).salt(seq).unwrap().as_ref().map(bytes)
}

#[test]
fn salts_are_where_the_form_says_and_only_for_their_owner() {
    let log = tempfile::tempdir().unwrap();
    let mut salts = Salts::new(log.path(), Arc::new(LocalDisk));
    let seqs = [0, 1, 7, 4_095, 4_096, 65_535, 65_536, 131_071];
    let given: Vec<_> = seqs.iter().map(|seq| (*seq, bytes(&salts.salt_of(*seq).unwrap()))).collect();
    assert_eq!(given.iter().map(|(_, salt)| salt).collect::<HashSet<_>>().len(), seqs.len());
    for (seq, salt) in given {
        let content = std::fs::read(path(log.path(), seq / 65_536 * 65_536)).unwrap();
        let at = usize::try_from(seq % 65_536 * 32).unwrap();
        assert_eq!(content[at..at + 32], salt, "{seq}");
        assert_eq!(read(log.path(), seq), Some(salt), "{seq}");
    }
    for name in ["private", "private/salts", "private/salts/0000000000065536"] {
        let mode = std::fs::metadata(log.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} is for others, too");
    }
    assert_eq!(std::fs::metadata(path(log.path(), 0)).unwrap().len(), 65_536 * 32);
}

#[test]
fn a_salt_is_handed_out_once_and_a_number_that_comes_again_gets_another() {
    let log = tempfile::tempdir().unwrap();
    let mut salts = Salts::new(log.path(), Arc::new(LocalDisk));
    let (first, second) = (salts.salt_of(5).unwrap(), salts.salt_of(6).unwrap());
    // Both records were lost before they were durable, and others come in their place.
    let again = salts.salt_of(5).unwrap();
    let next = salts.salt_of(6).unwrap();
    let all: HashSet<_> = [&first, &second, &again, &next].map(bytes).into();
    assert_eq!(all.len(), 4);
    assert_eq!((read(log.path(), 5), read(log.path(), 6)), (Some(bytes(&again)), Some(bytes(&next))));
}

#[test]
fn a_restart_leaves_the_salts_of_records_alone_and_draws_all_others_anew() {
    let log = tempfile::tempdir().unwrap();
    let mut salts = Salts::new(log.path(), Arc::new(LocalDisk));
    let kept: Vec<_> = (0..10).map(|seq| bytes(&salts.salt_of(seq).unwrap())).collect();
    let unused: Vec<_> = (10..4_096).map(|seq| read(log.path(), seq).unwrap()).collect();
    drop(salts);
    let mut salts = Salts::new(log.path(), Arc::new(LocalDisk));
    let new = bytes(&salts.salt_of(10).unwrap());
    assert!(!unused.contains(&new));
    for (seq, salt) in kept.iter().enumerate() {
        assert_eq!(read(log.path(), seq as u64), Some(*salt));
    }
}

#[test]
fn nothing_is_handed_out_that_is_not_durable() {
    // The steps of the first salt: three directories are synced, the block is written and synced.
    for late in [false, true] {
        for step in 1..=5 {
            let (log, disk) = (tempfile::tempdir().unwrap(), TestDisk::failing(step, late));
            let mut salts = Salts::new(log.path(), Arc::<TestDisk>::clone(&disk));
            let error = salts.salt_of(3).unwrap_err();
            assert!(
                matches!(&error, SaltError::Disk { source: StorageError::Disk(cause), .. } if cause.raw_os_error() == injected().raw_os_error()),
                "{step}: {error:?}"
            );
            let refused = read(log.path(), 3);
            let salt = bytes(&salts.salt_of(3).unwrap());
            assert_ne!(refused, Some(salt), "what a failed attempt left behind is not used");
            assert_eq!(read(log.path(), 3), Some(salt), "{step}");
            let durable = disk.durable.lock();
            assert!(durable.values().any(|content| content[3 * 32..4 * 32] == salt), "{step}");
        }
    }
}

#[test]
fn a_disk_that_fails_in_the_middle_of_a_file_costs_no_salt_of_a_record() {
    let (log, disk) = (tempfile::tempdir().unwrap(), TestDisk::failing(0, true));
    let mut salts = Salts::new(log.path(), Arc::<TestDisk>::clone(&disk));
    let kept = bytes(&salts.salt_of(4_095).unwrap());
    disk.fails_in.store(2, Ordering::SeqCst);
    salts.salt_of(4_096).unwrap_err();
    let salt = bytes(&salts.salt_of(4_096).unwrap());
    assert_eq!((read(log.path(), 4_095), read(log.path(), 4_096)), (Some(kept), Some(salt)));
}

type Damage = fn(&Path);

#[test]
fn what_damage_took_away_is_erased_and_never_made_up() {
    let damages: [(&str, Damage); 4] = [
        ("cut between salts", |file| OpenOptions::new().write(true).open(file).unwrap().set_len(10 * 32).unwrap()),
        ("cut in a salt", |file| OpenOptions::new().write(true).open(file).unwrap().set_len(10 * 32 + 7).unwrap()),
        ("empty", |file| File::create(file).map(drop).unwrap()),
        ("gone", |file| std::fs::remove_file(file).unwrap()),
    ];
    for (name, damage) in damages {
        let log = tempfile::tempdir().unwrap();
        let mut salts = Salts::new(log.path(), Arc::new(LocalDisk));
        let kept: Vec<_> = (0..5_000).map(|seq| bytes(&salts.salt_of(seq).unwrap())).collect();
        drop(salts);
        damage(&path(log.path(), 0));
        let left = |seq| read(log.path(), seq);
        let before: Vec<_> = (0..5_000).map(left).collect();
        let mut salts = Salts::new(log.path(), Arc::new(LocalDisk));
        let new = bytes(&salts.salt_of(5_000).unwrap());
        let after: Vec<_> = (0..5_000).map(left).collect();
        assert_eq!(before, after, "{name}");
        for (seq, salt) in after.iter().enumerate() {
            assert!(salt.is_none() || *salt == Some(kept[seq]), "{name}: record {seq} has a salt that it never had");
        }
        assert!(after[10..].iter().all(Option::is_none), "{name}");
        assert!(left(5_000) == Some(new) && !kept.contains(&new), "{name}");
    }
}

#[test]
fn what_is_erased_is_gone_and_stays_gone() {
    let log = tempfile::tempdir().unwrap();
    let reader = SaltReader::new(log.path());
    assert!(!reader.erase(3).unwrap() && reader.salt(3).unwrap().is_none(), "there is no file yet");
    let mut salts = Salts::new(log.path(), Arc::new(LocalDisk));
    let kept: Vec<_> = (0..5).map(|seq| bytes(&salts.salt_of(seq).unwrap())).collect();
    assert!(reader.erase(3).unwrap());
    assert!(!reader.erase(3).unwrap(), "it was not there any more");
    assert!(!reader.erase(1 << 40).unwrap() && !reader.erase(60_000).unwrap());
    let expected = |seq: u64| (seq != 3).then(|| kept[usize::try_from(seq).unwrap()]);
    assert!((0..5).all(|seq| read(log.path(), seq) == expected(seq)));
    drop(salts);
    let mut salts = Salts::new(log.path(), Arc::new(LocalDisk));
    salts.salt_of(5).unwrap();
    assert!((0..5).all(|seq| read(log.path(), seq) == expected(seq)), "a restart brings nothing back");
}

#[test]
fn erasing_says_when_it_is_not_sure() {
    let log = tempfile::tempdir().unwrap();
    Salts::new(log.path(), Arc::new(LocalDisk)).salt_of(3).unwrap();
    for step in [1, 2] {
        let disk = TestDisk::failing(step, false);
        let reader = SaltReader::on(log.path(), Arc::<TestDisk>::clone(&disk));
        assert!(matches!(reader.erase(3), Err(SaltError::Disk { step: "erase a salt in", .. })), "{step}");
        reader.erase(3).unwrap();
        assert!(disk.durable.lock().values().any(|content| content[3 * 32..4 * 32] == [0; 32]), "{step}");
    }
}

#[test]
fn records_are_erased_while_others_get_their_salts() {
    let log = tempfile::tempdir().unwrap();
    let (given, ends) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let erased: HashSet<u64> = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut salts = Salts::new(log.path(), Arc::new(LocalDisk));
            // Not every record has something to hide, so that blocks are drawn often.
            for seq in (0..).step_by(97).take_while(|_| !ends.load(Ordering::SeqCst)) {
                let salt = bytes(&salts.salt_of(seq).unwrap());
                given.lock().push((seq, salt));
            }
        });
        let (reader, mut erased, began) = (SaltReader::new(log.path()), HashSet::new(), Instant::now());
        while erased.len() < 300 && began.elapsed() < Duration::from_secs(60) {
            let newest = given.lock().last().map(|(seq, _)| *seq);
            if let Some(seq) = newest {
                assert_eq!(reader.erase(seq).unwrap(), erased.insert(seq), "{seq}");
            }
        }
        ends.store(true, Ordering::SeqCst);
        erased
    });
    assert_eq!(erased.len(), 300);
    for (seq, salt) in given.into_inner() {
        assert_eq!(read(log.path(), seq), (!erased.contains(&seq)).then_some(salt), "{seq}");
    }
}

#[test]
fn a_salt_shows_its_bytes_to_nobody() {
    let salt = Salt::from_bytes([0xab; 32]).unwrap();
    assert_eq!(format!("{salt:?}"), "Salt(…)");
    assert!(Salt::from_bytes([0; 32]).is_none());
}

/// What happens to a log between two starts.
#[derive(Debug, Clone)]
struct Run {
    /// How many records get salts.
    records: u64,
    /// How many of them, of ten, are durable when the power goes; a group at a time would be a whole number of them.
    durable: u64,
    /// The step of the disk that fails first, and what becomes of it.
    fails_in: u32,
    fails_late: bool,
    /// Which sectors of what was written and not synced reach the disk.
    sectors: u64,
}

fn run() -> impl Strategy<Value = Run> {
    (0_u64..1_500, 0_u64..=10, 0_u32..12, any::<bool>(), any::<u64>())
        .prop_map(|(records, durable, fails_in, fails_late, sectors)| Run { records, durable, fails_in, fails_late, sectors })
}

/// The power goes: of what was not synced, some sectors are on the disk.
fn cut_power(log: &Path, disk: &TestDisk, sectors: u64) {
    let Ok(files) = std::fs::read_dir(directory_of(log)) else { return };
    for file in files.map(|file| file.unwrap().path()) {
        let synced = disk.durable.lock().get(&file.metadata().unwrap().ino()).cloned().unwrap_or_default();
        let mut content = std::fs::read(&file).unwrap();
        for (number, sector) in content.chunks_mut(512).enumerate() {
            if (sectors >> (number % 64)) & 1 == 0 {
                let old = synced.get(number * 512..).unwrap_or_default();
                let known = old.len().min(sector.len());
                sector[..known].copy_from_slice(&old[..known]);
                sector[known..].fill(0);
            }
        }
        std::fs::write(&file, &content).unwrap();
        disk.durable.lock().insert(file.metadata().unwrap().ino(), content);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_two_records_ever_share_a_salt_whenever_the_power_goes(runs in proptest::collection::vec(run(), 1..6)) {
        let log = tempfile::tempdir().unwrap();
        let disk = Arc::new(TestDisk { fails_late: true, ..TestDisk::default() });
        // Every salt that any record ever had, those that were lost among them; and those of records that are in the log.
        let mut ever: HashSet<[u8; 32]> = HashSet::new();
        let mut in_the_log: BTreeMap<u64, [u8; 32]> = BTreeMap::new();
        // Near the end of a file, so that the next one is made, too.
        let mut size = 65_536 - 2_000;
        for run in runs {
            let disk_of_run = Arc::new(TestDisk {
                durable: Mutex::new(disk.durable.lock().clone()),
                fails_in: AtomicU32::new(run.fails_in),
                fails_late: run.fails_late,
            });
            let mut salts = Salts::new(log.path(), Arc::<TestDisk>::clone(&disk_of_run));
            let mut placed = Vec::new();
            for seq in size..size + run.records {
                // After a failure the log goes back to what is durable and tries again; here the first lost record's number comes again.
                let salt = match salts.salt_of(seq) {
                    Ok(salt) => salt,
                    Err(_) => salts.salt_of(seq).unwrap(),
                };
                prop_assert!(ever.insert(bytes(&salt)), "record {seq} got a salt that another record had");
                placed.push((seq, bytes(&salt)));
            }
            let kept = usize::try_from(run.records * run.durable / 10).unwrap();
            in_the_log.extend(placed.into_iter().take(kept));
            size += kept as u64;
            drop(salts);
            cut_power(log.path(), &disk_of_run, run.sectors);
            *disk.durable.lock() = disk_of_run.durable.lock().clone();
            let files = [0, 65_536].map(|first| std::fs::read(path(log.path(), first)).unwrap_or_default());
            for (seq, salt) in &in_the_log {
                let (file, at) = (&files[usize::try_from(seq / 65_536).unwrap()], usize::try_from(seq % 65_536 * 32).unwrap());
                prop_assert_eq!(file.get(at..at + 32), Some(&salt[..]), "record {} lost its salt", seq);
            }
        }
    }
}
