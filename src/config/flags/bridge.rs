//! `bridge …`: what the injector puts between a server on standard input and output and the sidecar. Nobody types these.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `bridge …`
#[derive(Debug, Clone, Subcommand)]
pub enum BridgeCommand {
    /// Start a server for each client that connects to a socket.
    Serve(BridgeServeFlags),
    /// Pass standard input and output on to a socket.
    Connect {
        /// The socket
        socket: PathBuf,
    },
    /// Copy this program into a directory.
    Install {
        /// The directory
        directory: PathBuf,
    },
}

/// `bridge serve`
#[derive(Debug, Clone, Args)]
pub struct BridgeServeFlags {
    /// The socket
    pub socket: PathBuf,
    /// The user whose processes may connect
    #[arg(long, value_name = "UID")]
    pub peer: u32,
    /// The server, with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}
