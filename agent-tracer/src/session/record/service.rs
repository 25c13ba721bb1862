//! Tells others how a long recording does: the service manager over its socket, and Prometheus by
//! a file. Nothing listens.

mod metrics;
mod notify;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::recorder::Recorder;
use crate::{
    event::{Event, EventKind},
    trace::Writer,
};

pub use metrics::MetricsError;
use metrics::Values;
pub use notify::Manager;

/// Interval between two versions of the file of metrics.
const METRICS_EVERY: Duration = Duration::from_secs(15);

/// Interval between two signs of life to the service manager.
const NOTIFY_EVERY: Duration = Duration::from_secs(5);

/// Kinds of losses that are counted by name; others are counted together.
const LOSSES: usize = 64;

/// Counts of a recording, and who learns them.
#[derive(Default)]
pub(super) struct Service {
    pub(super) manager: Option<Manager>,
    /// The file of metrics.
    pub(super) metrics: Option<PathBuf>,
    /// Count of the segments, the present one included.
    pub(super) segments: u64,
    /// Count of the segments that were deleted.
    pub(super) deleted: u64,
    /// Bytes of all segments but the present one.
    pub(super) bytes_before: u64,
    /// Counts of events by kind.
    events: BTreeMap<&'static str, u64>,
    losses: BTreeMap<String, u64>,
    /// The fullest that the ring buffer was since the last version, bytes.
    fullest: u64,
    notified: Option<Instant>,
    measured: Option<Instant>,
    /// True after an attempt to write metrics that failed.
    has_failed: bool,
}

impl Service {
    /// Begins with the first segment.
    pub(super) fn new(manager: Option<Manager>, metrics: Option<PathBuf>) -> Service {
        Service {
            manager,
            metrics,
            segments: 1,
            ..Service::default()
        }
    }

    /// Counts an event.
    pub(super) fn count(&mut self, event: &Event) {
        *self.events.entry(event.kind.name()).or_default() += 1;
        if let EventKind::Lost(lost) = &event.kind {
            let is_new = !self.losses.contains_key(&lost.what);
            let name = match is_new && self.losses.len() >= LOSSES {
                true => "others",
                false => &lost.what,
            };
            *self.losses.entry(name.to_owned()).or_default() += lost.count;
        }
    }

    /// Notes how full the ring buffer is.
    pub(super) fn note_fill(&mut self, bytes: u64) {
        self.fullest = self.fullest.max(bytes);
    }
}

impl Recorder<'_> {
    /// Says that all hooks are attached, and that events are being recorded.
    pub(super) fn is_ready(&mut self) {
        self.write_metrics();
        if let Some(manager) = &self.service.manager {
            manager.say("READY=1");
        }
        self.say_status();
    }

    /// Says that the recording is about to end.
    pub(super) fn is_stopping(&mut self) {
        if let Some(manager) = &self.service.manager {
            manager.say("STOPPING=1\nSTATUS=Ending the recording");
        }
    }

    /// Gives signs of life, and writes metrics when they are due.
    pub(super) fn report_state(&mut self) {
        let is_due =
            |last: Option<Instant>, every| last.is_none_or(|last: Instant| last.elapsed() >= every);
        if is_due(self.service.notified, NOTIFY_EVERY) {
            self.say_status();
        }
        if is_due(self.service.measured, METRICS_EVERY) {
            self.write_metrics();
        }
    }

    fn say_status(&mut self) {
        self.service.notified = Some(Instant::now());
        let Some(manager) = &self.service.manager else {
            return;
        };
        let events: u64 = self.service.events.values().sum();
        let losses: u64 = self.service.losses.values().sum();
        let lost = match losses {
            0 => String::new(),
            count => format!(", {count} lost"),
        };
        let segment = match self.header.segment {
            0 => String::new(),
            number => format!("; segment {number}"),
        };
        manager.say(&format!(
            "STATUS=Recording: {events} events{lost}{segment}\nWATCHDOG=1"
        ));
    }

    /// Writes the file of metrics anew. A failure is said once, until it works again.
    pub(super) fn write_metrics(&mut self) {
        self.service.measured = Some(Instant::now());
        let Some(path) = self.service.metrics.clone() else {
            return;
        };
        let length = self.session.writer.as_ref().map_or(0, Writer::length);
        let model = &self.session.model;
        let running = model.processes();
        let values = Values {
            events: &self.service.events,
            losses: &self.service.losses,
            bytes: self.service.bytes_before + length,
            segments: self.service.segments,
            deleted: self.service.deleted,
            ring_bytes: crate::capture::ring_bytes().into(),
            ring_fullest: self.service.fullest,
            processes: running.filter(|(_, process)| process.is_running()).count() as u64,
            connections: model
                .connections()
                .iter()
                .filter(|connection| connection.ended_ns().is_none())
                .count() as u64,
            has_write_failure: self.write_failed,
        };
        self.service.fullest = 0;
        match values.write(&path) {
            Ok(()) => self.service.has_failed = false,
            Err(error) => {
                if !std::mem::replace(&mut self.service.has_failed, true) {
                    self.observer.cannot_write_metrics(&error);
                }
            }
        }
    }
}
