//! Creates the file of a recording. A trace contains the arguments of programs, so the file is
//! private from its first byte.
//!
//! It never follows a symbolic link, and replaces a file only on request. The file is removed if
//! nothing was recorded.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Errors that prevent the creation of a trace file.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The file exists, and replacing it was not asked for.
    #[error(
        "cannot create {}: it exists\n\
         hint: choose another name, or add --force to overwrite it",
        .0.display()
    )]
    Exists(PathBuf),
    /// The name is that of a symbolic link.
    #[error(
        "cannot create {}: it is a symbolic link, and a trace is not written through one\n\
         hint: choose another name",
        .0.display()
    )]
    Symlink(PathBuf),
    /// The name is that of a directory.
    #[error("cannot create {}: it is a directory\nhint: name a file in it with -o", .0.display())]
    Directory(PathBuf),
    /// The name is that of a device, a pipe or a socket.
    #[error(
        "cannot create {}: it is not a regular file\nhint: choose another name",
        .0.display()
    )]
    NotRegular(PathBuf),
    /// The directory does not exist.
    #[error(
        "cannot create {}: there is no directory {}\nhint: create it, or choose another with -o",
        .file.display(), .directory.display()
    )]
    NoDirectory {
        /// The file.
        file: PathBuf,
        /// Its directory.
        directory: PathBuf,
    },
    /// The directory does not let this user create files.
    #[error(
        "cannot create {}: permission denied\n\
         hint: choose a directory that you may write to with -o",
        .0.display()
    )]
    Permission(PathBuf),
    /// The file system is read-only.
    #[error(
        "cannot create {}: the file system is read-only\nhint: choose another with -o",
        .0.display()
    )]
    ReadOnly(PathBuf),
    /// The owner of the new file cannot be changed, and the file was removed again.
    #[error(
        "cannot give {} to user {user}: {source}\nhint: choose a local disk with -o",
        .file.display()
    )]
    Owner {
        /// The file.
        file: PathBuf,
        /// The intended owner.
        user: u32,
        /// The system's error.
        source: io::Error,
    },
    /// Another error.
    #[error("cannot create {}: {source}\nhint: choose another place with -o", .file.display())]
    Other {
        /// The file.
        file: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// A new file, which is removed on drop unless it is kept.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    /// Its present path. It differs from the final one as long as the file to be replaced exists.
    place: PathBuf,
    path: PathBuf,
    is_kept: bool,
}

impl NewFile {
    /// Creates `path` anew, with mode 0600, for writing and reading.
    ///
    /// With `overwrite`, [`NewFile::publish`] replaces a regular file of that name. That file is
    /// not truncated and reused: its other names and open descriptors would get the trace.
    ///
    /// `owner` is the user and the group to give the file to: the caller of sudo. Systems without
    /// modes and owners ignore it.
    pub fn create(
        path: &Path,
        overwrite: bool,
        owner: Option<(u32, u32)>,
    ) -> Result<NewFile, CreateError> {
        let place = match (replaces(path, overwrite)?, path.file_name()) {
            (true, Some(name)) => {
                let mut hidden = std::ffi::OsString::from(".");
                hidden.push(name);
                hidden.push(format!(".{}.part", std::process::id()));
                path.with_file_name(hidden)
            }
            (true, None) | (false, _) => path.to_path_buf(),
        };
        // The checks above are for the messages. O_EXCL decides: it fails for anything that is
        // there by now, even a link.
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600).custom_flags(libc::O_NOFOLLOW);
        }
        let file = options.open(&place).map_err(|error| explain(path, error))?;
        let new = NewFile {
            file,
            place,
            path: path.to_path_buf(),
            is_kept: false,
        };
        if let Some((user, group)) = owner
            && let Err(source) = give(&new.file, user, group)
        {
            return Err(CreateError::Owner {
                file: path.into(),
                user,
                source,
            });
        }
        Ok(new)
    }

    /// Returns the open file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Moves the file to its final path, in place of an older file. It still needs
    /// [`NewFile::keep`].
    ///
    /// # Errors
    ///
    /// The directory does not allow it any more.
    pub fn publish(&mut self) -> Result<(), CreateError> {
        if self.place != self.path {
            std::fs::rename(&self.place, &self.path).map_err(|error| explain(&self.path, error))?;
            self.place.clone_from(&self.path);
        }
        Ok(())
    }

    /// Keeps the file on drop.
    pub fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_kept {
            // An empty file would be in the way of the next attempt.
            drop(std::fs::remove_file(&self.place));
        }
    }
}

/// True if there is a file to be replaced.
fn replaces(path: &Path, overwrite: bool) -> Result<bool, CreateError> {
    let Ok(metadata) = path.symlink_metadata() else {
        return Ok(false);
    };
    let kind = metadata.file_type();
    if kind.is_symlink() {
        Err(CreateError::Symlink(path.into()))
    } else if kind.is_dir() {
        Err(CreateError::Directory(path.into()))
    } else if !kind.is_file() {
        Err(CreateError::NotRegular(path.into()))
    } else if !overwrite {
        Err(CreateError::Exists(path.into()))
    } else {
        Ok(true)
    }
}

#[cfg(unix)]
fn give(file: &File, user: u32, group: u32) -> io::Result<()> {
    std::os::unix::fs::fchown(file, Some(user), Some(group))
}

#[cfg(not(unix))]
fn give(_file: &File, _user: u32, _group: u32) -> io::Result<()> {
    Ok(())
}

fn explain(path: &Path, error: io::Error) -> CreateError {
    let file = path.to_path_buf();
    if error.kind() == io::ErrorKind::AlreadyExists {
        CreateError::Exists(file)
    } else if error.kind() == io::ErrorKind::NotFound {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            Some(_) | None => PathBuf::from("."),
        };
        CreateError::NoDirectory { file, directory }
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        CreateError::Permission(file)
    } else if error.kind() == io::ErrorKind::ReadOnlyFilesystem {
        CreateError::ReadOnly(file)
    } else {
        CreateError::Other {
            file,
            source: error,
        }
    }
}
