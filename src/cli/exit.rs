//! How a command ended, as scripts see it.

use std::process::ExitCode;

/// The exit codes. `--help` lists them; a script may rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, or stopped as asked.
    Done,
    /// 1: failed while running.
    Failed,
    /// 2: the command line cannot be understood.
    Usage,
    /// 3: the answer is no: policies are invalid (also at the start of `stdio`), the log does not verify, tools differ from the lock.
    Invalid,
    /// 78 (`EX_CONFIG` of sysexits): the configuration is wrong.
    Config,
    /// 130: a second signal ended the process before everything had drained.
    Interrupted,
    /// `stdio`: what the server's process ended with.
    Server(u8),
}

impl Exit {
    /// The code the process ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Invalid => 3,
            Self::Config => 78,
            Self::Interrupted => 130,
            Self::Server(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
