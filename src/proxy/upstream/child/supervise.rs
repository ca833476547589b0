//! How a child ends: on its own, or step by step from a closed stdin to SIGKILL, always with its whole process group.
//!
//! A process that leaves the group (a daemon) is out of reach; it loses its stdin like the others and no more.

use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpgid};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::pipes::ReadEnd;
use super::process::{ChildExit, End};

/// How often, and how far apart, orphans of the group are looked for after SIGKILL.
const REAP_TRIES: u32 = 20;
const REAP_EVERY: Duration = Duration::from_millis(25);

/// Owns the process and the tasks at its pipes, until it has exited.
#[derive(Debug)]
pub(super) struct Supervisor {
    pub(super) group: Group,
    pub(super) process: tokio::process::Child,
    pub(super) writer: JoinHandle<()>,
    pub(super) reader: JoinHandle<ReadEnd>,
    /// Asks for the orderly end; makes the writer close stdin.
    pub(super) close: CancellationToken,
    /// Asks for SIGKILL at once: nobody holds the child any more.
    pub(super) kill: CancellationToken,
    /// Tells the readers that only what is left in the pipes will come.
    pub(super) exited: CancellationToken,
    pub(super) stdin_close_grace: Duration,
    pub(super) term_grace: Duration,
}

impl Supervisor {
    /// Runs until the process has exited, and nothing of its group is left.
    pub(super) async fn run(mut self) -> ChildExit {
        let (status, end) = self.until_exit().await;
        self.group.clear_away().await;
        self.exited.cancel();
        self.close.cancel();
        ChildExit { status, end }
    }

    async fn until_exit(&mut self) -> (Option<ExitStatus>, End) {
        // A child that closed a pipe cannot be spoken with, even if it still runs: it is ended like one we are done with, but
        // usually it is just about to exit on its own.
        let end = tokio::select! {
            biased;
            status = self.process.wait() => return (status.ok(), End::OnItsOwn),
            () = self.kill.cancelled() => return (self.kill().await, End::Killed),
            read = &mut self.reader => match read {
                Ok(ReadEnd::LineTooLong) => return (self.kill().await, End::LineTooLong),
                Ok(ReadEnd::Closed) | Err(_) => End::OnItsOwn,
            },
            () = self.close.cancelled() => End::StdinClosed,
            _ = &mut self.writer => End::OnItsOwn,
        };
        self.close.cancel();
        if let Some(status) = self.exits_within(self.stdin_close_grace).await {
            return (status, end);
        }
        self.group.signal(Signal::TERM);
        if let Some(status) = self.exits_within(self.term_grace).await {
            return (status, End::Terminated);
        }
        (self.kill().await, End::Killed)
    }

    /// The exit status, if it comes within `grace` and nobody asks for more haste.
    async fn exits_within(&mut self, grace: Duration) -> Option<Option<ExitStatus>> {
        tokio::select! {
            biased;
            status = self.process.wait() => Some(status.ok()),
            () = self.kill.cancelled() => None,
            () = tokio::time::sleep(grace) => None,
        }
    }

    async fn kill(&mut self) -> Option<ExitStatus> {
        self.group.signal(Signal::KILL);
        self.process.wait().await.ok()
    }
}

/// The child's process group. Dropped while the child has not been waited for, it is killed: the last resort when the runtime goes.
#[derive(Debug)]
pub(super) struct Group {
    leader: Option<Pid>,
    cleared: bool,
}

impl From<u32> for Group {
    fn from(pid: u32) -> Self {
        Self { leader: i32::try_from(pid).ok().and_then(Pid::from_raw), cleared: false }
    }
}

impl Group {
    /// Sends `signal` to every process of the group; one that is gone already is no error.
    ///
    /// INVARIANT: called only while the leader has not been waited for, or right after: until then its id cannot be given to a
    /// stranger, and while others of the group live it cannot either.
    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            let _ = kill_process_group(leader, signal);
        }
    }

    /// Kills what the leader left behind. Where orphans become our children (we are process 1 of a container) they are waited for,
    /// or they would stay as zombies.
    async fn clear_away(&mut self) {
        self.signal(Signal::KILL);
        self.cleared = true;
        let Some(leader) = self.leader else { return };
        for _ in 0..REAP_TRIES {
            match waitpgid(leader, WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                Ok(None) => tokio::time::sleep(REAP_EVERY).await,
                Err(_) => return,
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.cleared {
            self.signal(Signal::KILL);
        }
    }
}
