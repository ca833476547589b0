//! What is read, what is left out, and what is refused.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use super::super::{LoadError, Settings};
use super::{MAX_FILE_BYTES, Volumes, read};

fn write(directory: &TempDir, name: &str, text: &str) {
    let path = directory.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn everything(path: &Path) -> Settings {
    let paths = vec![path.to_owned()];
    Settings { schema: paths.clone(), entities: paths.clone(), ..Settings::new(paths) }
}

fn names(settings: &Settings) -> Vec<String> {
    let files = read(settings).unwrap();
    [files.policies, files.schema, files.entities, files.links].concat().iter().map(|file| file.name.to_string()).collect()
}

#[test]
fn one_directory_can_hold_policies_schema_and_entities() {
    let directory = TempDir::new().unwrap();
    for name in [
        "b.cedar",
        "a.cedar",
        "team/c.cedar",
        "s.cedarschema",
        "t.cedarschema.json",
        "e.json",
        "f.yaml",
        "g.yml",
        "teams.links.json",
        "catalog.lock.json",
        "first.test.toml",
        "README.md",
        ".#a.cedar",
        "..x/d.cedar",
    ] {
        write(&directory, name, "");
    }
    assert_eq!(
        names(&everything(directory.path())),
        [
            "a.cedar",
            "b.cedar",
            "team/c.cedar",
            "s.cedarschema",
            "t.cedarschema.json",
            "e.json",
            "f.yaml",
            "g.yml",
            "teams.links.json"
        ]
    );
}

#[test]
fn a_file_that_is_configured_itself_may_have_any_name_but_links_are_links() {
    let directory = TempDir::new().unwrap();
    write(&directory, "rules.txt", "");
    write(&directory, "teams.links.json", "");
    let policies = ["rules.txt", "teams.links.json"].map(|name| directory.path().join(name));
    let files = read(&Settings::new(policies.to_vec())).unwrap();
    assert_eq!([files.policies.len(), files.links.len()], [1, 1]);
    assert!(files.links[0].name.ends_with("teams.links.json"));
}

#[test]
fn the_digest_depends_on_names_and_contents_and_on_nothing_else() {
    let directory = TempDir::new().unwrap();
    let digest = || read(&Settings::new(vec![directory.path().to_owned()])).unwrap().digest();
    write(&directory, "a.cedar", "x");
    let first = digest();
    write(&directory, "notes.txt", "x");
    assert_eq!(digest(), first);
    write(&directory, "a.cedar", "y");
    assert_ne!(digest(), first);
    write(&directory, "a.cedar", "x");
    assert_eq!(digest(), first);
    fs::rename(directory.path().join("a.cedar"), directory.path().join("b.cedar")).unwrap();
    assert_ne!(digest(), first);
}

#[test]
fn a_kubernetes_volume_is_read_from_where_it_points_to_at_that_moment() {
    let mount = TempDir::new().unwrap();
    write(&mount, "..2026_01/p.cedar", "old");
    write(&mount, "..2026_02/p.cedar", "new");
    symlink("..2026_02", mount.path().join("..data")).unwrap();
    symlink("..data/p.cedar", mount.path().join("p.cedar")).unwrap();
    // A link that is left over points to nothing, and is not part of the set any more.
    symlink("..data/gone.cedar", mount.path().join("gone.cedar")).unwrap();
    let files = read(&Settings::new(vec![mount.path().to_owned()])).unwrap();
    assert_eq!(files.policies.iter().map(|file| (&*file.name, &*file.text)).collect::<Vec<_>>(), [("p.cedar", "new")]);
}

/// Another version takes the place of the one that is there, as the kubelet does it.
fn exchange(mount: &Path, version: u32) {
    let name = format!("..{version}");
    fs::create_dir(mount.join(&name)).unwrap();
    for file in ["p.cedar", "s.cedarschema", "e.json", "catalog.lock.json", "sub/q.cedar"] {
        let path = mount.join(&name).join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, version.to_string()).unwrap();
        let first = file.split('/').next().unwrap();
        let _ = symlink(format!("..data/{first}"), mount.join(first));
    }
    let old = fs::read_link(mount.join("..data"));
    symlink(&name, mount.join("..data_tmp")).unwrap();
    fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    if let Ok(old) = old {
        fs::remove_dir_all(mount.join(old)).unwrap();
    }
}

#[test]
fn a_pass_stays_with_the_version_that_a_volume_had_when_it_first_looked() {
    let mount = TempDir::new().unwrap();
    exchange(mount.path(), 1);
    fs::write(mount.path().join("beside.cedar"), "").unwrap();
    let mut volumes = Volumes::default();
    let first = volumes.anchored(mount.path()).unwrap();
    exchange(mount.path(), 2);
    let at = |path: &Path| path.strip_prefix(fs::canonicalize(mount.path()).unwrap()).unwrap().to_owned();
    assert_eq!(at(&first), Path::new("..1"));
    assert_eq!(at(&volumes.anchored(mount.path()).unwrap()), Path::new("..1"), "of another kind of files");
    let mut later = Volumes::default();
    for name in ["p.cedar", "catalog.lock.json", "sub"] {
        assert_eq!(at(&later.anchored(&mount.path().join(name)).unwrap()), Path::new("..2").join(name), "{name}");
    }
    let beside = mount.path().join("beside.cedar");
    assert_eq!(later.anchored(&beside).unwrap(), beside, "what is no part of the volume is where it is");
}

#[test]
fn a_volume_that_is_exchanged_all_the_time_is_never_read_in_part() {
    let mount = TempDir::new().unwrap();
    exchange(mount.path(), 0);
    let path = mount.path().to_owned();
    let file = |name: &str| vec![path.join(name)];
    let whole = Settings { lock: Some(path.join("catalog.lock.json")), ..everything(&path) };
    let each = Settings {
        schema: file("s.cedarschema"),
        entities: file("e.json"),
        lock: whole.lock.clone(),
        ..Settings::new(["p.cedar", "sub"].map(|name| path.join(name)).to_vec())
    };
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for version in 1..400 {
                exchange(mount.path(), version);
                std::thread::sleep(std::time::Duration::from_micros(300));
            }
            over.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        let mut passes = [0, 0];
        while !over.load(std::sync::atomic::Ordering::Relaxed) {
            for (settings, passes) in [&whole, &each].into_iter().zip(&mut passes) {
                // A pass that comes too late five times in a row is begun anew by the watch.
                let Ok(files) = read(settings) else { continue };
                let all = [&files.policies, &files.schema, &files.entities].into_iter().flatten().chain(&files.lock);
                let mut versions: Vec<&str> = all.map(|file| &*file.text).collect();
                assert_eq!(versions.len(), 5);
                versions.dedup();
                assert_eq!(versions.len(), 1, "{versions:?}");
                *passes += 1;
            }
        }
        assert!(passes.iter().all(|passes| *passes > 20), "{passes:?}");
    });
}

#[test]
fn what_is_configured_must_exist() {
    let directory = TempDir::new().unwrap();
    let missing = directory.path().join("missing");
    for settings in [Settings::new(vec![missing.clone()]), Settings { schema: vec![missing.clone()], ..Settings::new(vec![]) }] {
        assert!(matches!(read(&settings), Err(LoadError::Read { path, .. }) if path == missing));
    }
    assert!(
        read(&Settings::new(vec![directory.path().to_owned()])).unwrap().policies.is_empty(),
        "an empty directory is no error"
    );
    symlink("nowhere", directory.path().join("dangling.cedar")).unwrap();
    assert!(read(&Settings::new(vec![directory.path().to_owned()])).is_err(), "a policy that cannot be read is not left out");
}

#[test]
fn a_file_too_large_or_not_text_or_not_a_file_is_refused() {
    let directory = TempDir::new().unwrap();
    let read = || read(&Settings::new(vec![directory.path().to_owned()]));
    let path = directory.path().join("p.cedar");
    fs::write(&path, vec![b' '; usize::try_from(MAX_FILE_BYTES).unwrap() + 1]).unwrap();
    assert!(matches!(read(), Err(LoadError::TooMuch { .. })));
    fs::write(&path, [0xff, 0xfe]).unwrap();
    assert_eq!(read().unwrap_err().to_string(), "`p.cedar` is not UTF-8 text");
    fs::remove_file(&path).unwrap();
    symlink("/dev/zero", &path).unwrap();
    assert!(matches!(read(), Err(LoadError::Read { .. })));
    fs::remove_file(&path).unwrap();
    symlink(".", directory.path().join("loop")).unwrap();
    assert!(read().is_err());
}

#[test]
fn several_directories_keep_their_files_apart() {
    let (one, two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    write(&one, "p.cedar", "");
    write(&two, "p.cedar", "");
    let settings = Settings::new(vec![one.path().to_owned(), two.path().to_owned()]);
    let mut expected = [one.path(), two.path()].map(|path| format!("{}/p.cedar", path.display()));
    expected.sort();
    assert_eq!(names(&settings), expected);
}
