//! Takes events in a recording and in a replay alike: write, apply, show. Sources of events and
//! views are left to other modules.

mod ahead;
mod follow;
#[cfg(feature = "capture")]
mod record;
mod replay;

use std::{fs::File, time::Instant};

pub use follow::Follow;
#[cfg(feature = "capture")]
pub use record::{
    DirectoryError, Found, Keep, Manager, Mended, MetricsError, Observer, RecordError, Recorded,
    Recording, Rotation, Segment, SegmentName, Target, TraceFailure, segments_in,
};
pub use replay::{
    Found as FoundTrace, Part, Replay, ReplayError, ReplayItem, replay, replay_part, replay_stream,
    traces_in,
};

use crate::{
    event::Event,
    model::{Model, Provenance},
    rules::RuleSet,
    trace::{Header, Writer},
    view::Clock,
};

/// A model with the clock of its events, and the trace file of a recording.
struct Session {
    model: Model,
    clock: Clock,
    writer: Option<Writer<File>>,
    /// Remarks about missing parts that the header alone gives.
    #[cfg(feature = "capture")]
    remarks_before: Vec<String>,
}

impl Session {
    /// Begins with the facts of a header, the same for a recording and for its replay.
    fn begin(header: &Header, rules: RuleSet) -> Session {
        let mut model = Model::new(rules);
        model.set_provenance(Provenance {
            id: header.recording_id(),
            host: header.hostname.clone(),
        });
        model.set_recorder(header.recorder_pid);
        model.set_network_namespace(header.network_namespace);
        let ledger = model.ledger_mut();
        if header.unredacted {
            ledger.unmasked();
        }
        for entry in &header.plan {
            // A fact that is optional has a caveat in place of its hook.
            if entry.hook.is_empty() && entry.caveat.is_empty() {
                ledger.missing_fact(&entry.fact);
            }
            if !entry.caveat.is_empty() {
                ledger.caveat(&entry.caveat);
            }
        }
        if header.segment > 0 {
            ledger.caveat(
                "files and settings were not compared before and after: the recording goes on in \
                 segments",
            );
        }
        let clock = Clock {
            start_ns: header.start_boot_ns,
            offset_ns: header.clock_offset_ns,
        };
        Session {
            #[cfg(feature = "capture")]
            remarks_before: remarks(&model, clock),
            model,
            clock,
            writer: None,
        }
    }

    /// True if the events so far give a reader no remark about a missing part that the header does
    /// not give.
    #[cfg(feature = "capture")]
    fn has_missed_nothing(&self) -> bool {
        self.model.ledger().is_complete() || remarks(&self.model, self.clock) == self.remarks_before
    }

    /// Appends an event to the file, then applies it. The file is never behind a view, so that a
    /// recording that was cut off shows the same in a replay.
    fn take(&mut self, event: &Event, now: Instant) {
        if let Some(writer) = &mut self.writer {
            writer.append(event, now);
        }
        self.model.apply(event);
    }
}

/// Returns the remarks about missing parts, for comparison.
#[cfg(feature = "capture")]
fn remarks(model: &Model, clock: Clock) -> Vec<String> {
    let page = crate::view::Page {
        width: None,
        styled: false,
        time: crate::view::TimeStyle::Relative,
        clock,
    };
    match model.ledger().is_complete() {
        true => Vec::new(),
        false => crate::view::completeness(&page, model),
    }
}
