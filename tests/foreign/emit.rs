//! Writes what foreign implementations are asked to accept: a log of 70,000 leaves as the archive writes it, checkpoints, proofs and
//! requests.
//!
//! `cargo run --example foreign -- DIR` with a directory that is not there yet, then the programs beside this file with the same one.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use cedarpost::audit::archive::{Archive, BUNDLE, Entry};
use cedarpost::audit::tlog::merkle::{prove_consistency, prove_inclusion};
use cedarpost::audit::tlog::witness::KnownLog;
use cedarpost::audit::tlog::{
    AddCheckpoint, Checkpoint, Cosigner, Frontier, HashReader, KeyName, Node, Proof, SignedCheckpoint, SigningKey, TreeHash,
    Witness,
};
use serde_json::{Value, json};

const ORIGIN: &str = "audit.example/sidecar/test";
const SIZE: u64 = 70_000;
/// The sizes at which the witness is asked.
const STEPS: [u64; 11] = [0, 1, 2, 3, 7, 255, 256, 257, 1000, 65_536, SIZE];

type Fallible<T> = Result<T, Box<dyn Error>>;

/// A log that keeps every hash.
struct Log {
    nodes: HashMap<Node, TreeHash>,
    roots: HashMap<u64, TreeHash>,
    name: KeyName,
    key: SigningKey,
}

impl HashReader for Log {
    type Error = std::io::Error;

    fn read(&self, node: Node) -> std::io::Result<TreeHash> {
        self.nodes.get(&node).copied().ok_or_else(|| std::io::Error::other(format!("{node:?}")))
    }
}

impl Log {
    fn new() -> Fallible<Self> {
        let name = KeyName::new(ORIGIN)?;
        let key = SigningKey::from_pkcs8(name.clone(), &pkcs8(1))?;
        let mut log = Self { nodes: HashMap::new(), roots: HashMap::from([(0, TreeHash::EMPTY)]), name, key };
        let mut frontier = Frontier::new();
        for index in 0..SIZE {
            frontier.append(TreeHash::leaf(&leaf(index)), |node, hash| _ = log.nodes.insert(node, *hash))?;
            log.roots.insert(frontier.size(), frontier.root());
        }
        Ok(log)
    }

    fn root(&self, size: u64) -> Fallible<TreeHash> {
        Ok(*self.roots.get(&size).ok_or("no such size")?)
    }

    fn sign(&self, size: u64, keys: &[&SigningKey]) -> Fallible<SignedCheckpoint> {
        Ok(SignedCheckpoint::sign(Checkpoint::new(&self.name, size, self.root(size)?)?, keys)?)
    }
}

fn main() -> Fallible<()> {
    let out = std::env::args().nth(1).ok_or("where to?")?;
    let (out, log) = (Path::new(&out), Log::new()?);
    let cosigner = Cosigner::from_pkcs8(KeyName::new("witness.example/w1")?, &pkcs8(2))?;
    let next = SigningKey::from_pkcs8(log.name.clone(), &pkcs8(3))?;
    archive(&out.join("log"), &log)?;
    fs::rename(out.join("log/tiles/tile"), out.join("tile"))?;
    let checkpoint = witnessed(out, &log, &cosigner)?;
    write(out, "checkpoint", checkpoint.to_string())?;
    write(out, "rotated", log.sign(1000, &[&log.key, &next])?.to_string())?;
    write(out, "proofs.json", serde_json::to_string(&proofs(&log)?)?)?;
    for index in [0, 1, 255, 256, 41_234, SIZE - 1] {
        let proof = Proof::new(index, prove_inclusion(index, SIZE, &log)?, checkpoint.clone())?;
        write(out, &format!("proofs/{index}.tlog-proof"), proof.to_string())?;
    }
    let text = |key: &SigningKey| key.verifier().to_string();
    let keys = json!({"log": text(&log.key), "next": text(&next), "witness": cosigner.verifier().to_string()});
    write(out, "keys.json", keys.to_string())
}

/// Archives the log, and closes it.
fn archive(directory: &Path, log: &Log) -> Fallible<()> {
    let mut archive = Archive::open(directory)?;
    let leaves: Vec<_> = (0..SIZE).map(leaf).collect();
    let (bundles, tail) = leaves.as_chunks::<BUNDLE>();
    for bundle in bundles {
        archive.append(archive.size(), &bundle.each_ref().map(|leaf| Entry { leaf, kept: None }))?;
    }
    let tail: Vec<_> = tail.iter().map(Vec::as_slice).collect();
    Ok(archive.close_partial(&tail, &log.sign(SIZE, &[&log.key])?)?)
}

/// Has our own witness cosign each step, and writes requests and answers.
fn witnessed(out: &Path, log: &Log, cosigner: &Cosigner) -> Fallible<SignedCheckpoint> {
    let known = KnownLog::new(vec![log.key.verifier().clone()], None)?;
    let mut witness = Witness::new([(ORIGIN.to_owned(), known)].into());
    let mut cosigned = log.sign(0, &[&log.key])?;
    for (number, (old, new)) in STEPS.into_iter().zip(STEPS.into_iter().skip(1)).enumerate() {
        let request = AddCheckpoint::new(old, prove_consistency(old, new, log)?, log.sign(new, &[&log.key])?)?;
        let body = request.to_string();
        let accepted = witness.judge(body.as_bytes())?;
        let answer = accepted.commit(|_| Ok::<_, std::io::Error>(()))?.cosign(cosigner, 1_700_000_000 + new);
        cosigned = request.accept(answer.as_bytes(), std::slice::from_ref(cosigner.verifier()))?;
        write(out, &format!("requests/{number:02}"), body)?;
        write(out, &format!("requests/{number:02}.answer"), answer)?;
    }
    Ok(cosigned)
}

fn proofs(log: &Log) -> Fallible<Vec<Value>> {
    let mut proofs = Vec::new();
    for size in (1..=64).chain([255, 256, 257, 1000, 65_536, SIZE]) {
        for index in [0, 1, 2, 3, 5, 8, 31, 63, 200, 256, 999, size - 1, size / 2].into_iter().filter(|index| *index < size) {
            let [path, consistency] = [prove_inclusion(index, size, log)?, prove_consistency(index, size, log)?].map(hex);
            let roots = hex(vec![log.root(index)?, log.root(size)?]);
            proofs.push(json!({"index": index, "size": size, "roots": roots, "inclusion": path, "consistency": consistency}));
        }
    }
    Ok(proofs)
}

/// An Ed25519 key in PKCS #8 form with 32 times the same byte as its seed.
fn pkcs8(seed: u8) -> Vec<u8> {
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend_from_slice(&[seed; 32]);
    der
}

fn leaf(index: u64) -> Vec<u8> {
    index.to_string().into_bytes()
}

fn hex(hashes: Vec<TreeHash>) -> Vec<String> {
    hashes.into_iter().map(|hash| hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()).collect()
}

fn write(out: &Path, name: &str, bytes: impl AsRef<[u8]>) -> Fallible<()> {
    let path = out.join(name);
    fs::create_dir_all(path.parent().ok_or("no directory")?)?;
    Ok(fs::write(path, bytes)?)
}
