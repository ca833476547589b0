//! What a record gets of a text.

use super::super::kept::{commitment, digest_of, unseal};
use super::super::mask::{MASK, Masks};
use super::super::salts::SaltReader;
use super::*;
use crate::domain::JsonPointer;
use crate::storage::LocalDisk;

fn keeping(level: Level, mask: &[&str]) -> Keeping {
    let pointers: Vec<JsonPointer> = mask.iter().map(|pointer| pointer.parse().unwrap()).collect();
    Keeping { level, limit: 64, masks: Masks::new(&pointers) }
}

fn committed(text: &[u8], keeping: &Keeping, part: Part) -> Committed {
    match Content::of(text, keeping, part) {
        Content::Committed(committed) => committed,
        Content::Withheld(why) => panic!("{why:?}"),
    }
}

#[test]
fn a_text_is_kept_at_its_level_and_up_to_the_limit_and_committed_to_always() {
    use Level::{Arguments, Commitment, Results};
    for (level, part, keeps) in [
        (Commitment, Part::Arguments, false),
        (Commitment, Part::Result, false),
        (Arguments, Part::Arguments, true),
        (Arguments, Part::Result, false),
        (Results, Part::Arguments, true),
        (Results, Part::Result, true),
    ] {
        for (length, fits) in [(0, true), (64, true), (65, false)] {
            let text = vec![b'x'; length];
            let content = committed(&text, &keeping(level, &[]), part);
            assert_eq!((content.digest, content.len), (digest_of(&text), length as u64));
            assert_eq!(content.kept, (keeps && fits).then(|| text.clone().into()), "{level:?} {part:?} {length}");
            assert_eq!(content.weight(), if keeps && fits { length + 16 } else { 0 });
        }
    }
}

#[test]
fn what_is_masked_is_in_neither_the_kept_text_nor_the_commitment() {
    let masks = keeping(Level::Results, &["/card", "/none"]);
    let content = committed(br#"{"card":"4111","to":1}"#, &masks, Part::Arguments);
    let text = format!(r#"{{"card":{MASK},"to":1}}"#);
    assert_eq!(content.kept.as_deref(), Some(text.as_bytes()));
    assert_eq!((content.digest, content.len), (digest_of(text.as_bytes()), text.len() as u64));
    assert_eq!(content.masked, ["/card".into()]);
    let other = committed(br#"{"card":[5500,{}],"to":1}"#, &masks, Part::Arguments);
    assert_eq!(other, content, "nothing of it can tell one card from another");
    let commitments = committed(br#"{"card":"4111","to":1}"#, &keeping(Level::Commitment, &["/card"]), Part::Arguments);
    assert_eq!((commitments.digest, commitments.kept), (content.digest, None), "also where nothing is kept");
}

#[test]
fn a_text_that_cannot_be_masked_leaves_nothing_behind() {
    let masks = keeping(Level::Results, &["/card"]);
    assert_eq!(
        Content::of(b"4111", &masks, Part::Result),
        Content::Committed(committed(b"4111", &keeping(Level::Results, &[]), Part::Result))
    );
    assert_eq!(Content::of(b"{\"card\":4111", &masks, Part::Result), Content::Withheld(Unmaskable::NotJson));
}

#[test]
fn what_is_sealed_can_be_proved_and_read_with_the_salt_until_it_is_erased() {
    let log = tempfile::tempdir().unwrap();
    let (mut salts, reader) = (Salts::new(log.path(), Arc::new(LocalDisk)), SaltReader::new(log.path()));
    let content = committed(b"{}", &keeping(Level::Arguments, &[]), Part::Arguments);
    let sealed = content.seal(&mut salts, 9).unwrap();
    let salt = reader.salt(9).unwrap().unwrap();
    assert_eq!(sealed.commit, Some(commitment(&salt, &digest_of(b"{}"))));
    assert_eq!(unseal(&salt, 9, &sealed.kept.unwrap()).unwrap(), b"{}");
    assert!(reader.erase(9).unwrap() && reader.salt(9).unwrap().is_none());
    let unkept = committed(b"{}", &keeping(Level::Commitment, &[]), Part::Arguments).seal(&mut salts, 10).unwrap();
    assert!(unkept.commit.is_some() && unkept.kept.is_none());
}
