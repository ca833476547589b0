//! Builds the shim and runs processes under it.
//!
//! Where there is no C compiler, or the system does not let a process watch itself, the tests that need the shim are skipped and say so;
//! with `FAULTS=required`, as in continuous integration, they fail instead.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use ring::digest::{SHA256, digest};

use super::setting;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/shim.c");
/// The exit code of a process that cannot be watched; `UNSUPPORTED` in the source.
const UNSUPPORTED: i32 = 97;

/// The built shim.
#[derive(Debug, Clone)]
pub(super) struct Shim(PathBuf);

impl Shim {
    /// Builds it; nothing where that is impossible.
    pub(super) fn get() -> Option<Self> {
        match Self::build() {
            Ok(shim) => Some(shim),
            Err(why) => {
                assert_ne!(setting("FAULTS", String::new()), "required", "{why}");
                eprintln!("SKIPPED, and nothing is proven: {why}");
                None
            }
        }
    }

    fn build() -> Result<Self, String> {
        let version = digest(&SHA256, &fs::read(SOURCE).unwrap());
        let version: String = version.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("shim-{version}.so"));
        if !library.exists() {
            // Tests run side by side, and each may be the first.
            let fresh = library.with_extension(std::process::id().to_string());
            let mut compiler = Command::new("cc");
            compiler.args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]).arg(&fresh).arg(SOURCE);
            match compiler.output() {
                Err(error) if error.kind() == ErrorKind::NotFound => return Err("there is no C compiler (`cc`)".into()),
                built => {
                    let built = built.unwrap();
                    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
                }
            }
            fs::rename(&fresh, &library).unwrap();
        }
        let shim = Self(library);
        let mut probe = Command::new("true");
        probe.env("FAULTS_ROOT", "/nowhere").env("LD_PRELOAD", &shim.0);
        match probe.status().unwrap().code() {
            Some(0) => Ok(shim),
            Some(UNSUPPORTED) => Err("the system does not let a process filter its own system calls (seccomp)".into()),
            code => panic!("a process under the shim ended with {code:?}"),
        }
    }
}

/// What is done to the calls that match a [`Rule`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing is done, and it is called an error.
    Fail(&'static str),
    /// A write stops half-way.
    Short,
    /// A write stops half-way, and it is called an error.
    Torn(&'static str),
    /// All is done, and it is called an error.
    Late(&'static str),
    /// Nothing is done, and it is called a success.
    Lose,
    /// It takes so many milliseconds, or until the rules end.
    Hang(u32),
    /// The process is killed before it.
    Kill,
    /// The process is killed after it.
    KillAfter,
    /// The disk says that it is full.
    Full,
}

/// Which calls are spoiled, and how. A path is matched by a part of it; calls count from 1 while rules hold; `count` 0 is all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) kind: &'static str,
    pub(super) path: &'static str,
    pub(super) first: u32,
    pub(super) count: u32,
    pub(super) action: Action,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, path, first, count, action } = self;
        let (action, argument) = match action {
            Action::Fail(error) => ("fail", (*error).to_owned()),
            Action::Short => ("short", String::new()),
            Action::Torn(error) => ("short", (*error).to_owned()),
            Action::Late(error) => ("late", (*error).to_owned()),
            Action::Lose => ("lose", String::new()),
            Action::Hang(milliseconds) => ("hang", milliseconds.to_string()),
            Action::Kill => ("kill", String::new()),
            Action::KillAfter => ("kill-after", String::new()),
            Action::Full => ("full", String::new()),
        };
        write!(f, "{kind}:{path}:{first}:{count}:{action}:{argument}")
    }
}

/// What is to be seen and spoiled of a process.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    /// Below which directory.
    pub(super) root: PathBuf,
    pub(super) trace: Option<PathBuf>,
    /// Whether the trace holds written bytes, too.
    pub(super) data: bool,
    /// Whether the trace holds what goes to sockets.
    pub(super) sent: bool,
    pub(super) rules: Vec<Rule>,
    pub(super) control: Option<PathBuf>,
}

impl Watch {
    /// The environment of the process.
    pub(super) fn environment(&self, shim: &Shim) -> Vec<(&'static str, OsString)> {
        let flag = |on: bool| OsString::from(if on { "1" } else { "" });
        let path = |path: &Option<PathBuf>| path.clone().unwrap_or_default().into_os_string();
        let rules: Vec<String> = self.rules.iter().map(ToString::to_string).collect();
        vec![
            ("LD_PRELOAD", shim.0.clone().into()),
            ("FAULTS_ROOT", self.root.clone().into()),
            ("FAULTS_TRACE", path(&self.trace)),
            ("FAULTS_DATA", flag(self.data)),
            ("FAULTS_SENT", flag(self.sent)),
            ("FAULTS_CONTROL", path(&self.control)),
            ("FAULTS_RULES", rules.join(";").into()),
        ]
    }
}

/// Tells a running process when rules hold, and what came of them.
#[derive(Debug)]
pub(super) struct Control(File);

impl Control {
    /// Makes the file; rules do not hold yet.
    pub(super) fn create(path: &Path) -> Self {
        let file = File::options().read(true).write(true).create_new(true).open(path).unwrap();
        file.set_len(4096).unwrap();
        Self(file)
    }

    pub(super) fn open(path: &Path) -> Self {
        Self(File::options().read(true).write(true).open(path).unwrap())
    }

    /// Says whether rules hold from now on.
    pub(super) fn arm(&self, armed: bool) {
        self.0.write_all_at(&[u8::from(armed)], 0).unwrap();
    }

    /// How many calls matched while rules held.
    pub(super) fn matched(&self) -> u32 {
        self.number(4)
    }

    /// How many calls were spoiled.
    pub(super) fn spoiled(&self) -> u32 {
        self.number(8)
    }

    fn number(&self, at: u64) -> u32 {
        let mut bytes = [0; 4];
        self.0.read_exact_at(&mut bytes, at).unwrap();
        u32::from_ne_bytes(bytes)
    }
}
