//! The recording itself as a JSON object: where, when and how, and what is missing from it.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{fields::list, to_row};
use crate::{
    model::Model,
    trace::{Header, Mode},
    view::{
        Clock,
        missing::{missing, not_certain},
    },
};

/// The fields of the line, for the reference.
pub(in crate::view) const FIELDS: [(&str, &str); 12] = [
    ("record", "always `recording`: no other line has this key"),
    ("started", "start of the recording, RFC 3339, UTC"),
    ("tracer", "version of the recorder"),
    ("kernel", "release of the kernel"),
    ("arch", "architecture"),
    (
        "boot_id",
        "id of the boot; times since boot compare within one",
    ),
    ("mode", "command, system, pid, unit or unknown"),
    ("argv", "command that was recorded, masked"),
    ("events", "number of events in the trace"),
    ("complete", "whether nothing is missing"),
    ("missing", "what is missing, one sentence each"),
    (
        "not_certain",
        "what was not seen for certain, one sentence each",
    ),
];

/// Writes the recording as a line.
pub fn header_json(clock: &Clock, header: &Header, model: &Model, events: u64) -> String {
    let object = HeaderObject {
        clock,
        header,
        model,
        events,
    };
    to_row(model, &object, false)
}

struct HeaderObject<'a> {
    clock: &'a Clock,
    header: &'a Header,
    model: &'a Model,
    events: u64,
}

impl Serialize for HeaderObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            clock,
            header,
            model,
            events,
        } = *self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("record", "recording")?;
        map.serialize_entry("started", &clock.rfc3339(header.start_boot_ns))?;
        map.serialize_entry("tracer", &header.tool_version)?;
        map.serialize_entry("kernel", &header.kernel_release)?;
        map.serialize_entry("arch", &header.arch)?;
        map.serialize_entry("boot_id", &header.boot_id)?;
        let mode = match header.mode() {
            Mode::Command => "command",
            Mode::System => "system",
            Mode::Pid => "pid",
            Mode::Unit => "unit",
            Mode::Unknown => "unknown",
        };
        map.serialize_entry("mode", mode)?;
        if !header.command.is_empty() {
            list(&mut map, "argv", "argv_base64", &header.command)?;
        }
        map.serialize_entry("events", &events)?;
        let ledger = model.ledger();
        map.serialize_entry("complete", &ledger.is_complete())?;
        map.serialize_entry("missing", &missing(ledger))?;
        map.serialize_entry("not_certain", &not_certain(ledger))?;
        map.end()
    }
}
