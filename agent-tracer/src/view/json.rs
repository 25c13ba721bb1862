//! Writes events and gaps as JSON objects whose keys have a fixed order.

mod event;
mod header;
mod identity;
mod nested;
mod row;
mod serial;
mod tags;

use serde::Serialize;

use crate::{model::Model, trace::Gap};

use super::field::ORIGIN;

pub(super) use event::{A_STATE, STATE, event_reference};
pub use event::{JsonLines, event_json};
pub use header::header_json;
pub(super) use header::{Recording, header_reference, recording_fields};
pub(super) use identity::{
    exe_device, exe_group, exe_inode, exe_mode, exe_namespace, exe_owner, mount_namespace,
    network_namespace, pid_namespace, root, user_inside, user_namespace,
};
pub(super) use nested::{A_FILE_WITHIN, Nested, RequestedHost, within_fields};
pub(super) use row::{Key, Row};
pub(super) use serial::to_line;
pub use tags::tags_json;

/// Writes a damaged part of a file as a line.
pub fn gap_json(model: &Model, gap: &Gap) -> String {
    /// The keys of such a line.
    #[derive(Serialize)]
    struct Row<'a> {
        event: &'static str,
        events_missing: Option<u64>,
        offset: u64,
        reason: &'a str,
        resumed_at: Option<u64>,
    }
    let row = Row {
        event: "gap",
        events_missing: gap.events_missing,
        offset: gap.offset,
        reason: gap.reason,
        resumed_at: gap.resumed_at,
    };
    to_row(model, &row, false)
}

/// Writes an object as a line that names its recording at the end.
pub(super) fn to_row(model: &Model, row: &impl Serialize, has_host: bool) -> String {
    let mut line = to_line(row);
    let Some(provenance) = model.provenance() else {
        return line;
    };
    if line.pop() == Some('}') {
        for origin in &ORIGIN {
            line.push_str(if line.len() > 1 { ",\"" } else { "\"" });
            line.push_str(origin.name(has_host));
            line.push_str("\":");
            line.push_str(&to_line(&(origin.get)(provenance)));
        }
        line.push('}');
    }
    line
}
