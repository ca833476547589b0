//! A model of the disk below one directory, made from a trace: what each file and directory held, what was made durable, and when.
//!
//! Two kinds of things happen to a disk. *Data* of a file is durable when a sync of that file began after it was written; *names*
//! (making, moving and removing files and directories) are durable when a sync of the directory that holds them began after. A sync of the
//! file system makes both durable. Making a *new file* durable does not make its name durable here, although it does so on ext4 and XFS.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};

use super::trace::{Event, Kind};

/// A file or a directory, by its place in [`Disk::nodes`].
pub(super) type NodeId = usize;

/// When something happened: the tickets from before and after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) begin: u64,
    pub(super) end: u64,
}

impl Span {
    const fn of(event: &Event) -> Self {
        Self { begin: event.begin, end: event.end }
    }
}

/// A change of a file's content.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Write { at: u64, data: Vec<u8> },
    Truncate(u64),
    Allocate(u64),
}

/// A change of names. `Move` replaces what has the name already.
#[derive(Debug, Clone)]
pub(super) enum Naming {
    Link { directory: NodeId, name: String, node: NodeId },
    Unlink { directory: NodeId, name: String },
    Move { from: NodeId, name: String, to: NodeId, new_name: String },
}

impl Naming {
    /// The directories that have to be synced for it to be durable.
    pub(super) fn directories(&self) -> [NodeId; 2] {
        match self {
            Self::Link { directory, .. } | Self::Unlink { directory, .. } => [*directory; 2],
            Self::Move { from, to, .. } => [*from, *to],
        }
    }
}

/// What a file or a directory was at first, and what became of it.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) is_directory: bool,
    pub(super) bytes: Vec<u8>,
    pub(super) names: BTreeMap<String, NodeId>,
    /// In the order in which they ended.
    pub(super) changes: Vec<(Span, Change)>,
    pub(super) syncs: Vec<Span>,
}

/// The disk.
#[derive(Debug)]
pub(super) struct Disk {
    /// The first is the directory of the trace.
    pub(super) nodes: Vec<Node>,
    pub(super) namings: Vec<(Span, Naming)>,
    /// Syncs of the whole file system.
    pub(super) syncs: Vec<Span>,
}

/// The disk as it was before a trace began; and while one is read.
pub(super) struct Before {
    disk: Disk,
    /// The names as everybody saw them.
    live: HashMap<NodeId, BTreeMap<String, NodeId>>,
    by_inode: HashMap<u64, NodeId>,
}

impl Before {
    /// A disk that has nothing in the directory.
    pub(super) fn empty() -> Self {
        let disk = Disk { nodes: Vec::new(), namings: Vec::new(), syncs: Vec::new() };
        let mut before = Self { disk, live: HashMap::new(), by_inode: HashMap::new() };
        before.add(Node { is_directory: true, ..Node::default() });
        before
    }

    /// A disk that has, durably, what is in the directory now.
    pub(super) fn of(root: &Path) -> Self {
        let mut before = Self::empty();
        before.load(root, 0);
        before
    }

    /// The disk with what has happened below `root` since.
    pub(super) fn then(mut self, root: &Path, events: &[Event]) -> Disk {
        let foreign = events.iter().find(|event| event.kind == Kind::Foreign);
        assert!(foreign.is_none(), "files were changed in a way that the trace cannot tell: {}", foreign.unwrap().path);
        for event in events.iter().filter(|event| event.happened() && !event.path.is_empty()) {
            self.event(root, event);
        }
        for node in &mut self.disk.nodes {
            node.changes.sort_by_key(|(span, _)| span.end);
        }
        self.disk
    }

    fn add(&mut self, node: Node) -> NodeId {
        let id = self.disk.nodes.len();
        self.live.insert(id, BTreeMap::new());
        self.disk.nodes.push(node);
        id
    }

    fn load(&mut self, path: &Path, into: NodeId) {
        self.by_inode.insert(fs::metadata(path).unwrap().ino(), into);
        for entry in fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
            let is_directory = path.is_dir();
            let bytes = if is_directory { Vec::new() } else { fs::read(&path).unwrap() };
            let node = self.add(Node { is_directory, bytes, ..Node::default() });
            self.by_inode.insert(entry.metadata().unwrap().ino(), node);
            self.disk.nodes[into].names.insert(name.clone(), node);
            self.live.get_mut(&into).unwrap().insert(name, node);
            if is_directory {
                self.load(&path, node);
            }
        }
    }

    /// The directory that holds a path, as everybody saw it, and the last name of the path; nothing for the root itself.
    fn place(&self, root: &Path, path: &str) -> Option<(NodeId, String)> {
        let below = Path::new(path).strip_prefix(root).unwrap_or_else(|_| panic!("{path} is elsewhere"));
        let mut names: Vec<_> = below
            .components()
            .map(|part| match part {
                Component::Normal(name) => name.to_str().unwrap().to_owned(),
                other => panic!("{path} has {other:?} in it"),
            })
            .collect();
        let last = names.pop()?;
        let directory = names.iter().try_fold(0, |at, name| self.live[&at].get(name).copied());
        Some((directory.unwrap_or_else(|| panic!("{path} is in no known directory")), last))
    }

    fn event(&mut self, root: &Path, event: &Event) {
        let span = Span::of(event);
        match event.kind {
            Kind::Create | Kind::MakeDirectory => self.make(root, event),
            Kind::Unlink | Kind::RemoveDirectory => {
                let (directory, name) = self.place(root, &event.path).expect("the directory itself stays");
                self.live.get_mut(&directory).unwrap().remove(&name);
                self.disk.namings.push((span, Naming::Unlink { directory, name }));
            }
            Kind::Rename => {
                let (from, name) = self.place(root, &event.path).expect("the directory itself stays");
                let (to, new_name) = self.place(root, &event.other).expect("the directory itself stays");
                let node = self.live.get_mut(&from).unwrap().remove(&name).unwrap();
                self.live.get_mut(&to).unwrap().insert(new_name.clone(), node);
                self.disk.namings.push((span, Naming::Move { from, name, to, new_name }));
            }
            Kind::Open if event.truncates() => self.change(event, Change::Truncate(0)),
            Kind::Write => self.change(event, Change::Write { at: event.at, data: event.data.clone() }),
            Kind::Truncate => self.change(event, Change::Truncate(event.length)),
            Kind::Allocate => self.change(event, Change::Allocate(event.at + event.length)),
            Kind::DataSync | Kind::Sync => {
                let node = self.node(event);
                self.disk.nodes[node].syncs.push(span);
            }
            Kind::SyncAll => self.disk.syncs.push(span),
            Kind::Open | Kind::Range | Kind::Room | Kind::Say | Kind::Send | Kind::Foreign => {}
        }
    }

    fn make(&mut self, root: &Path, event: &Event) {
        let Some((directory, name)) = self.place(root, &event.path) else {
            self.by_inode.insert(event.inode, 0);
            return;
        };
        let node = self.add(Node { is_directory: event.kind == Kind::MakeDirectory, ..Node::default() });
        self.by_inode.insert(event.inode, node);
        self.live.get_mut(&directory).unwrap().insert(name.clone(), node);
        self.disk.namings.push((Span::of(event), Naming::Link { directory, name, node }));
    }

    fn node(&self, event: &Event) -> NodeId {
        *self.by_inode.get(&event.inode).unwrap_or_else(|| panic!("an unknown file: {}", event.path))
    }

    fn change(&mut self, event: &Event, change: Change) {
        let node = self.node(event);
        self.disk.nodes[node].changes.push((Span::of(event), change));
    }
}
