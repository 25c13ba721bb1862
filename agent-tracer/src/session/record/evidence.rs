//! Compares the file at the path of a trace with the trace as written, when a recording ends. The
//! recorded command may have removed, replaced or changed the file.
//!
//! A trace that only lost its path is saved under another name. No other file is changed for that.

use std::{
    fs::{File, Metadata},
    io::{self, Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{
            ffi::OsStrExt,
            fs::{FileExt, FileTypeExt, MetadataExt, PermissionsExt, fchown},
        },
    },
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, open, openat},
    sys::stat::{Mode, fstat},
};

use crate::trace::{Digest, Finished, WriteFailure};

/// Limit of names to try for a saved trace.
const NAMES: usize = 9;

/// Bytes to copy at a time.
const STEP: usize = 256 << 10;

/// Reasons why the file at the path is not the complete trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceFailure {
    /// Writing failed.
    #[error(transparent)]
    Write(#[from] WriteFailure),
    /// Something else is at the path. The trace is safe.
    #[error(
        "cannot keep the trace at {}: {found}; all of it is saved in {}\nhint: use that file: \
         what stands at the path proves nothing",
        .path.display(), .saved.display()
    )]
    Displaced {
        /// The path of the trace.
        path: PathBuf,
        /// The present state of the path.
        found: Found,
        /// The new path of the trace.
        saved: PathBuf,
        /// Size and digest of the trace.
        finished: Finished,
    },
    /// Something else is at the path, and the trace cannot be saved.
    #[error(
        "cannot keep the trace at {}: {found}, and it cannot be saved: {source}",
        .path.display()
    )]
    Unsaved {
        /// The path of the trace.
        path: PathBuf,
        /// The present state of the path.
        found: Found,
        /// The error of the attempt to save it.
        source: io::Error,
    },
    /// Its bytes are not the written ones.
    #[error(
        "cannot keep the trace at {}: it was truncated or changed while it was recorded\n\
         hint: record again, with -o in a place that the command does not reach",
        .path.display()
    )]
    Changed {
        /// The path of the trace.
        path: PathBuf,
    },
    /// The writer is gone.
    #[error("the trace was closed already")]
    NotBegun,
    /// It cannot be read back, so nothing is known of its bytes.
    #[error("cannot read back the trace at {}: {source}", .path.display())]
    Unreadable {
        /// The path of the trace.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// States of the path of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It leads to the trace, with the written length.
    Itself,
    /// It leads to the trace, with more bytes behind its end.
    Appended,
    /// It leads nowhere.
    Nothing,
    /// It leads to something else.
    Other(&'static str),
}

impl std::fmt::Display for Found {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Found::Itself => formatter.write_str("it is there"),
            Found::Appended => formatter.write_str("something was appended to it"),
            Found::Nothing => formatter.write_str("it was removed or moved away"),
            Found::Other(kind) => write!(formatter, "{kind} is in its place"),
        }
    }
}

/// Repairs to a complete trace that was open to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mended {
    /// Its mode was this one, and is private again.
    Mode(u32),
    /// This user owned it, and the former owner has it back.
    Owner(u32),
    /// It has this many other names, which stay.
    Links(u64),
}

/// A trace file and its directory, as of the begin of the recording.
pub(super) struct Evidence {
    file: File,
    path: PathBuf,
    /// Directories to save it in: its own, and one for temporary files.
    directories: Vec<(OwnedFd, PathBuf)>,
    user: u32,
    group: u32,
}

impl Evidence {
    /// Keeps a newly created file and its directory open.
    pub(super) fn hold(file: &File, path: &Path) -> io::Result<Evidence> {
        let own = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            Some(_) | None => PathBuf::from("."),
        };
        let directories = [own, std::env::temp_dir()].into_iter().filter_map(|path| {
            let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
            Some((open(&path, flags, Mode::empty()).ok()?, path))
        });
        let metadata = file.metadata()?;
        Ok(Evidence {
            file: file.try_clone()?,
            path: path.to_path_buf(),
            directories: directories.collect(),
            user: metadata.uid(),
            group: metadata.gid(),
        })
    }

    /// Checks the finished trace, and saves it if it lost its path.
    pub(super) fn check(&self, finished: &Finished) -> Result<Vec<Mended>, TraceFailure> {
        let path = || self.path.clone();
        let unreadable = |source| TraceFailure::Unreadable {
            path: path(),
            source,
        };
        let metadata = self.file.metadata().map_err(unreadable)?;
        // The open file, and not the one at the path, which the command may have chosen.
        let written = At::start(&self.file).take(finished.bytes);
        if Digest::of(written).map_err(unreadable)? != finished.digest {
            return Err(TraceFailure::Changed { path: path() });
        }
        match self.found(&metadata, finished.bytes) {
            Found::Itself => self.mend(&metadata).map_err(unreadable),
            found @ (Found::Appended | Found::Nothing | Found::Other(_)) => {
                Err(match self.save(finished) {
                    Ok(saved) => TraceFailure::Displaced {
                        path: path(),
                        found,
                        saved,
                        finished: *finished,
                    },
                    Err(source) => TraceFailure::Unsaved {
                        path: path(),
                        found,
                        source,
                    },
                })
            }
        }
    }

    fn found(&self, own: &Metadata, length: u64) -> Found {
        let Ok(there) = self.path.symlink_metadata() else {
            return Found::Nothing;
        };
        if (there.dev(), there.ino()) == (own.dev(), own.ino()) {
            return match own.len() == length {
                true => Found::Itself,
                false => Found::Appended,
            };
        }
        let kind = there.file_type();
        Found::Other(match () {
            () if kind.is_symlink() => "a symbolic link",
            () if kind.is_dir() => "a directory",
            () if kind.is_fifo() => "a pipe",
            () if kind.is_file() => "another file",
            () => "a device or socket",
        })
    }

    /// Makes the file private again.
    fn mend(&self, metadata: &Metadata) -> io::Result<Vec<Mended>> {
        let mut mended = Vec::new();
        let mode = metadata.mode() & 0o7777;
        if (metadata.uid(), metadata.gid()) != (self.user, self.group) {
            fchown(&self.file, Some(self.user), Some(self.group))?;
            mended.push(Mended::Owner(metadata.uid()));
        }
        if mode != 0o600 {
            self.file
                .set_permissions(std::fs::Permissions::from_mode(0o600))?;
            mended.push(Mended::Mode(mode));
        }
        if metadata.nlink() > 1 {
            mended.push(Mended::Links(metadata.nlink() - 1));
        }
        Ok(mended)
    }

    /// Copies the open file to a new one, in a directory that is still at its path.
    fn save(&self, finished: &Finished) -> io::Result<PathBuf> {
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for (directory, path) in &self.directories {
            match self.save_in(directory, path, finished) {
                Ok(saved) => return Ok(saved),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn save_in(
        &self,
        directory: &OwnedFd,
        path: &Path,
        finished: &Finished,
    ) -> io::Result<PathBuf> {
        let held = fstat(directory)?;
        let there = path.metadata()?;
        if (there.dev(), there.ino()) != (held.st_dev, held.st_ino) {
            return Err(io::Error::other("its directory was moved or covered"));
        }
        let own = self.path.file_name().unwrap_or_default();
        for number in 1..=NAMES {
            let mut name = own.to_owned();
            name.push(match number {
                1 => ".recovered".to_owned(),
                more => format!(".recovered-{more}"),
            });
            // Never an existing file or link.
            let flags = OFlag::O_RDWR
                | OFlag::O_CREAT
                | OFlag::O_EXCL
                | OFlag::O_NOFOLLOW
                | OFlag::O_CLOEXEC;
            match openat(
                directory.as_fd(),
                name.as_os_str(),
                flags,
                Mode::from_bits_truncate(0o600),
            ) {
                Ok(copy) => {
                    self.copy(File::from(copy), finished)?;
                    return Ok(path.join(std::ffi::OsStr::from_bytes(name.as_bytes())));
                }
                Err(Errno::EEXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists))
    }

    fn copy(&self, mut copy: File, finished: &Finished) -> io::Result<()> {
        let mut rest = At::start(&self.file).take(finished.bytes);
        let mut buffer = vec![0; STEP];
        loop {
            match rest.read(&mut buffer)? {
                0 => break,
                count => copy.write_all(buffer.get(..count).unwrap_or_default())?,
            }
        }
        let metadata = copy.metadata()?;
        if (metadata.uid(), metadata.gid()) != (self.user, self.group) {
            fchown(&copy, Some(self.user), Some(self.group))?;
        }
        match Digest::of(At::start(&copy))? == finished.digest {
            true => Ok(()),
            false => Err(io::Error::other("it changes while it is saved")),
        }
    }
}

/// Reads a file from its start, without its own position.
struct At<'a> {
    file: &'a File,
    offset: u64,
}

impl At<'_> {
    fn start(file: &File) -> At<'_> {
        At { file, offset: 0 }
    }
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}
