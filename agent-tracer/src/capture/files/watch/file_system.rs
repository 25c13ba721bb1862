//! Watches one file system by fanotify(7): as a whole where possible, else directory by directory.
//! Attributes are always watched by directory, up to a limit.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use nix::{
    libc,
    sys::fanotify::{EventFFlags, Fanotify, InitFlags, MarkFlags, MaskFlags},
};

use rustix::fs::statfs;

use super::{
    nameless::Pending,
    paths::DirectoryPaths,
    records::{Handle, RawEvent, handle},
    removed_directories::{RemovedDirectories, read},
};
use crate::capture::{files::homes::is_missing, proc::mounts};

/// Limit of single marks: each pins an inode, and kernels before Linux 5.13 allow no more.
const DIRECTORIES: usize = 8192;

/// The reason against a watch of a whole overlay.
const NOT_LASTING: &str = "an overlay without nfs_export";

/// A file system, and its kind of watch.
pub(super) struct FileSystem {
    /// `st_dev` of its files.
    pub(super) device: u64,
    /// A directory in it, which names it in messages.
    pub(super) place: PathBuf,
    fanotify: Fanotify,
    /// The root, which marks are relative to: their paths are absolute.
    here: fs::File,
    /// The source of names for removed directories.
    removed: Option<RemovedDirectories>,
    pub(super) paths: DirectoryPaths,
    /// The success of a watch on the whole file system, or the reason against it.
    pub(super) whole: Result<(), String>,
    /// True if only homes are wanted of it.
    pub(super) is_for_homes: bool,
    /// True if it is not mounted any more. Its last events are still to be read.
    pub(super) is_gone: bool,
    /// True if attributes are watched in the whole file system, too.
    are_attributes_whole: bool,
    pub(super) marked: usize,
    /// Events in directories whose names are gone.
    pending: Pending<Nameless>,
}

/// An event without its path.
struct Nameless {
    directory: Handle,
    name: Vec<u8>,
    itself: Option<Handle>,
    mask: u64,
    pid: u32,
}

impl FileSystem {
    /// Watches the file system that a directory is in.
    pub(super) fn begin(directory: &Path, device: u64) -> io::Result<FileSystem> {
        let is_lasting = has_lasting_handles(directory);
        let unlimited = flags() | InitFlags::FAN_UNLIMITED_QUEUE;
        let removed = match is_lasting {
            true => RemovedDirectories::begin(directory, unlimited).ok(),
            false => None,
        };
        let fanotify = begin(removed.is_none())?;
        let paths = DirectoryPaths::of(directory, device);
        let here = fs::File::open("/")?;
        let marks = MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_FILESYSTEM;
        let whole = match is_lasting {
            true => fanotify
                .mark(marks, entries(), &here, Some(directory))
                .map_err(|error| error.to_string()),
            false => Err(NOT_LASTING.to_owned()),
        };
        Ok(FileSystem {
            device,
            place: directory.to_owned(),
            fanotify,
            here,
            removed,
            paths,
            whole,
            is_for_homes: false,
            is_gone: false,
            are_attributes_whole: false,
            marked: 0,
            pending: Pending::new(),
        })
    }

    /// Watches single directories of a file system. Actions elsewhere in it cost nothing, and it
    /// can be unmounted.
    pub(super) fn begin_for_homes(directory: &Path, device: u64) -> io::Result<FileSystem> {
        Ok(FileSystem {
            device,
            place: directory.to_owned(),
            fanotify: begin(true)?,
            here: fs::File::open("/")?,
            removed: None,
            paths: DirectoryPaths::of(directory, device),
            whole: Err("only .ssh in homes is watched".to_owned()),
            is_for_homes: true,
            is_gone: false,
            are_attributes_whole: false,
            marked: 0,
            pending: Pending::new(),
        })
    }

    /// Watches a file system without a root as a whole. It can be unmounted.
    pub(super) fn begin_elsewhere(point: &Path, device: u64) -> Result<FileSystem, String> {
        if !has_lasting_handles(point) {
            return Err(NOT_LASTING.to_owned());
        }
        let in_words = |error: io::Error| error.to_string();
        let unlimited = flags() | InitFlags::FAN_UNLIMITED_QUEUE;
        let removed = RemovedDirectories::begin(point, unlimited).ok();
        let fanotify = begin(removed.is_none()).map_err(in_words)?;
        let here = fs::File::open("/").map_err(in_words)?;
        let marks = MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_FILESYSTEM;
        fanotify
            .mark(marks, entries(), &here, Some(point))
            .map_err(|error| error.to_string())?;
        Ok(FileSystem {
            device,
            place: point.to_owned(),
            fanotify,
            here,
            removed,
            paths: DirectoryPaths::of(point, device),
            whole: Ok(()),
            is_for_homes: false,
            is_gone: false,
            are_attributes_whole: false,
            marked: 0,
            pending: Pending::new(),
        })
    }

    /// Marks a directory outside of the roots for attributes. Such marks have a limit of their own.
    pub(super) fn mark_attributes_elsewhere(&self, directory: &Path) -> io::Result<()> {
        if self.whole.is_err() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        if self.are_attributes_whole {
            return Ok(());
        }
        let flags =
            MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_ONLYDIR | MarkFlags::FAN_MARK_DONT_FOLLOW;
        let mask = attributes() | MaskFlags::FAN_EVENT_ON_CHILD;
        Ok(self
            .fanotify
            .mark(flags, mask, &self.here, Some(directory))?)
    }

    /// Returns the path of an event. An event in a removed directory waits for the removal's own
    /// event.
    pub(super) fn path(&mut self, event: RawEvent<'_>) -> Option<PathBuf> {
        let directory = event.handle?;
        let (paths, itself) = (&mut self.paths, event.itself.as_ref());
        let path = named(paths, &directory, event.name, itself, event.mask);
        if path.is_none() {
            self.pending.add(Nameless {
                directory,
                name: event.name.to_vec(),
                itself: event.itself,
                mask: event.mask,
                pid: event.pid,
            });
        }
        path
    }

    /// Returns pending events that have a path by now, each with its mask and process, in their
    /// order. The caller must have read all events before.
    pub(super) fn take_named(&mut self, buffer: &mut [u8]) -> Vec<(PathBuf, u64, u32)> {
        if let Some(removed) = &mut self.removed {
            removed.learn(&mut self.paths, buffer);
        }
        let FileSystem { paths, pending, .. } = self;
        pending.retry(|it| {
            let path = named(paths, &it.directory, &it.name, it.itself.as_ref(), it.mask)?;
            Some((path, it.mask, it.pid))
        })
    }

    /// Watches one directory: its attributes, and all else unless the whole file system is watched.
    pub(super) fn mark(&mut self, directory: &Path) -> io::Result<()> {
        if self.whole.is_ok() {
            return self.mark_attributes(directory);
        }
        let key = handle(directory)?;
        self.mark_one(entries() | attributes(), directory)?;
        self.paths.learn(key, directory.to_owned());
        Ok(())
    }

    /// Marks a directory for attributes. An unpacker sets time, owner and permissions of each new
    /// file and pays for each event, so only older directories are marked.
    fn mark_attributes(&mut self, directory: &Path) -> io::Result<()> {
        if self.are_attributes_whole {
            return Ok(());
        }
        if self.marked >= DIRECTORIES {
            return self.widen();
        }
        match self.mark_one(attributes(), directory) {
            Err(error) if !is_missing(&error) => self.widen(),
            done => done,
        }
    }

    fn mark_one(&mut self, mask: MaskFlags, directory: &Path) -> io::Result<()> {
        // A link put in its place since then means another directory.
        let flags =
            MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_ONLYDIR | MarkFlags::FAN_MARK_DONT_FOLLOW;
        let mask = mask | MaskFlags::FAN_EVENT_ON_CHILD;
        self.fanotify
            .mark(flags, mask, &self.here, Some(directory))?;
        self.marked += 1;
        Ok(())
    }

    /// Watches entries of one directory, but no writes to its files. In a home or /dev writes are
    /// many and unwanted.
    pub(super) fn mark_ancestor(&mut self, directory: &Path) -> io::Result<()> {
        let key = handle(directory)?;
        let flags = MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_DONT_FOLLOW;
        let mask = entries() & !MaskFlags::FAN_CLOSE_WRITE;
        self.fanotify
            .mark(flags, mask, &self.here, Some(directory))?;
        self.paths.learn(key, directory.to_owned());
        Ok(())
    }

    /// Watches attributes everywhere, and drops the marks of single directories.
    fn widen(&mut self) -> io::Result<()> {
        let whole = MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_FILESYSTEM;
        let place = Some(self.place.as_path());
        self.fanotify
            .mark(whole, entries() | attributes(), &self.here, place)?;
        self.are_attributes_whole = true;
        let none = MaskFlags::empty();
        self.fanotify
            .mark(MarkFlags::FAN_MARK_FLUSH, none, &self.here, place)?;
        Ok(())
    }

    /// Marks all directories below one, within its file system.
    pub(super) fn mark_all(&mut self, directory: &Path) -> io::Result<()> {
        use std::os::unix::fs::MetadataExt;
        let mut pending: Vec<PathBuf> = vec![directory.to_owned()];
        while let Some(directory) = pending.pop() {
            if self.are_attributes_whole {
                return Ok(());
            }
            if self.whole.is_err() && self.marked >= DIRECTORIES {
                return Err(io::Error::other(format!(
                    "more than {DIRECTORIES} directories"
                )));
            }
            match self.mark(&directory) {
                // Names come and go during the read.
                Err(error) if self.whole.is_ok() && is_missing(&error) => continue,
                done => done?,
            }
            let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
            pending.extend(entries.filter_map(|entry| {
                let is_below =
                    entry.file_type().ok()?.is_dir() && entry.metadata().ok()?.dev() == self.device;
                is_below.then(|| entry.path())
            }));
        }
        Ok(())
    }

    /// Reads pending events, as many as fit.
    pub(super) fn read<'a>(&self, buffer: &'a mut [u8]) -> &'a [u8] {
        read(&self.fanotify, buffer)
    }
}

/// Returns the path of a name in a directory. A removed directory is remembered by its handle,
/// where the event has one.
fn named(
    paths: &mut DirectoryPaths,
    directory: &Handle,
    name: &[u8],
    itself: Option<&Handle>,
    mask: u64,
) -> Option<PathBuf> {
    let above = paths.find(directory)?;
    let path = match name {
        // An action on the directory itself, while its parent is not marked.
        b"." => above.to_owned(),
        name => above.join(OsStr::from_bytes(name)),
    };
    let is_removed = mask & libc::FAN_ONDIR != 0 && mask & libc::FAN_DELETE != 0;
    if let Some(itself) = itself.filter(|_| is_removed) {
        paths.learn(itself.clone(), path.clone());
    }
    Some(path)
}

fn flags() -> InitFlags {
    InitFlags::FAN_CLOEXEC
        | InitFlags::FAN_NONBLOCK
        | InitFlags::FAN_CLASS_NOTIF
        | InitFlags::from_bits_retain(libc::FAN_REPORT_DFID_NAME)
}

/// Opens a fanotify group. Since Linux 5.17 events can include the handle of their object.
fn begin(reports_handles: bool) -> io::Result<Fanotify> {
    // Unpacking an archive makes events faster than any reader takes them. A user without the right
    // to an unlimited queue cannot watch whole file systems either, so a short queue is enough.
    let unlimited = flags() | InitFlags::FAN_UNLIMITED_QUEUE;
    let target = match reports_handles {
        false => InitFlags::empty(),
        true => InitFlags::from_bits_retain(libc::FAN_REPORT_DFID_NAME_TARGET),
    };
    Ok(Fanotify::init(unlimited | target, EventFFlags::O_RDONLY)
        .or_else(|_| Fanotify::init(unlimited, EventFFlags::O_RDONLY))
        .or_else(|_| Fanotify::init(flags(), EventFFlags::O_RDONLY))?)
}

/// Checks whether directories keep their handles. On an overlay the first write into a directory
/// changes its handle, and later events have no name; an exported overlay is exempt.
fn has_lasting_handles(directory: &Path) -> bool {
    const OVERLAY: i64 = 0x794c_7630;
    let Ok(system) = statfs(directory) else {
        return false;
    };
    if system.f_type != OVERLAY {
        return true;
    }
    let text = fs::read(mounts::OWN).unwrap_or_default();
    // The mount with the longest point above the directory.
    let mount = mounts::mounts(&text)
        .filter(|mount| directory.starts_with(OsStr::from_bytes(&mount.point)))
        .max_by_key(|mount| mount.point.len());
    mount.is_some_and(|mount| mount.has_option(b"nfs_export=on"))
}

fn entries() -> MaskFlags {
    MaskFlags::FAN_CREATE
        | MaskFlags::FAN_CLOSE_WRITE
        | MaskFlags::FAN_MOVED_TO
        | MaskFlags::FAN_MOVED_FROM
        | MaskFlags::FAN_DELETE
        | MaskFlags::FAN_ONDIR
}

fn attributes() -> MaskFlags {
    MaskFlags::FAN_ATTRIB | MaskFlags::FAN_ONDIR
}
