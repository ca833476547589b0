//! Requests to a witness and its answers, also to hostile ones.

use proptest::prelude::*;

use super::super::fixtures::{ORIGIN, Tree, cosigner, name, signing_key, some_flips};
use super::super::merkle::prove_consistency;
use super::*;

fn log_key() -> VerifierKey {
    signing_key(ORIGIN, 1).verifier().clone()
}

fn witness() -> Witness {
    let log = KnownLog::new(vec![log_key()], None).unwrap();
    Witness::new(BTreeMap::from([(ORIGIN.to_owned(), log)]))
}

fn request(old: u64, size: u64) -> AddCheckpoint {
    let tree = Tree::of(size);
    AddCheckpoint::new(old, prove_consistency(old, size, &tree).unwrap(), tree.signed()).unwrap()
}

/// What the witness answers: status and body.
fn answer(witness: &mut Witness, body: &str) -> (u16, String) {
    match witness.judge(body.as_bytes()) {
        Ok(accepted) => (200, accepted.commit(|_| Ok::<_, ()>(())).unwrap().cosign(&cosigner("w.example", 2), 1_700_000_000)),
        Err(refusal) => (refusal.status(), refusal.size_body().unwrap_or_default()),
    }
}

#[test]
fn a_log_that_grows_is_cosigned_each_time() {
    let mut witness = witness();
    let keys = [cosigner("w.example", 2).verifier().clone()];
    for (old, size) in [(0, 0), (0, 3), (3, 3), (3, 4), (4, 100), (100, 100)] {
        let request = request(old, size);
        let (status, body) = answer(&mut witness, &request.to_string());
        assert_eq!(status, 200, "{old} to {size}");
        let cosigned = request.accept(body.as_bytes(), &keys).unwrap();
        let signers = cosigned.note().verify(&keys).unwrap();
        assert_eq!((signers.count(Algorithm::Cosignature), signers.as_slice()[0].time), (1, Some(1_700_000_000)));
        assert_eq!(cosigned.note().signatures().len(), 2);
    }
}

#[test]
fn each_refusal_has_its_status() {
    let mut witness = witness();
    assert_eq!(answer(&mut witness, &request(0, 5).to_string()).0, 200);
    let good = request(5, 9).to_string();
    let fork = Checkpoint::new(&name(ORIGIN), 5, TreeHash::leaf(b"fork")).unwrap();
    let fork = AddCheckpoint::new(5, Vec::new(), SignedCheckpoint::sign(fork, &[&signing_key(ORIGIN, 1)]).unwrap()).unwrap();
    let with_proof = |proof: Vec<TreeHash>| AddCheckpoint { proof, ..request(5, 9) }.to_string();
    let stranger = SignedCheckpoint::sign(Tree::of(9).checkpoint(), &[&signing_key(ORIGIN, 3)]).unwrap();
    let stranger = AddCheckpoint { checkpoint: stranger, ..request(5, 9) }.to_string();
    let table = [
        ("nonsense".to_owned(), 400, ""),
        (good.replace("old 5", "old 10"), 400, ""),
        (good.replace("old 5", "old 05"), 400, ""),
        (good.replace("\n9\n", "\n8\n"), 403, ""),
        (stranger, 403, ""),
        (good.replace(ORIGIN, "other.example"), 404, ""),
        (good.replace("old 5", "old 4"), 409, "5\n"),
        (request(0, 9).to_string(), 409, "5\n"),
        (request(0, 3).to_string(), 409, "5\n"),
        (fork.to_string(), 409, "5\n"),
        (with_proof(Vec::new()), 422, ""),
        (with_proof(vec![TreeHash::EMPTY; 4]), 422, ""),
        (AddCheckpoint { proof: vec![TreeHash::EMPTY], ..request(5, 5) }.to_string(), 422, ""),
    ];
    for (body, status, text) in table {
        assert_eq!(answer(&mut witness, &body), (status, text.to_owned()), "{body}");
    }
    // None of them has changed anything.
    assert_eq!(answer(&mut witness, &good).0, 200);
}

#[test]
fn what_could_not_be_stored_is_not_cosigned_and_not_remembered() {
    let mut witness = witness();
    let body = request(0, 5).to_string();
    let failed = witness.judge(body.as_bytes()).unwrap().commit(|_| Err("disk full"));
    assert_eq!(failed.map(drop), Err("disk full"));
    assert_eq!(answer(&mut witness, &request(0, 3).to_string()).0, 200);
}

#[test]
fn a_restarted_witness_goes_on_from_what_it_stored() {
    let mut stored = None;
    let body = request(0, 5).to_string();
    let commit = |signed: &SignedCheckpoint| {
        stored = Some(signed.to_string());
        Ok::<_, ()>(())
    };
    let _ = witness().judge(body.as_bytes()).unwrap().commit(commit).unwrap();
    let stored = SignedCheckpoint::parse(stored.unwrap().as_bytes()).unwrap();
    let log = KnownLog::new(vec![log_key()], Some(stored.checkpoint())).unwrap();
    let mut again = Witness::new(BTreeMap::from([(ORIGIN.to_owned(), log)]));
    assert_eq!(answer(&mut again, &request(0, 3).to_string()), (409, "5\n".to_owned()));
    assert_eq!(answer(&mut again, &request(5, 9).to_string()).0, 200);
}

#[test]
fn any_flipped_bit_of_a_request_is_refused() {
    let body = request(5, 9).to_string();
    for (at, flipped) in some_flips(body.as_bytes()) {
        let mut witness = witness();
        witness.logs.get_mut(ORIGIN).unwrap().size = 5;
        witness.logs.get_mut(ORIGIN).unwrap().root = Tree::of(5).frontier.root();
        assert!(witness.judge(&flipped).is_err(), "byte {at}");
    }
}

#[test]
fn an_answer_without_a_good_cosignature_is_of_no_use() {
    let keys = [cosigner("w.example", 2).verifier().clone()];
    let request = request(0, 5);
    let (_, body) = answer(&mut witness(), &request.to_string());
    let unknown = cosigner("x.example", 3).cosign("other text\n", 1).to_string();
    let both = format!("{unknown}\n{body}");
    assert_eq!(request.accept(both.as_bytes(), &keys).unwrap().note().signatures().len(), 2);
    let nobody = AnswerError::Signature(VerifyNoteError::Unknown);
    assert_eq!(request.accept(format!("{unknown}\n").as_bytes(), &keys), Err(nobody));
    assert_eq!(request.accept(b"", &keys), Err(AnswerError::Form));
    assert_eq!(request.accept(b"hello\n", &keys), Err(AnswerError::Form));
    for (at, flipped) in some_flips(body.as_bytes()) {
        assert!(request.accept(&flipped, &keys).is_err(), "byte {at}");
    }
}

#[test]
fn the_key_of_a_witness_does_not_stand_for_a_log() {
    let key = cosigner(ORIGIN, 1).verifier().clone();
    assert_eq!(KnownLog::new(vec![log_key(), key], None).map(drop), Err(ScheduleError::Algorithm));
}

#[test]
fn the_body_of_a_conflict_is_a_size() {
    assert_eq!(parse_size(b"20852163\n"), Some(20_852_163));
    for wrong in ["", "\n", "1", "01\n", "1\n\n", "1 \n", "4611686018427387905\n"] {
        assert_eq!(parse_size(wrong.as_bytes()), None, "{wrong:?}");
    }
    assert_eq!(SIZE_TYPE, "text/x.tlog.size");
}

proptest! {
    #[test]
    fn what_is_written_is_read_the_same(old in 0..=3_u64, proof in prop::collection::vec(any::<[u8; 32]>(), 0..64)) {
        let proof = proof.into_iter().map(TreeHash::from_bytes).collect();
        let request = AddCheckpoint::new(old, proof, Tree::of(3).signed()).unwrap();
        prop_assert_eq!(AddCheckpoint::parse(request.to_string().as_bytes()), Ok(request));
    }

    #[test]
    fn no_bytes_make_a_witness_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "old [0-9]{0,3}\n[A-Z=\\n]{0,60}") {
        prop_assert!(witness().judge(&bytes).is_err());
        prop_assert!(witness().judge(text.as_bytes()).is_err());
        let _ = parse_size(&bytes);
    }
}
