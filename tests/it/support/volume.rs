//! A ConfigMap volume as the kubelet keeps it: files behind links through `..data`, which is exchanged as a whole.
//!
//! The steps are those of the kubelet's writer, in their order: a new directory named after the time, its files, the links that people see, a
//! rename over `..data`, stale links removed, the old directory removed at once. Older kubelets make the links before the rename and
//! newer ones behind it; this does both in turn.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The files of one version: path and text.
pub(crate) type Files = BTreeMap<String, String>;

/// The volume, as it is mounted.
pub(crate) struct Volume {
    mount: PathBuf,
    versions: u32,
}

impl Volume {
    /// A mount that has nothing yet, also no `..data`.
    pub(crate) fn at(mount: PathBuf) -> Self {
        fs::create_dir_all(&mount).unwrap();
        Self { mount, versions: 0 }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.mount
    }

    /// Exchanges everything for these files. Returns when they were there.
    pub(crate) fn swap(&mut self, files: &Files) -> Instant {
        self.swap_slowly(files, Duration::ZERO)
    }

    /// The same, with a pause between any two halves of a file and any two steps.
    pub(crate) fn swap_slowly(&mut self, files: &Files, pause: Duration) -> Instant {
        self.versions += 1;
        let data = self.mount.join("..data");
        let old = fs::read_link(&data).ok();
        let version = format!(
            "..2026_11_29_{:02}_{:02}_{:02}.{:09}",
            self.versions / 3600,
            self.versions / 60 % 60,
            self.versions % 60,
            self.versions
        );
        let directory = self.mount.join(&version);
        fs::create_dir(&directory).unwrap();
        for (name, text) in files {
            let path = directory.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut file = fs::File::create(path).unwrap();
            let (one, other) = text.split_at(text.len() / 2);
            for half in [one, other] {
                file.write_all(half.as_bytes()).unwrap();
                sleep(pause);
            }
        }
        if self.versions.is_multiple_of(2) {
            self.show(files);
        }
        symlink(&version, self.mount.join("..data_tmp")).unwrap();
        sleep(pause);
        fs::rename(self.mount.join("..data_tmp"), &data).unwrap();
        let there = Instant::now();
        sleep(pause);
        if !self.versions.is_multiple_of(2) {
            self.show(files);
        }
        for entry in fs::read_dir(&self.mount).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if !name.starts_with("..") && !files.keys().any(|file| first(file) == name) {
                fs::remove_file(self.mount.join(name)).unwrap();
            }
        }
        sleep(pause);
        if let Some(old) = old {
            fs::remove_dir_all(self.mount.join(old)).unwrap();
        }
        there
    }

    /// The links that people see.
    fn show(&self, files: &Files) {
        for name in files.keys().map(|file| first(file)) {
            let link = self.mount.join(name);
            if fs::symlink_metadata(&link).is_err() {
                symlink(Path::new("..data").join(name), link).unwrap();
            }
        }
    }
}

fn first(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

/// Files of these names and texts.
pub(crate) fn files<const N: usize>(files: [(&str, &str); N]) -> Files {
    files.map(|(name, text)| (name.to_owned(), text.to_owned())).into()
}
