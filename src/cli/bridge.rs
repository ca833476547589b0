//! `cedarpost bridge …`: a server that speaks on its standard input and output stays in its own container, and the sidecar, in another
//! one, reaches it over a socket that both have mounted.
//!
//! `serve` runs beside the server and starts one for each connection; `connect` is what the sidecar starts in place of the server. Nothing
//! is decided or recorded here. Only processes of the sidecar's user may connect.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use super::Exit;
use super::serve::on_runtime;
use crate::config::flags::{BridgeCommand, BridgeServeFlags};
use crate::lifecycle::{Reload, Signals, Stop};
use crate::listen::{Address, Connection, Listener, Metrics, Settings};
use crate::telemetry;

/// How many servers run at the same time.
const CONNECTIONS: usize = 64;
/// How long `connect` waits for the socket: the server's container starts after the sidecar.
const SOCKET_WITHIN: Duration = Duration::from_secs(20);
/// How long a server may take to end after its input has.
const ENDED_WITHIN: Duration = Duration::from_secs(5);
/// What the program is called where it is copied to.
const PROGRAM: &str = "cedarpost";

/// Does one of the three.
pub(super) fn bridge(command: &BridgeCommand) -> anyhow::Result<Exit> {
    match command {
        BridgeCommand::Serve(flags) => on_runtime(serve(flags)),
        BridgeCommand::Connect { socket } => on_runtime(connect(socket)),
        BridgeCommand::Install { directory } => install(directory),
    }
}

async fn serve(flags: &BridgeServeFlags) -> anyhow::Result<Exit> {
    let mut registry = telemetry::registry();
    // Who may connect is told by the kernel; the mode has to let in another user.
    let settings =
        Settings { address: Address::Unix(flags.socket.clone()), plaintext_non_loopback: false, socket_mode: 0o666, tls: None };
    let listener = Listener::bind("bridge", &settings, CONNECTIONS, &Metrics::new(&mut registry)).await;
    let mut listener = listener.context("failed to open the socket for the sidecar")?;
    let stop = Stop::new();
    let signals = Signals::catch().context("failed to catch signals")?;
    let (reload, _) = Reload::channel();
    let accepting = async {
        let mut running = JoinSet::new();
        while let Some(connection) = listener.accept(&stop).await {
            if connection.peer().process.is_some_and(|process| process.uid == flags.peer) {
                running.spawn(attend(connection, flags.command.clone()));
            } else {
                note(&format!("turned away: {} is not the sidecar", connection.peer()));
            }
            while running.try_join_next().is_some() {}
        }
        running.shutdown().await;
    };
    tokio::select! {
        () = accepting => Ok(Exit::Done),
        () = signals.run(stop.clone(), reload) => Ok(Exit::Interrupted),
    }
}

/// Starts a server for a connection, and ends it with the connection.
async fn attend(connection: Connection, command: Vec<std::ffi::OsString>) {
    if let Err(error) = run(connection, &command).await {
        note(&format!("a server failed: {error:#}"));
    }
}

async fn run(connection: Connection, command: &[std::ffi::OsString]) -> anyhow::Result<()> {
    let Some((program, args)) = command.split_first() else { bail!("no server is named") };
    let mut server = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("failed to start `{}`", program.display()))?;
    let (Some(input), Some(output)) = (server.stdin.take(), server.stdout.take()) else { bail!("the server has no pipes") };
    let (from_sidecar, to_sidecar) = tokio::io::split(connection);
    let mut writing = tokio::spawn(pass(from_sidecar, input));
    let mut reading = tokio::spawn(pass(output, to_sidecar));
    tokio::select! {
        // The sidecar has gone: the server's input has ended with that, and what it still says is passed on for a while.
        _ = &mut writing => {
            let _ = tokio::time::timeout(ENDED_WITHIN, &mut reading).await;
        }
        _ = &mut reading => {}
    }
    writing.abort();
    reading.abort();
    end(&mut server).await
}

async fn end(server: &mut Child) -> anyhow::Result<()> {
    match tokio::time::timeout(ENDED_WITHIN, server.wait()).await {
        Ok(ended) => ended.map(|_| ()).context("failed to wait for the server"),
        Err(_) => server.kill().await.context("failed to end the server"),
    }
}

/// Passes on everything, and the end.
async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = match from.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        let Some(part) = buffer.get(..read) else { break };
        if to.write_all(part).await.is_err() || to.flush().await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

async fn connect(socket: &Path) -> anyhow::Result<Exit> {
    let stream = tokio::time::timeout(SOCKET_WITHIN, reach(socket)).await;
    let stream = stream.with_context(|| format!("nobody listens on `{}`", socket.display()))?;
    let (from_server, to_server) = stream.into_split();
    let writing = tokio::spawn(pass(tokio::io::stdin(), to_server));
    pass(from_server, tokio::io::stdout()).await;
    writing.abort();
    Ok(Exit::Done)
}

async fn reach(socket: &Path) -> UnixStream {
    loop {
        match UnixStream::connect(socket).await {
            Ok(stream) => return stream,
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

fn install(directory: &Path) -> anyhow::Result<Exit> {
    let target = directory.join(PROGRAM);
    let copied = || -> io::Result<()> {
        fs::copy("/proc/self/exe", &target)?;
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&target, fs::Permissions::from_mode(0o555))
    };
    copied().with_context(|| format!("failed to copy this program to `{}`", target.display()))?;
    Ok(Exit::Done)
}

/// Says something to whoever reads the container's log.
fn note(text: &str) {
    use io::Write as _;
    let _ = writeln!(io::stderr().lock(), "cedarpost bridge: {text}");
}
