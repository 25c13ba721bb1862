//! What the script of a report draws from: processes and connections as rows of numbers, and every text once, in a list
//! that the numbers point into. A process takes some 60 bytes and its command line.

use std::{
    collections::{BTreeSet, HashMap},
    rc::Rc,
};

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::{
    findings::{Destination, Group, has_failed},
    model::{Connection, Process, ProcessIndex},
    view::{
        connections::{called, name_of, outcome, remote_end},
        escape,
        process::{end, name, program, reason, started_for},
        user_of,
    },
};

use super::Report;

/// What the numbers of a process are. Times are microseconds since the start; -1 stands for what is not there.
const PROCESS: [&str; 14] = [
    "pid",
    "name",
    "tree",
    "user",
    "parent",
    "start",
    "life",
    "end",
    "program",
    "exe",
    "reason",
    "started_for",
    "unit",
    "names",
];

/// What the numbers of a connection are.
const CONNECTION: [&str; 12] = [
    "owner", "start", "life", "state", "failed", "local", "remote", "names", "tag", "group",
    "sent", "received",
];

/// Bytes of command lines that a report is to have at most; each is cut to its share, but never below the shortest that
/// still tells what was run.
const COMMAND_LINES: usize = 2_500_000;
pub(super) const COMMAND_LINE: (usize, usize) = (120, 4000);

/// Processes and connections for the script.
pub(super) struct Data {
    strings: Strings,
    /// Microseconds from the start to the last event.
    span: i64,
    processes: Vec<i64>,
    connections: Vec<i64>,
    /// By position in the model.
    rows: Vec<Option<usize>>,
}

#[derive(Default)]
struct Strings {
    list: Vec<Rc<str>>,
    places: HashMap<Rc<str>, i64>,
}

impl Strings {
    fn place(&mut self, text: &str) -> i64 {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = number(self.list.len());
        let text: Rc<str> = text.into();
        self.list.push(Rc::clone(&text));
        self.places.insert(text, place);
        place
    }

    fn maybe(&mut self, text: Option<String>) -> i64 {
        text.map_or(-1, |text| self.place(&text))
    }
}

impl Data {
    pub(super) fn of(report: &Report<'_>, destinations: &[Group]) -> Data {
        let mut rows = vec![None; report.model.processes().count()];
        let mut count = 0;
        for (index, _) in report.processes() {
            rows[index.position()] = Some(count);
            count += 1;
        }
        let mut data = Data {
            strings: Strings::default(),
            span: 0,
            processes: Vec::with_capacity(count * PROCESS.len()),
            connections: Vec::with_capacity(report.shown.connections.len() * CONNECTION.len()),
            rows,
        };
        data.span = since(report, report.model.span().1);
        let limit = (COMMAND_LINES / count.max(1)).clamp(COMMAND_LINE.0, COMMAND_LINE.1);
        for (_, process) in report.processes() {
            data.add_process(report, process, limit);
        }
        let groups: HashMap<&Destination, usize> = destinations
            .iter()
            .enumerate()
            .filter_map(|(place, group)| Some((group.destinations.first()?, place)))
            .collect();
        for connection in &report.shown.connections {
            let group = groups.get(&Destination::of(connection));
            data.add_connection(report, connection, group.copied());
        }
        data
    }

    /// The row of a process.
    pub(super) fn row(&self, index: ProcessIndex) -> Option<usize> {
        self.rows.get(index.position()).copied().flatten()
    }

    /// The rows of processes.
    pub(super) fn rows(&self, indices: impl IntoIterator<Item = ProcessIndex>) -> BTreeSet<usize> {
        let indices = indices.into_iter();
        indices.filter_map(|index| self.row(index)).collect()
    }

    fn add_process(&mut self, report: &Report<'_>, process: &Process, limit: usize) {
        let parent = process.parent.and_then(|parent| self.row(parent));
        let start = process.forked_ns.map(|forked| since(report, forked));
        let ended = process.ended.map(|(ended, _)| since(report, ended));
        let strings = &mut self.strings;
        let others: Vec<String> = process
            .names
            .iter()
            .filter(|name| ***name != *process.comm)
            .map(|name| escape::text(name))
            .collect();
        let unit = process.unit.as_ref().map(|unit| escape::text(unit));
        self.processes.extend([
            i64::from(process.id.pid),
            strings.place(&name(process)),
            strings.place(&escape::text(process.tree.as_bytes())),
            strings.place(&user_of(report.model, process)),
            parent.map_or(-1, number),
            start.unwrap_or(-1),
            ended.map_or(-1, |ended| (ended - start.unwrap_or(0)).max(0)),
            strings.maybe(ended.map(|_| end(process))),
            strings.place(&shorten(program(process), limit)),
            strings.place(&shorten(escape::text(&process.exe), limit)),
            strings.place(&shorten(reason(report.model, process), limit)),
            strings.maybe(started_for(report.model, process).map(|why| shorten(why, limit))),
            strings.maybe(unit),
            strings.place(&shorten(others.join(", "), limit)),
        ]);
    }

    fn add_connection(
        &mut self,
        report: &Report<'_>,
        connection: &Connection,
        group: Option<usize>,
    ) {
        let owner = self.row(connection.owner);
        let strings = &mut self.strings;
        let start = since(report, connection.started_ns);
        let tag = connection.remote;
        let tag = tag.and_then(|remote| name_of(report.model, remote));
        let local = connection.local.filter(|local| local.port() != 0);
        let amount = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.connections.extend([
            owner.map_or(-1, number),
            match connection.was_there_before {
                true => -1,
                false => start,
            },
            connection
                .ended_ns
                .map_or(-1, |ended| (since(report, ended) - start).max(0)),
            strings.place(&outcome(connection)),
            i64::from(has_failed(connection)),
            strings.maybe(local.map(|local| local.to_string())),
            strings.place(&remote_end(connection)),
            strings.maybe(called(connection, true)),
            strings.maybe(tag),
            group.map_or(-1, number),
            connection.bytes.map_or(-1, |(sent, _)| amount(sent)),
            connection
                .bytes
                .map_or(-1, |(_, received)| amount(received)),
        ]);
    }
}

fn since(report: &Report<'_>, boot_ns: u64) -> i64 {
    let nanoseconds = boot_ns.saturating_sub(report.clock.start_ns);
    i64::try_from(nanoseconds / 1000).unwrap_or(i64::MAX)
}

fn number(position: usize) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// The beginning of a text, and how long the whole is.
pub(super) fn shorten(text: String, limit: usize) -> String {
    if text.len() <= limit {
        return text;
    }
    let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end));
    let (short, _) = text.split_at(end.unwrap_or(0));
    format!("{short}… ({} bytes in all)", text.len())
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("span", &self.span)?;
        map.serialize_entry("process_fields", &PROCESS)?;
        map.serialize_entry("processes", &self.processes)?;
        map.serialize_entry("connection_fields", &CONNECTION)?;
        map.serialize_entry("connections", &self.connections)?;
        let strings: Vec<&str> = self.strings.list.iter().map(|text| &**text).collect();
        map.serialize_entry("strings", &strings)?;
        map.end()
    }
}
