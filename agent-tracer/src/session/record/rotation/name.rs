//! Names segments after host and time, so that names sort by time. Only files with such names are
//! ever deleted.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// Bytes of a host's name that are used.
const HOST_BYTES: usize = 64;

/// Form of a time in a name.
const TIME: &str = "%Y%m%dT%H%M%SZ";

/// The name of a segment: `HOST-20261129T235541Z.trace`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentName {
    host: String,
    /// Begin, seconds since 1970.
    seconds: i64,
    /// Count of earlier segments of the same second.
    copy: u32,
}

impl SegmentName {
    /// Names a segment of a host.
    pub fn new(host: &str, seconds: i64, copy: u32) -> SegmentName {
        SegmentName {
            host: safe(host),
            seconds,
            copy,
        }
    }

    /// Reads the name of a segment of a host; `None` for any other file.
    pub fn read(name: &str, host: &str) -> Option<SegmentName> {
        let host = safe(host);
        let rest = name.strip_prefix(&host)?.strip_prefix('-')?;
        let (time, copy) = time_of(rest.strip_suffix(".trace")?)?;
        let read = SegmentName {
            host,
            seconds: time,
            copy,
        };
        // One way to write each, so that nothing else looks like one.
        (read.to_string() == name).then_some(read)
    }

    /// Returns the begin of the segment, seconds since 1970.
    pub fn seconds(&self) -> i64 {
        self.seconds
    }

    /// Returns the key to sort by: time, then order within a second.
    pub fn order(&self) -> (i64, u32) {
        (self.seconds, self.copy)
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = Timestamp::from_second(self.seconds).unwrap_or_default();
        let time = time.to_zoned(TimeZone::UTC).strftime(TIME);
        write!(formatter, "{}-{time}", self.host)?;
        if self.copy > 0 {
            // Sorts behind the first one's point.
            write!(formatter, "_{:02}", self.copy)?;
        }
        formatter.write_str(".trace")
    }
}

/// Reads a time, and the count of earlier ones of the same second.
fn time_of(text: &str) -> Option<(i64, u32)> {
    let (time, copy) = match text.split_once('_') {
        Some((time, copy)) => (time, copy.parse().ok()?),
        None => (text, 0),
    };
    let time = DateTime::strptime(TIME, time).ok()?;
    let time = time.to_zoned(TimeZone::UTC).ok()?;
    Some((time.timestamp().as_second(), copy))
}

/// Replaces what is special in paths.
fn safe(host: &str) -> String {
    let plain = host.chars().map(|character| match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => character,
        _ => '_',
    });
    let plain: String = plain.take(HOST_BYTES).collect();
    match plain.trim_start_matches(['.', '-']) {
        "" => "host".to_owned(),
        name => name.to_owned(),
    }
}

/// Lists the segments of a host in a directory, the oldest first, each with its size.
///
/// # Errors
///
/// The directory cannot be read.
pub fn segments_in(directory: &Path, host: &str) -> io::Result<Vec<(SegmentName, PathBuf, u64)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().and_then(|name| SegmentName::read(name, host)) else {
            continue;
        };
        // Of the entry itself: a link is none of ours.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_file() {
            found.push((name, entry.path(), metadata.len()));
        }
    }
    found.sort_by_key(|(name, ..)| name.order());
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{SegmentName, segments_in};

    const NIGHT: i64 = 1_795_996_541;

    #[test]
    fn names_say_host_and_time_and_are_read_back() {
        let name = SegmentName::new("web-7.example", NIGHT, 0);
        assert_eq!(name.to_string(), "web-7.example-20261129T235541Z.trace");
        let again = SegmentName::new("web-7.example", NIGHT, 12);
        assert_eq!(again.to_string(), "web-7.example-20261129T235541Z_12.trace");
        for name in [name, again] {
            let read = SegmentName::read(&name.to_string(), "web-7.example");
            assert_eq!(read, Some(name));
        }
        let hostile = SegmentName::new("../a b\n", NIGHT, 0).to_string();
        assert_eq!(hostile, "_a_b_-20261129T235541Z.trace".to_owned());
    }

    #[test]
    fn other_files_are_no_segments() {
        for other in [
            "web-20261129T235541Z.trace.recovered",
            "web-2-20261129T235541Z.trace",
            "web-20261129T235541Z_00.trace",
            "web-20261129T235541Z_1.trace",
            "web-20261329T235541Z.trace",
            "web-20261129T235541.trace",
            "web.trace",
            "db-20261129T235541Z.trace",
        ] {
            assert_eq!(SegmentName::read(other, "web"), None, "{other}");
        }
    }

    #[test]
    fn names_sort_by_time() {
        let place = tempfile::tempdir().expect("a directory");
        let mut names = Vec::new();
        for (seconds, copies) in [(NIGHT, 3), (NIGHT + 1, 1), (NIGHT + 86_400, 2)] {
            names.extend((0..copies).map(|copy| SegmentName::new("h", seconds, copy).to_string()));
        }
        for name in names.iter().rev() {
            std::fs::write(place.path().join(name), "12").expect("a file");
        }
        std::os::unix::fs::symlink("x", place.path().join("h-20261129T235540Z.trace"))
            .expect("a link");
        let found = segments_in(place.path(), "h").expect("a directory");
        let found: Vec<String> = found.iter().map(|(name, ..)| name.to_string()).collect();
        assert_eq!(found, names);
        let mut sorted = names.clone();
        sorted.sort();
        assert_eq!(sorted, names);
    }
}
