//! A log as files in the layout of C2SP tlog-tiles: made from nothing, or read from a directory that a sidecar wrote, and written again
//! by whoever has its keys. It knows the formats through `audit::tlog` alone, so that it shares no code with what reads records.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cedarpost::audit::tlog::merkle::prove_inclusion;
use cedarpost::audit::tlog::tile::{Content, decode_entries, encode_entries, encode_hashes, growth};
use cedarpost::audit::tlog::{Checkpoint, Frontier, HashReader, KeyName, Node, SignedCheckpoint, SigningKey, Tile, TreeHash};
use serde_json::{Value, json};

/// The log of most tests.
pub(crate) const ORIGIN: &str = "audit.example/sidecar/tamper";

/// The files of a log by their names.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// One record, without what only its place decides.
#[derive(Clone)]
pub(crate) struct Entry {
    /// Tells records apart, wherever they are moved.
    id: usize,
    /// The decision that this is the outcome of.
    of: Option<usize>,
    pub(crate) members: BTreeMap<String, Value>,
    /// What whoever writes it does to its text.
    pub(crate) twist: fn(String) -> String,
}

/// A private key, and the size from which on it signs.
#[derive(Clone)]
struct Term {
    from: u64,
    pkcs8: Vec<u8>,
}

/// A log that can still be changed.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) entries: Vec<Entry>,
    origin: String,
    terms: Vec<Term>,
    /// Bundles that end at or below this number are left out.
    pub(crate) gone_below: u64,
}

/// Every hash of a tree.
#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) frontier: Frontier,
    pub(crate) nodes: BTreeMap<Node, TreeHash>,
}

impl Tree {
    pub(crate) fn over<T: AsRef<[u8]>>(leaves: impl Iterator<Item = T>) -> Self {
        let mut tree = Self::default();
        for leaf in leaves {
            let (nodes, frontier) = (&mut tree.nodes, &mut tree.frontier);
            frontier.append(TreeHash::leaf(leaf.as_ref()), |node, hash| _ = nodes.insert(node, *hash)).unwrap();
        }
        tree
    }
}

impl HashReader for Tree {
    type Error = Node;

    fn read(&self, node: Node) -> Result<TreeHash, Node> {
        self.nodes.get(&node).copied().ok_or(node)
    }
}

impl Log {
    /// A start, and then calls until there are so many records: three that are allowed and have outcomes, one that is denied.
    pub(crate) fn of(size: usize) -> Self {
        let terms = vec![Term { from: 0, pkcs8: pkcs8(1) }];
        let mut log = Self { entries: Vec::new(), origin: ORIGIN.to_owned(), terms, gone_below: 0 };
        log.push(&json!({"boot": "0d9c2e4a", "origin": ORIGIN, "t": "start", "version": "0.1.0"}), None);
        for call in 0.. {
            let id = format!("01ARZ3NDEKTSV4RRFFQ{:07}", log.entries.len());
            let decision = if call % 4 == 3 { "deny" } else { "allow" };
            if log.entries.len() == size {
                return log;
            }
            let of =
                log.push(&json!({"agent": "planner", "decision": decision, "id": id, "t": "decision", "tool": "refünd"}), None);
            if log.entries.len() == size {
                return log;
            }
            if decision == "allow" {
                log.push(&json!({"bytes": 12 + call, "id": id, "outcome": "ok", "t": "outcome"}), Some(of));
            }
        }
        log
    }

    /// Appends a record; hands back what tells it apart.
    fn push(&mut self, members: &Value, of: Option<usize>) -> usize {
        let members = members.as_object().unwrap().clone().into_iter().collect();
        let id = self.entries.iter().map(|entry| entry.id + 1).max().unwrap_or(0);
        self.entries.push(Entry { id, of, members, twist: |text| text });
        id
    }

    /// Appends a record that stands by itself.
    pub(crate) fn note(&mut self, members: &Value) {
        self.push(members, None);
    }

    pub(crate) fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Lets another key sign from the size on that the log has after the record of it.
    pub(crate) fn rotate(&mut self) {
        let (old, from) = (self.vkey(), self.size() + 1);
        self.terms.push(Term { from, pkcs8: pkcs8(u8::try_from(self.terms.len() + 1).unwrap()) });
        self.note(&json!({"from": from, "new": self.vkey(), "old": old, "t": "key"}));
    }

    /// Lets the records below `min_index` be gone, and leaves out the bundles that can be.
    pub(crate) fn prune(&mut self, min_index: u64) {
        self.note(&json!({"min_index": min_index, "t": "prune"}));
        self.gone_below = min_index;
    }

    fn key(&self, pkcs8: &[u8]) -> SigningKey {
        SigningKey::from_pkcs8(KeyName::new(self.origin.clone()).unwrap(), pkcs8).unwrap()
    }

    /// The private key of a term.
    pub(crate) fn private_key(&self, term: usize) -> Vec<u8> {
        self.terms[term].pkcs8.clone()
    }

    /// The first record from here on that no other speaks of.
    pub(crate) fn loose(&self, from: usize) -> usize {
        let loose = |entry: &Entry| entry.of.is_none() && self.entries.iter().all(|other| other.of != Some(entry.id));
        (from..self.entries.len()).find(|place| loose(&self.entries[*place])).unwrap()
    }

    /// The key that signs last.
    pub(crate) fn vkey(&self) -> String {
        self.key(&self.terms.last().unwrap().pkcs8).verifier().to_string()
    }

    /// The keys, as verifiers take them.
    pub(crate) fn trust(&self) -> String {
        let ends = self.terms.iter().skip(1).map(|term| term.from.to_string()).chain(["-".to_owned()]);
        let line = |(term, end): (&Term, String)| format!("{} {end} {}\n", term.from, self.key(&term.pkcs8).verifier());
        self.terms.iter().zip(ends).map(line).collect()
    }

    /// The texts of all records, each with its number and the hash of the one before it.
    pub(crate) fn texts(&self) -> Vec<String> {
        let places: BTreeMap<usize, usize> = self.entries.iter().enumerate().map(|(place, entry)| (entry.id, place)).collect();
        let mut prev = TreeHash::from_bytes([0; 32]);
        let text = |(seq, entry): (usize, &Entry)| {
            let mut members = entry.members.clone();
            members.extend([("prev", json!(prev.to_string())), ("seq", json!(seq)), ("v", json!(1))].map(named));
            members.entry("ts".to_owned()).or_insert_with(|| json!(format!("2026-11-22T10:15:14.{seq:06}Z")));
            if let Some(decision) = entry.of {
                members.insert("decision_seq".to_owned(), json!(places[&decision]));
            }
            let text = (entry.twist)(serde_json::to_string(&members).unwrap());
            prev = TreeHash::leaf(text.as_bytes());
            text
        };
        self.entries.iter().enumerate().map(text).collect()
    }

    fn tree(&self, size: u64) -> Tree {
        Tree::over(self.texts().iter().take(usize::try_from(size).unwrap()))
    }

    /// The head of the first `size` records, as `SIZE:ROOT`.
    pub(crate) fn head(&self, size: u64) -> String {
        format!("{size}:{}", self.tree(size).frontier.root())
    }

    /// The checkpoint of the first `size` records, signed by whose turn it is: at a change both.
    pub(crate) fn checkpoint(&self, size: u64) -> String {
        self.checkpoint_of(&self.tree(size))
    }

    fn checkpoint_of(&self, tree: &Tree) -> String {
        let size = tree.frontier.size();
        let ends = self.terms.iter().skip(1).map(|term| term.from).chain([u64::MAX]);
        let signing = self.terms.iter().zip(ends).filter(|(term, end)| (term.from..=*end).contains(&size));
        self.sign(tree, &signing.map(|(term, _)| term.pkcs8.as_slice()).collect::<Vec<_>>())
    }

    /// The checkpoint of the first `size` records, signed by these private keys.
    pub(crate) fn checkpoint_by(&self, size: u64, keys: &[&[u8]]) -> String {
        self.sign(&self.tree(size), keys)
    }

    fn sign(&self, tree: &Tree, keys: &[&[u8]]) -> String {
        let keys: Vec<SigningKey> = keys.iter().map(|pkcs8| self.key(pkcs8)).collect();
        let name = KeyName::new(self.origin.clone()).unwrap();
        let checkpoint = Checkpoint::new(&name, tree.frontier.size(), tree.frontier.root()).unwrap();
        SignedCheckpoint::sign(checkpoint, &keys.iter().collect::<Vec<_>>()).unwrap().to_string()
    }

    /// The hashes that show that record `index` is in the log.
    pub(crate) fn path(&self, index: u64) -> Vec<TreeHash> {
        prove_inclusion(index, self.size(), &self.tree(self.size())).unwrap()
    }

    /// The log as files: tiles, the checkpoint of all records, and the keys beside them.
    pub(crate) fn files(&self) -> Files {
        let texts = self.texts();
        let tree = Tree::over(texts.iter());
        let kept = |tile: &Tile| tile.content() != Content::Entries || tile.end_index() > self.gone_below;
        let bytes = |tile: Tile| {
            let range = tile.index() * 256..tile.index() * 256 + u64::from(tile.width());
            match tile.content() {
                Content::Entries => encode_entries(range.map(|seq| texts[usize::try_from(seq).unwrap()].as_bytes())).unwrap(),
                Content::Hashes(level) => {
                    let hash = |index| tree.nodes[&Node { level: level * 8, index }];
                    encode_hashes(&range.map(hash).collect::<Vec<_>>())
                }
            }
        };
        let tiles = growth(0, self.size()).filter(kept).map(|tile| (tile.to_string(), bytes(tile)));
        let checkpoint = self.checkpoint_of(&tree).into_bytes();
        tiles.chain([("checkpoint".to_owned(), checkpoint), ("trust".to_owned(), self.trust().into_bytes())]).collect()
    }

    /// The log of files that are whole, which has had one key so far: this private one.
    pub(crate) fn read(files: &Files, pkcs8: Vec<u8>) -> Self {
        let signed = SignedCheckpoint::parse(&files["checkpoint"]).unwrap();
        let checkpoint = signed.checkpoint();
        let terms = vec![Term { from: 0, pkcs8 }];
        let mut log = Self { entries: Vec::new(), origin: checkpoint.origin().to_owned(), terms, gone_below: 0 };
        let tiles = growth(0, checkpoint.size()).filter(|tile| tile.content() == Content::Entries);
        for tile in tiles {
            for leaf in decode_entries(tile, &files[&tile.to_string()]).unwrap() {
                let record: Value = serde_json::from_slice(leaf).unwrap();
                let of = record["decision_seq"].as_u64().map(|seq| usize::try_from(seq).unwrap());
                log.push(&record, of);
            }
        }
        log
    }
}

/// An Ed25519 key in PKCS #8 form with 32 times the same byte as its seed.
pub(crate) fn pkcs8(seed: u8) -> Vec<u8> {
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend_from_slice(&[seed; 32]);
    der
}

fn named((key, value): (&str, Value)) -> (String, Value) {
    (key.to_owned(), value)
}

/// Writes files below a directory.
pub(crate) fn write(directory: &Path, files: &Files) {
    for (name, bytes) in files {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// Reads the files below a directory.
pub(crate) fn read(directory: &Path) -> Files {
    let (mut files, mut folders) = (Files::new(), vec![directory.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}
