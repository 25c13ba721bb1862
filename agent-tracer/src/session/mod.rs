//! The one loop of recording and replay alike: take an event, write it, apply it, show it. Where
//! events come from and what a view looks like is not known here.

#[cfg(feature = "capture")]
mod record;
mod replay;

use std::{fs::File, time::Instant};

#[cfg(feature = "capture")]
pub use record::{Found, Mended, Observer, RecordError, Recorded, Recording, Target, TraceFailure};
pub use replay::{Replay, ReplayError, Seen, replay, replay_stream};

use crate::{
    event::Event,
    model::{Model, Provenance},
    trace::{Header, Writer},
};

/// The model on its way through the events, with the file that they go to first, if there is one.
struct Session {
    model: Model,
    writer: Option<Writer<File>>,
}

impl Session {
    /// What is in the file is never behind what is shown: a view of a recording that was cut off
    /// can be had again from its file.
    fn take(&mut self, event: &Event, now: Instant) {
        if let Some(writer) = &mut self.writer {
            writer.append(event, now);
        }
        self.model.apply(event);
    }
}

/// Reads off a header which recording it is of.
fn provenance(header: &Header) -> Provenance {
    Provenance {
        id: header.recording_id(),
        host: header.hostname.clone(),
    }
}
