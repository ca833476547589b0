//! The handle of one child process: start it, send it lines, end it.
//!
//! The receiver that [`Child::spawn`] gives carries the lines of its stdout. What they say is not looked at here.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use tokio::process::Command;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::pipes;
use super::supervise::Supervisor;

/// Lines that wait for the child, and lines from it that wait for us. A line is at most `max_line_bytes`, so this bounds the memory.
const QUEUED_LINES: usize = 16;

/// What to start, and how long to be patient with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildSettings {
    /// The server's name, for the log.
    pub name: String,
    /// The program and its arguments. The program is searched in `PATH`.
    pub command: Vec<OsString>,
    /// Environment variables to set, over those that are inherited.
    pub env: Vec<(OsString, OsString)>,
    /// Whether the child sees our own environment. Without it the child has `env` only, so `env` has to name a `PATH`.
    pub inherit_env: bool,
    /// The directory to start in; ours if `None`.
    pub working_dir: Option<PathBuf>,
    /// Where the child's stderr goes.
    pub stderr: Stderr,
    /// The longest line taken from the child, in bytes. A longer one ends the child.
    pub max_line_bytes: usize,
    /// How long [`Child::send`] waits for a child that does not read.
    pub send_timeout: Duration,
    /// How long a child may take to exit once its stdin is closed, before it gets SIGTERM.
    pub stdin_close_grace: Duration,
    /// How long a child may take to exit after SIGTERM, before it gets SIGKILL.
    pub term_grace: Duration,
}

impl ChildSettings {
    /// The defaults for `command`: our environment and directory, stderr to the log, lines up to 4 MiB, 10 s to take a line,
    /// 2 s to exit after stdin is closed, and 3 s after SIGTERM.
    #[must_use]
    pub fn new(name: impl Into<String>, command: Vec<OsString>) -> Self {
        Self {
            name: name.into(),
            command,
            env: Vec::new(),
            inherit_env: true,
            working_dir: None,
            stderr: Stderr::Log,
            max_line_bytes: 4 * 1024 * 1024,
            send_timeout: Duration::from_secs(10),
            stdin_close_grace: Duration::from_secs(2),
            term_grace: Duration::from_secs(3),
        }
    }
}

/// Where a child's stderr goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stderr {
    /// To our stderr, untouched: for `stdio`, where we stand in for the child.
    Inherit,
    /// To our log, line by line, control characters made harmless: for `serve`.
    Log,
}

/// Why a child did not start.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The settings name no program.
    #[error("the command is empty")]
    NoCommand,
    /// The system did not start the program.
    #[error("failed to start `{program}`")]
    Start {
        /// The program that was to be started.
        program: String,
        /// What the system said. A missing working directory reads as a missing file too.
        #[source]
        source: io::Error,
    },
}

/// Why a line was not taken for the child. In every case the child never sees any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The line holds a raw line break. JSON allows it between tokens, the stdio framing does not: a reader would take the
    /// parts for messages of their own. A carriage return counts, since some readers end a line there.
    #[error("the message contains a raw line break, which a server over stdio cannot be sent")]
    LineBreak,
    /// The child did not read its stdin for as long as it may take.
    #[error("the server does not read its input")]
    NotReading,
    /// The child has exited or is being ended.
    #[error("the server process is gone")]
    Gone,
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildExit {
    /// What the system reported; `None` if it could not be asked.
    pub status: Option<ExitStatus>,
    /// What it took.
    pub end: End,
}

/// What it took for a child to exit, from nothing to the hardest means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// Nobody asked it to: it exited, crashed, or was killed by someone else.
    OnItsOwn,
    /// It exited when its stdin was closed, as the protocol asks.
    StdinClosed,
    /// It needed SIGTERM.
    Terminated,
    /// It needed SIGKILL.
    Killed,
    /// It wrote a line that is longer than allowed and was killed for it.
    LineTooLong,
}

impl ChildExit {
    /// The exit code a shell would report: the child's own, or 128 and the number of the signal that ended it; 1 if unknown.
    #[must_use]
    pub fn code(&self) -> u8 {
        let status = self.status.map_or(1, |status| status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1));
        u8::try_from(status).unwrap_or(1)
    }
}

impl fmt::Display for ChildExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{status}")?,
            None => f.write_str("exit status unknown")?,
        }
        f.write_str(match self.end {
            End::OnItsOwn => "",
            End::StdinClosed => ", after its stdin was closed",
            End::Terminated => ", after SIGTERM",
            End::Killed => ", after SIGKILL",
            End::LineTooLong => ", for a line that is too long",
        })
    }
}

/// One running child, in a process group of its own. Dropping it kills the group at once; [`Child::close`] is the orderly end.
#[derive(Debug)]
pub struct Child {
    pid: u32,
    queue: mpsc::Sender<Bytes>,
    send_timeout: Duration,
    close: CancellationToken,
    exit: watch::Receiver<Option<ChildExit>>,
    _kill_on_drop: DropGuard,
}

impl Child {
    /// Starts the program. Must be called within a tokio runtime.
    ///
    /// The receiver gives the lines of its stdout, without line ends and blank lines, and closes when there are no more. It holds
    /// few: a reader that is slow makes the child wait. When it is dropped, what the child still writes is discarded.
    ///
    /// Cancelling `stop` is the same as [`Child::close`].
    pub fn spawn(settings: &ChildSettings, stop: &CancellationToken) -> Result<(Self, mpsc::Receiver<Bytes>), SpawnError> {
        let mut process = start(settings)?;
        let (queue, queued) = mpsc::channel(QUEUED_LINES);
        let (lines, received) = mpsc::channel(QUEUED_LINES);
        let (exit_sender, exit) = watch::channel(None);
        let (close, kill, exited) = (stop.child_token(), CancellationToken::new(), CancellationToken::new());
        let pid = process.id().unwrap_or_default();

        let gone = || SpawnError::Start { program: settings.name.clone(), source: io::ErrorKind::BrokenPipe.into() };
        let stdin = process.stdin.take().ok_or_else(gone)?;
        let stdout = process.stdout.take().ok_or_else(gone)?;
        if let Some(stderr) = process.stderr.take() {
            tokio::spawn(pipes::log_stderr(stderr, settings.name.clone(), exited.clone()));
        }
        let supervisor = Supervisor {
            group: pid.into(),
            process,
            writer: tokio::spawn(pipes::write_stdin(stdin, queued, close.clone())),
            reader: tokio::spawn(pipes::read_stdout(
                stdout,
                lines,
                settings.max_line_bytes,
                settings.name.clone(),
                exited.clone(),
            )),
            close: close.clone(),
            kill: kill.clone(),
            exited,
            stdin_close_grace: settings.stdin_close_grace,
            term_grace: settings.term_grace,
        };
        let name = settings.name.clone();
        tokio::spawn(async move {
            let ended = supervisor.run().await;
            tracing::info!(server = name, pid, "the server process ended: {ended}");
            exit_sender.send_replace(Some(ended));
        });
        let child = Self { pid, queue, send_timeout: settings.send_timeout, close, exit, _kill_on_drop: kill.drop_guard() };
        Ok((child, received))
    }

    /// The process id, which is also that of its process group.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Queues a line for the child's stdin; lines are written in the order they were queued.
    ///
    /// `Ok` means that the child gets the line if it lives and reads, an error that it never will.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, nothing is sent.
    pub async fn send(&self, line: Bytes) -> Result<(), SendError> {
        check_framing(&line)?;
        self.queue.send_timeout(line, self.send_timeout).await.map_err(|error| match error {
            mpsc::error::SendTimeoutError::Timeout(_) => SendError::NotReading,
            mpsc::error::SendTimeoutError::Closed(_) => SendError::Gone,
        })
    }

    /// Like [`Child::send`] without waiting: a full queue is [`SendError::NotReading`].
    pub fn try_send(&self, line: Bytes) -> Result<(), SendError> {
        check_framing(&line)?;
        self.queue.try_send(line).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SendError::NotReading,
            mpsc::error::TrySendError::Closed(_) => SendError::Gone,
        })
    }

    /// Begins the orderly end and returns at once: what is queued is written and stdin closed, then SIGTERM and SIGKILL follow to the
    /// whole group, each after its grace. [`Child::wait`] tells how it went.
    pub fn close(&self) {
        self.close.cancel();
    }

    /// Waits until the process has exited. Lines it wrote may still be in the receiver.
    ///
    /// # Cancel safety
    ///
    /// Can be dropped and called again.
    pub async fn wait(&self) -> ChildExit {
        let mut exit = self.exit.clone();
        let ended = exit.wait_for(Option::is_some).await.ok().and_then(|ended| *ended);
        // The supervisor is gone without a word only if the runtime is being torn down, and then it has killed the group.
        ended.unwrap_or(ChildExit { status: None, end: End::Killed })
    }

    /// [`Child::close`], then [`Child::wait`].
    pub async fn shutdown(&self) -> ChildExit {
        self.close();
        self.wait().await
    }
}

/// Whether `line` can be sent as one line; see [`SendError::LineBreak`].
pub(super) fn check_framing(line: &[u8]) -> Result<(), SendError> {
    if memchr::memchr2(b'\n', b'\r', line).is_some() { Err(SendError::LineBreak) } else { Ok(()) }
}

fn start(settings: &ChildSettings) -> Result<tokio::process::Child, SpawnError> {
    let (program, arguments) = settings.command.split_first().ok_or(SpawnError::NoCommand)?;
    let mut command = Command::new(program);
    command.args(arguments).process_group(0).kill_on_drop(true);
    if !settings.inherit_env {
        command.env_clear();
    }
    command.envs(settings.env.iter().map(|(name, value)| (name, value)));
    if let Some(directory) = &settings.working_dir {
        command.current_dir(directory);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(match settings.stderr {
        Stderr::Inherit => Stdio::inherit(),
        Stderr::Log => Stdio::piped(),
    });
    command.spawn().map_err(|source| SpawnError::Start { program: program.to_string_lossy().into_owned(), source })
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
