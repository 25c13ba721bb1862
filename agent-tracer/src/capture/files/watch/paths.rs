//! Maps directory handles of fanotify to paths, from memory or by a question to the kernel. A
//! directory removed before the question has no path any more.

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::{
            ffi::{OsStrExt, OsStringExt},
            fs::MetadataExt,
        },
    },
    path::{Path, PathBuf},
};

use nix::{errno::Errno, libc};

use super::records::Handle;
use crate::capture::files::homes::open_directory;

/// Limit of paths kept, each some 200 bytes. Past it, all are forgotten and asked for again.
const LIMIT: usize = 32 * 1024;

/// The directories of one file system.
pub(super) struct DirectoryPaths {
    /// A directory of it, which identifies the file system to the kernel.
    place: PathBuf,
    /// The recorder's root, open, if it is in that file system. An open file elsewhere would
    /// prevent an unmount.
    mount: Option<File>,
    known: HashMap<Handle, Option<PathBuf>>,
}

impl DirectoryPaths {
    /// Maps handles of the file system that a directory is in. It must stay unmountable.
    pub(super) fn of(directory: &Path, device: u64) -> DirectoryPaths {
        let is_in = |place: &Path| fs::metadata(place).is_ok_and(|it| it.dev() == device);
        let root = Path::new("/");
        // Any directory may be removed, but not a mount point.
        let real = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
        let place = real.ancestors().take_while(|above| is_in(above)).last();
        DirectoryPaths {
            place: place.unwrap_or(&real).to_owned(),
            mount: File::open(root).ok().filter(|_| is_in(root)),
            known: HashMap::new(),
        }
    }

    /// Returns the mount point that paths begin with, or a directory on it.
    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    /// Adds a known path.
    pub(super) fn learn(&mut self, handle: Handle, directory: PathBuf) {
        self.known.insert(handle, Some(directory));
    }

    /// Forgets all paths: a renamed directory changes every path below it.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }

    /// Returns the path of a directory, if known.
    pub(super) fn find(&mut self, handle: &Handle) -> Option<&Path> {
        if self.known.len() > LIMIT {
            self.known.clear();
        }
        if !self.known.contains_key(handle) {
            let name = match &self.mount {
                Some(mount) => ask(mount, handle),
                None => {
                    open_directory(&self.place).and_then(|mount| ask(&File::from(mount), handle))
                }
            };
            self.known.insert(handle.clone(), name.ok());
        }
        self.known.get(handle)?.as_deref()
    }
}

/// Asks the kernel for the present path of a directory (open_by_handle_at(2)).
fn ask(mount: &File, (kind, bytes): &Handle) -> io::Result<PathBuf> {
    const BYTES: usize = 128; // MAX_HANDLE_SZ
    #[repr(C, align(8))]
    struct Buffer {
        bytes: u32,
        kind: i32,
        handle: [u8; BYTES],
    }
    let mut buffer = Buffer {
        bytes: u32::try_from(bytes.len()).unwrap_or(0),
        kind: *kind,
        handle: [0; BYTES],
    };
    let Some(place) = buffer.handle.get_mut(..bytes.len()) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    place.copy_from_slice(bytes);
    // SAFETY: `Buffer` begins like `struct file_handle`, and its first field is the count of bytes
    // behind it.
    let opened = unsafe {
        libc::open_by_handle_at(
            mount.as_raw_fd(),
            (&raw mut buffer).cast(),
            libc::O_PATH | libc::O_CLOEXEC,
        )
    };
    // SAFETY: the call returned a descriptor that has no other owner.
    let opened = unsafe { OwnedFd::from_raw_fd(Errno::result(opened)?) };
    let name = std::fs::read_link(format!("/proc/self/fd/{}", opened.as_raw_fd()))?;
    let name = name.into_os_string().into_vec();
    // The directory is gone; this was its name.
    let name = name.strip_suffix(b" (deleted)").unwrap_or(&name);
    if !name.starts_with(b"/") {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(PathBuf::from(std::ffi::OsStr::from_bytes(name)))
}
