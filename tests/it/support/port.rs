//! A port that has to be known before somebody listens at it.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Where the ports begin that are given out here, below those that the system gives out by itself.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;
/// How many each process has to itself, most likely.
const EACH: u32 = 16;

/// A port at which nobody listens, and that nobody is given meanwhile who asks for any port: other tests do, and every connection.
pub(crate) fn free_port() -> u16 {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id().wrapping_mul(EACH) % u32::from(COUNT)).unwrap();
    let mut ports = (0..COUNT).map(|_| FIRST + (start + GIVEN.fetch_add(1, Ordering::Relaxed)) % COUNT);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a port that is free")
}
