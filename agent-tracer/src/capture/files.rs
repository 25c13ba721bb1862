//! Who changes files: below the watched roots, and those that make programs run later, tables of cron jobs and unit files,
//! told by fanotify(7) with directory handles and names. No file is changed, and no content leaves this module but the
//! command lines of cron jobs, for a digest.

mod arrivals;
mod group;
mod keys;
mod names;
mod records;
mod removals;
#[cfg(test)]
mod tests;
mod waiting;

use std::{
    collections::HashSet,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use nix::libc;

use super::{
    attach::is_left_out,
    crontab,
    homes::{PASSWD, is_within_keys},
    hook::Hook,
    plan::{Choice, Fact},
    regular,
    roots::Roots,
};
use crate::event::FileAction;
use arrivals::{Arrival, Young};
use group::Group;
use keys::Keys;
use records::Events;

/// Directories whose files are told of whatever the roots are: those of cron, as of cron(8) of Debian and cronie, and those
/// that units are read from, as of systemd.unit(5).
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

/// Single files in directories of which nothing else is told.
const FILES: [&str; 1] = ["/etc/crontab"];

/// Bytes read of a table of cron jobs.
const TABLE_LIMIT: u64 = 1024 * 1024;

/// Events are up to 24 + 12 + 128 + 256 bytes long; 64 KiB of them are read at once.
const BUFFER: usize = 64 * 1024;

/// A change of a file.
pub struct FileChange {
    /// Its absolute path; directories by the names that they have now.
    pub path: PathBuf,
    /// What was done.
    pub action: FileAction,
    /// The process that did it, in the recorder's PID namespace; 0 for one outside.
    pub pid: u32,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// Whether it is below a root, or makes a program run later.
    pub is_wanted: bool,
    /// Of a table of cron jobs, the command lines in it.
    pub jobs: Vec<Vec<u8>>,
}

/// Directories that downloads commonly go to, besides the one that the recorder runs in.
const DOWNLOADS: [&str; 5] = ["/tmp", "/var/tmp", "/dev/shm", "/root", "/home"];

/// What is watched, a group a file system: handles of directories are unique only within one.
pub struct FileWatch {
    groups: Vec<Group>,
    roots: Roots,
    /// [`WATCHED`], by all names.
    told: HashSet<PathBuf>,
    young: Young,
    overflows: u64,
    /// Roots that are not watched, with the reasons.
    unwatched: Vec<String>,
    keys: Keys,
}

impl FileWatch {
    /// Begins to watch.
    ///
    /// # Errors
    ///
    /// Nothing can be watched: the kernel is older than 5.9, or forbids it.
    pub fn start(roots: &Roots) -> io::Result<FileWatch> {
        let mut watch = FileWatch {
            groups: Vec::new(),
            roots: roots.clone(),
            told: told_directories(),
            young: Young::default(),
            overflows: 0,
            unwatched: Vec::new(),
            keys: Keys::default(),
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
            // Only to know what is executed later; where the file system is not watched as a whole, that is left.
            if let Ok(metadata) = fs::metadata(&place) {
                let _ = watch.group(&place, metadata.dev());
            }
        }
        // Last: a file system that is watched anyway is best for them, too.
        let keys: Vec<PathBuf> = watch.roots.homes().keys().map(Path::to_owned).collect();
        watch.add_keys(&keys);
        match refused {
            Some(error) if watch.groups.is_empty() => Err(error),
            Some(_) | None => Ok(watch),
        }
    }

    /// The same as a choice of the plan.
    pub fn settle(roots: &Roots) -> (Option<FileWatch>, Choice) {
        let started = match is_left_out(Hook::Fanotify) {
            true => Err("left out by TRACER_WITHOUT_HOOKS".to_owned()),
            false => FileWatch::start(roots).map_err(|error| error.to_string()),
        };
        let settled = started.as_ref().map(|_| ()).map_err(Clone::clone);
        let mut choice = Choice::watched(Fact::Files, Hook::Fanotify, settled);
        choice.caveat = started.as_ref().ok().and_then(FileWatch::caveat);
        (started.ok(), choice)
    }

    /// What it does not see: of a file system that is watched directory by directory, what is done in a new directory before
    /// that is watched, too.
    fn caveat(&self) -> Option<String> {
        let groups = self.groups.iter().filter(|group| !group.is_for_homes);
        let piecemeal = groups.filter_map(|group| {
            let reason = group.whole.as_ref().err()?;
            let place = group.place.display();
            Some(format!(
                "the file system of {place} is watched directory by directory ({reason}): who does what in a new one at once is concluded"
            ))
        });
        let unwatched = self.unwatched.iter();
        let unwatched = unwatched.map(|reason| format!("not watched: {reason}"));
        let all = piecemeal.chain(unwatched).chain(self.caveats_of_keys());
        let all: Vec<String> = all.collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// Hands over what was changed since the last call.
    pub fn drain(&mut self, mut take: impl FnMut(FileChange)) {
        let own = std::process::id();
        let mut arrived = Vec::new();
        let mut are_users_others = false;
        let mut buffer = vec![0; BUFFER];
        let (told, roots) = (&self.told, &self.roots);
        let mut tell = |path: PathBuf, mask: u64, pid: u32, is_whole: bool| {
            let is_directory = mask & libc::FAN_ONDIR != 0;
            let comes = mask & (libc::FAN_CREATE | libc::FAN_MOVED_TO) != 0;
            if is_directory && (comes || !is_whole) {
                arrived.push(Arrival {
                    path: path.clone(),
                    is_empty: is_whole && mask & libc::FAN_MOVED_TO == 0,
                });
            }
            let makes_run = !is_directory && is_told(told, &path);
            let is_below_root = roots.concern(&path);
            are_users_others |= !is_directory && path == Path::new(PASSWD);
            for action in actions(mask) {
                take(FileChange {
                    jobs: match makes_run {
                        true => jobs(&path, action),
                        false => Vec::new(),
                    },
                    path: path.clone(),
                    action,
                    is_directory,
                    is_wanted: makes_run || is_below_root,
                    pid,
                });
            }
        };
        for group in &mut self.groups {
            loop {
                let events = group.read(&mut buffer);
                if events.is_empty() {
                    break;
                }
                for seen in Events(events) {
                    let (mask, pid) = (seen.mask, seen.pid);
                    if mask & libc::FAN_Q_OVERFLOW != 0 {
                        self.overflows += 1;
                        continue;
                    }
                    if pid == own {
                        continue;
                    }
                    let path = group.path(seen);
                    let is_moved = mask & (libc::FAN_MOVED_FROM | libc::FAN_MOVED_TO) != 0;
                    if is_moved && mask & libc::FAN_ONDIR != 0 {
                        group.names.forget();
                    }
                    if let Some(path) = path {
                        tell(path, mask, pid, group.whole.is_ok());
                    }
                }
            }
            for (path, mask, pid) in group.waited(&mut buffer) {
                tell(path, mask, pid, group.whole.is_ok());
            }
        }
        self.follow(arrived);
        self.follow_users(are_users_others);
    }

    /// Watches what came to be.
    fn follow(&mut self, arrived: Vec<Arrival>) {
        let leads_to_told = |arrival: &Arrival| {
            let mut places = WATCHED.iter().map(Path::new);
            places.any(|place| place.starts_with(&arrival.path))
        };
        if arrived.iter().any(leads_to_told) {
            self.told = told_directories();
        }
        // One that is gone again is no more to be watched.
        for Arrival { path, is_empty } in arrived {
            for place in WATCHED.into_iter().map(Path::new) {
                if place.starts_with(&path) {
                    let _ = self.add(place);
                }
            }
            let keys = self.roots.homes().keys_below(&path);
            self.add_keys(&keys);
            let is_key = is_within_keys(&path);
            let mut roots = self.roots.directories().iter();
            if (is_key || self.roots.contains(&path)) && is_empty {
                self.young.add(path);
            } else if is_key {
                let _ = self.mark_keys(&path);
            } else if roots.any(|root| root.starts_with(&path)) || self.roots.contains(&path) {
                let _ = self.add(&path);
            }
        }
        while let Some(directory) = self.young.settled() {
            let _ = match is_within_keys(&directory) {
                true => self.mark_keys(&directory),
                false => self.mark(directory, false),
            };
        }
    }

    /// How often the kernel's queue was full since the last call: so often an unknown number of changes
    /// was lost.
    pub fn take_overflows(&mut self) -> u64 {
        std::mem::take(&mut self.overflows)
    }

    /// Watches a directory with all below it, or what is there of the way to it.
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
        let group = self.group(&directory, device)?;
        match is_it && is_below_root {
            true => group.mark_all(&directory),
            false => group.mark(&directory),
        }
    }

    fn group(&mut self, directory: &Path, device: u64) -> io::Result<&mut Group> {
        let position = match self.groups.iter().position(|group| group.device == device) {
            Some(position) => position,
            None => {
                self.groups.push(Group::begin(directory, device)?);
                self.groups.len() - 1
            }
        };
        self.groups
            .get_mut(position)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// As they are written, and as what they lead to.
fn told_directories() -> HashSet<PathBuf> {
    let written = WATCHED.into_iter().map(PathBuf::from);
    let real = WATCHED
        .into_iter()
        .filter_map(|place| fs::canonicalize(place).ok());
    written.chain(real).collect()
}

fn is_told(directories: &HashSet<PathBuf>, path: &Path) -> bool {
    FILES.iter().any(|file| path == Path::new(file))
        || path
            .parent()
            .is_some_and(|parent| directories.contains(parent))
}

/// The kernel merges events of one file and process, in this order whatever happened first.
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
    let Some(form) = crontab::form(path) else {
        return Vec::new();
    };
    match regular::open(path).and_then(|file| regular::read(file, TABLE_LIMIT)) {
        Ok(table) => crontab::commands(&table, form),
        Err(_) => Vec::new(),
    }
}
