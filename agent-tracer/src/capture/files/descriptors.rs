//! Lists the open descriptors of processes from /proc (proc_pid_fd(5)). It opens none of their
//! files.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::libc;

/// Time limit for one pass over all descriptors: there may be hundreds of thousands, and the user
/// is waiting.
const SEARCH: Duration = Duration::from_millis(500);

/// An open descriptor of a process.
pub(in crate::capture) struct Descriptor {
    pub(in crate::capture) pid: u32,
    /// Its path in `/proc/PID/fd`.
    path: PathBuf,
    /// The target of that link.
    pub(in crate::capture) target: PathBuf,
}

/// Iterates over the descriptors of all processes, until the time limit.
pub(in crate::capture) fn all() -> impl Iterator<Item = Descriptor> {
    let deadline = Instant::now() + SEARCH;
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .take_while(move |_| Instant::now() <= deadline)
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .flat_map(|(pid, process)| {
            let descriptors = fs::read_dir(process.join("fd"));
            let descriptors = descriptors.into_iter().flatten().flatten();
            descriptors.filter_map(move |entry| {
                let path = entry.path();
                let target = fs::read_link(&path).ok()?;
                Some(Descriptor { pid, path, target })
            })
        })
}

/// Returns the processes that have one of these files open for writing, once per file.
pub fn writers(files: &BTreeSet<PathBuf>) -> BTreeSet<(u32, PathBuf)> {
    if files.is_empty() {
        return BTreeSet::new();
    }
    let writes = |Descriptor { path, target, .. }: &Descriptor| {
        files.contains(target) && is_for_writing(path) && is_same(path, target)
    };
    all()
        .filter(writes)
        .map(|descriptor| (descriptor.pid, descriptor.target))
        .collect()
}

/// Reads the flags of open(2) from `/proc/PID/fdinfo/FD`, where they are octal.
fn is_for_writing(descriptor: &Path) -> bool {
    let (Some(process), Some(number)) = (
        descriptor.parent().and_then(Path::parent),
        descriptor.file_name(),
    ) else {
        return false;
    };
    let fdinfo = fs::read_to_string(process.join("fdinfo").join(number)).unwrap_or_default();
    let flags = fdinfo.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|octal| i32::from_str_radix(octal.trim(), 8).ok());
    flags.is_some_and(|flags| flags & libc::O_ACCMODE != libc::O_RDONLY)
}

/// Compares the open file with the named one: a process with another root may mean another file.
fn is_same(descriptor: &Path, path: &Path) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let (Ok(open), Ok(named)) = (fs::metadata(descriptor), fs::symlink_metadata(path)) else {
        return false;
    };
    identity(open) == identity(named)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};

    use super::*;

    #[test]
    fn writers_are_those_who_could_write() {
        let place = tempfile::tempdir().expect("a directory");
        let place = fs::canonicalize(place.path()).expect("its name");
        let (read, written) = (place.join("read"), place.join("written"));
        fs::write(&read, "").expect("a file");
        let _reader = File::open(&read).expect("a reader");
        let _writer = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&written)
            .expect("a writer");
        let files = BTreeSet::from([read, written.clone()]);
        let own = std::process::id();
        assert_eq!(writers(&files), BTreeSet::from([(own, written)]));
        assert_eq!(writers(&BTreeSet::new()), BTreeSet::new());
    }
}
