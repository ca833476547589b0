//! A disk that is really full: a small file system in memory, in a mount namespace of its own.
//!
//! Where that is not allowed these tests are skipped and say so; [`super::table`] and [`super::served`] have what the shim can show of a
//! full disk. In memory a sync costs and proves nothing; `FAULTS_FULL_MOUNT` may name another command that mounts a file system of
//! 128 MiB on the directory that follows it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::check::{Depth, check};
use super::process::{Running, Work};
use super::served::Bench;
use super::setting;
use crate::support::until;

const MOUNT: &str = "mount -t tmpfs -o size=128m none";
/// Ways to get a mount namespace: as the superuser, and as anybody in a user namespace.
const WAYS: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];

/// A mounted file system, held by a process that does nothing else.
pub(super) struct Small {
    holder: Child,
    way: &'static [&'static str],
    at: PathBuf,
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

impl Small {
    /// Mounts one on the directory `at`; nothing where that is not allowed.
    fn mount(at: &Path) -> Option<Self> {
        let script = format!("{} \"$0\" && echo mounted && exec sleep 600", setting("FAULTS_FULL_MOUNT", MOUNT.to_owned()));
        let mut errors = String::new();
        for way in WAYS {
            let mut command = Command::new("unshare");
            command.args(way).args(["sh", "-c", &script]).arg(at).stdin(Stdio::null());
            let Ok(mut holder) = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() else { continue };
            let mut said = String::new();
            BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
            if said == "mounted\n" {
                return Some(Self { holder, way, at: at.into() });
            }
            holder.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
            holder.wait().unwrap();
        }
        eprintln!("SKIPPED, and nothing is proven: no file system can be mounted: {errors}");
        None
    }

    /// The command that runs another one where the file system is mounted.
    fn wrapper(&self) -> Vec<String> {
        let user: &[&str] = if self.way.len() > 1 { &["--user", "--preserve-credentials"] } else { &[] };
        let target = format!("--target={}", self.holder.id());
        let words = ["nsenter", &target, "--mount"].into_iter().chain(user.iter().copied());
        words.map(str::to_owned).collect()
    }

    /// A path on the file system, as it is seen from here.
    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}/{name}", self.holder.id(), self.at.display()))
    }

    fn free(&self) -> u64 {
        let room = rustix::fs::statvfs(self.path("").as_path()).unwrap();
        room.f_bavail * room.f_frsize
    }

    /// Uses up the room but for so many bytes.
    fn fill(&self, leave: u64) {
        let mut file = File::options().create(true).append(true).open(self.path("filler")).unwrap();
        while self.free() > leave {
            let block = vec![1; usize::try_from((self.free() - leave).min(1 << 20)).unwrap()];
            if file.write_all(&block).is_err() {
                break;
            }
        }
    }

    fn empty(&self) {
        fs::remove_file(self.path("filler")).unwrap();
    }
}

#[test]
fn a_log_whose_disk_fills_up_under_load_refuses_and_goes_on_by_itself_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().canonicalize().unwrap().join("small");
    fs::create_dir(&at).unwrap();
    let Some(small) = Small::mount(&at) else { return };
    let directory = at.join("audit");
    // No other epoch is begun, so that it is a commit that finds no room.
    let work = Work { writers: 16, records: 9000, epoch: 1 << 20, ..Work::default() };
    let mut process = Running::start(None, &small.wrapper(), &directory, work);
    let minute = Duration::from_secs(60);
    assert!(
        process.wait_until(minute, |report| report.promises.told.len() > 500),
        "it begins: {:?}",
        process.look(|r| r.errors.clone())
    );
    small.fill(0);
    assert!(process.wait_until(minute, |report| report.count("denied") > 20), "the file does not grow for ever");
    let refused = process.look(|report| report.promises.told.len());
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(process.look(|report| report.promises.told.len()), refused, "nothing is acknowledged meanwhile");
    small.empty();
    assert!(process.wait_until(minute, |report| report.count("closed") > 0), "it comes back and finishes");
    let report = process.end();
    assert_eq!(report.complaint(), None);
    assert!(report.count("unready") > 0 && report.count("ready") > 0, "{:?}", report.said.keys());
    let copied = copy(&small.path("audit"), &dir.path().join("copied"));
    assert_eq!(check(&copied, &report.promises, Depth::Twice).err(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_on_a_full_disk_keeps_room_for_what_is_under_way_opens_once_more_and_says_what_it_needs() {
    let mut bench = Bench::new("audit.low_water = '20MiB'").await;
    fs::create_dir(bench.desk.audit(1)).unwrap();
    let Some(small) = Small::mount(&bench.desk.audit(1)) else { return };
    let wrapper = small.wrapper();

    let mut lab = bench.serve(&wrapper).await;
    assert_eq!(small.path("ballast").metadata().unwrap().len(), 16 << 20, "room is set aside");
    lab.allowed(20).await;
    small.fill(4 << 20);
    // The room is looked at once a second.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    lab.refuses().await;
    small.empty();
    lab.comes_back().await;
    lab.allowed(20).await;
    small.fill(0);
    bench = lab.stops().await;

    // There is no room to open a log at all but for what was set aside.
    let lab = bench.serve(&wrapper).await;
    until("the room is given back", || lab.served.log().contains("the room that was set aside is given back")).await;
    assert_eq!(lab.served.get("/readyz").await.status, 503, "and not used for new calls");
    bench = lab.stops().await;

    small.fill(0);
    let mut command = tokio::process::Command::new(&wrapper[0]);
    command.args(&wrapper[1..]).arg(env!("CARGO_BIN_EXE_cedarpost")).args(["serve", "--config"]).arg(bench.desk.config());
    let refused = command.output().await.unwrap();
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{text}");
    assert!(text.contains("the disk is full") && text.contains("free a few megabytes"), "{text}");

    small.empty();
    let mut lab = bench.serve(&wrapper).await;
    lab.allowed(20).await;
    bench = lab.stops().await;
    let copied = copy(&small.path(""), &bench.desk.path("copied"));
    bench.holds_what_was_told(&copied).await;
}

/// Copies a directory.
fn copy(from: &Path, to: &Path) -> PathBuf {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
    to.into()
}
