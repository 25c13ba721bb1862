//! The dataset that the script of a report draws: processes and connections as rows of numbers.
//! A number may stand for a text in a list, which has each text once.

use std::{
    collections::{BTreeSet, HashMap},
    rc::Rc,
};

use serde::{Serialize, Serializer};

use crate::{
    findings::{ConnectionGroup, Destination, has_failed},
    model::{Connection, Process, ProcessIndex},
    view::{
        connections::{called, name_of, outcome, remote_end},
        escape,
        process::{end, name, program, reason, started_for},
        user_of,
    },
};

use super::Report;

/// Limit of the bytes of all command lines of a report; each may have its share of it.
const COMMAND_LINES: usize = 2_500_000;

/// Least and greatest limit of the bytes of one command line.
pub(super) const COMMAND_LINE: (usize, usize) = (120, 4000);

/// Stands for an unknown number or text.
const UNKNOWN: i64 = -1;

/// Processes and connections for the script.
#[derive(Serialize)]
pub(super) struct Dataset {
    /// Microseconds from the start to the last event.
    span: i64,
    process_fields: Vec<&'static str>,
    processes: Vec<i64>,
    connection_fields: Vec<&'static str>,
    connections: Vec<i64>,
    strings: Strings,
    /// Rows of processes, by position in the model.
    #[serde(skip)]
    rows: Vec<Option<usize>>,
}

/// Texts, each once.
#[derive(Default, Serialize)]
#[serde(transparent)]
struct Strings {
    #[serde(serialize_with = "texts")]
    list: Vec<Rc<str>>,
    #[serde(skip)]
    places: HashMap<Rc<str>, i64>,
}

fn texts<S: Serializer>(list: &[Rc<str>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(list.iter().map(|text| &**text))
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
        text.map_or(UNKNOWN, |text| self.place(&text))
    }
}

/// A field of a row of numbers: its name, and its value. Times are microseconds since the start.
type Numbered<R> = (&'static str, fn(&R, &mut Strings) -> i64);

/// A process with its context.
struct ProcessRow<'a> {
    report: &'a Report<'a>,
    process: &'a Process,
    /// Row of the parent.
    parent: Option<usize>,
    /// Limit of the bytes of a text.
    limit: usize,
}

impl ProcessRow<'_> {
    fn start(&self) -> Option<i64> {
        let forked = self.process.forked_ns;
        forked.map(|forked| since(self.report, forked))
    }

    fn end(&self) -> Option<i64> {
        let ended = self.process.ended;
        ended.map(|(ended, _)| since(self.report, ended))
    }
}

fn process_fields<'a>() -> [Numbered<ProcessRow<'a>>; 14] {
    [
        ("pid", |row, _| i64::from(row.process.id.pid)),
        ("name", |row, strings| strings.place(&name(row.process))),
        ("tree", |row, strings| {
            strings.place(&escape::text(row.process.tree.as_bytes()))
        }),
        ("user", |row, strings| {
            strings.place(&user_of(row.report.model, row.process))
        }),
        ("parent", |row, _| row.parent.map_or(UNKNOWN, number)),
        ("start", |row, _| row.start().unwrap_or(UNKNOWN)),
        ("life", |row, _| {
            let start = row.start().unwrap_or(0);
            row.end().map_or(UNKNOWN, |end| (end - start).max(0))
        }),
        ("end", |row, strings| {
            strings.maybe(row.process.ended.map(|_| end(row.process)))
        }),
        ("program", |row, strings| {
            strings.place(&shorten(program(row.process), row.limit))
        }),
        ("exe", |row, strings| {
            strings.place(&shorten(escape::text(&row.process.exe), row.limit))
        }),
        ("reason", |row, strings| {
            let reason = reason(row.report.model, row.process);
            strings.place(&shorten(reason, row.limit))
        }),
        ("started_for", |row, strings| {
            let why = started_for(row.report.model, row.process);
            strings.maybe(why.map(|why| shorten(why, row.limit)))
        }),
        ("unit", |row, strings| {
            let unit = row.process.unit.as_ref();
            strings.maybe(unit.map(|unit| escape::text(unit)))
        }),
        ("names", |row, strings| {
            let names = row.process.names.iter();
            let others = names.filter(|name| ***name != *row.process.comm);
            let others: Vec<String> = others.map(|name| escape::text(name)).collect();
            strings.place(&shorten(others.join(", "), row.limit))
        }),
    ]
}

/// A connection with its context.
struct ConnectionRow<'a> {
    report: &'a Report<'a>,
    connection: &'a Connection,
    /// Row of the owner.
    owner: Option<usize>,
    /// Place of its group of connections.
    group: Option<usize>,
}

fn connection_fields<'a>() -> [Numbered<ConnectionRow<'a>>; 12] {
    [
        ("owner", |row, _| row.owner.map_or(UNKNOWN, number)),
        ("start", |row, _| match row.connection.is_pre_existing {
            true => UNKNOWN,
            false => since(row.report, row.connection.started_ns),
        }),
        ("life", |row, _| {
            let start = since(row.report, row.connection.started_ns);
            let ended = row.connection.ended_ns;
            ended.map_or(UNKNOWN, |ended| (since(row.report, ended) - start).max(0))
        }),
        ("state", |row, strings| {
            strings.place(&outcome(row.connection))
        }),
        ("failed", |row, _| i64::from(has_failed(row.connection))),
        ("local", |row, strings| {
            let local = row.connection.local.filter(|local| local.port() != 0);
            strings.maybe(local.map(|local| local.to_string()))
        }),
        ("remote", |row, strings| {
            strings.place(&remote_end(row.connection))
        }),
        ("names", |row, strings| {
            strings.maybe(called(row.connection, true))
        }),
        ("tag", |row, strings| {
            let remote = row.connection.remote;
            strings.maybe(remote.and_then(|remote| name_of(row.report.model, remote)))
        }),
        ("group", |row, _| row.group.map_or(UNKNOWN, number)),
        ("sent", |row, _| {
            let bytes = row.connection.bytes;
            bytes.map_or(UNKNOWN, |(sent, _)| amount(sent))
        }),
        ("received", |row, _| {
            let bytes = row.connection.bytes;
            bytes.map_or(UNKNOWN, |(_, received)| amount(received))
        }),
    ]
}

impl Dataset {
    pub(super) fn of(report: &Report<'_>, destinations: &[ConnectionGroup]) -> Dataset {
        let mut rows = vec![None; report.model.processes().count()];
        let mut count = 0;
        for (index, _) in report.processes() {
            rows[index.position()] = Some(count);
            count += 1;
        }
        let process_fields = process_fields();
        let connection_fields = connection_fields();
        let shown = &report.shown.connections;
        let mut data = Dataset {
            span: since(report, report.model.span().1),
            process_fields: process_fields.iter().map(|(name, _)| *name).collect(),
            processes: Vec::with_capacity(count * process_fields.len()),
            connection_fields: connection_fields.iter().map(|(name, _)| *name).collect(),
            connections: Vec::with_capacity(shown.len() * connection_fields.len()),
            strings: Strings::default(),
            rows,
        };
        let limit = (COMMAND_LINES / count.max(1)).clamp(COMMAND_LINE.0, COMMAND_LINE.1);
        for (_, process) in report.processes() {
            let row = ProcessRow {
                report,
                process,
                parent: process.parent.and_then(|parent| data.row(parent)),
                limit,
            };
            let numbers = process_fields.iter();
            let numbers = numbers.map(|(_, value)| value(&row, &mut data.strings));
            data.processes.extend(numbers);
        }
        let groups: HashMap<&Destination, usize> = destinations
            .iter()
            .enumerate()
            .filter_map(|(place, group)| Some((group.destinations.first()?, place)))
            .collect();
        for connection in shown {
            let row = ConnectionRow {
                report,
                connection,
                owner: data.row(connection.owner),
                group: groups.get(&Destination::of(connection)).copied(),
            };
            let numbers = connection_fields.iter();
            let numbers = numbers.map(|(_, value)| value(&row, &mut data.strings));
            data.connections.extend(numbers);
        }
        data
    }

    /// Returns the row of a process.
    fn row(&self, index: ProcessIndex) -> Option<usize> {
        self.rows.get(index.position()).copied().flatten()
    }

    /// Returns the rows of processes.
    pub(super) fn rows(&self, indices: impl IntoIterator<Item = ProcessIndex>) -> BTreeSet<usize> {
        let indices = indices.into_iter();
        indices.filter_map(|index| self.row(index)).collect()
    }
}

fn since(report: &Report<'_>, boot_ns: u64) -> i64 {
    let nanoseconds = boot_ns.saturating_sub(report.clock.start_ns);
    i64::try_from(nanoseconds / 1000).unwrap_or(i64::MAX)
}

fn number(position: usize) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

fn amount(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Cuts a text, and says how long the whole is.
pub(super) fn shorten(text: String, limit: usize) -> String {
    if text.len() <= limit {
        return text;
    }
    let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end));
    let (short, _) = text.split_at(end.unwrap_or(0));
    format!("{short}… ({} bytes in all)", text.len())
}
