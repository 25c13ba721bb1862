//! Orders the traces of a directory by time.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// A trace in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Segment {
    /// The time in its name, else that of its last change.
    time: Timestamp,
    pub(super) path: PathBuf,
}

/// Lists the traces of a directory, the newest last. Anything but a regular file is left out.
///
/// # Errors
///
/// The directory cannot be read.
pub(super) fn segments(directory: &Path) -> io::Result<Vec<Segment>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_trace = path.extension().is_some_and(|end| end == "trace");
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !is_trace || is_hidden {
            continue;
        }
        // It may have been deleted meanwhile.
        let Ok(metadata) = fs::metadata(&path) else {
            continue;
        };
        if !metadata.is_file() {
            continue;
        }
        let named = path.file_stem().and_then(time_of);
        let changed = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let changed = || Timestamp::try_from(changed).unwrap_or(Timestamp::UNIX_EPOCH);
        all.push(Segment {
            time: named.unwrap_or_else(changed),
            path,
        });
    }
    all.sort();
    Ok(all)
}

/// Returns the time in a name such as `web-3-20260131T235959Z`.
fn time_of(stem: &OsStr) -> Option<Timestamp> {
    const LETTERS: usize = "20260131T235959Z".len();
    let stem = stem.to_str()?;
    let named = stem.split('-').rev().find(|part| part.len() == LETTERS)?;
    let civil = DateTime::strptime("%Y%m%dT%H%M%SZ", named).ok()?;
    let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_segments_have_times() {
        let of = |name: &str| time_of(OsStr::new(name)).map(|time| time.to_string());
        let time = Some("2026-01-31T23:59:59Z".to_owned());
        assert_eq!(of("web-3-20260131T235959Z"), time);
        assert_eq!(of("web-20260131T235959Z-2"), time);
        assert_eq!(of("web-20261331T235959Z"), None);
        assert_eq!(of("sh-20260131-235959"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn the_newest_is_the_last() {
        let directory = tempfile::tempdir().expect("a directory");
        let make = |name: &str| fs::write(directory.path().join(name), "").expect("a file");
        make("b-20260201T000000Z.trace");
        make("z-20260131T000000Z.trace");
        make(".b-20260301T000000Z.trace");
        make("b-20260301T000000Z.txt");
        fs::create_dir(directory.path().join("d.trace")).expect("a directory");
        let names = || -> Vec<String> {
            let all = segments(directory.path()).expect("the directory");
            let name = |it: &Segment| Some(it.path.file_name()?.to_str()?.to_owned());
            all.iter().filter_map(name).collect()
        };
        let named = ["z-20260131T000000Z.trace", "b-20260201T000000Z.trace"];
        assert_eq!(names(), named);
        // It was changed now.
        make("own.trace");
        assert_eq!(names().last().map(String::as_str), Some("own.trace"));
    }
}
