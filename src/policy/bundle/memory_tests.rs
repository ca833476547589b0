//! What is remembered of versions, and what a damaged memory says.

use tempfile::TempDir;

use super::*;

fn signed(version: u64, content: &str) -> Signed {
    Signed { version, digest: sha256(content.as_bytes()), keys: Vec::new(), files: 1 }
}

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state/policies.highest");
    (directory, file)
}

#[test]
fn nothing_older_follows_also_after_a_restart() {
    let (_directory, file) = place();
    Memory::at(file.clone()).keep(&signed(7, "seven")).unwrap();
    let memory = Memory::at(file.clone());
    assert_eq!(memory.keep(&signed(6, "six")).unwrap_err().reason, Reason::Older);
    assert_eq!(memory.keep(&signed(7, "another")).unwrap_err().reason, Reason::Reused);
    memory.keep(&signed(7, "seven")).unwrap();
    memory.keep(&signed(9, "nine")).unwrap();
    assert_eq!(Memory::at(file).keep(&signed(8, "eight")).unwrap_err().reason, Reason::Older);
}

#[test]
fn a_process_does_not_forget_when_the_file_goes() {
    let (_directory, file) = place();
    let memory = Memory::at(file.clone());
    memory.keep(&signed(7, "seven")).unwrap();
    fs::remove_file(&file).unwrap();
    assert_eq!(memory.keep(&signed(6, "six")).unwrap_err().reason, Reason::Older);
    memory.keep(&signed(7, "seven")).unwrap();
    assert!(file.exists());
    assert_eq!(Memory::default().keep(&signed(1, "one")).map_err(|refused| refused.to_string()), Ok(()));
}

#[test]
fn processes_that_share_it_hear_of_each_other() {
    let (_directory, file) = place();
    let [one, other] = [Memory::at(file.clone()), Memory::at(file)];
    one.keep(&signed(7, "seven")).unwrap();
    other.keep(&signed(9, "nine")).unwrap();
    assert_eq!(one.keep(&signed(8, "eight")).unwrap_err().reason, Reason::Older);
}

#[test]
fn any_damage_is_noticed_and_nothing_is_put_in_force() {
    let (_directory, file) = place();
    Memory::at(file.clone()).keep(&signed(7, "seven")).unwrap();
    let good = fs::read(&file).unwrap();
    let mut damaged: Vec<Vec<u8>> = (0..good.len())
        .map(|at| {
            let mut changed = good.clone();
            changed[at] ^= 1;
            changed
        })
        .collect();
    damaged.extend((0..good.len()).map(|length| good[..length].to_vec()));
    damaged.push([&good[..], b"\n"].concat());
    damaged.push(vec![b'x'; 5000]);
    for bytes in damaged {
        fs::write(&file, &bytes).unwrap();
        let refused = Memory::at(file.clone()).keep(&signed(8, "eight")).unwrap_err();
        assert_eq!(refused.reason, Reason::Memory);
        assert!(refused.to_string().contains("minimum_version"), "{refused}");
        assert_eq!(fs::read(&file).unwrap(), bytes, "it is left as it is");
    }
}

#[test]
fn a_memory_that_cannot_be_written_puts_nothing_in_force() {
    let (directory, _) = place();
    fs::write(directory.path().join("state"), "a file where a directory should be").unwrap();
    let refused = Memory::at(directory.path().join("state/policies.highest")).keep(&signed(7, "seven")).unwrap_err();
    assert_eq!(refused.reason, Reason::Memory);
    let (_directory, file) = place();
    Memory::at(file.clone()).keep(&signed(7, "seven")).unwrap();
    fs::create_dir(file.with_extension("new")).unwrap();
    let memory = Memory::at(file);
    assert_eq!(memory.keep(&signed(8, "eight")).unwrap_err().reason, Reason::Memory);
    // What was not remembered was not in force.
    memory.keep(&signed(7, "seven")).unwrap();
}
