//! Checks with Cloudflare's `signed_note` and `tlog_tiles` what the example `emit` wrote: `cargo run -- DIR`.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use signed_note::{Note, StandardVerifier, Verifier, VerifierList};
use tlog_tiles::{
    Checkpoint, Error, Hash, RecordProof, Tile, TileHashReader, TileReader, TreeProof, check_record, check_tree, prove_record,
    record_hash,
};

struct Tiles {
    dir: PathBuf,
    read: Cell<usize>,
}

impl TileReader for Tiles {
    fn height(&self) -> u8 {
        8
    }
    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        self.read.set(self.read.get() + tiles.len());
        let name = |tile: &Tile| tile.path().replacen("tile/8/", "tile/", 1);
        Ok(tiles.iter().map(|tile| fs::read(self.dir.join(name(tile))).expect("our tile has their name")).collect())
    }
    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn hashes(list: &Value) -> Vec<Hash> {
    let byte = |text: &str, at: usize| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap();
    let hash = |text: &Value| Hash(std::array::from_fn(|at| byte(text.as_str().unwrap(), at)));
    list.as_array().unwrap().iter().map(hash).collect()
}

fn main() {
    let dir = PathBuf::from(std::env::args().nth(1).unwrap());
    let keys = json(&dir.join("keys.json"));
    let verifier = |name: &str| -> Box<dyn Verifier> { Box::new(StandardVerifier::new(keys[name].as_str().unwrap()).unwrap()) };
    let bytes = fs::read(dir.join("checkpoint")).unwrap();
    let note = Note::from_bytes(&bytes).unwrap();
    let (verified, unverified) = note.verify(&VerifierList::new(vec![verifier("log")])).unwrap();
    assert_eq!(note.to_bytes(), bytes);
    let checkpoint = Checkpoint::from_bytes(note.text()).unwrap();
    println!("checkpoint ok: size {}, {} verified, {} unknown", checkpoint.size(), verified.len(), unverified.len());
    let rotated = Note::from_bytes(&fs::read(dir.join("rotated")).unwrap()).unwrap();
    let (verified, _) = rotated.verify(&VerifierList::new(vec![verifier("log"), verifier("next")])).unwrap();
    println!("rotated ok: {} verified", verified.len());

    let tiles = Tiles { dir: dir.clone(), read: Cell::new(0) };
    let reader = TileHashReader::new(checkpoint.size(), *checkpoint.hash(), &tiles);
    for index in (0..checkpoint.size()).step_by(7777) {
        let proof = prove_record(checkpoint.size(), index, &reader).unwrap();
        check_record(&proof, checkpoint.size(), *checkpoint.hash(), index, record_hash(index.to_string().as_bytes())).unwrap();
    }
    println!("tiles ok: {} read", tiles.read.get());

    let vectors = json(&dir.join("proofs.json"));
    let mut count = (0, 0);
    for vector in vectors.as_array().unwrap() {
        let [index, size] = ["index", "size"].map(|key| vector[key].as_u64().unwrap());
        let roots = hashes(&vector["roots"]);
        let path: RecordProof = hashes(&vector["inclusion"]);
        check_record(&path, size, roots[1], index, record_hash(index.to_string().as_bytes())).unwrap();
        count.0 += 1;
        if index > 0 {
            let proof: TreeProof = hashes(&vector["consistency"]);
            check_tree(&proof, size, roots[1], index, roots[0]).unwrap();
            count.1 += 1;
        }
    }
    println!("proofs ok: {} inclusion, {} consistency", count.0, count.1);
}
