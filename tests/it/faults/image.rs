//! What a power cut at some moment leaves of a [`Disk`]: everything that was durable, and of the rest whatever the disk got to.
//!
//! Data that was not durable can be there or not, call by call or in pieces of a sector or a page, in any combination, and the length of a
//! file can be ahead of its data. Names that were not durable can be there or not as well: in the order of one journal for the whole
//! file system (as ext4 and XFS keep it), or with an order inside each directory only. Bytes are never torn inside a sector, never land in
//! other files, and what was durable stays.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::Random;
use super::disk::{Change, Disk, Naming, NodeId, Span};

/// The unit in which an image leaves out zeros.
const PAGE: usize = 4096;

/// What became of data that was not durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Data {
    None,
    All,
    /// Each call's, at random.
    Calls,
    /// Each piece of so many bytes of each call, at random.
    Pieces(u64),
    /// None, but files are as long as if it were there.
    Lengths,
}

/// What became of names that were not durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    None,
    All,
    /// Those up to some moment.
    Journal,
    /// In each directory those up to some moment.
    Loose,
}

/// A disk at a moment that only moves forward, so that what is durable is put together once.
pub(super) struct Cut<'a> {
    disk: &'a Disk,
    /// The moment: requests that began before it have reached the disk, more or less.
    at: u64,
    /// By node: the durable content, and how many changes are in it.
    durable: Vec<(Vec<u8>, usize)>,
}

impl<'a> Cut<'a> {
    pub(super) fn new(disk: &'a Disk) -> Self {
        let durable = disk.nodes.iter().map(|node| (node.bytes.clone(), 0)).collect();
        Self { disk, at: 0, durable }
    }

    /// Lets the power fail at `at`, which is not before the last one.
    pub(super) fn advance(&mut self, at: u64) {
        assert!(at >= self.at);
        self.at = at;
        let until: Vec<u64> = self.disk.nodes.iter().map(|node| self.synced(&node.syncs)).collect();
        for ((node, until), (bytes, applied)) in self.disk.nodes.iter().zip(until).zip(&mut self.durable) {
            while let Some((_, change)) = node.changes.get(*applied).filter(|(span, _)| span.end < until) {
                apply(bytes, change);
                *applied += 1;
            }
        }
    }

    /// What ended before this moment is durable, as far as these syncs and those of the file system go.
    fn synced(&self, syncs: &[Span]) -> u64 {
        let all = syncs.iter().chain(&self.disk.syncs).filter(|sync| sync.end <= self.at);
        all.map(|sync| sync.begin).max().unwrap_or(0)
    }

    /// Writes what is left below `directory`, which does not exist.
    pub(super) fn write(&self, directory: &Path, data: Data, names: Names, random: &mut Random) {
        fs::create_dir(directory).unwrap();
        let names = self.names(names, random);
        self.write_directory(0, directory, &names, data, random);
    }

    fn write_directory(&self, node: NodeId, path: &Path, names: &[BTreeMap<String, NodeId>], data: Data, random: &mut Random) {
        for (name, child) in &names[node] {
            let path = path.join(name);
            if self.disk.nodes[*child].is_directory {
                fs::create_dir(&path).unwrap();
                self.write_directory(*child, &path, names, data, random);
            } else {
                write_file(&path, &self.content(*child, data, random));
            }
        }
    }

    fn content(&self, node: NodeId, data: Data, random: &mut Random) -> Vec<u8> {
        let (mut bytes, applied) = self.durable[node].clone();
        let changes = &self.disk.nodes[node].changes[applied..];
        for (_, change) in changes.iter().filter(|(span, _)| span.begin <= self.at) {
            match (data, change) {
                (Data::None, _) => {}
                (Data::All, _) => apply(&mut bytes, change),
                (Data::Calls, _) if random.coin() => apply(&mut bytes, change),
                (Data::Pieces(size), Change::Write { at, data }) => write_pieces(&mut bytes, *at, data, size, random),
                (Data::Pieces(_), _) if random.coin() => apply(&mut bytes, change),
                (Data::Lengths, Change::Write { at, data }) => extend(&mut bytes, *at + data.len() as u64),
                (Data::Lengths, _) => apply(&mut bytes, change),
                (Data::Calls | Data::Pieces(_), _) => {}
            }
        }
        bytes
    }

    /// By directory, the names that are left.
    fn names(&self, names: Names, random: &mut Random) -> Vec<BTreeMap<String, NodeId>> {
        let begun: Vec<&Naming> =
            self.disk.namings.iter().filter(|(span, _)| span.begin <= self.at).map(|(_, naming)| naming).collect();
        let needed = self.needed();
        let all = begun.len();
        let until: Vec<usize> = match names {
            Names::None => needed,
            Names::All => vec![all; needed.len()],
            Names::Journal => {
                let least = needed.iter().copied().max().unwrap_or(0);
                vec![least + below(random, all + 1 - least); needed.len()]
            }
            Names::Loose => needed.iter().map(|least| least + below(random, all + 1 - least)).collect(),
        };
        let mut left: Vec<_> = self.disk.nodes.iter().map(|node| node.names.clone()).collect();
        let mut blocked = vec![false; left.len()];
        for (number, naming) in begun.into_iter().enumerate() {
            let directories = naming.directories();
            if directories.iter().any(|directory| blocked[*directory] || number >= until[*directory]) {
                directories.iter().for_each(|directory| blocked[*directory] = true);
            } else {
                rename(&mut left, naming);
            }
        }
        left
    }

    /// By directory, how many of the namings have to be there as far as they concern it.
    fn needed(&self) -> Vec<usize> {
        let mut needed = vec![0; self.disk.nodes.len()];
        for (number, (span, naming)) in self.disk.namings.iter().enumerate() {
            for directory in naming.directories() {
                if span.end < self.synced(&self.disk.nodes[directory].syncs) {
                    needed[directory] = number + 1;
                }
            }
        }
        // A move is there in both directories or in none, and with it what came before it in the other one.
        loop {
            let before = needed.clone();
            for (number, (_, naming)) in self.disk.namings.iter().enumerate().rev() {
                let [from, to] = naming.directories();
                if number < needed[from].max(needed[to]) && from != to && (number < needed[from]) != (number < needed[to]) {
                    needed[from] = needed[from].max(number + 1);
                    needed[to] = needed[to].max(number + 1);
                }
            }
            if before == needed {
                return needed;
            }
        }
    }
}

fn below(random: &mut Random, bound: usize) -> usize {
    usize::try_from(random.below(bound as u64)).unwrap()
}

fn rename(left: &mut [BTreeMap<String, NodeId>], naming: &Naming) {
    match naming {
        Naming::Link { directory, name, node } => drop(left[*directory].insert(name.clone(), *node)),
        Naming::Unlink { directory, name } => drop(left[*directory].remove(name)),
        Naming::Move { from, name, to, new_name } => {
            if let Some(node) = left[*from].remove(name) {
                left[*to].insert(new_name.clone(), node);
            }
        }
    }
}

fn extend(bytes: &mut Vec<u8>, length: u64) {
    let length = usize::try_from(length).unwrap();
    if bytes.len() < length {
        bytes.resize(length, 0);
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { at, data } => {
            extend(bytes, *at + data.len() as u64);
            let at = usize::try_from(*at).unwrap();
            bytes[at..at + data.len()].copy_from_slice(data);
        }
        Change::Truncate(length) => bytes.resize(usize::try_from(*length).unwrap(), 0),
        Change::Allocate(length) => extend(bytes, *length),
    }
}

fn write_pieces(bytes: &mut Vec<u8>, at: u64, data: &[u8], size: u64, random: &mut Random) {
    let end = at + data.len() as u64;
    let mut from = at;
    while from < end {
        let to = end.min((from / size + 1) * size);
        if random.coin() {
            let piece = |position: u64| usize::try_from(position - at).unwrap();
            apply(bytes, &Change::Write { at: from, data: data[piece(from)..piece(to)].to_vec() });
        }
        from = to;
    }
}

/// Writes a file without its pages of zeros.
fn write_file(path: &Path, bytes: &[u8]) {
    let file = File::create(path).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    let zeros = [0; PAGE];
    for (number, page) in bytes.chunks(PAGE).enumerate() {
        if page != &zeros[..page.len()] {
            file.write_all_at(page, (number * PAGE) as u64).unwrap();
        }
    }
}
