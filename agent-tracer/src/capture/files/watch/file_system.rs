//! One file system under fanotify(7): as a whole where it allows that, else directory by directory. Of attributes it is told
//! directory by directory in either case, as long as there are not too many.

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
use crate::capture::{files::homes::is_missing, mounts};

/// Directories that are marked one by one at most: each pins an inode, and before Linux 5.13 the kernel allows no more.
const DIRECTORIES: usize = 8192;

/// A file system, and how it is watched.
pub(super) struct FileSystem {
    /// `st_dev` of its files.
    pub(super) device: u64,
    /// A directory of it, to call it by.
    pub(super) place: PathBuf,
    fanotify: Fanotify,
    /// The root, which marks are relative to: their paths are absolute.
    here: fs::File,
    /// Where the names of directories that are gone come from.
    removed: Option<RemovedDirectories>,
    pub(super) paths: DirectoryPaths,
    /// Whether the whole of it is watched; else why not.
    pub(super) whole: Result<(), String>,
    /// Whether nothing is wanted of it but what is in homes.
    pub(super) is_for_homes: bool,
    /// Whether attributes are told of in the whole of it, too.
    are_attributes_whole: bool,
    pub(super) marked: usize,
    /// What happened in directories that had no name any more.
    pending: Pending<Nameless>,
}

/// Something that happened, without the path.
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
        let paths = DirectoryPaths::of(directory)?;
        let here = fs::File::open("/")?;
        let marks = MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_FILESYSTEM;
        let whole = match is_lasting {
            true => fanotify
                .mark(marks, entries(), &here, Some(directory))
                .map_err(|error| error.to_string()),
            false => Err("an overlay without nfs_export".to_owned()),
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
            are_attributes_whole: false,
            marked: 0,
            pending: Pending::new(),
        })
    }

    /// Watches single directories of a file system of which nothing else is wanted: what is done elsewhere in it costs
    /// nothing, and it can be unmounted.
    pub(super) fn begin_for_homes(directory: &Path, device: u64) -> io::Result<FileSystem> {
        Ok(FileSystem {
            device,
            place: directory.to_owned(),
            fanotify: begin(true)?,
            here: fs::File::open("/")?,
            removed: None,
            paths: DirectoryPaths::without_hold(directory),
            whole: Err("nothing is wanted of it but .ssh in homes".to_owned()),
            is_for_homes: true,
            are_attributes_whole: false,
            marked: 0,
            pending: Pending::new(),
        })
    }

    /// The path of what an event is of. One in a directory that is gone waits for the event that tells of that.
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

    /// What has waited and has a path now, each with its mask and process, in the order in which it happened. To be asked
    /// for when nothing more is to be read.
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

    /// Watches one directory: what is done in it to attributes, and all else where the file system is not watched as a whole.
    pub(super) fn mark(&mut self, directory: &Path) -> io::Result<()> {
        if self.whole.is_ok() {
            return self.mark_attributes(directory);
        }
        let key = handle(directory)?;
        self.mark_one(entries() | attributes(), directory)?;
        self.paths.learn(key, directory.to_owned());
        Ok(())
    }

    /// An unpacker sets time, owner and permissions of each file that it makes, and pays for being told of: so they are told
    /// of where files were before.
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
        // Whoever has put a link in its place since means another.
        let flags =
            MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_ONLYDIR | MarkFlags::FAN_MARK_DONT_FOLLOW;
        let mask = mask | MaskFlags::FAN_EVENT_ON_CHILD;
        self.fanotify
            .mark(flags, mask, &self.here, Some(directory))?;
        self.marked += 1;
        Ok(())
    }

    /// Watches for what comes and goes in one directory, and not for what is done to files in it: of a home, or /dev, that
    /// is much, and is not wanted.
    pub(super) fn mark_ancestor(&mut self, directory: &Path) -> io::Result<()> {
        let key = handle(directory)?;
        let flags = MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_DONT_FOLLOW;
        let mask = entries() & !MaskFlags::FAN_CLOSE_WRITE;
        self.fanotify
            .mark(flags, mask, &self.here, Some(directory))?;
        self.paths.learn(key, directory.to_owned());
        Ok(())
    }

    /// Is told of attributes everywhere, and lets go of single directories.
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

    /// The same for all directories below it, of the same file system.
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
                // Its names come and go while they are read.
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

    /// Reads what happened since, as much as fits.
    pub(super) fn read<'a>(&self, buffer: &'a mut [u8]) -> &'a [u8] {
        read(&self.fanotify, buffer)
    }
}

/// The path of what has a name in a directory. What is removed is remembered by its handle, where that is told.
fn named(
    paths: &mut DirectoryPaths,
    directory: &Handle,
    name: &[u8],
    itself: Option<&Handle>,
    mask: u64,
) -> Option<PathBuf> {
    let above = paths.find(directory)?;
    let path = match name {
        // What is done to a directory itself, when the one above is not marked.
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

/// Since Linux 5.17 all events can tell the handle of what they happened to, too.
fn begin(reports_handles: bool) -> io::Result<Fanotify> {
    // The unpacking of an archive makes events faster than any reader takes them. Whoever may not have an unlimited
    // queue may not watch whole file systems either, and gets by with a short one.
    let unlimited = flags() | InitFlags::FAN_UNLIMITED_QUEUE;
    let target = match reports_handles {
        false => InitFlags::empty(),
        true => InitFlags::from_bits_retain(libc::FAN_REPORT_DFID_NAME_TARGET),
    };
    Ok(Fanotify::init(unlimited | target, EventFFlags::O_RDONLY)
        .or_else(|_| Fanotify::init(unlimited, EventFFlags::O_RDONLY))
        .or_else(|_| Fanotify::init(flags(), EventFFlags::O_RDONLY))?)
}

/// A directory of an overlay gets another handle when something is first written into it, and from then on is told of
/// without a name; unless the overlay is made to be exported.
fn has_lasting_handles(directory: &Path) -> bool {
    const OVERLAY: i64 = 0x794c_7630;
    let Ok(system) = statfs(directory) else {
        return false;
    };
    if system.f_type != OVERLAY {
        return true;
    }
    let text = fs::read(mounts::OWN).unwrap_or_default();
    // The mount with the longest place that it is below.
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
