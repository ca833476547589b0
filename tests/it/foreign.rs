//! What our code signs, proves and publishes, read by Cloudflare's `signed_note` and `tlog_tiles`, which share nothing with it; and
//! what they prove, checked by ours. More foreign programs, which need more than a build, are in `tests/foreign`.

use std::cell::RefCell;
use std::collections::BTreeMap;

use cedarpost::audit::tlog::merkle::{prove_consistency, prove_inclusion, verify_consistency, verify_inclusion};
use cedarpost::audit::tlog::tile::{Content, encode_hashes, growth};
use cedarpost::audit::tlog::{Node, TreeHash};
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{
    Checkpoint, Error, Hash, Tile, TileHashReader, TileReader, check_record, check_tree, prove_record, prove_tree, record_hash,
};

use super::support::tiles::{Log, Tree};

/// Enough for tiles of three levels.
const SIZE: u64 = 66_100;

fn leaf(index: u64) -> Vec<u8> {
    index.to_string().into_bytes()
}

fn theirs(hashes: &[TreeHash]) -> Vec<Hash> {
    hashes.iter().map(|hash| Hash(*hash.as_bytes())).collect()
}

fn ours(hashes: Vec<Hash>) -> Vec<TreeHash> {
    hashes.into_iter().map(|hash| TreeHash::from_bytes(hash.0)).collect()
}

/// Roots of the trees of all sizes.
fn roots() -> Vec<TreeHash> {
    let mut tree = Tree::default();
    let mut roots = vec![tree.frontier.root()];
    for index in 0..SIZE {
        tree.frontier.append(TreeHash::leaf(&leaf(index)), |_, _| {}).unwrap();
        roots.push(tree.frontier.root());
    }
    roots
}

/// 200 pairs of a smaller and a larger number up to the size, the odd corners first.
fn pairs() -> impl Iterator<Item = (u64, u64)> {
    let corners =
        [(0, 1), (1, 2), (2, 3), (3, 7), (254, 255), (255, 256), (256, 257), (511, 513), (65_535, 65_536), (65_536, SIZE)];
    let spread = (1_u64..)
        .map(|step| (step * 7_919 % SIZE, step * 104_729 % SIZE))
        .map(|(one, other)| (one.min(other), one.max(other) + 1));
    corners.into_iter().chain(spread).take(200)
}

/// Our hash tiles, and how many of them were asked for.
struct Tiles {
    bytes: BTreeMap<String, Vec<u8>>,
    asked: RefCell<usize>,
}

impl TileReader for Tiles {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        *self.asked.borrow_mut() += tiles.len();
        // Their names have the height in them, as Go's have.
        Ok(tiles.iter().map(|tile| self.bytes[&tile.path().replacen("tile/8/", "tile/", 1)].clone()).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

#[test]
fn they_accept_our_checkpoints_and_keys() {
    let mut log = Log::of(300);
    log.rotate();
    let (changed, old) = (log.size(), Log::of(1).vkey());
    log.note(&serde_json::json!({"t": "stop"}));
    let verifiers = |keys: &[&str]| {
        VerifierList::new(
            keys.iter().map(|key| Box::new(StandardVerifier::new(key).unwrap()) as Box<dyn signed_note::Verifier>).collect(),
        )
    };
    for (size, keys, signers) in
        [(200, [&*old, &*log.vkey()], 1), (changed, [&*old, &*log.vkey()], 2), (log.size(), [&*old, &*log.vkey()], 1)]
    {
        let text = log.checkpoint(size);
        let note = Note::from_bytes(text.as_bytes()).unwrap();
        let (verified, unknown) = note.verify(&verifiers(&keys)).unwrap();
        assert_eq!((verified.len(), unknown.len(), note.to_bytes()), (signers, 0, text.clone().into_bytes()));
        let checkpoint = Checkpoint::from_bytes(note.text()).unwrap();
        assert_eq!(format!("{}:{}", checkpoint.size(), TreeHash::from_bytes(checkpoint.hash().0)), log.head(size));
        let forged = text.replacen(&format!("\n{size}\n"), &format!("\n{}\n", size + 1), 1);
        assert!(Note::from_bytes(forged.as_bytes()).unwrap().verify(&verifiers(&keys)).is_err());
    }
}

#[test]
fn they_accept_200_of_our_inclusion_and_200_of_our_consistency_proofs() {
    let (tree, roots) = (Tree::over((0..SIZE).map(leaf)), roots());
    let root = |size: u64| Hash(*roots[usize::try_from(size).unwrap()].as_bytes());
    let (mut inclusion, mut consistency) = (0, 0);
    for (index, size) in pairs() {
        let path = theirs(&prove_inclusion(index, size, &tree).unwrap());
        check_record(&path, size, root(size), index, record_hash(&leaf(index))).unwrap();
        assert!(check_record(&path, size, root(size), index, record_hash(b"another")).is_err());
        inclusion += 1;
        let (old, new) = (index + 1, size);
        let proof = theirs(&prove_consistency(old, new, &tree).unwrap());
        check_tree(&proof, new, root(new), old, root(old)).unwrap();
        assert!(old == new || check_tree(&proof, new, root(new), old, root(new)).is_err());
        consistency += 1;
    }
    assert_eq!((inclusion, consistency), (200, 200));
}

#[test]
fn they_read_our_tiles_and_we_accept_what_they_prove_with_them() {
    let (tree, roots) = (Tree::over((0..SIZE).map(leaf)), roots());
    let hash_tiles = growth(0, SIZE).filter(|tile| matches!(tile.content(), Content::Hashes(_)));
    let bytes = hash_tiles.map(|tile| {
        let Content::Hashes(level) = tile.content() else { panic!("entries were left out") };
        let range = tile.index() * 256..tile.index() * 256 + u64::from(tile.width());
        let hashes: Vec<TreeHash> = range.map(|index| tree.nodes[&Node { level: level * 8, index }]).collect();
        (tile.to_string(), encode_hashes(&hashes))
    });
    let tiles = Tiles { bytes: bytes.collect(), asked: RefCell::default() };
    let whole = roots[usize::try_from(SIZE).unwrap()];
    let reader = TileHashReader::new(SIZE, Hash(*whole.as_bytes()), &tiles);
    for (index, other) in pairs().step_by(10) {
        let path = ours(prove_record(SIZE, index, &reader).unwrap());
        verify_inclusion(&TreeHash::leaf(&leaf(index)), index, SIZE, &path, &whole).unwrap();
        let proof = ours(prove_tree(SIZE, other, &reader).unwrap());
        verify_consistency(other, SIZE, &proof, &roots[usize::try_from(other).unwrap()], &whole).unwrap();
    }
    assert!(*tiles.asked.borrow() > 40);
}
