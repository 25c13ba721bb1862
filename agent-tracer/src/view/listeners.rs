//! Who listens for connections or has bound a UDP socket: as a table, and as JSON objects.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::model::{Listener, Model};

use super::{
    Clock, escape,
    json::{ProcessObject, to_line},
    page::{Page, bytes, columns, duration, pad},
    process::{because, name},
    table::table,
    user_of,
};

pub(super) const HEADINGS: [&str; 8] = [
    "TIME",
    "TREE",
    "PROCESS",
    "USER",
    "LOCAL",
    "STATE",
    "LASTED",
    "SENT/RECEIVED",
];

/// Columns that a page does without, in this order, until the others fit.
const DISPENSABLE: [usize; 4] = [7, 6, 0, 3];

/// The lines of the table, heading first; none where nobody listens.
pub fn listeners<'a>(
    page: &Page,
    model: &Model,
    wanted: impl Iterator<Item = &'a Listener>,
) -> Vec<String> {
    let rows: Vec<_> = wanted.map(|listener| row(page, model, listener)).collect();
    table(page, &HEADINGS, &rows, &DISPENSABLE)
}

pub(super) fn row(page: &Page, model: &Model, listener: &Listener) -> [String; HEADINGS.len()] {
    let owner = model.process(listener.owner);
    let local = listener
        .local
        .map_or_else(|| "?".to_owned(), |local| local.to_string());
    [
        match listener.was_there_before {
            true => pad("before", columns(&page.time(0))),
            false => page.time(listener.started_ns),
        },
        escape::text(owner.tree.as_bytes()),
        format!("{} [{}]", name(owner), owner.id.pid),
        user_of(model, owner),
        format!("{local}/{}", listener.protocol.name()),
        listener.state().to_owned(),
        listener
            .ended_ns
            .filter(|_| !listener.was_there_before)
            .map_or_else(
                || "-".to_owned(),
                |ended| duration(ended.saturating_sub(listener.started_ns)),
            ),
        match listener.traffic {
            Some(traffic) => format!(
                "{} / {} in {} / {} datagrams",
                bytes(traffic.bytes_sent),
                bytes(traffic.bytes_received),
                traffic.datagrams_sent,
                traffic.datagrams_received
            ),
            None => "-".to_owned(),
        },
    ]
}

/// A listener as one JSON object.
pub fn listener_json(clock: &Clock, model: &Model, listener: &Listener) -> String {
    to_line(&ListenerObject {
        clock,
        model,
        listener,
    })
}

struct ListenerObject<'a> {
    clock: &'a Clock,
    model: &'a Model,
    listener: &'a Listener,
}

impl Serialize for ListenerObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            clock,
            model,
            listener,
        } = *self;
        let owner = model.process(listener.owner);
        let mut map = serializer.serialize_map(None)?;
        let index = listener.owner;
        map.serialize_entry("process", &ProcessObject { model, index })?;
        map.serialize_entry("tree", &*owner.tree)?;
        map.serialize_entry("because", &because(model, owner))?;
        map.serialize_entry("protocol", listener.protocol.name())?;
        if let Some(local) = listener.local {
            map.serialize_entry("local", &local)?;
        }
        map.serialize_entry("state", listener.state())?;
        map.serialize_entry("started", &clock.rfc3339(listener.started_ns))?;
        if listener.was_there_before {
            map.serialize_entry("note", "was there before the recording")?;
        }
        if let Some(ended) = listener.ended_ns.filter(|_| !listener.was_there_before) {
            let lasted = ended.saturating_sub(listener.started_ns);
            map.serialize_entry("duration_ms", &(lasted as f64 / 1e6))?;
        }
        if let Some(traffic) = listener.traffic {
            map.serialize_entry("bytes_sent", &traffic.bytes_sent)?;
            map.serialize_entry("bytes_received", &traffic.bytes_received)?;
            map.serialize_entry("datagrams_sent", &traffic.datagrams_sent)?;
            map.serialize_entry("datagrams_received", &traffic.datagrams_received)?;
        }
        map.end()
    }
}
