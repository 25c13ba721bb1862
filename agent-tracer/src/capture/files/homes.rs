//! Finds the `.ssh` in the home of each user of passwd(5).
//!
//! It reads no home, causes no mount, and enters only file systems of this machine. It counts the
//! homes that it leaves out for that.

use std::{
    collections::{HashMap, HashSet},
    ffi::{OsStr, OsString},
    fs, io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Component, Path, PathBuf},
};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

use super::safe_open;
use crate::capture::proc::mounts;

/// The list of users. Directory services are not asked: one may have a million users.
pub(super) const PASSWD: &str = "/etc/passwd";

/// The directory in a home that decides about logins.
const SSH: &str = ".ssh";

/// Bytes read of passwd(5): some 15,000 users.
const PASSWD_LIMIT: u64 = 1 << 20;

/// Bytes read of mountinfo(5): some 50,000 mounts.
pub(super) const MOUNTS_LIMIT: u64 = 8 << 20;

/// Limit of homes in one passwd(5). Finding a home takes 3 µs; one with keys takes 9 µs more to
/// walk and 3 µs to watch. Each costs 200 bytes and up to two marks of fanotify(7), out of 8192.
const HOMES: usize = 2048;

/// Limit of homes over all versions of passwd(5): rewriting it over and over must not make the
/// recorder grow.
const ALL_HOMES: usize = 2 * HOMES;

/// Bytes of the path of a home.
const LENGTH: usize = 1024;

/// Limit of components resolved for one home, those of links included.
const STEPS: usize = 64;

/// File systems on disks and in the memory of this machine. Any other may ask a network or a user's
/// own program, or mount something on access.
const LOCAL: [&[u8]; 16] = [
    b"bcachefs",
    b"btrfs",
    b"devtmpfs",
    b"ecryptfs",
    b"ext2",
    b"ext3",
    b"ext4",
    b"f2fs",
    b"jfs",
    b"nilfs2",
    b"overlay",
    b"ramfs",
    b"rootfs",
    b"tmpfs",
    b"xfs",
    b"zfs",
];

/// The `.ssh` directories of all known users.
#[derive(Clone, Debug, Default)]
pub(super) struct Homes {
    /// [`SSH`] in each home, existing or not, with all links resolved.
    ssh_directories: HashSet<PathBuf>,
    /// Their ancestors, except for the root.
    ancestors: HashSet<PathBuf>,
    /// Mount points of file systems that the walk does not enter.
    foreign: HashSet<PathBuf>,
    left_out: usize,
}

impl Homes {
    /// Makes the list for one user, for tests.
    #[cfg(test)]
    pub(super) fn of(home: &Path) -> Homes {
        let mut homes = Homes::default();
        let line = [b"a:x:1:1::", home.as_os_str().as_bytes(), b":\n"].concat();
        homes.take(&line, b"", |_| true);
        homes
    }

    /// Adds the wanted `.ssh` of each current user, and returns the new ones.
    pub(super) fn find(&mut self, is_wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        let read = |path: &str, limit| safe_open::read(safe_open::open(Path::new(path))?, limit);
        let Ok(mounts) = read(mounts::OWN, MOUNTS_LIMIT) else {
            return Vec::new();
        };
        let passwd = read(PASSWD, PASSWD_LIMIT).unwrap_or_default();
        self.take(&passwd, &mounts, is_wanted)
    }

    fn take(
        &mut self,
        passwd: &[u8],
        mounts: &[u8],
        is_wanted: impl Fn(&Path) -> bool,
    ) -> Vec<PathBuf> {
        self.foreign = foreign(mounts);
        self.left_out = 0;
        let mut homes_seen = HashSet::new();
        let mut above = HashMap::new();
        let mut new = Vec::new();
        for home in homes(passwd) {
            let is_one_more = homes_seen.len() >= HOMES && !homes_seen.contains(home);
            if !is_one_more && !homes_seen.insert(home) {
                continue;
            }
            let directory = match is_one_more {
                true => None,
                false => self.ssh_directory(home, &mut above),
            };
            match directory {
                Some(directory)
                    if self.ssh_directories.contains(&directory) || !is_wanted(&directory) => {}
                Some(directory) if self.ssh_directories.len() < ALL_HOMES => {
                    let ancestors = directory.ancestors().skip(1).map(Path::to_owned);
                    self.ancestors
                        .extend(ancestors.filter(|ancestor| ancestor.parent().is_some()));
                    self.ssh_directories.insert(directory.clone());
                    new.push(directory);
                }
                Some(_) | None => self.left_out += 1,
            }
        }
        new.sort();
        new
    }

    /// Resolves the `.ssh` in a home as passwd(5) names it.
    fn ssh_directory(
        &self,
        home: &[u8],
        above: &mut HashMap<PathBuf, Option<PathBuf>>,
    ) -> Option<PathBuf> {
        if !home.starts_with(b"/") || home.len() > LENGTH || home.contains(&0) {
            return None;
        }
        let home = Path::new(OsStr::from_bytes(home));
        let (parent, name) = match (home.parent(), home.file_name()) {
            (Some(parent), Some(name)) => (parent, Path::new(name)),
            // The root itself, or a home that ends with `..`.
            _ => (home, Path::new("")),
        };
        // Most homes share one parent directory.
        let parent = match above.get(parent) {
            Some(known) => known.clone(),
            None => {
                let found = self.resolve(PathBuf::from("/"), parent);
                above.insert(parent.to_owned(), found.clone());
                found
            }
        };
        let directory = self.resolve(parent?, name)?.join(SSH);
        (!self.foreign.contains(&directory)).then_some(directory)
    }

    /// Resolves all links of a path. A missing component stays as it is written.
    fn resolve(&self, mut at: PathBuf, path: &Path) -> Option<PathBuf> {
        // The next one last.
        let mut left: Vec<OsString> = Vec::new();
        push(&mut left, path);
        for _ in 0..STEPS {
            let Some(component) = left.pop() else {
                return Some(at);
            };
            if component == ".." {
                at.pop();
                continue;
            }
            let next = at.join(component);
            // Checked before the first access: that alone may mount something, or wait for a
            // server.
            if self.foreign.contains(&next) {
                return None;
            }
            match fs::symlink_metadata(&next) {
                Ok(it) if it.is_symlink() => {
                    let target = fs::read_link(&next).ok()?;
                    if target.is_absolute() {
                        at = PathBuf::from("/");
                    }
                    push(&mut left, &target);
                }
                // A non-directory such as /dev/null has no entries yet.
                Ok(_) => at = next,
                Err(error) if is_missing(&error) => at = next,
                Err(_) => return None,
            }
        }
        None
    }

    /// Iterates over the `.ssh` directories, in no order.
    pub(super) fn ssh_directories(&self) -> impl Iterator<Item = &Path> {
        self.ssh_directories.iter().map(PathBuf::as_path)
    }

    /// Returns the `.ssh` directories below a directory.
    pub(super) fn ssh_directories_below(&self, directory: &Path) -> Vec<PathBuf> {
        if !self.ancestors.contains(directory) {
            return Vec::new();
        }
        let below = self
            .ssh_directories()
            .filter(|ssh| ssh.starts_with(directory));
        below.map(Path::to_owned).collect()
    }

    /// Checks whether a path is a known `.ssh`.
    pub(super) fn is_ssh_directory(&self, path: &Path) -> bool {
        is_within_ssh(path) && self.ssh_directories.contains(path)
    }

    /// Checks whether a path is, or is in, a known `.ssh`.
    pub(super) fn contains(&self, path: &Path) -> bool {
        is_within_ssh(path)
            && path
                .ancestors()
                .any(|above| self.ssh_directories.contains(above))
    }

    /// Checks whether a path is an ancestor of a known `.ssh`.
    pub(super) fn is_ancestor(&self, path: &Path) -> bool {
        self.ancestors.contains(path)
    }

    /// Checks whether a mount that the walk must not enter is at a path.
    pub(super) fn is_foreign(&self, path: &Path) -> bool {
        self.foreign.contains(path)
    }

    pub(super) fn count(&self) -> usize {
        self.ssh_directories.len()
    }

    /// Returns the number of homes left out at the last read.
    pub(super) fn left_out(&self) -> usize {
        self.left_out
    }
}

/// Checks whether a path is, or is in, any user's `.ssh`.
pub(super) fn is_within_ssh(path: &Path) -> bool {
    const PART: &[u8] = b"/.ssh";
    let path = path.as_os_str().as_bytes();
    memchr::memmem::find_iter(path, PART)
        .any(|at| matches!(path.get(at + PART.len()), None | Some(b'/')))
}

/// Checks whether an error only says that the file does not exist.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Opens a directory without following any link. A resolved path has none, but its owner may put
/// one there at any time.
pub(super) fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    Ok(openat2(CWD, path, flags, Mode::empty(), resolve)?)
}

/// Iterates over the homes of complete lines, without those of nameless users.
fn homes(passwd: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_cut = passwd.len() as u64 >= PASSWD_LIMIT;
    let end = match is_cut {
        true => passwd.iter().rposition(|byte| *byte == b'\n').unwrap_or(0),
        false => passwd.len(),
    };
    let lines = passwd.get(..end).unwrap_or_default();
    lines.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields = line.splitn(8, |byte| *byte == b':');
        let name = fields.next()?;
        let home = fields.nth(4)?;
        (!name.is_empty() && !name.starts_with(b"#") && !home.is_empty()).then_some(home)
    })
}

/// Returns the mount points of file systems that may ask a network or a user's own program.
pub(super) fn foreign_mounts() -> HashSet<PathBuf> {
    let text = safe_open::open(Path::new(mounts::OWN));
    let text = text.and_then(|file| safe_open::read(file, MOUNTS_LIMIT));
    foreign(&text.unwrap_or_default())
}

/// Checks whether a type of file system is on a disk or in the memory of this machine.
pub(super) fn is_local(kind: &[u8]) -> bool {
    LOCAL.contains(&kind)
}

fn foreign(mounts: &[u8]) -> HashSet<PathBuf> {
    let mut kinds = HashMap::new();
    for mount in mounts::mounts(mounts) {
        // The last one is on top.
        kinds.insert(mount.point, mount.kind);
    }
    let foreign = kinds.into_iter().filter(|(_, kind)| !LOCAL.contains(kind));
    foreign
        .map(|(point, _)| PathBuf::from(OsStr::from_bytes(&point)))
        .collect()
}

fn push(left: &mut Vec<OsString>, path: &Path) {
    let components = path.components().rev();
    left.extend(components.filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    }));
}

#[cfg(test)]
mod tests;
