//! The process of [`super::child`], seen from outside: what it is told to do, what it says, and its end.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fmt;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::child::{DIRECTORY, NAME, WORK};
use super::shim::{Shim, Watch};

/// What the process is to do; all numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    /// How often the log is opened and closed.
    pub(super) runs: u64,
    pub(super) writers: u64,
    /// How many decisions each run has acknowledged before it closes the log.
    pub(super) records: u64,
    /// How many records an epoch has.
    pub(super) epoch: u64,
    /// After how many acknowledged decisions another key is to sign; 0 for never.
    pub(super) rotate: u64,
    /// Of how many acknowledged decisions one is erased; 0 for none.
    pub(super) erase: u64,
    /// Whether each run removes the oldest bundle of records in the end.
    pub(super) prune: u64,
    /// The deadline of appends, in milliseconds.
    pub(super) deadline: u64,
    /// How many milliseconds after the first refusal the disk works again; 0 for never.
    pub(super) heal: u64,
}

impl Default for Work {
    fn default() -> Self {
        Self { runs: 1, writers: 8, records: 300, epoch: 256, rotate: 0, erase: 0, prune: 0, deadline: 2000, heal: 0 }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, writers, records, epoch, rotate, erase, prune, deadline, heal } = self;
        write!(f, "{runs} {writers} {records} {epoch} {rotate} {erase} {prune} {deadline} {heal}")
    }
}

impl FromStr for Work {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split(' ').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
        let [runs, writers, records, epoch, rotate, erase, prune, deadline, heal] =
            numbers.try_into().expect("a number for each");
        Ok(Self { runs, writers, records, epoch, rotate, erase, prune, deadline, heal })
    }
}

/// A record that was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) seq: u64,
    pub(super) hash: String,
    pub(super) id: String,
}

impl Told {
    /// Reads `acknowledged SEQ HASH ID`.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("acknowledged ")?.split(' ');
        let mut word = || words.next().map(str::to_owned);
        Some(Self { seq: word()?.parse().ok()?, hash: word()?, id: word()? })
    }
}

/// What a process has promised, and what it has begun that may or may not be done.
#[derive(Debug, Clone, Default)]
pub(super) struct Promises {
    pub(super) told: Vec<Told>,
    /// What somebody wanted to be erased.
    pub(super) erases: HashSet<u64>,
    /// What was said to be erased.
    pub(super) erased: HashSet<u64>,
    /// Below which number records may be gone.
    pub(super) prunes: u64,
    /// Below which number records were said to be gone.
    pub(super) pruned: u64,
}

impl Promises {
    /// Takes in a line of standard output.
    pub(super) fn hear(&mut self, line: &str) {
        let number = |word: &str| line.strip_prefix(word).and_then(|rest| rest.trim().parse::<u64>().ok());
        self.told.extend(Told::parse(line));
        self.erases.extend(number("erases "));
        self.erased.extend(number("erased "));
        self.prunes = self.prunes.max(number("prunes ").unwrap_or(0));
        self.pruned = self.pruned.max(number("pruned ").unwrap_or(0));
    }
}

impl Promises {
    /// Takes in those of a process that came after.
    pub(super) fn extend(&mut self, later: Self) {
        self.told.extend(later.told);
        self.erases.extend(later.erases);
        self.erased.extend(later.erased);
        self.prunes = self.prunes.max(later.prunes);
        self.pruned = self.pruned.max(later.pruned);
    }
}

/// What a process has said.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) promises: Promises,
    /// Everything but acknowledgements, by its first word, in order.
    pub(super) said: BTreeMap<String, Vec<String>>,
    pub(super) code: Option<i32>,
    pub(super) errors: String,
}

impl Report {
    /// Takes in a line of standard output.
    fn hear(&mut self, line: &str) {
        self.promises.hear(line);
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if word != "acknowledged" {
            self.said.entry(word.into()).or_default().push(rest.into());
        }
    }

    pub(super) fn count(&self, word: &str) -> usize {
        self.said.get(word).map_or(0, Vec::len)
    }

    /// Why this is not the work of a healthy process, if so.
    pub(super) fn complaint(&self) -> Option<String> {
        self.complaint_before_death().or_else(|| match self.code {
            Some(0) => None,
            code => Some(format!("it ended with {code:?}: {}", self.errors)),
        })
    }

    /// The same of one that was killed.
    pub(super) fn complaint_before_death(&self) -> Option<String> {
        let bad = ["late", "stuck", "never-opened"].into_iter().find(|word| self.count(word) > 0);
        match bad {
            Some(word) => Some(format!("{word}: {:?}", self.said[word])),
            None => self.errors.contains("panicked at").then(|| self.errors.clone()),
        }
    }
}

/// A process that works.
pub(super) struct Running {
    process: Child,
    report: Arc<Mutex<Report>>,
    listening: JoinHandle<()>,
}

impl Running {
    /// Starts the work on the log in `directory`, under the shim if there is one. `wrapper` is a command that runs the process.
    pub(super) fn start(shim: Option<(&Shim, &Watch)>, wrapper: &[String], directory: &Path, work: Work) -> Self {
        let program = std::env::current_exe().unwrap().into_os_string();
        let mut words = wrapper.iter().map(OsString::from).chain([program]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args([NAME, "--exact", "--ignored", "--nocapture"]);
        if let Some((shim, watch)) = shim {
            command.envs(watch.environment(shim));
        }
        command.env(DIRECTORY, directory).env(WORK, work.to_string()).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (output, mut errors) = (process.stdout.take().unwrap(), process.stderr.take().unwrap());
        let report = Arc::new(Mutex::new(Report::default()));
        let heard = Arc::clone(&report);
        let listening = std::thread::spawn(move || {
            let complaining = std::thread::spawn(move || {
                let mut text = String::new();
                // A process that is killed may leave half a letter behind.
                let _ = errors.read_to_string(&mut text);
                text
            });
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            // A line that is cut off was told to nobody.
            while output.read_until(b'\n', &mut line).unwrap_or(0) > 0 && line.pop() == Some(b'\n') {
                heard.lock().hear(&String::from_utf8_lossy(&line));
                line.clear();
            }
            heard.lock().errors = complaining.join().unwrap();
        });
        Self { process, report, listening }
    }

    /// Looks at what it has said so far.
    pub(super) fn look<T>(&self, at: impl FnOnce(&Report) -> T) -> T {
        at(&self.report.lock())
    }

    /// Waits until it has said enough; `false` when it ended before, or takes too long.
    pub(super) fn wait_until(&mut self, patience: Duration, enough: impl Fn(&Report) -> bool) -> bool {
        let began = Instant::now();
        while !self.look(&enough) {
            if began.elapsed() > patience || self.listening.is_finished() {
                return self.look(&enough);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// Waits for its end.
    pub(super) fn end(mut self) -> Report {
        let code = self.process.wait().unwrap().code();
        self.listening.join().unwrap();
        let mut report = std::mem::take(&mut *self.report.lock());
        report.code = code;
        report
    }
}

/// Runs the work on the log in `directory` under the shim, to its end.
pub(super) fn run(shim: &Shim, watch: &Watch, directory: &Path, work: Work) -> Report {
    Running::start(Some((shim, watch)), &[], directory, work).end()
}
