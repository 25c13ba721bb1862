//! Deletes the oldest segments of this host when there are too many, or when they are too old. The
//! one that is being written always stays.

use std::{
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    delete,
    name::{SegmentName, segments_in},
};
use crate::event::SegmentsDeleted;

/// Names that an event has of deleted segments at most.
const NAMES: usize = 100;

/// Limits of the segments that stay. Without any, nothing is deleted.
#[derive(Clone, Debug, Default)]
pub struct Keep {
    /// Size of all segments, bytes.
    pub bytes: Option<u64>,
    /// Age of a segment, from its end.
    pub age: Option<Duration>,
    /// Both as the user wrote them.
    pub words: String,
}

impl Keep {
    /// True if nothing is ever deleted.
    pub fn is_everything(&self) -> bool {
        self.bytes.is_none() && self.age.is_none()
    }

    /// Deletes what exceeds the limits. `current` is being written.
    ///
    /// # Errors
    ///
    /// The directory cannot be read, or a segment cannot be deleted.
    pub(in crate::session::record) fn apply(
        &self,
        directory: &Path,
        host: &str,
        current: &Path,
        now_s: i64,
    ) -> io::Result<Option<SegmentsDeleted>> {
        if self.is_everything() {
            return Ok(None);
        }
        let all = segments_in(directory, host)?;
        self.delete(&excess(self, &all, current, now_s))
    }

    fn delete(&self, excess: &[Segment]) -> io::Result<Option<SegmentsDeleted>> {
        let mut deleted = SegmentsDeleted {
            limit: self.words.clone(),
            ..SegmentsDeleted::default()
        };
        for (name, path, bytes) in excess {
            match delete(path) {
                // Another program was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                // Those before are gone, which the next segment says.
                Err(_) if deleted.count > 0 => break,
                Err(error) => return Err(error),
                Ok(()) => {}
            }
            if deleted.count == 0 {
                deleted.first_s = name.seconds();
            }
            deleted.last_s = name.seconds();
            deleted.count += 1;
            deleted.bytes += bytes;
            if deleted.names.len() < NAMES {
                let name = path.file_name().unwrap_or_default();
                deleted.names.push(name.as_bytes().to_vec());
            }
        }
        Ok((deleted.count > 0).then_some(deleted))
    }
}

/// Deletes the oldest segment, to make room on a full disk. Returns `None` if there is no other
/// than the current one, or if everything is to be kept.
///
/// # Errors
///
/// As of [`Keep::apply`].
pub(in crate::session::record) fn delete_oldest(
    keep: &Keep,
    directory: &Path,
    host: &str,
    current: &Path,
) -> io::Result<Option<SegmentsDeleted>> {
    if keep.is_everything() {
        return Ok(None);
    }
    let mut all = segments_in(directory, host)?;
    all.retain(|(_, path, _)| path != current);
    all.truncate(1);
    keep.delete(&all)
}

type Segment = (SegmentName, PathBuf, u64);

/// Finds the segments that exceed the limits, the oldest first.
fn excess(keep: &Keep, all: &[Segment], current: &Path, now_s: i64) -> Vec<Segment> {
    let mut total: u64 = all.iter().map(|(.., bytes)| bytes).sum();
    // A segment ends when the next one begins.
    let ends = all.iter().skip(1).map(|(name, ..)| name.seconds());
    let mut excess = Vec::new();
    for (segment, end) in all.iter().zip(ends.chain([now_s])) {
        let (_, path, bytes) = segment;
        if path == current {
            continue;
        }
        let age = u64::try_from(now_s.saturating_sub(end)).unwrap_or(0);
        let is_old = keep.age.is_some_and(|limit| age > limit.as_secs());
        let is_too_much = keep.bytes.is_some_and(|limit| total > limit);
        if is_old || is_too_much {
            total -= bytes;
            excess.push(segment.clone());
        }
    }
    excess
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const FIRST: i64 = 1_795_996_541;

    /// Makes a segment an hour, of a hundred bytes each, and other files.
    fn stage(count: i64) -> (tempfile::TempDir, Vec<PathBuf>) {
        let place = tempfile::tempdir().expect("a directory");
        let paths = (0..count).map(|hour| {
            let name = SegmentName::new("h", FIRST + hour * 3600, 0).to_string();
            let path = place.path().join(name);
            std::fs::write(&path, [0; 100]).expect("a segment");
            path
        });
        let paths = paths.collect();
        for other in ["notes.txt", "g-20200101T000000Z.trace", "h.trace"] {
            std::fs::write(place.path().join(other), [0; 100]).expect("a file");
        }
        (place, paths)
    }

    fn left(place: &Path) -> usize {
        std::fs::read_dir(place).expect("a directory").count()
    }

    #[test]
    fn the_oldest_beyond_a_size_go() {
        let (place, paths) = stage(5);
        let keep = Keep {
            bytes: Some(250),
            words: "250B".to_owned(),
            ..Keep::default()
        };
        let now = FIRST + 5 * 3600;
        let deleted = keep.apply(place.path(), "h", &paths[4], now);
        let deleted = deleted.expect("a directory").expect("a deletion");
        assert_eq!((deleted.count, deleted.bytes), (3, 300));
        assert_eq!((deleted.first_s, deleted.last_s), (FIRST, FIRST + 7200));
        assert_eq!(deleted.names.len(), 3);
        assert!(paths[3].exists() && paths[4].exists() && !paths[2].exists());
        assert_eq!(left(place.path()), 2 + 3, "other files stay");
        let again = keep.apply(place.path(), "h", &paths[4], now);
        assert!(again.expect("a directory").is_none());
    }

    #[test]
    fn the_current_one_stays_however_large() {
        let (place, paths) = stage(2);
        let keep = Keep {
            bytes: Some(1),
            ..Keep::default()
        };
        let deleted = keep.apply(place.path(), "h", &paths[1], FIRST);
        assert_eq!(deleted.expect("a directory").map(|it| it.count), Some(1));
        assert!(paths[1].exists());
    }

    #[test]
    fn an_age_counts_from_the_end() {
        let (place, paths) = stage(4);
        let keep = Keep {
            age: Some(Duration::from_secs(3600)),
            ..Keep::default()
        };
        // The second one ended an hour and a second ago.
        let now = FIRST + 3 * 3600 + 1;
        let deleted = keep.apply(place.path(), "h", &paths[3], now);
        assert_eq!(deleted.expect("a directory").map(|it| it.count), Some(2));
        assert!(paths[2].exists() && !paths[1].exists());
    }

    #[test]
    fn without_limits_nothing_goes_even_on_a_full_disk() {
        let (place, paths) = stage(3);
        let keep = Keep::default();
        let deleted = keep.apply(place.path(), "h", &paths[2], i64::MAX);
        assert!(deleted.expect("a directory").is_none());
        let deleted = delete_oldest(&keep, place.path(), "h", &paths[2]);
        assert!(deleted.expect("a directory").is_none());
        let keep = Keep {
            bytes: Some(1 << 30),
            ..Keep::default()
        };
        let deleted = delete_oldest(&keep, place.path(), "h", &paths[2]);
        assert_eq!(deleted.expect("a directory").map(|it| it.count), Some(1));
        assert!(!paths[0].exists() && paths[1].exists());
    }
}
