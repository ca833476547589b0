//! Hashes of leaves and nodes against known ones.

use super::super::fixtures::hex;
use super::*;

#[test]
fn the_empty_root_is_the_hash_of_nothing() {
    assert_eq!(TreeHash::EMPTY, TreeHash::of(&digest::digest(&digest::SHA256, b"")));
}

#[test]
fn leaves_and_nodes_hash_differently() {
    let (left, right) = (TreeHash::leaf(b"l"), TreeHash::leaf(b"r"));
    let inside = [left.as_bytes().as_slice(), right.as_bytes()].concat();
    assert_ne!(TreeHash::node(&left, &right), TreeHash::leaf(&inside));
    assert_ne!(TreeHash::node(&left, &right), TreeHash::node(&right, &left));
}

#[test]
fn the_empty_leaf_hashes_as_in_certificate_transparency() {
    let expected = hex("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    assert_eq!(TreeHash::leaf(b"").as_bytes().as_slice(), expected);
}

#[test]
fn only_canonical_base64_of_32_bytes_is_read() {
    let text = TreeHash::leaf(b"x").to_string();
    assert_eq!(TreeHash::parse(&text), Some(TreeHash::leaf(b"x")));
    let unpadded = text.trim_end_matches('=');
    let loose = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=";
    for wrong in ["", "AAAA", unpadded, &format!("{text}\n"), &format!(" {text}"), &format!("{text}{text}"), loose] {
        assert_eq!(TreeHash::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn hashes_end_with_a_blank_line_and_a_limit() {
    let hash = TreeHash::EMPTY;
    let text = format!("{hash}\n{hash}\n\nrest");
    assert_eq!(split_hashes(&text, 2), Some((vec![hash, hash], "rest")));
    assert_eq!(split_hashes(&text, 1), None);
    assert_eq!(split_hashes("\n", 0), Some((Vec::new(), "")));
    assert_eq!(split_hashes("", 2), None);
    assert_eq!(split_hashes(&format!("{hash}"), 2), None);
}
