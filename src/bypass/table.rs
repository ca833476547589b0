//! The text of `/proc/net/tcp` and `/proc/net/tcp6` (proc_net_tcp in the kernel's documentation): one socket a line.
//!
//! Read strictly: a line that is not as the kernel writes it makes the whole table one that says nothing, because a listener that was
//! skipped could be the one that matters.

use std::fmt;
use std::io::{self, BufRead, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest line, in bytes. The kernel writes 150 and 180 or so.
const LONGEST_LINE: u64 = 512;
/// The most lines that are read: a table with more sockets than this is given up.
const MOST_LINES: usize = 1 << 18;
/// The most listeners.
const MOST_LISTENERS: usize = 4096;
/// The state of a socket that listens (`TCP_LISTEN`).
const LISTEN: u8 = 0x0a;

/// A socket that listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// Where. An IPv4 address that stands in an IPv6 one is shown as it is.
    pub address: SocketAddr,
    /// The user who made it.
    pub uid: u32,
    /// By which the socket is told from others.
    pub(super) inode: u64,
}

impl Listener {
    /// Whether others than this machine, or this pod, may reach it. `::` stands for every address, of IPv4 too.
    pub(super) fn is_exposed(&self) -> bool {
        !self.address.ip().to_canonical().is_loopback()
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of user {}", self.address, self.uid)
    }
}

/// Which of the two tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// Why a table says nothing.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// It does not begin as it should.
    #[error("its first line is not that of a table of sockets")]
    Header,
    /// A line is not as the kernel writes it.
    #[error("its line {0} is not about a socket")]
    Line(usize),
    /// It is longer than anybody reads.
    #[error("it has more than {MOST_LINES} sockets, or {MOST_LISTENERS} that listen")]
    Long,
}

/// The sockets of a table that listen.
pub(super) fn listeners(mut table: impl BufRead, family: Family) -> Result<Vec<Listener>, TableError> {
    let (mut found, mut line) = (Vec::new(), Vec::new());
    for number in 1..=MOST_LINES {
        line.clear();
        table.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        let Some(text) = line.strip_suffix(b"\n") else {
            // Without its end a line may be half of one.
            return if line.is_empty() && number > 1 { Ok(found) } else { Err(misread(number)) };
        };
        let text = str::from_utf8(text).map_err(|_| misread(number))?;
        if number == 1 {
            header(text).ok_or(TableError::Header)?;
        } else if let Some(listener) = socket(text, family).ok_or(TableError::Line(number))? {
            if found.len() == MOST_LISTENERS {
                return Err(TableError::Long);
            }
            found.push(listener);
        }
    }
    Err(TableError::Long)
}

const fn misread(number: usize) -> TableError {
    if number == 1 { TableError::Header } else { TableError::Line(number) }
}

/// `sl local_address rem_address st …`; the other table has `remote_address`.
fn header(line: &str) -> Option<()> {
    let mut words = line.split_ascii_whitespace();
    let fits = words.next()? == "sl"
        && words.next()? == "local_address"
        && matches!(words.next()?, "rem_address" | "remote_address")
        && words.next()? == "st";
    fits.then_some(())
}

/// `N: LOCAL REMOTE STATE TX:RX TIMER:WHEN RETRANSMITS UID TIMEOUT INODE …`: the outer `None` when this is no such line, the inner one when
/// the socket does not listen.
fn socket(line: &str, family: Family) -> Option<Option<Listener>> {
    let mut words = line.split_ascii_whitespace();
    let slot = words.next()?.strip_suffix(':')?;
    decimal::<u64>(slot)?;
    let address = endpoint(words.next()?, family)?;
    endpoint(words.next()?, family)?;
    let state = hexadecimal(words.next()?, 2).and_then(|state| u8::try_from(state).ok())?;
    let mut rest = words.skip(3);
    let (uid, _timeout, inode) = (decimal(rest.next()?)?, decimal::<u64>(rest.next()?)?, decimal(rest.next()?)?);
    Some((state == LISTEN).then_some(Listener { address, uid, inode }))
}

/// `ADDRESS:PORT`. An address is one or four words of 32 bits, each in the machine's own order; a port is a plain number.
fn endpoint(text: &str, family: Family) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::try_from(hexadecimal(port, 4)?).ok()?;
    let ip = match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::from(word(address)?)),
        Family::V6 => {
            let mut bytes = [0; 16];
            if address.len() != 32 || !address.is_ascii() {
                return None;
            }
            for (place, word_bytes) in bytes.chunks_exact_mut(4).enumerate() {
                word_bytes.copy_from_slice(&word(address.get(place * 8..place * 8 + 8)?)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
        }
    };
    Some(SocketAddr::new(ip, port))
}

fn word(text: &str) -> Option<[u8; 4]> {
    hexadecimal(text, 8).map(u32::to_ne_bytes)
}

/// A number of exactly so many digits.
fn hexadecimal(text: &str, digits: usize) -> Option<u32> {
    let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

fn decimal<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
