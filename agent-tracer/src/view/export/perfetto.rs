//! Writes a recording as a Perfetto trace: a track a process, slices from fork to exec and from
//! exec to exit, an instant a connection.

mod message;

use std::io::{self, Write};

use indexmap::IndexMap;
use prost::Message;
use serde_json::Value as Json;

use super::{
    Export,
    row::{Row, values},
};
use crate::{
    model::{Connection, Process, ProcessIndex},
    view::{
        Context,
        connections::{CONNECTION, called, remote_end},
        field::refs,
        page::Page,
        processes::life,
    },
};
use message::{
    Annotation, AnnotationValue, ClockValue, Clocks, EventType, Packet, Trace, Track, TrackEvent,
};

/// Perfetto's number of the clock since 1970.
const REALTIME: u32 = 1;

/// Perfetto's number of the clock since boot, suspend included.
const BOOTTIME: u32 = 6;

/// All packets are of one sequence.
const SEQUENCE: u32 = 1;

/// The flag of the first packet of a sequence.
const CLEARED: u32 = 1;

impl Export<'_> {
    /// Writes a Perfetto trace. Returns the number of its tracks of processes.
    ///
    /// # Errors
    ///
    /// The error of `output`.
    pub fn perfetto(&self, output: &mut dyn Write) -> io::Result<u64> {
        let page = Page::unlimited(self.clock);
        let context = Context::new(&page, self.model);
        let mut packets = Packets { output };
        packets.write(self.clocks())?;
        let trees = Trees::of(self);
        for (name, id) in &trees.ids {
            packets.track(*id, name, None)?;
        }
        let mut count = 0;
        for (index, process) in self.model.processes() {
            let name = String::from_utf8_lossy(&process.comm);
            let name = format!("{name} [{}]", process.id.pid);
            let parent = trees.ids.get(&*process.tree).copied();
            packets.track(track_of(index), &name, parent)?;
            self.slices(context, &mut packets, index, process)?;
            count += 1;
        }
        for connection in self.model.connections() {
            self.instant(context, &mut packets, connection)?;
        }
        Ok(count)
    }

    /// Relates the clocks.
    fn clocks(&self) -> Packet {
        let boot_ns = self.header.start_boot_ns;
        let since_1970 = i128::from(boot_ns) + i128::from(self.clock.offset_ns);
        let value = |clock, timestamp| ClockValue {
            clock: Some(clock),
            timestamp: Some(timestamp),
        };
        let clocks = vec![
            value(BOOTTIME, boot_ns),
            value(REALTIME, u64::try_from(since_1970).unwrap_or(0)),
        ];
        Packet {
            clocks: Some(Clocks { clocks }),
            sequence_flags: Some(CLEARED),
            ..Packet::default()
        }
    }

    fn slices(
        &self,
        context: Context<'_>,
        packets: &mut Packets<'_>,
        index: ProcessIndex,
        process: &Process,
    ) -> io::Result<()> {
        let track = track_of(index);
        let [started_ns, ended_ns] = self.life_of(process);
        let fields: Vec<_> = life().collect();
        let row = values(context, &fields, process).map_err(io::Error::other)?;
        let event = |name: &str, category: &str, row: Option<&Row>| TrackEvent {
            annotations: row.map(annotations).unwrap_or_default(),
            event_type: Some(EventType::Begin.into()),
            track: Some(track),
            categories: vec![category.to_owned()],
            name: Some(name.to_owned()),
        };
        let comm = String::from_utf8_lossy(&process.comm);
        match process.executed_ns() {
            Some(executed_ns) => {
                let executed_ns = executed_ns.clamp(started_ns, ended_ns);
                if process.forked_ns.is_some() {
                    let fork = event("fork", "fork", None);
                    packets.slice(fork, [started_ns, executed_ns])?;
                }
                packets.slice(event(&comm, "exec", Some(&row)), [executed_ns, ended_ns])
            }
            None => packets.slice(event(&comm, "fork", Some(&row)), [started_ns, ended_ns]),
        }
    }

    fn instant(
        &self,
        context: Context<'_>,
        packets: &mut Packets<'_>,
        connection: &Connection,
    ) -> io::Result<()> {
        let row = values(context, &refs(&CONNECTION), connection).map_err(io::Error::other)?;
        // The start of a pre-existing connection is unknown.
        let at = match connection.is_pre_existing {
            true => self.clock.start_ns,
            false => connection.started_ns,
        };
        let to = called(connection, false).unwrap_or_else(|| remote_end(connection));
        let (verb, category) = match connection.is_inbound {
            true => ("accept", "inbound"),
            false => ("connect", "connect"),
        };
        let event = TrackEvent {
            annotations: annotations(&row),
            event_type: Some(EventType::Instant.into()),
            track: Some(track_of(connection.owner)),
            categories: vec![category.to_owned()],
            name: Some(format!("{verb} {to}")),
        };
        packets.event(at, event)
    }
}

/// Ids of the tracks of trees.
struct Trees<'a> {
    ids: IndexMap<&'a str, u64>,
}

impl<'a> Trees<'a> {
    fn of(export: &Export<'a>) -> Trees<'a> {
        let mut ids = IndexMap::new();
        for (_, process) in export.model.processes() {
            let next = TREES + u64::try_from(ids.len()).unwrap_or(u64::MAX - TREES);
            ids.entry(&*process.tree).or_insert(next);
        }
        Trees { ids }
    }
}

/// The first id of a tree; those of processes are smaller.
const TREES: u64 = 1 << 40;

fn track_of(index: ProcessIndex) -> u64 {
    // 0 is Perfetto's own.
    u64::try_from(index.position()).unwrap_or(u64::MAX - 1) + 1
}

/// Writes packets one by one.
struct Packets<'o> {
    output: &'o mut dyn Write,
}

impl Packets<'_> {
    fn write(&mut self, packet: Packet) -> io::Result<()> {
        let packet = Packet {
            sequence: Some(SEQUENCE),
            ..packet
        };
        // Traces that follow each other are one trace.
        let trace = Trace {
            packets: vec![packet],
        };
        self.output.write_all(&trace.encode_to_vec())
    }

    fn track(&mut self, id: u64, name: &str, parent: Option<u64>) -> io::Result<()> {
        self.write(Packet {
            track: Some(Track {
                id: Some(id),
                name: Some(name.to_owned()),
                parent,
            }),
            ..Packet::default()
        })
    }

    fn event(&mut self, at: u64, event: TrackEvent) -> io::Result<()> {
        self.write(Packet {
            timestamp: Some(at),
            clock: Some(BOOTTIME),
            event: Some(event),
            ..Packet::default()
        })
    }

    /// Writes the begin of a slice, and its end.
    fn slice(&mut self, begin: TrackEvent, [from, to]: [u64; 2]) -> io::Result<()> {
        let end = TrackEvent {
            event_type: Some(EventType::End.into()),
            track: begin.track,
            ..TrackEvent::default()
        };
        self.event(from, begin)?;
        self.event(to, end)
    }
}

/// Turns the values of a row, as jsonl has them, into annotations.
fn annotations(row: &Row) -> Vec<Annotation> {
    let values = row.iter().filter(|(_, value)| !value.is_null());
    values
        .map(|(name, value)| Annotation {
            name: Some(name.clone()),
            value: Some(annotation(value)),
        })
        .collect()
}

fn annotation(value: &Json) -> AnnotationValue {
    match value {
        Json::Bool(flag) => AnnotationValue::Flag(*flag),
        Json::String(text) => AnnotationValue::Text(text.clone()),
        Json::Number(number) => match number.as_u64() {
            Some(number) => AnnotationValue::Number(number),
            None => AnnotationValue::Real(number.as_f64().unwrap_or_default()),
        },
        Json::Null | Json::Array(_) | Json::Object(_) => AnnotationValue::Text(value.to_string()),
    }
}
