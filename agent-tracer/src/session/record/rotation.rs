//! Settings and state of a recording of many segments: when the next one begins, its name, and
//! which old ones are deleted. The `rotate` module moves the recording from one to the next.

mod keep;
mod name;

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, chown},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

pub use keep::Keep;
pub(super) use keep::delete_oldest;
pub use name::{SegmentName, segments_in};

use crate::capture::During;

/// Delay before another attempt to begin a segment, after one that failed.
const AGAIN: Duration = Duration::from_secs(10);

/// Settings of a recording of many segments.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// Directory of the segments.
    pub directory: PathBuf,
    /// Size from which on the next segment begins, bytes.
    pub size: Option<u64>,
    /// Time after which the next segment begins.
    pub age: Option<Duration>,
    /// Limits of what stays.
    pub keep: Keep,
}

/// Reasons why segments cannot be written into a directory.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// It cannot be made or read.
    #[error(
        "cannot record into {}: {source}\nhint: choose another directory with -o",
        .directory.display()
    )]
    Unusable {
        /// The directory.
        directory: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The path is that of something else.
    #[error(
        "cannot record into {}: it is not a directory\n\
         hint: with --rotate, -o names a directory for the segments",
        .0.display()
    )]
    NoDirectory(PathBuf),
    /// Others could replace or remove segments.
    #[error(
        "cannot record into {}: users other than its owner may write to it\n\
         hint: chmod 700 it, or choose a directory of your own",
        .0.display()
    )]
    Shared(PathBuf),
}

impl Rotation {
    /// Makes the directory unless it is there, private to its owner, and checks it.
    ///
    /// # Errors
    ///
    /// It cannot be made, or others may write to it.
    pub fn prepare(&self, owner: Option<(u32, u32)>) -> Result<(), DirectoryError> {
        let directory = &self.directory;
        let unusable = |source| DirectoryError::Unusable {
            directory: directory.clone(),
            source,
        };
        match directory.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut builder = DirBuilder::new();
                let made = builder.recursive(true).mode(0o700).create(directory);
                made.map_err(unusable)?;
                if let Some((user, group)) = owner {
                    chown(directory, Some(user), Some(group)).map_err(unusable)?;
                }
                Ok(())
            }
            Err(error) => Err(unusable(error)),
            Ok(found) if !found.is_dir() => Err(DirectoryError::NoDirectory(directory.clone())),
            Ok(found) if found.mode() & 0o022 != 0 => {
                Err(DirectoryError::Shared(directory.clone()))
            }
            Ok(_) => Ok(()),
        }
    }

    /// Returns the path of a segment that begins now. Its name sorts behind that of `last`, also if
    /// older ones of the same second are deleted.
    pub fn next_path(&self, host: &str, last: Option<&Path>) -> PathBuf {
        let seconds = jiff::Timestamp::now().as_second();
        let last = last.and_then(|path| SegmentName::read(path.file_name()?.to_str()?, host));
        let first = first_copy(seconds, last.as_ref());
        let all = (first..first + 100).map(|copy| SegmentName::new(host, seconds, copy));
        let mut paths = all.map(|name| self.directory.join(name.to_string()));
        let first = paths.next();
        let free = |path: &PathBuf| path.symlink_metadata().is_err();
        let found = first.clone().into_iter().chain(paths).find(free);
        found.or(first).unwrap_or_default()
    }
}

/// Returns the number of the first segment of a second that can follow the last one.
fn first_copy(seconds: i64, last: Option<&SegmentName>) -> u32 {
    match last.map(SegmentName::order) {
        Some((last_s, copy)) if last_s == seconds => copy + 1,
        Some(_) | None => 0,
    }
}

/// The course of the segments so far.
pub(super) struct Course {
    pub(super) rotation: Rotation,
    /// User and group to give the files to.
    pub(super) owner: Option<(u32, u32)>,
    /// Path of the segment that is being written.
    pub(super) path: PathBuf,
    /// Begin of that segment.
    pub(super) begun: Instant,
    /// Set by SIGHUP: the next segment begins now.
    pub(super) is_asked: bool,
    /// Time of the next attempt, after a failed one.
    pub(super) not_before: Option<Instant>,
    /// Count of events that no segment has, since the last one that could be written.
    pub(super) not_written: u64,
    /// Time of the last look for segments to delete.
    pub(super) looked: Instant,
    /// Number of the segment in that look.
    pub(super) looked_in: u32,
}

impl Course {
    /// Begins with the first segment.
    pub(super) fn new(rotation: Rotation, owner: Option<(u32, u32)>, path: &Path) -> Course {
        Course {
            rotation,
            owner,
            path: path.to_owned(),
            begun: Instant::now(),
            is_asked: false,
            not_before: None,
            not_written: 0,
            looked: Instant::now(),
            looked_in: 0,
        }
    }

    /// True if the next segment is due. `length` is the size of the present one; a failed one is
    /// to be left.
    pub(super) fn is_due(&self, length: u64, has_failed: bool) -> bool {
        if self.not_before.is_some_and(|until| Instant::now() < until) {
            return false;
        }
        let Rotation { size, age, .. } = self.rotation;
        self.is_asked
            || has_failed
            || size.is_some_and(|size| length >= size)
            || age.is_some_and(|age| self.begun.elapsed() >= age)
    }

    /// Waits before the next attempt.
    pub(super) fn try_later(&mut self) {
        self.not_before = Some(Instant::now() + AGAIN);
    }

    /// Notes the begin of a segment.
    pub(super) fn begun_with(&mut self, path: PathBuf) {
        self.path = path;
        self.begun = Instant::now();
        self.is_asked = false;
        self.not_before = None;
    }
}

/// Deletes a file of the recorder, also in a directory of another user.
fn delete(path: &Path) -> io::Result<()> {
    crate::capture::with_reserve(During::Publication, || fs::remove_file(path))
}

#[cfg(test)]
mod tests {
    use super::{SegmentName, first_copy};

    #[test]
    fn a_name_sorts_behind_the_last_one_though_others_are_deleted() {
        let last = SegmentName::new("h", 100, 3);
        assert_eq!(first_copy(100, Some(&last)), 4);
        assert_eq!(first_copy(101, Some(&last)), 0);
        assert_eq!(first_copy(100, None), 0);
    }
}
