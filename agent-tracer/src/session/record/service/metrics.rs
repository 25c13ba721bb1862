//! Writes the state of a recording for the textfile collector of Prometheus' node_exporter. The
//! file is replaced as a whole, so that no reader sees half of it.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::capture::{During, with_reserve};

/// A file of metrics that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot write metrics to {}: {source}\n\
     hint: --metrics names a file in the directory of node_exporter's textfile collector",
    .path.display()
)]
pub struct MetricsError {
    path: PathBuf,
    source: io::Error,
}

/// The values of one version of the file.
pub(super) struct Values<'a> {
    pub(super) events: &'a BTreeMap<&'static str, u64>,
    pub(super) losses: &'a BTreeMap<String, u64>,
    pub(super) bytes: u64,
    pub(super) segments: u64,
    pub(super) deleted: u64,
    pub(super) ring_bytes: u64,
    pub(super) ring_fullest: u64,
    pub(super) processes: u64,
    pub(super) connections: u64,
    pub(super) has_write_failure: bool,
}

impl Values<'_> {
    /// Replaces the file.
    pub(super) fn write(&self, path: &Path) -> Result<(), MetricsError> {
        let now = jiff::Timestamp::now().as_millisecond() as f64 / 1e3;
        let text = self.text(now, resident_bytes());
        with_reserve(During::Publication, || replace(path, text.as_bytes())).map_err(|source| {
            MetricsError {
                path: path.to_owned(),
                source,
            }
        })
    }

    fn text(&self, now_s: f64, resident: Option<u64>) -> String {
        let mut text = String::with_capacity(4096);
        let events = self.events.iter().map(|(kind, count)| (*kind, *count));
        family(
            &mut text,
            ("tracer_events_total", "counter"),
            "Events in the trace, by kind.",
            Some(events.collect()),
            0.0,
        );
        let losses = self.losses.iter();
        let losses = losses.map(|(kind, count)| (kind.as_str(), *count));
        family(
            &mut text,
            ("tracer_lost_total", "counter"),
            "Events that happened and are not in the trace, by kind.",
            Some(losses.collect()),
            0.0,
        );
        let resident = resident.unwrap_or(0);
        for (name, kind, help, value) in [
            (
                "tracer_written_bytes_total",
                "counter",
                "Bytes written to segments.",
                self.bytes as f64,
            ),
            (
                "tracer_segments_total",
                "counter",
                "Segments begun.",
                self.segments as f64,
            ),
            (
                "tracer_segments_deleted_total",
                "counter",
                "Old segments deleted by --keep.",
                self.deleted as f64,
            ),
            (
                "tracer_ring_size_bytes",
                "gauge",
                "Size of the buffer between kernel and recorder.",
                self.ring_bytes as f64,
            ),
            (
                "tracer_ring_fullest_bytes",
                "gauge",
                "The most that waited in that buffer since the last version of this file.",
                self.ring_fullest as f64,
            ),
            (
                "tracer_processes",
                "gauge",
                "Processes that run.",
                self.processes as f64,
            ),
            (
                "tracer_connections",
                "gauge",
                "Connections that are open.",
                self.connections as f64,
            ),
            (
                "tracer_write_failed",
                "gauge",
                "1 while the trace cannot be written.",
                f64::from(u8::from(self.has_write_failure)),
            ),
            (
                "tracer_last_flush_timestamp_seconds",
                "gauge",
                "Time of this version: all earlier events are in the trace.",
                now_s,
            ),
            (
                "tracer_resident_memory_bytes",
                "gauge",
                "Resident memory of the recorder.",
                resident as f64,
            ),
        ] {
            family(&mut text, (name, kind), help, None, value);
        }
        text
    }
}

/// Appends a family of metrics: a value for each kind, or one value.
fn family(
    text: &mut String,
    (name, kind): (&str, &str),
    help: &str,
    by_kind: Option<Vec<(&str, u64)>>,
    value: f64,
) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    match by_kind {
        None => {
            let _ = writeln!(text, "{name} {value}");
        }
        Some(by_kind) => {
            for (kind, count) in by_kind {
                let _ = writeln!(text, "{name}{{kind=\"{}\"}} {count}", label(kind));
            }
        }
    }
}

/// Escapes the value of a label.
fn label(value: &str) -> String {
    let mut label = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '\\' => label.push_str("\\\\"),
            '"' => label.push_str("\\\""),
            '\n' => label.push_str("\\n"),
            other => label.push(other),
        }
    }
    label
}

/// Writes a file beside the path, and moves it there. Others than root read it.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(path.file_name().unwrap_or_default());
    hidden.push(format!(".{}", std::process::id()));
    let hidden = path.with_file_name(hidden);
    let _ = fs::remove_file(&hidden);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o644);
    let mut file = options.open(&hidden)?;
    let written = file
        // Whatever the mask of this process.
        .set_permissions(fs::Permissions::from_mode(0o644))
        .and_then(|()| file.write_all(bytes))
        .and_then(|()| fs::rename(&hidden, path));
    if written.is_err() {
        let _ = fs::remove_file(&hidden);
    }
    written
}

/// Returns the resident memory of this process.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, os::unix::fs::PermissionsExt};

    use super::Values;

    #[test]
    fn a_file_has_all_kinds_and_replaces_the_one_before() {
        let events = BTreeMap::from([("exec", 7), ("fork", 9)]);
        let losses = BTreeMap::from([("a \"hook\" \\ was\nbusy".to_owned(), 3)]);
        let values = Values {
            events: &events,
            losses: &losses,
            bytes: 65_536,
            segments: 2,
            deleted: 0,
            ring_bytes: 8 << 20,
            ring_fullest: 4096,
            processes: 100,
            connections: 3,
            has_write_failure: false,
        };
        let text = values.text(1.5, Some(1 << 20));
        for line in [
            "# TYPE tracer_events_total counter",
            "tracer_events_total{kind=\"exec\"} 7",
            "tracer_lost_total{kind=\"a \\\"hook\\\" \\\\ was\\nbusy\"} 3",
            "tracer_written_bytes_total 65536",
            "tracer_last_flush_timestamp_seconds 1.5",
            "tracer_resident_memory_bytes 1048576",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("tracer.prom");
        for _ in 0..2 {
            values.write(&path).expect("a file");
        }
        let mode = path.metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
        assert_eq!(std::fs::read_dir(place.path()).expect("it").count(), 1);
        assert!(values.write(&place.path().join("none/x.prom")).is_err());
    }
}
