//! Opens files whose names others may choose, but only regular ones. Opening a FIFO waits for its
//! other end; opening a device may trigger an action. Reading is left to the caller.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::Path,
};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};

/// Opens a file, or the target of a link.
///
/// # Errors
///
/// The file is missing or not regular, or open(2) fails.
pub(in crate::capture) fn open(path: &Path) -> io::Result<File> {
    reopen(&openat(CWD, path, place(), Mode::empty())?)
}

/// Opens a file, but no link.
///
/// # Errors
///
/// As [`open`].
pub(in crate::capture) fn open_no_follow(path: &Path) -> io::Result<File> {
    reopen(&openat(
        CWD,
        path,
        place() | OFlags::NOFOLLOW,
        Mode::empty(),
    )?)
}

/// Opens a file below the root directory of a process, with all links resolved in that root
/// (openat2(2), since Linux 5.6).
///
/// # Errors
///
/// As [`open`].
pub(in crate::capture) fn open_in_root_of(pid: u32, path: &Path) -> io::Result<File> {
    let root = openat(CWD, format!("/proc/{pid}/root"), place(), Mode::empty())?;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    reopen(&openat2(root, path, place(), Mode::empty(), resolve)?)
}

/// Reads a file up to a limit.
///
/// # Errors
///
/// As [`open`], and those of read(2).
pub(in crate::capture) fn read(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the flags that locate a file without opening it.
fn place() -> OFlags {
    OFlags::PATH | OFlags::CLOEXEC
}

fn reopen(place: &OwnedFd) -> io::Result<File> {
    if FileType::from_raw_mode(fstat(place.as_fd())?.st_mode) != FileType::RegularFile {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    File::open(format!("/proc/self/fd/{}", place.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Read, os::unix::fs::symlink};

    use nix::sys::stat::Mode;

    use super::{open, open_in_root_of, open_no_follow};

    #[test]
    fn only_regular_files_are_opened() {
        let place = tempfile::tempdir().expect("a directory");
        let at = |name: &str| place.path().join(name);
        fs::write(at("file"), "text").expect("a file");
        symlink(at("file"), at("link")).expect("a link");
        nix::unistd::mkfifo(&at("pipe"), Mode::S_IRUSR).expect("a pipe");
        symlink(at("pipe"), at("link-to-pipe")).expect("a link");
        let mut text = String::new();
        let mut file = open(&at("link")).expect("what it leads to");
        file.read_to_string(&mut text).expect("its text");
        assert_eq!(text, "text");
        assert!(open_no_follow(&at("file")).is_ok());
        assert!(open_in_root_of(std::process::id(), &at("link")).is_ok());
        for refused in ["pipe", "link-to-pipe", "", "none"] {
            assert!(open(&at(refused)).is_err(), "{refused}");
            assert!(open_no_follow(&at(refused)).is_err(), "{refused}");
        }
        assert!(open_no_follow(&at("link")).is_err());
        assert!(open("/dev/zero".as_ref()).is_err());
    }
}
