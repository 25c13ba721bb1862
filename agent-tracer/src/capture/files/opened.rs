//! Reads whole files for their SHA-256, up to limits of size and time.

use std::{
    fs::{self, File, Metadata},
    io::Read,
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};

use super::{native, safe_open};
use crate::event::{FileIdentity, NativeCode};

/// Largest content that is read.
const SIZE: u64 = 256 << 20;

/// Longest time for one file.
const TIME: Duration = Duration::from_secs(10);

/// An open regular file.
pub struct OpenedFile {
    file: File,
    identity: FileIdentity,
}

impl OpenedFile {
    /// Opens a file, but no link, and none that is too large.
    pub fn open(path: &Path) -> Option<OpenedFile> {
        OpenedFile::of(safe_open::open_no_follow(path).ok()?)
    }

    /// Opens a file of any size, but no link.
    pub fn open_of_any_size(path: &Path) -> Option<OpenedFile> {
        let file = safe_open::open_no_follow(path).ok()?;
        let identity = identity(&file.metadata().ok()?);
        Some(OpenedFile { file, identity })
    }

    /// Opens the program that a process runs, if it was executed at this path.
    pub fn program_of(pid: u32, path: &Path) -> Option<OpenedFile> {
        let link = format!("/proc/{pid}/exe");
        let target = fs::read_link(&link).ok()?;
        if target != path {
            return None;
        }
        OpenedFile::of(safe_open::open(Path::new(&link)).ok()?)
    }

    fn of(file: File) -> Option<OpenedFile> {
        let metadata = file.metadata().ok()?;
        (metadata.len() <= SIZE).then(|| OpenedFile {
            identity: identity(&metadata),
            file,
        })
    }

    /// Returns the file and its state when it was opened.
    pub fn identity(&self) -> FileIdentity {
        self.identity
    }

    /// Returns the regular file at a path. A link is not followed.
    pub fn identity_at(path: &Path) -> Option<FileIdentity> {
        let metadata = fs::symlink_metadata(path).ok()?;
        metadata.is_file().then(|| identity(&metadata))
    }

    /// Returns the file at a path if it has several names.
    pub fn linked_at(path: &Path) -> Option<FileIdentity> {
        let metadata = fs::symlink_metadata(path).ok()?;
        (metadata.is_file() && metadata.nlink() > 1).then(|| identity(&metadata))
    }

    /// Returns the native code in it, by its first bytes. Most files have none, and of them four
    /// bytes are read.
    pub fn native_code(&self) -> NativeCode {
        let mut magic = [0; 4];
        let is_native = self.file.read_exact_at(&mut magic, 0).is_ok();
        if !is_native || magic != object::elf::ELFMAG {
            return NativeCode::None;
        }
        let mut first = vec![0; native::FIRST];
        let length = self.file.read_at(&mut first, 0).unwrap_or(0);
        native::native_code(first.get(..length).unwrap_or_default())
    }

    /// Reads the content. Returns none if it is too large, or if the read fails, takes too long, or
    /// the file changes meanwhile.
    pub fn sha256(mut self) -> Option<Vec<u8>> {
        if self.identity.size > SIZE {
            return None;
        }
        let until = Instant::now() + TIME;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 128 << 10];
        let mut left = SIZE;
        loop {
            let length = self.file.read(&mut buffer).ok()?;
            if length == 0 {
                break;
            }
            left = left.checked_sub(length as u64)?;
            if Instant::now() >= until {
                return None;
            }
            hash.update(buffer.get(..length)?);
        }
        let now = identity(&self.file.metadata().ok()?);
        (now == self.identity).then(|| hash.finalize().to_vec())
    }
}

fn identity(metadata: &Metadata) -> FileIdentity {
    const SECOND: i64 = 1_000_000_000;
    let seconds = metadata.mtime().saturating_mul(SECOND);
    FileIdentity {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.size(),
        modified_ns: seconds.saturating_add(metadata.mtime_nsec()),
    }
}
