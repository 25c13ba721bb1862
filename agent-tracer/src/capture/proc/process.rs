//! Reads facts of one process through its directory in /proc: all of them are that process's, even
//! if another gets its number meanwhile.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::fs::{CWD, Mode, OFlags, openat, readlinkat};

/// Room for a file. All but command lines usually fit, so one read gets them.
const ROOM: usize = 4096;

/// The directory of a process.
pub(in crate::capture) struct ProcessDirectory(OwnedFd);

impl ProcessDirectory {
    /// Opens the directory; `None` if there is no such process.
    pub(in crate::capture) fn open(pid: u32) -> Option<ProcessDirectory> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, format!("/proc/{pid}"), flags, Mode::empty());
        directory.ok().map(ProcessDirectory)
    }

    /// Reads a file.
    pub(in crate::capture) fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(ROOM);
        // By its own method, a file would be asked for its length, which /proc does not know.
        self.file(name)?.take(u64::MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads the start of a file, up to an error.
    pub(in crate::capture) fn read_some(&self, name: &str, limit: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ROOM);
        if let Ok(file) = self.file(name) {
            let _ = file.take(limit as u64).read_to_end(&mut bytes);
        }
        bytes
    }

    /// Returns the target of a link; empty if it cannot be read.
    pub(in crate::capture) fn link(&self, name: &str) -> Vec<u8> {
        let target = readlinkat(&self.0, name, Vec::with_capacity(ROOM));
        target.map_or_else(|_| Vec::new(), |target| target.into_bytes())
    }

    fn file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        Ok(File::from(openat(&self.0, name, flags, Mode::empty())?))
    }
}

impl AsFd for ProcessDirectory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
