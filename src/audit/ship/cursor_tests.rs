//! Cursors: written and read back, and damage means to begin again.

use tempfile::TempDir;

use super::*;

#[test]
fn a_position_is_read_as_it_was_written() {
    let directory = TempDir::new().unwrap();
    let file = CursorFile::new(directory.path(), "s3-bucket-1234", "s3://bucket");
    assert_eq!(file.read().unwrap(), Position::START);
    for next in [1, 256, 1 << 62] {
        let position = Position { next, root: TreeHash::leaf(b"x"), skipped: next / 2 };
        file.write(&position).unwrap();
        assert_eq!(file.read().unwrap(), position);
    }
    let text = std::fs::read_to_string(file.path()).unwrap();
    assert!(text.ends_with("\"sink\":\"s3://bucket\",\"v\":1}\n"), "{text}");
}

#[test]
fn two_sinks_have_two_files() {
    let directory = TempDir::new().unwrap();
    let (one, other) = (CursorFile::new(directory.path(), "a", "a"), CursorFile::new(directory.path(), "b", "b"));
    one.write(&Position { next: 5, ..Position::START }).unwrap();
    assert_eq!((one.read().unwrap().next, other.read().unwrap().next), (5, 0));
}

#[test]
fn damage_means_to_begin_again_and_what_cannot_be_read_is_an_error() {
    let directory = TempDir::new().unwrap();
    let file = CursorFile::new(directory.path(), "sink", "sink");
    file.write(&Position { next: 5, ..Position::START }).unwrap();
    let good = std::fs::read_to_string(file.path()).unwrap();
    for text in [
        "",
        "{",
        &good.replace("\"v\":1", "\"v\":2"),
        &good.replace("5", "-5"),
        &good.replace("47DE", "47D"),
        &good.replace("next", "nxt"),
    ] {
        std::fs::write(file.path(), text).unwrap();
        assert_eq!(file.read().unwrap(), Position::START, "{text}");
    }
    std::fs::remove_file(file.path()).unwrap();
    std::fs::create_dir(file.path()).unwrap();
    assert!(file.read().is_err());
}
