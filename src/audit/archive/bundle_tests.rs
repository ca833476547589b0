//! Tests of reading one bundle.

use super::*;
use crate::audit::tlog::tile::encode_entries;

fn bundle() -> (Vec<u8>, Vec<TreeHash>) {
    let leaves: [&[u8]; 3] = [b"one", b"", b"three"];
    (encode_entries(leaves).unwrap(), leaves.iter().map(|leaf| TreeHash::leaf(leaf)).collect())
}

/// Reads all records of a bundle that begins with record 512.
fn read(bytes: &[u8]) -> Result<Vec<Vec<u8>>, ArchiveError> {
    let bundle = Bundle::decode("entries/002".into(), 512, bytes.to_vec(), bundle().1)?;
    (512..515).map(|seq| bundle.record(seq).map(|record| record.leaf().to_vec())).collect()
}

#[test]
fn records_come_back_as_they_were_written() {
    let (bytes, hashes) = bundle();
    assert_eq!(read(&bytes).unwrap(), [&b"one"[..], b"", b"three"]);
    let bundle = Bundle::decode("entries/002".into(), 512, bytes, hashes).unwrap();
    assert_eq!(bundle.unchecked().collect::<Vec<_>>(), [&b"one"[..], b"", b"three"]);
    for outside in [0, 511, 515, u64::MAX] {
        assert!(bundle.record(outside).is_err());
    }
}

#[test]
fn each_flipped_bit_is_told_with_its_file_and_record() {
    let (bytes, _) = bundle();
    let spans = [(512, 0..5), (513, 5..7), (514, 7..14)];
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let Err(ArchiveError::Damaged { path, seq, .. }) = read(&flipped) else { panic!("bit {bit} went unnoticed") };
        let (of, _) = spans.iter().find(|(_, span)| span.contains(&(bit / 8))).unwrap();
        assert_eq!((path.as_path(), seq), (Path::new("entries/002"), *of), "bit {bit}");
    }
}

#[test]
fn a_bundle_that_is_cut_short_or_goes_on_is_refused() {
    let (bytes, _) = bundle();
    for end in 0..bytes.len() {
        let refusal = read(&bytes[..end]).unwrap_err();
        assert!(refusal.to_string().ends_with("the bundle is cut short"), "{end}: {refusal}");
    }
    let refusal = read(&[&bytes[..], b"\0"].concat()).unwrap_err();
    assert_eq!(refusal.to_string(), "record 515 in `entries/002`: the bundle goes on after its last record");
}
