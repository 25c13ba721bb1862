//! Fingerprints the directories of unit files. systemd reads all files to list their states: in an
//! emulated guest that takes longer than the rest of a short recording. With the same fingerprint,
//! its last answer still holds.

use std::{
    fs::{self, DirEntry, Metadata},
    io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::Path,
};

use sha2::{Digest, Sha256};

/// The directory of transient units. Their files are not compared, and each `systemd-run` adds one.
const TRANSIENT: &str = "/run/systemd/transient";

/// Limit of nested directories: a directory of units has `x.wants` and `x.service.d` in it.
const DEPTH: usize = 2;

/// A digest of names, inodes and times of change (`st_ctime`, which utimensat(2) cannot set). A
/// link also counts as its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp([u8; 32]);

impl Stamp {
    /// Fingerprints directories; `None` if one cannot be read.
    pub(super) fn of<'a>(directories: impl IntoIterator<Item = &'a str>) -> Option<Stamp> {
        let mut digest = Sha256::new();
        for directory in directories {
            if directory != TRANSIENT {
                add_directory(&mut digest, Path::new(directory), DEPTH).ok()?;
            }
        }
        Some(Stamp(digest.finalize().into()))
    }
}

fn add_directory(digest: &mut Sha256, path: &Path, depth: usize) -> io::Result<()> {
    add_name(digest, path.as_os_str().as_bytes());
    let files = match fs::read_dir(path) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    add_metadata(digest, &fs::metadata(path)?);
    let mut files = files.collect::<io::Result<Vec<DirEntry>>>()?;
    files.sort_unstable_by_key(DirEntry::file_name);
    for file in files {
        add_name(digest, file.file_name().as_bytes());
        let found = file.metadata()?;
        add_metadata(digest, &found);
        let target = match found.is_symlink() {
            // The target of a link may be missing.
            true => fs::metadata(file.path()).ok(),
            false => Some(found),
        };
        let Some(target) = target else {
            continue;
        };
        add_metadata(digest, &target);
        if target.is_dir() && depth > 1 {
            add_directory(digest, &file.path(), depth - 1)?;
        }
    }
    Ok(())
}

/// Adds a name, and the zero that no name contains.
fn add_name(digest: &mut Sha256, name: &[u8]) {
    digest.update(name);
    digest.update([0]);
}

fn add_metadata(digest: &mut Sha256, found: &Metadata) {
    digest.update(found.dev().to_le_bytes());
    digest.update(found.ino().to_le_bytes());
    digest.update(found.ctime().to_le_bytes());
    digest.update(found.ctime_nsec().to_le_bytes());
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, thread, time::Duration};

    use super::Stamp;

    #[test]
    fn each_kind_of_change_gives_another_stamp() {
        let place = tempfile::tempdir().expect("a directory");
        let (own, other) = (place.path().join("system"), place.path().join("opt"));
        let wants = own.join("multi-user.target.wants");
        for directory in [&own, &other, &wants] {
            fs::create_dir(directory).expect("a directory");
        }
        let unit = own.join("a.service");
        fs::write(&unit, "[Service]\n").expect("a unit");
        fs::write(other.join("b.service"), "[Service]\n").expect("a unit");
        symlink(other.join("b.service"), own.join("b.service")).expect("a link");
        let path = own.to_str().expect("text");
        let missing = place.path().join("missing");
        let stamp = || Stamp::of([path, missing.to_str().expect("text")]).expect("a stamp");
        let mut last = stamp();
        assert_eq!(last, stamp());
        let mut changed = |what: &str| {
            let now = stamp();
            assert_ne!(last, now, "{what}");
            last = now;
            // The kernel's clock of files has ticks.
            thread::sleep(Duration::from_millis(20));
        };
        symlink(&unit, wants.join("a.service")).expect("a link");
        changed("a unit is enabled");
        fs::write(&unit, "[Service]\n").expect("a unit");
        changed("a unit is written");
        fs::write(other.join("b.service"), "[Unit]").expect("a unit");
        changed("the target of a link is written");
        fs::remove_file(&unit).expect("a unit");
        changed("a unit is removed");
        fs::create_dir(&missing).expect("a directory");
        changed("a directory of units is made");
    }

    #[test]
    fn transient_units_do_not_count() {
        assert_eq!(Stamp::of(["/run/systemd/transient"]), Stamp::of([]));
    }
}
