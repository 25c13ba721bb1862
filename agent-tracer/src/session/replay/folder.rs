//! Finds the traces in a folder, and puts segments of one recording in a row. A row is read as one
//! trace: what a later segment repeats from the one before is passed over.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::ReplayError;
use crate::trace::{Header, OpenError, Reader};

/// Ending of the names of traces.
const ENDING: &str = "trace";

/// A trace in a folder.
pub struct Found {
    /// Its path.
    pub path: PathBuf,
    /// Size of the file, bytes.
    pub bytes: u64,
    header: Header,
}

impl Found {
    /// Returns the start, nanoseconds since 1970.
    fn start(&self) -> i128 {
        i128::from(self.header.start_boot_ns) + i128::from(self.header.clock_offset_ns)
    }

    /// True if this segment goes on where another one ends.
    fn follows(&self, other: &Found) -> bool {
        let (own, before) = (&self.header, &other.header);
        own.segment > 1
            && own.segment == before.segment + 1
            && own.boot_id == before.boot_id
            && own.first_segment_ns == before.first_segment_ns
    }
}

/// Lists the traces of a folder in the order of their starts, and the errors of those that cannot
/// be read.
///
/// # Errors
///
/// The folder cannot be read.
pub fn traces_in(folder: &Path) -> Result<(Vec<Found>, Vec<OpenError>), ReplayError> {
    let unreadable = |source: io::Error| {
        ReplayError::Open(OpenError::Io {
            name: crate::view::text(folder.as_os_str().as_encoded_bytes()),
            source,
        })
    };
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_trace = path.extension().is_some_and(|ending| ending == ENDING);
        let Ok(metadata) = path.symlink_metadata() else {
            continue;
        };
        // An empty file is one that is just being begun.
        if !is_trace || !metadata.is_file() || metadata.len() == 0 {
            continue;
        }
        match Reader::open(&path) {
            Ok(reader) => found.push(Found {
                header: reader.header().clone(),
                path,
                bytes: metadata.len(),
            }),
            Err(error) => errors.push(error),
        }
    }
    found.sort_by(|one, other| {
        let key = |found: &Found| (found.start(), found.header.segment);
        key(one).cmp(&key(other)).then(one.path.cmp(&other.path))
    });
    Ok((found, errors))
}

/// The newest recording of a folder.
pub(super) struct Row {
    /// Its segments, one after the other.
    pub(super) segments: Vec<Found>,
    /// Remarks for the reader.
    pub(super) notes: Vec<String>,
}

/// Finds the newest recording of a folder: its last segment, and those that lead to it.
pub(super) fn newest(folder: &Path) -> Result<Row, ReplayError> {
    let (mut all, errors) = traces_in(folder)?;
    let count = all.len();
    let Some(last) = all.pop() else {
        return Err(match errors.into_iter().next() {
            Some(error) => error.into(),
            None => ReplayError::EmptyFolder(folder.to_owned()),
        });
    };
    let mut segments = vec![last];
    // Those of other machines may lie between.
    for found in all.into_iter().rev() {
        if segments.last().is_some_and(|next| next.follows(&found)) {
            segments.push(found);
        }
    }
    segments.reverse();
    let notes = errors.iter().map(|error| format!("tracer: {error}"));
    let mut notes: Vec<String> = notes.collect();
    let others = count - segments.len();
    if others > 0 {
        let first = segments.first().map(|first| first.path.as_path());
        let name = first.and_then(Path::file_name).unwrap_or_default();
        notes.push(format!(
            "tracer: {} has {count} traces; shown is the newest recording, from {} on ({} of \
             them)\nhint: name one of the others to read it, or export them all",
            crate::view::text(folder.as_os_str().as_encoded_bytes()),
            crate::view::text(name.as_encoded_bytes()),
            segments.len(),
        ));
    }
    Ok(Row { segments, notes })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::newest;
    use crate::{
        event::{Carried, End, EndReason, Event, EventKind, Exec, Fork, ProcessId, Snapshot},
        session::{ReplayItem, replay},
        trace::{Header, Writer},
    };

    /// Writes a segment that has a fork and, as its opening, a snapshot.
    fn write(folder: &Path, name: &str, first_ns: u64, segment: u32, is_ended: bool) {
        let start_boot_ns = first_ns + u64::from(segment) * 1000;
        let header = Header {
            boot_id: "boot".to_owned(),
            start_boot_ns,
            first_segment_ns: first_ns,
            segment,
            ..Header::default()
        };
        let mut file = Vec::new();
        let mut writer = Writer::new(&mut file, &header).expect("a writer");
        let now = std::time::Instant::now();
        let of = |kind| Event::of_recording(start_boot_ns, kind);
        writer.append(&of(EventKind::Snapshot(Snapshot::default())), now);
        if segment > 1 {
            writer.append(&of(EventKind::Carried(Carried::default())), now);
        }
        for kind in [
            EventKind::Fork(Fork::default()),
            EventKind::Exec(Exec::default()),
        ] {
            writer.append(
                &Event {
                    process: ProcessId {
                        pid: 100 + segment,
                        start_ns: start_boot_ns,
                    },
                    ..of(kind)
                },
                now,
            );
        }
        if is_ended {
            let reason = EndReason::Rotated.into();
            writer.append(&of(EventKind::End(End { reason })), now);
            writer.finish().expect("a trace");
        } else {
            writer.flush();
            drop(writer);
        }
        std::fs::write(folder.join(name), file).expect("a file");
    }

    #[test]
    fn segments_in_a_row_are_one_recording() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path();
        write(folder, "h-1.trace", 1_000_000, 1, true);
        // One of another recording, and one after a missing segment.
        write(folder, "h-2.trace", 5_000_000, 4, true);
        write(folder, "h-3.trace", 5_000_000, 6, true);
        write(folder, "h-4.trace", 5_000_000, 7, true);
        write(folder, "h-5.trace", 5_000_000, 8, false);
        std::fs::write(folder.join("empty.trace"), "").expect("a file");
        std::fs::write(folder.join("odd.trace"), "no trace at all").expect("a file");
        std::fs::write(folder.join("notes.txt"), "x").expect("a file");
        let row = newest(folder).expect("traces");
        let names = row.segments.iter().filter_map(|it| it.path.file_name());
        let names: Vec<_> = names.collect();
        assert_eq!(names, ["h-3.trace", "h-4.trace", "h-5.trace"]);
        assert!(row.notes[0].contains("odd.trace"), "{:?}", row.notes);
        assert!(row.notes[1].contains("has 5 traces"), "{:?}", row.notes);
        let mut seen = Vec::new();
        let replayed = replay(folder, |_, _, item| {
            if let ReplayItem::Event { sequence, event } = item {
                seen.push((sequence, event.kind.name()));
            }
            Ok(())
        })
        .expect("a replay");
        // The first opening, and of each segment what is new.
        let kinds: Vec<&str> = seen.iter().map(|(_, kind)| *kind).collect();
        let first = ["snapshot", "carried", "fork", "exec"];
        let later = ["fork", "exec", "fork", "exec"];
        assert_eq!(kinds, [first, later].concat());
        assert!(seen.iter().map(|(number, _)| *number).eq(1..=8));
        assert_eq!(replayed.events, 8);
        assert!(!replayed.is_damaged, "the last one goes on");
        assert_eq!(replayed.model.processes().count(), 3);
        assert!(replayed.model.end().is_none());
    }

    #[test]
    fn a_folder_without_traces_says_so() {
        let place = tempfile::tempdir().expect("a folder");
        let error = newest(place.path()).err().expect("an error").to_string();
        assert!(error.contains("a directory without a trace"), "{error}");
    }
}
