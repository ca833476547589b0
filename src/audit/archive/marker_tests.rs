//! Tests of how far the archive says it goes.

use super::*;

#[test]
fn what_is_written_is_read() {
    let marker = Marker { archived: 131_072, pruned: 512 };
    assert_eq!(marker.text(), b"{\"archived\":131072,\"pruned\":512,\"v\":1}\n");
    assert_eq!(Marker::parse(&marker.text()), Some(marker));
}

#[test]
fn a_marker_that_does_not_say_it_is_refused_and_a_missing_one_says_nothing_is_archived() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::new(dir.path());
    assert_eq!(Marker::read(&layout).unwrap(), Marker::default());
    let whole = Marker { archived: 512, pruned: 256 }.text();
    let cut = (0..whole.len() - 2).map(|end| whole[..end].to_vec());
    let forms = [
        r#"{"archived":512,"pruned":256,"v":2}"#,
        r#"{"archived":500,"pruned":256,"v":1}"#,
        r#"{"archived":512,"pruned":255,"v":1}"#,
        r#"{"archived":512,"pruned":768,"v":1}"#,
        r#"{"archived":-512,"pruned":0,"v":1}"#,
        r#"{"archived":512,"v":1}"#,
        "512",
    ];
    for text in cut.chain(forms.map(|form| form.as_bytes().to_vec())) {
        std::fs::write(layout.marker(), &text).unwrap();
        let refusal = Marker::read(&layout).unwrap_err();
        assert!(refusal.to_string().contains("archived` does not say how far the archive goes"), "{text:?}: {refusal}");
    }
}
