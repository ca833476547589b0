//! Checkpoints: strict reading, and nothing that was changed passes.

use proptest::prelude::*;

use super::super::fixtures::{ORIGIN, Tree, name, signing_key};
use super::super::key::VerifierKey;
use super::*;

/// The example of C2SP tlog-checkpoint.
const SOFA: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

/// Made by the first prototype of the audit log, and accepted by Go, Rust and Python verifiers at the time.
const OLD: &str = "audit.example/sidecar/host-7f3a\n70218\nPfjKg1ex20a3vE4UwXzf+nb9xu1LbNeopBPnLHUCOQQ=\n\n\
    \u{2014} audit.example/sidecar/host-7f3a \
    I+L1ofFG56Abt7eGEeNB8RYmPMR95fW/agCsQZ19C5d3Zlr6KoZzm2iLajcENAlQBOIODDmOsV+SbQ2aD3QJVFyxvQI=\n";
const OLD_KEY: &str = "audit.example/sidecar/host-7f3a+23e2f5a1+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";

#[test]
fn the_example_of_the_specification_is_read_and_written() {
    let checkpoint = Checkpoint::parse(SOFA).unwrap();
    assert_eq!((checkpoint.origin(), checkpoint.size()), ("example.com/behind-the-sofa", 20_852_163));
    assert_eq!(checkpoint.to_string(), SOFA);
}

#[test]
fn a_checkpoint_of_the_prototype_still_verifies() {
    let checkpoint = SignedCheckpoint::parse(OLD.as_bytes()).unwrap();
    let key: VerifierKey = OLD_KEY.parse().unwrap();
    assert!(checkpoint.note().verify(&[key]).is_ok());
    assert_eq!((checkpoint.checkpoint().size(), checkpoint.to_string().as_str()), (70_218, OLD));
}

#[test]
fn a_checkpoint_has_one_form() {
    let table = [
        ("", CheckpointError::Lines),
        ("a\n1\n", CheckpointError::Lines),
        (SOFA.trim_end(), CheckpointError::Lines),
        (&format!("\n{SOFA}"), CheckpointError::Lines),
        (&format!("{SOFA}\n"), CheckpointError::Lines),
        (&format!("{SOFA}one\n\ntwo\n"), CheckpointError::Lines),
        (&SOFA.replace("2085", "02085"), CheckpointError::Size),
        (&SOFA.replace("20852163", "4611686018427387905"), CheckpointError::Size),
        (&SOFA.replace("20852163", "-1"), CheckpointError::Size),
        (&SOFA.replace("q2I=", "q2J="), CheckpointError::Root),
        (&SOFA.replace("q2I=", "q2I"), CheckpointError::Root),
        (&SOFA.replace("sofa", "so\rfa"), CheckpointError::Note(NoteError::Characters)),
    ];
    for (text, error) in table {
        assert_eq!(Checkpoint::parse(text), Err(error), "{text:?}");
    }
    let extended = format!("{SOFA}one\ntwo three\n");
    let checkpoint = Checkpoint::parse(&extended).unwrap();
    assert_eq!((checkpoint.extensions().len(), checkpoint.to_string()), (2, extended));
    assert_eq!(Checkpoint::new(&name("a"), MAX_SIZE + 1, TreeHash::EMPTY), Err(CheckpointError::Size));
}

#[test]
fn an_origin_may_have_spaces_that_a_key_name_may_not() {
    assert_eq!(Checkpoint::parse(&SOFA.replace("the-", "the ")).unwrap().origin(), "example.com/behind-the sofa");
}

#[test]
fn a_signed_checkpoint_reads_as_it_was_written() {
    let signed = Tree::of(5).signed();
    assert_eq!(SignedCheckpoint::parse(signed.to_string().as_bytes()), Ok(signed.clone()));
    assert_eq!(signed.checkpoint().origin(), ORIGIN);
    assert!(signed.note().verify(&[signing_key(ORIGIN, 1).verifier().clone()]).is_ok());
}

proptest! {
    #[test]
    fn what_is_written_is_read_the_same(size in 0..=MAX_SIZE, root: [u8; 32], extensions in prop::collection::vec("[^\\x00-\\x1f]{1,9}", 0..3)) {
        let checkpoint = Checkpoint::new(&name(ORIGIN), size, TreeHash::from_bytes(root)).unwrap();
        let checkpoint = Checkpoint { extensions, ..checkpoint };
        prop_assert_eq!(Checkpoint::parse(&checkpoint.to_string()), Ok(checkpoint));
    }

    #[test]
    fn what_is_read_is_written_the_same(text in "[a-b]{0,2}\\n[0-9]{0,20}\\n[A-Za-z0-9+/]{42}[A-Z]=\\n(\\PC{0,3}\\n){0,2}") {
        if let Ok(checkpoint) = Checkpoint::parse(&text) {
            prop_assert_eq!(checkpoint.to_string(), text);
        }
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[a-z0-9\\n=\u{2014} ]{0,80}") {
        let _ = (SignedCheckpoint::parse(&bytes), SignedCheckpoint::parse(text.as_bytes()), Checkpoint::parse(&text));
    }
}
