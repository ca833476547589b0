//! The audit log against its disk, from outside: a process whose every request to the disk is recorded, spoiled or cut off.
//!
//! `tests/faults/shim.c` is preloaded into a process that works on a log ([`child`], or the built `cedarpost`). What it records shows
//! whether anything was acknowledged before it was durable ([`order`]), and is enough to build the disks that a power cut at any moment
//! could have left behind ([`cuts`]). What it spoils shows whether a log on a disk that fails, fills up or hangs refuses, keeps what it
//! has acknowledged, and comes back ([`table`], [`full`], [`served`]). What must hold of any log afterwards is in [`check`].
//!
//! The runs are as long as every change of the source can bear; environment variables make them longer (`tests/faults/README.md`).

mod asked;
mod check;
mod child;
mod cuts;
mod disk;
mod full;
mod image;
mod kills;
mod order;
mod process;
mod rows;
mod served;
mod shim;
mod table;
mod trace;

use std::path::Path;
use std::str::FromStr;

use tempfile::TempDir;

/// A number from the environment that makes runs longer.
#[expect(clippy::disallowed_methods, reason = "how long a run takes is a setting of these tests, not of the product")]
fn setting<T: FromStr>(name: &str, otherwise: T) -> T {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// Where logs of these tests are: in memory where there is plenty of it, for the disk itself is not what is tested.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let plenty = rustix::fs::statvfs(memory).is_ok_and(|room| room.f_bavail * room.f_frsize > 1 << 30);
    let made = if plenty { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.unwrap()
}

/// A small generator of random numbers (xorshift): the same disks in every run.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    fn coin(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }
}
