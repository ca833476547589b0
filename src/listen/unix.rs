//! Unix sockets as files: made with their mode before anybody can connect, replaced when they were left behind, removed at the end.
//!
//! A path that is too long for a socket address is reached through an open descriptor of its directory.

use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use tokio::net::{UnixListener, UnixStream};

/// The longest path that fits into a socket address, with some room.
const LONGEST: usize = 100;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// The file of a bound socket, which is removed when this is dropped, unless somebody else has put theirs in its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    place: (u64, u64),
}

impl SocketFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if std::fs::symlink_metadata(&self.path).is_ok_and(|now| place(&now) == self.place) {
            // What stays behind is replaced by the next to bind it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Whether a socket could be bound there: there is nothing, or a socket that nobody listens on any more. An error of the kind
/// `AddrInUse` when somebody does.
pub(super) fn is_free(path: &Path) -> io::Result<bool> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
        Ok(there) if !there.file_type().is_socket() => return Ok(false),
        Ok(_) => {}
    }
    match with_short_path(path, |short| std::os::unix::net::UnixStream::connect(short)) {
        Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => Ok(true),
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        // A queue that is full is somebody's.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(io::ErrorKind::AddrInUse.into()),
        Err(error) => Err(error),
    }
}

/// Binds `path`, in place of whatever is there. Nobody can connect before the file has its mode.
pub(super) fn bind(path: &Path, mode: u32) -> io::Result<(UnixListener, SocketFile)> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    with_short_path(path, |short| Ok(rustix::net::bind(&socket, &SocketAddrUnix::new(short)?)?))?;
    let file = SocketFile { path: path.into(), place: place(&std::fs::symlink_metadata(path)?) };
    std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok((UnixListener::from_std(socket.into())?, file))
}

/// Connects to a socket.
pub(super) fn connect(path: &Path) -> io::Result<UnixStream> {
    let stream = with_short_path(path, |short| std::os::unix::net::UnixStream::connect(short))?;
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

fn with_short_path<T>(path: &Path, work: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(io::ErrorKind::InvalidInput.into()) };
    if path.as_os_str().len() <= LONGEST {
        return work(path);
    }
    let directory = File::open(parent)?;
    work(&Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name))
}

fn place(of: &Metadata) -> (u64, u64) {
    (of.dev(), of.ino())
}
