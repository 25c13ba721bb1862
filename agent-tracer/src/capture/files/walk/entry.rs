//! Walks all files below the watched roots, always in the same order. It opens none of them.

use std::{
    ffi::OsStr,
    fs::{self, Metadata},
    io,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::MetadataExt,
    },
    path::{Path, PathBuf},
};

use rustix::fs::{Dir, lgetxattr, statfs};

use crate::{
    capture::files::{homes, roots::Roots},
    event::FileState,
};

/// Limit of files in one user's `.ssh`: that user may make as many as the disk holds.
const SSH_FILES: usize = 1000;

/// File systems that present kernel state, by the numbers of statfs(2).
const VIEWS: [i64; 12] = [
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x6367_7270, // cgroup2
    0x0027_e0eb, // cgroup
    0x1cd1,      // devpts
    0x7472_6163, // tracefs
    0x6462_6720, // debugfs
    0xcafe_4a11, // bpf
    0x7363_6673, // securityfs
    0x6165_676c, // pstore
    0x1980_0202, // mqueue
    0x6e73_6673, // nsfs
];

/// One file.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Entry {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) path: Vec<u8>,
    #[prost(message, required, tag = "2")]
    pub(super) state: FileState,
    // Evidence of a replacement or a write; zero for directories.
    #[prost(uint64, tag = "3")]
    inode: u64,
    #[prost(int64, tag = "4")]
    modified: i64,
    #[prost(int64, tag = "5")]
    modified_ns: i64,
}

/// Walks all files, in the order of their paths, component by component.
pub(super) struct Walk<'a> {
    roots: &'a Roots,
    /// The next one last.
    pending: Vec<PathBuf>,
    pub(super) count: usize,
    limit: usize,
    /// True if the limit cut the walk short.
    pub(super) is_cut: bool,
    /// Directories that were read in part only.
    pub(super) cut: Vec<PathBuf>,
    /// Remaining budget of the current `.ssh`.
    ssh_files_left: usize,
    pub(super) problem: String,
}

impl Walk<'_> {
    pub(super) fn new(roots: &Roots, limit: usize) -> Walk<'_> {
        let mut pending = roots.all();
        pending.reverse();
        Walk {
            roots,
            pending,
            count: 0,
            limit,
            is_cut: false,
            cut: Vec::new(),
            ssh_files_left: SSH_FILES,
            problem: String::new(),
        }
    }

    fn enter(&mut self, directory: &Path) {
        let first = self.pending.len();
        let read = match self.roots.homes().contains(directory) {
            true => self.read_ssh_directory(directory),
            false => self.read(directory),
        };
        if let Err(error) = read {
            self.cannot("read", directory, &error);
            self.cut.push(directory.to_owned());
        }
        // They differ in their last component only.
        self.pending[first..].sort_unstable_by(|one, other| other.as_os_str().cmp(one.as_os_str()));
    }

    fn read(&mut self, directory: &Path) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            self.pending.push(entry?.path());
        }
        Ok(())
    }

    /// Reads a directory that belongs to an untrusted user.
    fn read_ssh_directory(&mut self, directory: &Path) -> io::Result<()> {
        for entry in Dir::new(homes::open_directory(directory)?)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            self.ssh_files_left = self.ssh_files_left.checked_sub(1).ok_or_else(|| {
                io::Error::other(format!("there are more than {SSH_FILES} files in one .ssh"))
            })?;
            self.pending.push(directory.join(OsStr::from_bytes(name)));
        }
        Ok(())
    }

    fn cannot(&mut self, act: &str, path: &Path, error: &io::Error) {
        self.problem = format!("cannot {act} {}: {error}", path.display());
    }
}

impl Iterator for Walk<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        while let Some(path) = self.pending.pop() {
            let homes = self.roots.homes();
            let is_not_entered = homes.contains(&path) && homes.is_foreign(&path);
            if self.roots.leaves_out(&path) || is_not_entered {
                continue;
            }
            if homes.is_ssh_directory(&path) {
                self.ssh_files_left = SSH_FILES;
            }
            let metadata = match fs::symlink_metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) => {
                    // It may be gone, or was never there.
                    if !homes::is_missing(&error) {
                        self.cannot("look at", &path, &error);
                    }
                    continue;
                }
            };
            if self.count >= self.limit {
                let limit = self.limit;
                self.problem =
                    format!("there are more than {limit} files; the rest was not compared");
                self.is_cut = true;
                self.pending.clear();
                break;
            }
            if metadata.is_dir() && !is_view(&path) {
                self.enter(&path);
            }
            self.count += 1;
            return Some(Entry::of(path, &metadata));
        }
        None
    }
}

impl Entry {
    pub(super) fn of(path: PathBuf, metadata: &Metadata) -> Entry {
        let is_directory = metadata.is_dir();
        let is_file = metadata.is_file();
        let mut state = FileState {
            mode: metadata.mode(),
            user: metadata.uid(),
            group: metadata.gid(),
            size: match is_directory {
                true => 0,
                false => metadata.size(),
            },
            ..FileState::default()
        };
        if is_file && metadata.mode() & 0o111 != 0 {
            state.capabilities = capabilities(&path);
        }
        if metadata.is_symlink() {
            state.target = fs::read_link(&path)
                .map(|target| target.into_os_string().into_vec())
                .unwrap_or_default();
        }
        let (inode, modified, modified_ns) = match is_directory {
            false => (metadata.ino(), metadata.mtime(), metadata.mtime_nsec()),
            true => (0, 0, 0),
        };
        Entry {
            path: path.into_os_string().into_vec(),
            state,
            inode,
            modified,
            modified_ns,
        }
    }

    pub(super) fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.path))
    }
}

fn capabilities(path: &Path) -> Vec<u8> {
    // `struct vfs_ns_cap_data` has 24 bytes.
    let mut value = [0_u8; 64];
    let length = lgetxattr(path, "security.capability", &mut value[..]).unwrap_or(0);
    value.get(..length).unwrap_or_default().to_vec()
}

fn is_view(path: &Path) -> bool {
    statfs(path).is_ok_and(|system| VIEWS.contains(&system.f_type))
}
