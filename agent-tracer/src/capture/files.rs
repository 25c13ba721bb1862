//! Who changes the files that make programs run later: tables of cron jobs and unit files, told by
//! fanotify(7) with directory handles and names. Other directories are not watched, and cost nothing. No
//! file is changed, and no content leaves this module but the command lines of cron jobs, for a digest.

mod records;

use std::{
    collections::HashMap,
    fs, io,
    io::Read,
    os::{
        fd::{AsFd, AsRawFd},
        unix::{ffi::OsStrExt, fs::MetadataExt},
    },
    path::{Path, PathBuf},
};

use nix::{
    libc,
    sys::fanotify::{EventFFlags, Fanotify, InitFlags, MarkFlags, MaskFlags},
};

use super::{
    attach::is_left_out,
    crontab,
    plan::{Choice, Fact, Hook},
};
use crate::event::FileAction;
use records::{Events, Handle, handle};

/// Directories whose files are told of: those of cron, as of cron(8) of Debian and cronie, and those that
/// units are read from, as of systemd.unit(5).
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
    /// Its absolute path.
    pub path: PathBuf,
    /// What was done.
    pub action: FileAction,
    /// The process that did it, in the recorder's PID namespace; 0 for one outside.
    pub pid: u32,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// Of a table of cron jobs, the command lines in it.
    pub jobs: Vec<Vec<u8>>,
}

/// What is watched, a group a file system: handles of directories are unique only within one.
pub struct FileWatch {
    groups: Vec<Group>,
    overflows: u64,
}

struct Group {
    device: u64,
    fanotify: Fanotify,
    directories: HashMap<Handle, PathBuf>,
}

impl FileWatch {
    /// Begins to watch.
    ///
    /// # Errors
    ///
    /// Nothing can be watched: the kernel is older than 5.9, or forbids it.
    pub fn start() -> io::Result<FileWatch> {
        let mut watch = FileWatch {
            groups: Vec::new(),
            overflows: 0,
        };
        let mut refused = None;
        for place in WATCHED.into_iter().chain(FILES) {
            if let Err(error) = watch.add(Path::new(place)) {
                refused = Some(error);
            }
        }
        match refused {
            Some(error) if watch.groups.is_empty() => Err(error),
            Some(_) | None => Ok(watch),
        }
    }

    /// The same as a choice of the plan.
    pub fn settle() -> (Option<FileWatch>, Choice) {
        let started = match is_left_out(Hook::Fanotify) {
            true => Err("left out by TRACER_WITHOUT_HOOKS".to_owned()),
            false => FileWatch::start().map_err(|error| error.to_string()),
        };
        let settled = started.as_ref().map(|_| ()).map_err(Clone::clone);
        let choice = Choice::watched(Fact::Files, Hook::Fanotify, settled);
        (started.ok(), choice)
    }

    /// Hands over what was changed since the last call.
    pub fn drain(&mut self, mut take: impl FnMut(FileChange)) {
        let mut new_directories = Vec::new();
        let mut buffer = vec![0; BUFFER];
        for group in &mut self.groups {
            // Anything else than bytes is "nothing more for now".
            while let Ok(length @ 1..) = nix::unistd::read(group.fanotify.as_fd(), &mut buffer) {
                for seen in Events(&buffer[..length]) {
                    if seen.mask & libc::FAN_Q_OVERFLOW != 0 {
                        self.overflows += 1;
                        continue;
                    }
                    let Some(directory) = seen.handle.and_then(|key| group.directories.get(&key))
                    else {
                        continue;
                    };
                    let path = directory.join(std::ffi::OsStr::from_bytes(seen.name));
                    if seen.mask & libc::FAN_ONDIR != 0 {
                        new_directories.push(path);
                        continue;
                    }
                    if !is_told(&path) {
                        continue;
                    }
                    for action in actions(seen.mask) {
                        take(FileChange {
                            jobs: jobs(&path, action),
                            path: path.clone(),
                            action,
                            is_directory: false,
                            pid: seen.pid,
                        });
                    }
                }
            }
        }
        for place in WATCHED.into_iter().map(Path::new) {
            if new_directories.iter().any(|new| place.starts_with(new)) {
                // One that is gone again is no more to be watched.
                let _ = self.add(place);
            }
        }
    }

    /// How often the kernel's queue was full since the last call: so often an unknown number of changes
    /// was lost.
    pub fn take_overflows(&mut self) -> u64 {
        std::mem::take(&mut self.overflows)
    }

    /// Watches a directory, or what is there of the way to it.
    fn add(&mut self, place: &Path) -> io::Result<()> {
        let mut directory = place;
        loop {
            match fs::canonicalize(directory) {
                Ok(real) if real.is_dir() => return self.mark(real),
                Ok(_) | Err(_) => {}
            }
            match directory.parent() {
                // The root is never watched: on the way to a directory that is two levels away from being
                // there, nobody is about to put a file into it.
                Some(parent) if parent != Path::new("/") => directory = parent,
                Some(_) | None => return Ok(()),
            }
        }
    }

    fn mark(&mut self, directory: PathBuf) -> io::Result<()> {
        let device = fs::metadata(&directory)?.dev();
        let position = match self.groups.iter().position(|group| group.device == device) {
            Some(position) => position,
            None => {
                let flags = InitFlags::FAN_CLOEXEC
                    | InitFlags::FAN_NONBLOCK
                    | InitFlags::FAN_CLASS_NOTIF
                    | InitFlags::from_bits_retain(libc::FAN_REPORT_DFID_NAME);
                let fanotify = Fanotify::init(flags, EventFFlags::O_RDONLY)?;
                self.groups.push(Group {
                    device,
                    fanotify,
                    directories: HashMap::new(),
                });
                self.groups.len() - 1
            }
        };
        let Some(group) = self.groups.get_mut(position) else {
            return Ok(());
        };
        let marked = handle(&directory).and_then(|key| {
            let mask = MaskFlags::FAN_CREATE
                | MaskFlags::FAN_CLOSE_WRITE
                | MaskFlags::FAN_MOVED_TO
                | MaskFlags::FAN_MOVED_FROM
                | MaskFlags::FAN_DELETE
                | MaskFlags::FAN_EVENT_ON_CHILD
                | MaskFlags::FAN_ONDIR;
            let here = fs::File::open("/")?;
            let flags = MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_ONLYDIR;
            group.fanotify.mark(flags, mask, &here, Some(&directory))?;
            group.directories.insert(key, directory);
            Ok(())
        });
        if group.directories.is_empty() {
            self.groups.remove(position);
        }
        marked
    }
}

fn is_told(path: &Path) -> bool {
    let is = |watched: &Path| {
        path.parent() == Some(watched)
            || fs::canonicalize(watched).is_ok_and(|real| path.parent() == Some(&real))
    };
    FILES.iter().any(|file| path == Path::new(file))
        || WATCHED.iter().any(|place| is(Path::new(place)))
}

/// The kernel merges events of one file and process, in this order whatever happened first.
fn actions(mask: u64) -> impl Iterator<Item = FileAction> {
    [
        (libc::FAN_CREATE, FileAction::Created),
        (libc::FAN_CLOSE_WRITE, FileAction::Written),
        (libc::FAN_MOVED_TO, FileAction::Renamed),
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
        | FileAction::Attributes => return Vec::new(),
    }
    let Some(form) = crontab::form(path) else {
        return Vec::new();
    };
    let mut table = Vec::new();
    let is_read = fs::File::open(path)
        .and_then(|file| file.take(TABLE_LIMIT).read_to_end(&mut table))
        .is_ok();
    match is_read {
        true => crontab::commands(&table, form),
        false => Vec::new(),
    }
}

impl std::fmt::Debug for FileWatch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let descriptors: Vec<i32> = self
            .groups
            .iter()
            .map(|group| group.fanotify.as_fd().as_raw_fd())
            .collect();
        formatter
            .debug_tuple("FileWatch")
            .field(&descriptors)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_told_with_its_writer() {
        let place = tempfile::tempdir().expect("a directory");
        let mut watch = FileWatch {
            groups: Vec::new(),
            overflows: 0,
        };
        if let Err(error) = watch.mark(place.path().to_owned()) {
            // Needs root; the live tests insist on it.
            println!("skipped: {error}");
            return;
        }
        fs::write(place.path().join("job"), "x").expect("a file");
        let group = watch.groups.first().expect("a group");
        let mut buffer = [0; 4096];
        let length = nix::unistd::read(group.fanotify.as_fd(), &mut buffer).expect("events");
        let seen: Vec<super::records::Seen<'_>> = Events(&buffer[..length]).collect();
        assert!(!seen.is_empty());
        for event in seen {
            assert_eq!(event.name, b"job");
            assert_eq!(event.pid, std::process::id());
            let handle = event.handle.expect("a directory");
            assert_eq!(group.directories[&handle], place.path());
        }
    }
}
