//! Follows the mount table, so that file systems that come are watched and those that went are
//! forgotten. It holds nothing open in any of them.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read, Seek},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::MetadataExt},
    },
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{FileWatch, everywhere::DEVICES, file_system::FileSystem};
use crate::capture::{
    files::homes::{self, MOUNTS_LIMIT},
    proc::mounts,
};

/// Limit of entries that are looked at on a new mount.
const LOOKED_AT: usize = 1024;

/// Largest delay of a file's time behind the clock: a tick of the slowest kernels.
const TICK: Duration = Duration::from_millis(10);

/// Pause after a read of the table, in times of its duration. A table may have thousands of lines,
/// and change all the time.
const PAUSES: u32 = 4;

/// Limit of file systems outside of the roots: each needs two of a user's 128 groups.
const FILE_SYSTEMS: usize = 32;

/// Directories of the kernel.
const KERNEL: [&str; 2] = ["/proc", "/sys"];

/// Kinds of file systems that show the kernel's state, and hold no files.
const VIEWS: [&str; 17] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "securityfs",
    "sysfs",
];

/// One mount.
#[derive(Clone)]
pub(super) struct Mounted {
    /// Major and minor number, which identify the file system while it exists.
    superblock: (u32, u32),
    pub(super) point: PathBuf,
    /// The part of the file system that it shows.
    root: PathBuf,
    kind: String,
    /// `st_dev` of its files, if it is watched.
    device: Option<u64>,
}

/// The mount table of the recorder's namespace.
pub(super) struct MountTable {
    /// The table, which poll(2) reports changes of. Without one, mounts are not followed.
    file: Option<File>,
    known: BTreeMap<u32, Mounted>,
    /// Directories that events name, each with another name of it below a root.
    aliases: Vec<(PathBuf, PathBuf)>,
    /// True if the table has changed since it was read.
    is_stale: bool,
    /// The earliest time for the next read.
    due: Instant,
    /// The last time without a change.
    unchanged: SystemTime,
    /// New files on new mounts, without an event of theirs yet.
    early: HashSet<PathBuf>,
    /// Count of new files that were not seen in time.
    unseen: u64,
    /// Count of new mounts below the roots that are not watched.
    unwatched: u64,
}

/// Opens the mount table, for poll(2).
///
/// # Errors
///
/// /proc is not there.
pub fn open_mounts() -> io::Result<OwnedFd> {
    File::open(mounts::OWN).map(OwnedFd::from)
}

impl MountTable {
    /// Opens the table, and reads nothing.
    pub(super) fn open() -> MountTable {
        MountTable {
            file: File::open(mounts::OWN).ok(),
            known: BTreeMap::new(),
            aliases: Vec::new(),
            is_stale: false,
            due: Instant::now(),
            unchanged: SystemTime::now(),
            early: HashSet::new(),
            unseen: 0,
            unwatched: 0,
        }
    }

    /// Returns true if mounts came or went since the last call.
    fn has_changed(&mut self) -> bool {
        let Some(file) = &self.file else {
            return false;
        };
        let mut polled = [PollFd::new(file.as_fd(), PollFlags::POLLPRI)];
        let is_ready = poll(&mut polled, PollTimeout::ZERO).is_ok_and(|count| count > 0);
        let changes = PollFlags::POLLPRI | PollFlags::POLLERR;
        let [polled] = polled;
        is_ready && polled.revents().is_some_and(|it| it.intersects(changes))
    }

    /// Reads the table.
    fn read(&mut self) -> io::Result<BTreeMap<u32, Mounted>> {
        let Some(file) = &mut self.file else {
            return Ok(BTreeMap::new());
        };
        file.rewind()?;
        let mut text = Vec::new();
        file.take(MOUNTS_LIMIT).read_to_end(&mut text)?;
        let all = mounts::mounts(&text).map(|mount| {
            let mounted = Mounted {
                superblock: mount.device,
                point: PathBuf::from(OsStr::from_bytes(&mount.point)),
                root: PathBuf::from(OsStr::from_bytes(mount.root)),
                kind: String::from_utf8_lossy(mount.kind).into_owned(),
                device: None,
            };
            (mount.id, mounted)
        });
        Ok(all.collect())
    }

    /// Returns the points of all mounts, each with the device of its watched file system.
    pub(super) fn points(&self) -> impl Iterator<Item = (&Path, Option<u64>)> {
        let all = self.known.values();
        all.map(|mounted| (mounted.point.as_path(), mounted.device))
    }

    /// Returns the other names of a path below the roots, by bind mounts.
    pub(super) fn aliases_of<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = PathBuf> + 'a {
        self.aliases.iter().filter_map(|(named, alias)| {
            let below = path.strip_prefix(named).ok()?;
            Some(match below.as_os_str().is_empty() {
                true => alias.clone(),
                false => alias.join(below),
            })
        })
    }
}

impl FileWatch {
    /// Watches every file system on a disk or in memory, as far as possible.
    pub(super) fn watch_mounts(&mut self) {
        let present = self.mounts.read().unwrap_or_default();
        for (id, mut mounted) in present {
            if let Err(reason) = self.watch_mount(&mut mounted) {
                let point = mounted.point.display();
                self.unseen.push(format!("{point} ({reason})"));
            }
            self.mounts.known.insert(id, mounted);
        }
        self.find_aliases();
    }

    /// Finds the mounts below roots that show a part of a file system that has another mount, which
    /// events name.
    fn find_aliases(&mut self) {
        let all = &self.mounts.known;
        let below = all
            .values()
            .filter(|mounted| self.roots.contains(&mounted.point));
        let aliases = below.filter_map(|mounted| {
            let device = mounted.device?;
            let mut file_systems = self.file_systems.iter();
            let file_system = file_systems.find(|file_system| file_system.device == device)?;
            let place = file_system.paths.place();
            let is_named =
                |other: &&Mounted| other.superblock == mounted.superblock && other.point == place;
            let named = all.values().rfind(is_named)?;
            let part = mounted.root.strip_prefix(&named.root).ok()?;
            (named.point != mounted.point).then(|| (place.join(part), mounted.point.clone()))
        });
        self.mounts.aliases = aliases.collect();
    }

    /// Watches file systems that were mounted since the last call, and forgets those that are not
    /// mounted any more.
    pub fn follow_mounts(&mut self) {
        let now = SystemTime::now();
        self.mounts.is_stale |= self.mounts.has_changed();
        if !self.mounts.is_stale {
            self.mounts.unchanged = now;
            return;
        }
        let begun = Instant::now();
        if begun < self.mounts.due {
            return;
        }
        self.mounts.is_stale = false;
        let Ok(present) = self.mounts.read() else {
            return;
        };
        self.forget_unmounted(&present);
        for (id, mut mounted) in present {
            if self.mounts.known.contains_key(&id) {
                continue;
            }
            let outcome = self.watch_mount(&mut mounted);
            let is_new = outcome == Ok(true) && self.roots.contains(&mounted.point);
            let point = mounted.point.clone();
            self.mounts.known.insert(id, mounted);
            let roots: Vec<PathBuf> = self.roots.directories().to_vec();
            let concerned = roots.iter().filter(|root| root.starts_with(&point));
            let mut is_missed = outcome.is_err();
            for root in concerned {
                is_missed |= self.add(root).is_err();
            }
            self.mounts.unwatched += u64::from(is_missed);
            if is_new {
                self.look_for_early_changes(&point);
            }
        }
        self.find_aliases();
        self.mounts.unchanged = now;
        self.mounts.due = Instant::now() + begun.elapsed() * PAUSES;
    }

    /// Forgets the file systems without any mount from before. A new one may have the same number.
    fn forget_unmounted(&mut self, present: &BTreeMap<u32, Mounted>) {
        let all = &self.mounts.known;
        let stays = |id: &u32, mounted: &Mounted| {
            let now = present.get(id);
            now.is_some_and(|now| now.superblock == mounted.superblock)
        };
        let staying: HashSet<(u32, u32)> = all
            .iter()
            .filter(|(id, mounted)| stays(id, mounted))
            .map(|(_, mounted)| mounted.superblock)
            .collect();
        let gone = all
            .values()
            .filter(|mounted| !staying.contains(&mounted.superblock));
        let gone: HashSet<u64> = gone.filter_map(|mounted| mounted.device).collect();
        for file_system in &mut self.file_systems {
            if gone.contains(&file_system.device) {
                file_system.is_gone = true;
                file_system.device = 0;
            }
        }
        self.mounts.known.retain(|id, mounted| stays(id, mounted));
    }

    /// Watches the file system of a mount. Below a root, attributes are watched as well. Returns
    /// true if nothing of it was watched before.
    fn watch_mount(&mut self, mounted: &mut Mounted) -> Result<bool, String> {
        let point = mounted.point.clone();
        let is_below_root = self.roots.contains(&point);
        if !homes::is_local(mounted.kind.as_bytes()) {
            // A look at it alone might ask a network.
            let is_missed = is_below_root && !VIEWS.contains(&mounted.kind.as_str());
            return match is_missed {
                true => Err(format!("{} is not on a disk or in memory", mounted.kind)),
                false => Ok(false),
            };
        }
        if KERNEL.iter().any(|kernel| point.starts_with(kernel)) {
            return Ok(false);
        }
        let Ok(device) = fs::metadata(&point).map(|metadata| metadata.dev()) else {
            return Ok(false);
        };
        let count = self.file_systems.len();
        if is_below_root {
            let marked = self.file_system(&point, device);
            let marked = marked.and_then(|file_system| file_system.mark_all(&point));
            mounted.device = Some(device);
            let marked = marked.map_err(|error| error.to_string());
            return marked.map(|()| self.file_systems.len() > count);
        }
        let mut others = self.file_systems.iter();
        let known = others.find(|known| known.device == device && !known.is_for_homes);
        match known {
            Some(known) => known.whole.clone()?,
            None if self.file_systems.len() >= FILE_SYSTEMS => {
                return Err("too many file systems".to_owned());
            }
            None if point == Path::new(DEVICES) => {
                return Err("its devices are written all the time".to_owned());
            }
            None => {
                let begun = FileSystem::begin_elsewhere(&point, device)?;
                self.file_systems.push(begun);
            }
        }
        mounted.device = Some(device);
        Ok(self.file_systems.len() > count)
    }

    /// Looks for files that are newer than the mount. Each needs an event in the next read.
    fn look_for_early_changes(&mut self, point: &Path) {
        let unchanged = self.mounts.unchanged.duration_since(UNIX_EPOCH);
        let since = unchanged.unwrap_or_default().saturating_sub(TICK);
        let since = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
        let mut pending = VecDeque::from([point.to_owned()]);
        let mut looked_at = 0;
        while let Some(directory) = pending.pop_front() {
            for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
                looked_at += 1;
                let Ok(metadata) = entry.metadata() else {
                    continue;
                };
                if looked_at > LOOKED_AT {
                    return;
                }
                if metadata.is_dir() {
                    pending.push_back(entry.path());
                }
                let seconds = metadata.ctime().saturating_mul(1_000_000_000);
                if seconds.saturating_add(metadata.ctime_nsec()) >= since {
                    self.mounts.early.insert(entry.path());
                }
            }
        }
    }

    /// Counts new files on new mounts that no event was about: they came before the watch.
    pub(super) fn count_early<'a>(&mut self, changed: impl Iterator<Item = &'a Path>) {
        if self.mounts.early.is_empty() {
            return;
        }
        for path in changed {
            self.mounts.early.remove(path);
        }
        self.mounts.unseen += self.mounts.early.len() as u64;
        self.mounts.early.clear();
    }

    /// Returns what was missed on new mounts since the last call, each with its count.
    pub fn take_missed(&mut self) -> [(&'static str, u64); 2] {
        let MountTable {
            unseen, unwatched, ..
        } = &mut self.mounts;
        [
            (
                "change of a file before its new mount was watched",
                std::mem::take(unseen),
            ),
            (
                "new mount below a watched directory, not watched",
                std::mem::take(unwatched),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_on_a_bind_mount_has_its_other_name() {
        let mut table = MountTable::open();
        table.aliases = vec![("/srv/data".into(), "/opt/bound".into())];
        let aliases = |path: &str| -> Vec<PathBuf> { table.aliases_of(Path::new(path)).collect() };
        assert_eq!(aliases("/srv/data/a/b"), [Path::new("/opt/bound/a/b")]);
        assert_eq!(aliases("/srv/data"), [Path::new("/opt/bound")]);
        assert!(aliases("/srv/database").is_empty());
    }

    #[test]
    fn the_table_has_the_root() {
        let mut table = MountTable::open();
        let present = table.read().expect("a table");
        assert!(
            present
                .values()
                .any(|mounted| mounted.point == Path::new("/"))
        );
    }
}
