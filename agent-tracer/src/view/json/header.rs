//! Declares the fields of a recording: where, when and how, with the gaps in it.

use super::to_row;
use crate::{
    model::Model,
    trace::Header,
    view::{
        Clock, Context,
        field::{Documented, Field, Object, documented, refs},
        missing::{missing, not_certain},
        page::Page,
        shape::Shape,
        value::Value,
    },
};

/// A recording.
pub(in crate::view) struct Recording<'a> {
    pub(in crate::view) header: &'a Header,
    pub(in crate::view) events: u64,
}

/// Writes the recording as a line.
pub fn header_json(clock: &Clock, header: &Header, model: &Model, events: u64) -> String {
    let page = Page::unlimited(*clock);
    let context = Context::new(&page, model);
    let row = Recording { header, events };
    to_row(
        model,
        &Object::new(context, &recording_fields(), &row),
        false,
    )
}

/// Describes the fields of the line.
pub(in crate::view) fn header_reference() -> Vec<Documented> {
    documented(&refs(&recording_fields()))
}

/// Declares the fields of the line.
pub(in crate::view) fn recording_fields<'r>() -> [Field<Recording<'r>>; 14] {
    [
        Field::<Recording<'r>>::new(
            "record",
            "always `recording`: no other line has this key",
            |_, _| Value::text("recording"),
        ),
        Field::<Recording<'r>>::new(
            "started",
            "start of the recording, RFC 3339, UTC",
            |context, row| Value::text(context.page.clock.rfc3339(row.header.start_boot_ns)),
        )
        .shape(Shape::Time),
        Field::<Recording<'r>>::new("tracer", "version of the recorder", |_, row| {
            Value::text(&row.header.tool_version)
        }),
        Field::<Recording<'r>>::new("kernel", "release of the kernel", |_, row| {
            Value::text(&row.header.kernel_release)
        }),
        Field::<Recording<'r>>::new("arch", "architecture", |_, row| {
            Value::text(&row.header.arch)
        }),
        Field::<Recording<'r>>::new(
            "boot_id",
            "id of the boot; times since boot compare within one",
            |_, row| Value::text(&row.header.boot_id),
        ),
        Field::<Recording<'r>>::new("mode", "command, system, pid, unit or unknown", |_, row| {
            Value::text(row.header.mode().name())
        }),
        Field::<Recording<'r>>::new(
            "segment",
            "number of this segment, of a recording of several",
            |_, row| match row.header.segment {
                0 => Value::Nothing,
                number => Value::Number(number.into()),
            },
        )
        .shape(Shape::Integer),
        Field::<Recording<'r>>::new(
            "first_segment",
            "id of the first of these segments, the same in all",
            |_, row| {
                let first = row.header.first_segment_id();
                first.map_or(Value::Nothing, Value::text)
            },
        ),
        Field::<Recording<'r>>::new("argv", "command that was recorded, masked", |_, row| {
            Value::words_if_any(&row.header.command)
        })
        .shape(Shape::Texts),
        Field::<Recording<'r>>::new("events", "number of events in the trace", |_, row| {
            Value::Number(row.events)
        })
        .shape(Shape::Integer),
        Field::<Recording<'r>>::new("complete", "true if nothing is missing", |context, _| {
            Value::Flag(context.model.ledger().is_complete())
        })
        .shape(Shape::Flag),
        Field::<Recording<'r>>::new(
            "missing",
            "missing parts, one sentence each",
            |context, _| Value::Texts(missing(context.model)),
        )
        .shape(Shape::Texts),
        Field::<Recording<'r>>::new(
            "not_certain",
            "uncertain parts, one sentence each",
            |context, _| Value::Texts(not_certain(context.model)),
        )
        .shape(Shape::Texts),
    ]
}
