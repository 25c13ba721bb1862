//! Watches changes of files by fanotify(7), with directory handles and names.
//!
//! It covers the watched roots, and files that make programs run later: tables of cron jobs and
//! unit files. It reports changes elsewhere as well, as far as file systems allow. It changes no
//! file. The only content that leaves this module is the command lines of cron jobs, for a digest.

mod everywhere;
mod file_system;
mod mounted;
mod nameless;
mod new_directories;
mod paths;
mod records;
mod removed_directories;
mod ssh_directories;
#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread,
};

use nix::libc;

use super::{
    crontab,
    homes::{PASSWD, is_within_ssh},
    roots::Roots,
    safe_open,
};
use crate::{
    capture::{Choice, Fact, Hook},
    event::FileAction,
};
use file_system::FileSystem;
use mounted::MountTable;
pub use mounted::open_mounts;
use new_directories::{NewDirectory, Unmarked};
use records::Events;
use ssh_directories::SshDirectories;

/// Directories that are watched regardless of the roots: those of cron, by cron(8) of Debian and
/// cronie, and those of units, by systemd.unit(5).
const WATCHED: [&str; 14] = [
    "/etc/cron.d",
    "/etc/cron.daily",
    "/etc/cron.hourly",
    "/etc/cron.monthly",
    "/etc/cron.weekly",
    "/var/spool/cron",
    "/var/spool/cron/crontabs",
    "/etc/init.d",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/usr/local/lib/systemd/system",
    "/var/spool/cron/tabs",
];

/// Single files in directories that are otherwise not watched.
const FILES: [&str; 1] = ["/etc/crontab"];

/// Bytes read of a table of cron jobs.
const TABLE_LIMIT: u64 = 1024 * 1024;

/// Size of one read: an event has up to 24 + 12 + 128 + 256 bytes.
const BUFFER: usize = 64 * 1024;

/// A change of a file.
#[derive(Clone)]
pub struct FileChange {
    /// Its absolute path, with the present names of directories.
    pub path: PathBuf,
    /// The action.
    pub action: FileAction,
    /// The process that did it, in the recorder's PID namespace; 0 for one outside.
    pub pid: u32,
    /// True for a directory.
    pub is_directory: bool,
    /// True if the file is below a root, or makes a program run later.
    pub is_wanted: bool,
    /// True if the file is below a root, so that snapshots cover it, or is left out.
    pub is_compared: bool,
    /// The command lines in a table of cron jobs.
    pub jobs: Vec<Vec<u8>>,
}

/// Common directories of downloads, besides the recorder's working directory.
const DOWNLOADS: [&str; 5] = ["/tmp", "/var/tmp", "/dev/shm", "/root", "/home"];

/// All watches, one for each file system: handles of directories are unique only within one.
pub struct FileWatch {
    file_systems: Vec<FileSystem>,
    roots: Roots,
    /// [`WATCHED`], under all their names.
    watched: HashSet<PathBuf>,
    unmarked: Unmarked,
    overflows: u64,
    /// Unwatched roots, with the reasons.
    unwatched: Vec<String>,
    /// File systems without reports from outside of the roots, with the reasons.
    unseen: Vec<String>,
    /// True if attributes are not watched in all directories outside of the roots.
    attributes_are_partial: bool,
    ssh: SshDirectories,
    mounts: MountTable,
}

impl FileWatch {
    /// Starts to watch.
    ///
    /// # Errors
    ///
    /// Nothing can be watched: the kernel is older than 5.9, or forbids it.
    pub fn start(roots: &Roots) -> io::Result<FileWatch> {
        let mut watch = FileWatch {
            file_systems: Vec::new(),
            roots: roots.clone(),
            watched: watched_directories(),
            unmarked: Unmarked::default(),
            overflows: 0,
            unwatched: Vec::new(),
            unseen: Vec::new(),
            attributes_are_partial: false,
            ssh: SshDirectories::default(),
            mounts: MountTable::open(),
        };
        let mut refused = None;
        let here = std::env::current_dir().unwrap_or_default();
        let places = WATCHED.into_iter().chain(FILES).map(PathBuf::from);
        for place in places.chain(watch.roots.directories().to_vec()) {
            if let Err(error) = watch.add(&place) {
                watch
                    .unwatched
                    .push(format!("{}: {error}", place.display()));
                refused = Some(error);
            }
        }
        for place in DOWNLOADS.into_iter().map(PathBuf::from).chain([here]) {
            // Only for downloads that run later, so a file system that cannot be watched as a whole
            // is skipped.
            if let Ok(metadata) = fs::metadata(&place) {
                let _ = watch.file_system(&place, metadata.dev());
            }
        }
        // Last: a file system that is watched anyway is best for them, too.
        let directories: Vec<PathBuf> = watch
            .roots
            .homes()
            .ssh_directories()
            .map(Path::to_owned)
            .collect();
        watch.add_ssh_directories(&directories);
        watch.watch_everywhere();
        match refused {
            Some(error) if watch.file_systems.is_empty() => Err(error),
            Some(_) | None => Ok(watch),
        }
    }

    /// Ends the watch. The kernel takes some 10 ms to close each group, so each file system has a
    /// thread for it, and nothing waits for them but the end of the process.
    pub fn close(self) {
        for file_system in self.file_systems {
            let thread = thread::Builder::new().name("tracer".to_owned());
            // Without a thread the closure is dropped here, with what it owns.
            drop(thread.spawn(move || drop(file_system)));
        }
    }

    /// Starts the watch, and returns the outcome as a choice of the plan.
    pub fn start_or_explain(roots: &Roots) -> (Option<FileWatch>, Choice) {
        let started = match Hook::Fanotify.is_left_out() {
            true => Err("left out by TRACER_WITHOUT_HOOKS".to_owned()),
            false => FileWatch::start(roots).map_err(|error| error.to_string()),
        };
        let outcome = started.as_ref().map(|_| ()).map_err(Clone::clone);
        let mut choice = Choice::watched(Fact::Files, Hook::Fanotify, outcome);
        choice.caveat = started.as_ref().ok().and_then(FileWatch::caveat);
        (started.ok(), choice)
    }

    /// Describes the blind spots. On a file system watched directory by directory, early actions in
    /// a new directory are missed.
    fn caveat(&self) -> Option<String> {
        let file_systems = self
            .file_systems
            .iter()
            .filter(|file_system| !file_system.is_for_homes);
        let piecemeal = file_systems.filter_map(|file_system| {
            let reason = file_system.whole.as_ref().err()?;
            let place = file_system.place.display();
            Some(format!(
                "the file system of {place} is watched directory by directory ({reason}): the \
                 authors of early changes in a new one are inferred"
            ))
        });
        let unwatched = self.unwatched.iter();
        let unwatched = unwatched.map(|reason| format!("not watched: {reason}"));
        let all = piecemeal.chain(unwatched).chain(self.ssh_caveats());
        let all = all.chain(self.caveats_elsewhere());
        let all: Vec<String> = all.collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// Returns all changes since the last call.
    pub fn drain(&mut self) -> Vec<FileChange> {
        let own = std::process::id();
        let mut buffer = vec![0; BUFFER];
        let mut seen = Changes {
            watched: &self.watched,
            roots: &self.roots,
            changes: Vec::new(),
            new_directories: Vec::new(),
            have_users_changed: false,
        };
        let mounts = &self.mounts;
        for file_system in &mut self.file_systems {
            loop {
                let events = file_system.read(&mut buffer);
                if events.is_empty() {
                    break;
                }
                for event in Events(events) {
                    let (mask, pid) = (event.mask, event.pid);
                    if mask & libc::FAN_Q_OVERFLOW != 0 {
                        self.overflows += 1;
                        continue;
                    }
                    if pid == own {
                        continue;
                    }
                    let path = file_system.path(event);
                    let is_moved = mask & (libc::FAN_MOVED_FROM | libc::FAN_MOVED_TO) != 0;
                    if is_moved && mask & libc::FAN_ONDIR != 0 {
                        file_system.paths.forget();
                    }
                    if let Some(path) = path {
                        let is_whole = file_system.whole.is_ok();
                        for alias in mounts.aliases_of(&path) {
                            seen.add(alias, mask, pid, is_whole);
                        }
                        seen.add(path, mask, pid, is_whole);
                    }
                }
            }
            for (path, mask, pid) in file_system.take_named(&mut buffer) {
                seen.add(path, mask, pid, file_system.whole.is_ok());
            }
        }
        let Changes {
            changes,
            new_directories,
            have_users_changed,
            ..
        } = seen;
        self.follow(new_directories);
        self.follow_users(have_users_changed);
        self.file_systems.retain(|file_system| !file_system.is_gone);
        self.count_early(changes.iter().map(|change| change.path.as_path()));
        self.follow_mounts();
        changes
    }

    /// Watches new directories.
    fn follow(&mut self, new_directories: Vec<NewDirectory>) {
        let leads_to_watched = |new: &NewDirectory| {
            let mut places = WATCHED.iter().map(Path::new);
            places.any(|place| place.starts_with(&new.path))
        };
        if new_directories.iter().any(leads_to_watched) {
            self.watched = watched_directories();
        }
        // A directory that is gone again needs no watch.
        for NewDirectory { path, is_empty } in new_directories {
            for place in WATCHED.into_iter().map(Path::new) {
                if place.starts_with(&path) {
                    let _ = self.add(place);
                }
            }
            let directories = self.roots.homes().ssh_directories_below(&path);
            self.add_ssh_directories(&directories);
            let is_ssh = is_within_ssh(&path);
            let mut roots = self.roots.directories().iter();
            if (is_ssh || self.roots.contains(&path)) && is_empty {
                self.unmarked.add(path);
            } else if is_ssh {
                let _ = self.mark_ssh_directory(&path);
            } else if roots.any(|root| root.starts_with(&path)) || self.roots.contains(&path) {
                let _ = self.add(&path);
            }
        }
        while let Some(directory) = self.unmarked.take_due() {
            let _ = match is_within_ssh(&directory) {
                true => self.mark_ssh_directory(&directory),
                false => self.mark(directory, false),
            };
        }
    }

    /// Returns the count of queue overflows since the last call. Each lost an unknown number of
    /// changes.
    pub fn take_overflows(&mut self) -> u64 {
        std::mem::take(&mut self.overflows)
    }

    /// Watches a directory with all below it, or its nearest existing ancestor.
    fn add(&mut self, place: &Path) -> io::Result<()> {
        let mut directory = place;
        loop {
            match fs::canonicalize(directory) {
                Ok(real) if real.is_dir() => return self.mark(real, directory == place),
                Ok(_) | Err(_) => {}
            }
            match directory.parent() {
                Some(parent) => directory = parent,
                None => return Ok(()),
            }
        }
    }

    fn mark(&mut self, directory: PathBuf, is_it: bool) -> io::Result<()> {
        let device = fs::metadata(&directory)?.dev();
        let is_below_root = self.roots.contains(&directory);
        let file_system = self.file_system(&directory, device)?;
        match is_it && is_below_root {
            true => file_system.mark_all(&directory),
            false => file_system.mark(&directory),
        }
    }

    fn file_system(&mut self, directory: &Path, device: u64) -> io::Result<&mut FileSystem> {
        let position = match self
            .file_systems
            .iter()
            .position(|file_system| file_system.device == device)
        {
            Some(position) => position,
            None => {
                self.file_systems
                    .push(FileSystem::begin(directory, device)?);
                self.file_systems.len() - 1
            }
        };
        self.file_systems
            .get_mut(position)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// The changes of one drain, with their consequences for the watch.
struct Changes<'a> {
    watched: &'a HashSet<PathBuf>,
    roots: &'a Roots,
    changes: Vec<FileChange>,
    new_directories: Vec<NewDirectory>,
    have_users_changed: bool,
}

impl Changes<'_> {
    /// Adds the changes of one event; `is_whole` if the watch covers the whole file system.
    fn add(&mut self, path: PathBuf, mask: u64, pid: u32, is_whole: bool) {
        let is_directory = mask & libc::FAN_ONDIR != 0;
        let comes = mask & (libc::FAN_CREATE | libc::FAN_MOVED_TO) != 0;
        if is_directory && (comes || !is_whole) {
            self.new_directories.push(NewDirectory {
                path: path.clone(),
                is_empty: is_whole && mask & libc::FAN_MOVED_TO == 0,
            });
        }
        let makes_run = !is_directory && runs_later(self.watched, &path);
        let is_compared = self.roots.contains(&path) || self.roots.leaves_out(&path);
        let is_wanted = makes_run || self.roots.concerns(&path);
        self.have_users_changed |= !is_directory && path == Path::new(PASSWD);
        let changes = actions(mask).map(|action| FileChange {
            jobs: match makes_run {
                true => jobs(&path, action),
                false => Vec::new(),
            },
            path: path.clone(),
            action,
            is_directory,
            is_wanted,
            is_compared,
            pid,
        });
        self.changes.extend(changes);
    }
}

/// Returns the watched directories as written, and with links resolved.
fn watched_directories() -> HashSet<PathBuf> {
    let written = WATCHED.into_iter().map(PathBuf::from);
    let real = WATCHED
        .into_iter()
        .filter_map(|place| fs::canonicalize(place).ok());
    written.chain(real).collect()
}

fn runs_later(directories: &HashSet<PathBuf>, path: &Path) -> bool {
    FILES.iter().any(|file| path == Path::new(file))
        || path
            .parent()
            .is_some_and(|parent| directories.contains(parent))
}

/// Splits a mask into actions. The kernel merges events of one file and process, so the order is
/// fixed.
fn actions(mask: u64) -> impl Iterator<Item = FileAction> {
    [
        (libc::FAN_CREATE, FileAction::Created),
        (libc::FAN_CLOSE_WRITE, FileAction::Written),
        (libc::FAN_MOVED_TO, FileAction::Renamed),
        (libc::FAN_ATTRIB, FileAction::Attributes),
        (libc::FAN_MOVED_FROM | libc::FAN_DELETE, FileAction::Removed),
    ]
    .into_iter()
    .filter(move |(flag, _)| mask & flag != 0)
    .map(|(_, action)| action)
}

fn jobs(path: &Path, action: FileAction) -> Vec<Vec<u8>> {
    match action {
        FileAction::Written | FileAction::Renamed => {}
        FileAction::Unknown
        | FileAction::Created
        | FileAction::Removed
        | FileAction::Attributes
        | FileAction::Open => return Vec::new(),
    }
    let Some(kind) = crontab::table_kind(path) else {
        return Vec::new();
    };
    match safe_open::open(path).and_then(|file| safe_open::read(file, TABLE_LIMIT)) {
        Ok(table) => crontab::commands(&table, kind),
        Err(_) => Vec::new(),
    }
}
