//! A log in memory for the programs and tests that ship one: it keeps every hash, and any record can be made again.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use cedarpost::audit::ship::{Source, SourceError};
use cedarpost::audit::tlog::{Checkpoint, Frontier, KeyName, KeySchedule, Node, SignedCheckpoint, SigningKey, TreeHash, Trust};
use tokio::sync::watch;

/// The log.
pub(crate) struct Memory {
    name: KeyName,
    key: SigningKey,
    story: String,
    grown: Mutex<Grown>,
    head: watch::Sender<Arc<SignedCheckpoint>>,
}

struct Grown {
    frontier: Frontier,
    nodes: HashMap<Node, TreeHash>,
}

impl Memory {
    /// A log of this origin with so many records; records of another story are others.
    pub(crate) fn new(origin: &str, story: &str, size: u64) -> Arc<Self> {
        let name = KeyName::new(origin).expect("an origin");
        let key = SigningKey::from_pkcs8(name.clone(), &pkcs8(1)).expect("a key");
        let mut grown = Grown { frontier: Frontier::new(), nodes: HashMap::new() };
        grow(&mut grown, story, size);
        let (head, _) = watch::channel(Arc::new(sign(&name, &key, &grown)));
        Arc::new(Self { name, key, story: story.to_owned(), grown: Mutex::new(grown), head })
    }

    /// The public key of the log.
    pub(crate) fn key(&self) -> String {
        self.key.verifier().to_string()
    }

    /// Adds records.
    pub(crate) fn append(&self, count: u64) {
        let mut grown = self.grown.lock().unwrap_or_else(PoisonError::into_inner);
        grow(&mut grown, &self.story, count);
        self.head.send_replace(Arc::new(sign(&self.name, &self.key, &grown)));
    }

    /// A record: about 500 bytes of JSON.
    pub(crate) fn record(&self, number: u64) -> Vec<u8> {
        record(&self.story, number)
    }
}

fn record(story: &str, number: u64) -> Vec<u8> {
    format!("{{\"n\":{number},\"t\":\"{story}\",\"x\":\"{}\"}}", "0123456789".repeat(46)).into_bytes()
}

fn grow(grown: &mut Grown, story: &str, count: u64) {
    for _ in 0..count {
        let leaf = TreeHash::leaf(&record(story, grown.frontier.size()));
        let nodes = &mut grown.nodes;
        grown.frontier.append(leaf, |node, hash| _ = nodes.insert(node, *hash)).expect("room");
    }
}

fn sign(name: &KeyName, key: &SigningKey, grown: &Grown) -> SignedCheckpoint {
    let checkpoint = Checkpoint::new(name, grown.frontier.size(), grown.frontier.root()).expect("a size");
    SignedCheckpoint::sign(checkpoint, &[key]).expect("a checkpoint")
}

/// An Ed25519 key in PKCS #8 form with 32 times the same byte as its seed.
pub(crate) fn pkcs8(seed: u8) -> Vec<u8> {
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend_from_slice(&[seed; 32]);
    der
}

impl Source for Memory {
    fn head(&self) -> watch::Receiver<Arc<SignedCheckpoint>> {
        self.head.subscribe()
    }

    fn trust(&self) -> Trust {
        Trust::new(self.name.as_str(), KeySchedule::new(self.key.verifier().clone()).expect("a log's key"))
    }

    fn pruned(&self) -> u64 {
        0
    }

    fn entries(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, SourceError> {
        Ok(range.map(|number| self.record(number)).collect())
    }

    fn hashes(&self, level: u8, range: Range<u64>) -> Result<Vec<TreeHash>, SourceError> {
        let grown = self.grown.lock().unwrap_or_else(PoisonError::into_inner);
        let hashes = range.map(|index| grown.nodes.get(&Node { level, index }).copied());
        hashes.collect::<Option<Vec<_>>>().ok_or_else(|| SourceError("no such hash".into()))
    }
}
