//! Events, processes and connections as JSON objects whose keys have a fixed order. Bytes
//! that are not UTF-8 become U+FFFD, and the field gains a `_base64` twin.

mod changed;
mod connection;
mod fields;
mod header;
mod identity;
mod lookup;
mod naming;
mod nested;
mod unit;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::{
    event::{Event, EventKind, Exit, Protocol, SnapshotProcess},
    model::{Model, ProcessIndex},
    trace::Gap,
};

use super::{Clock, Page, TimeStyle, field::ORIGIN, process, processes::PROCESS};
pub(super) use header::FIELDS as HEADER_FIELDS;
pub use header::header_json;
pub use lookup::lookup_json;

pub(super) use changed::StateObject;
pub(super) use changed::states;
pub(super) use connection::ConnectionObject;
use connection::{ListenerObject, TagObject, object};
pub(super) use fields::{bytes, to_line};
use fields::{entry, error, list, status};
pub(super) use nested::Nested;
pub(super) use unit::RequesterObject;

/// One event, as of now: the model has just taken it in.
pub fn event_json(clock: &Clock, model: &Model, sequence: u64, event: &Event) -> String {
    let object = EventObject {
        clock,
        model,
        sequence,
        event,
    };
    let has_host = matches!(event.kind, EventKind::HttpRequest(_));
    to_row(model, &object, has_host)
}

/// A damaged part of a file.
pub fn gap_json(model: &Model, gap: &Gap) -> String {
    let object = serde_json::json!({
        "event": "gap",
        "offset": gap.offset,
        "resumed_at": gap.resumed_at,
        "events_missing": gap.events_missing,
        "reason": gap.reason,
    });
    to_row(model, &object, false)
}

struct EventObject<'a> {
    clock: &'a Clock,
    model: &'a Model,
    sequence: u64,
    event: &'a Event,
}

impl Serialize for EventObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { model, event, .. } = *self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("seq", &self.sequence)?;
        map.serialize_entry("time", &self.clock.rfc3339(event.boot_ns))?;
        map.serialize_entry("boot_ns", &event.boot_ns)?;
        map.serialize_entry("event", event.kind.name())?;
        let subject = model.find(event.process);
        if let EventKind::Fork(_) = &event.kind {
            let parent = subject.and_then(|child| model.process(child).parent);
            entry(
                &mut map,
                "process",
                parent.map(|index| ProcessObject { model, index }),
            )?;
            entry(
                &mut map,
                "child",
                subject.map(|index| ProcessObject { model, index }),
            )?;
        } else {
            entry(
                &mut map,
                "process",
                subject.map(|index| ProcessObject { model, index }),
            )?;
        }
        detail(&mut map, model, event)?;
        map.end()
    }
}

fn detail<M: SerializeMap>(map: &mut M, model: &Model, event: &Event) -> Result<(), M::Error> {
    let connection = |id: u64| {
        model
            .connection(id)
            .map(|connection| ConnectionObject { model, connection })
    };
    let listener = |id: u64| {
        let listener = model.listener(id)?;
        Some(ListenerObject { model, listener })
    };
    match &event.kind {
        EventKind::Fork(_) | EventKind::CommandStarted(_) => Ok(()),
        EventKind::Exec(exec) => {
            bytes(map, "filename", "filename_base64", &exec.filename)?;
            bytes(map, "interpreter", "interpreter_base64", &exec.interpreter)?;
            bytes(map, "cwd", "cwd_base64", &exec.cwd)?;
            list(map, "argv", "argv_base64", &exec.argv)?;
            map.serialize_entry("argv_bytes", &exec.argv_bytes)?;
            map.serialize_entry("truncated", &exec.truncated)?;
            match &exec.identity {
                Some(identity) => identity::file(map, identity),
                None => Ok(()),
            }
        }
        EventKind::Exit(exit) => status(map, *exit),
        EventKind::Rename(rename) => {
            if rename.tid != event.process.pid {
                map.serialize_entry("tid", &rename.tid)?;
            }
            bytes(map, "from", "from_base64", &rename.from)?;
            bytes(map, "to", "to_base64", &rename.to)
        }
        EventKind::Cgroup(cgroup) => bytes(map, "path", "path_base64", &cgroup.path),
        EventKind::Connect(connect) => entry(map, "connection", connection(connect.connection)),
        EventKind::Established(established) => {
            entry(map, "connection", connection(established.connection))
        }
        EventKind::ConnectFailed(failed) => {
            entry(map, "connection", connection(failed.connection))?;
            if failed.never_sent {
                map.serialize_entry("syn", &false)?;
            }
            error(map, failed.error)
        }
        EventKind::Close(close) => {
            entry(map, "connection", connection(close.connection))?;
            entry(map, "connection", listener(close.connection))?;
            let protocol = match model.listener(close.connection) {
                Some(listener) => Some(listener.protocol),
                None => model.connection(close.connection).map(|one| one.protocol),
            };
            if protocol == Some(Protocol::Udp) {
                map.serialize_entry("datagrams_sent", &close.datagrams_sent)?;
                map.serialize_entry("datagrams_received", &close.datagrams_received)?;
            }
            map.serialize_entry("bytes_sent", &close.bytes_sent)?;
            map.serialize_entry("bytes_received", &close.bytes_received)?;
            error(map, close.error)
        }
        EventKind::Listen(listen) | EventKind::Bind(listen) => {
            entry(map, "connection", listener(listen.connection))
        }
        EventKind::Counted(counted) => {
            entry(map, "connection", connection(counted.connection))?;
            entry(map, "connection", listener(counted.connection))?;
            map.serialize_entry("datagrams_sent", &counted.datagrams_sent)?;
            map.serialize_entry("datagrams_received", &counted.datagrams_received)?;
            map.serialize_entry("bytes_sent", &counted.bytes_sent)?;
            map.serialize_entry("bytes_received", &counted.bytes_received)
        }
        EventKind::Dns(dns) => {
            entry(map, "connection", connection(dns.connection))?;
            naming::dns(map, dns)
        }
        EventKind::TlsHello(hello) => {
            entry(map, "connection", connection(hello.connection))?;
            naming::hello(map, hello)
        }
        EventKind::HttpRequest(request) => {
            entry(map, "connection", connection(request.connection))?;
            naming::request(map, request)
        }
        EventKind::Hosts(hosts) => naming::hosts(map, hosts),
        EventKind::Compared(compared) => changed::compared(map, compared),
        EventKind::FilesCompared(compared) => changed::files(map, model, compared),
        EventKind::Unreadable(unreadable) => {
            entry(map, "connection", connection(unreadable.connection))?;
            map.serialize_entry("what", &unreadable.what)
        }
        EventKind::Shutdown(shutdown) => {
            entry(map, "connection", connection(shutdown.connection))?;
            map.serialize_entry("bytes_sent", &shutdown.bytes_sent)?;
            map.serialize_entry("bytes_received", &shutdown.bytes_received)
        }
        EventKind::Snapshot(snapshot) => {
            let seen: Vec<_> = snapshot.processes.iter().map(SeenObject).collect();
            map.serialize_entry("processes", &seen)
        }
        EventKind::UserNamed(named) => {
            map.serialize_entry("uid", &named.user)?;
            bytes(map, "name", "name_base64", &named.name)
        }
        EventKind::CommandEnded(ended) if ended.status_known => status(
            map,
            Exit {
                status: ended.status,
            },
        ),
        EventKind::CommandEnded(_) => Ok(()),
        EventKind::Units(units) => {
            let loaded: Vec<_> = units.units.iter().map(unit::LoadedObject).collect();
            map.serialize_entry("units", &loaded)
        }
        EventKind::Unit(told) => unit::unit(map, model, told),
        EventKind::File(file) => {
            bytes(map, "path", "path_base64", &file.path)?;
            map.serialize_entry("action", file.action().name())?;
            entry(map, "is_directory", file.is_directory.then_some(true))
        }
        EventKind::UnitFollowed(followed) => bytes(map, "unit", "unit_base64", &followed.unit),
        EventKind::Sockets(sockets) => {
            let connections: Vec<_> = sockets
                .sockets
                .iter()
                .filter_map(|socket| connection(socket.connection))
                .collect();
            map.serialize_entry("connections", &connections)?;
            let listeners: Vec<_> = sockets
                .sockets
                .iter()
                .filter_map(|socket| listener(socket.connection))
                .collect();
            map.serialize_entry("listeners", &listeners)
        }
        EventKind::AddressTagged(tagged) => {
            entry(map, "address", tagged.ip())?;
            let tags: Vec<_> = tagged.tags.iter().map(TagObject).collect();
            map.serialize_entry("tags", &tags)
        }
        EventKind::Lost(lost) => {
            map.serialize_entry("kind", &lost.what)?;
            map.serialize_entry("count", &lost.count)
        }
        EventKind::KernelLog(log) => map.serialize_entry("line", &log.line),
        EventKind::End(end) => map.serialize_entry("reason", end.reason().describe()),
    }
}

pub(super) struct ProcessObject<'a> {
    pub(super) model: &'a Model,
    pub(super) index: ProcessIndex,
}

impl Serialize for ProcessObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let process = self.model.process(self.index);
        object(serializer, self.model, &PROCESS, process)
    }
}

impl ProcessObject<'_> {
    /// `curl [4711]`
    pub(super) fn called(&self) -> String {
        let process = self.model.process(self.index);
        format!("{} [{}]", process::name(process), process.id.pid)
    }
}

/// A page as wide as can be, with times of no trace.
static PLAIN: Page = Page {
    width: None,
    styled: false,
    time: TimeStyle::Relative,
    clock: Clock {
        start_ns: 0,
        offset_ns: 0,
    },
};

/// An object as a line that says at its end which recording it is of.
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

struct SeenObject<'a>(&'a SnapshotProcess);

impl Serialize for SeenObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seen = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("pid", &seen.pid)?;
        map.serialize_entry("start_ns", &seen.start_ns)?;
        map.serialize_entry("ppid", &seen.parent_pid)?;
        bytes(&mut map, "name", "name_base64", &seen.comm)?;
        if !seen.exe.is_empty() {
            bytes(&mut map, "exe", "exe_base64", &seen.exe)?;
        }
        map.serialize_entry("uid", &seen.user)?;
        if let Some(identity) = &seen.identity {
            identity::place(&mut map, identity)?;
            identity::file(&mut map, identity)?;
        }
        list(&mut map, "argv", "argv_base64", &seen.argv)?;
        bytes(&mut map, "cgroup", "cgroup_base64", &seen.cgroup)?;
        map.end()
    }
}
