//! The dataset that the script of a report draws: processes and connections as rows of numbers.
//! A number may stand for a text in a list, which has each text once.

use std::{
    collections::{BTreeSet, HashMap},
    rc::Rc,
};

use foldhash::fast::RandomState;
use serde::{Serialize, Serializer};

use crate::{
    findings::{Destination, has_failed},
    model::{Connection, Process, ProcessIndex},
    view::{
        connections::{called, name_of, outcome, remote_end},
        escape,
        process::{end, name, program, reason, started_for},
        user, user_of,
    },
};

use super::{
    Report,
    allotment::{Allotment, Limits},
    facts::{Fact, facts},
    overview::{Overview, Tree},
};

/// Limit of the bytes of all command lines of a report; each may have its share of it.
const COMMAND_LINES: usize = 2_500_000;

/// Least and greatest limit of the bytes of one command line.
pub(super) const COMMAND_LINE: (usize, usize) = (120, 4000);

/// Limit of the facts; the tables of the page have their own.
const FACTS: usize = 20_000;

/// Stands for an unknown number or text.
const UNKNOWN: i64 = -1;

/// Processes and connections for the script: those that it draws at first, and the parts that it
/// loads later.
#[derive(Serialize)]
pub(super) struct Dataset {
    /// Microseconds from the start to the last event.
    span: i64,
    /// Milliseconds from 1970 to the start.
    began: i64,
    process_fields: Vec<&'static str>,
    process_texts: Vec<&'static str>,
    connection_fields: Vec<&'static str>,
    connection_texts: Vec<&'static str>,
    fact_fields: [&'static str; 3],
    fact_texts: [&'static str; 2],
    /// The tree of bystanders.
    bystanders: i64,
    /// Trees of a recording with parts; none where all is in the first.
    trees: Vec<TreeHead>,
    #[serde(flatten)]
    first: Part,
    #[serde(skip)]
    later: Vec<Part>,
    #[serde(skip)]
    allotment: Allotment,
}

/// A part of the processes with their connections.
#[derive(Default, Serialize)]
pub(super) struct Part {
    /// Row of its first process.
    first: usize,
    processes: Vec<i64>,
    connections: Vec<i64>,
    /// Further facts about processes: what each changed, bound, looked up or failed to execute.
    facts: Vec<i64>,
    strings: Strings,
}

/// A tree with parts.
#[derive(Serialize)]
struct TreeHead {
    name: i64,
    processes: usize,
    connections: usize,
    parts: Vec<PartHead>,
    left_out_processes: usize,
    left_out_connections: usize,
}

/// A part that is loaded later.
#[derive(Serialize)]
struct PartHead {
    id: usize,
    processes: usize,
    connections: usize,
}

/// Texts, each once.
#[derive(Default, Serialize)]
#[serde(transparent)]
struct Strings {
    #[serde(serialize_with = "texts")]
    list: Vec<Rc<str>>,
    #[serde(skip)]
    places: HashMap<Rc<str>, i64, RandomState>,
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

/// A field of a row of numbers: its name, what its number stands for, and the number. Times are
/// microseconds since the start.
type Numbered<R> = (&'static str, Stands, fn(&R, &mut Strings) -> i64);

/// The meaning of a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// A number, or a row.
    ForItself,
    /// The place of a text in the list of texts.
    ForText,
}

fn names<R>(fields: &[Numbered<R>]) -> Vec<&'static str> {
    fields.iter().map(|(name, ..)| *name).collect()
}

fn texts_of<R>(fields: &[Numbered<R>]) -> Vec<&'static str> {
    let texts = fields.iter();
    let texts = texts.filter(|(_, stands, _)| *stands == Stands::ForText);
    texts.map(|(name, ..)| *name).collect()
}

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
        let ended = self.process.ended();
        ended.map(|(ended, _)| since(self.report, ended))
    }
}

fn process_fields<'a>() -> [Numbered<ProcessRow<'a>>; 18] {
    [
        ("pid", Stands::ForItself, |row, _| {
            i64::from(row.process.id.pid)
        }),
        ("name", Stands::ForText, |row, strings| {
            strings.place(&name(row.process))
        }),
        ("tree", Stands::ForText, |row, strings| {
            strings.place(&escape::text(row.process.tree.as_bytes()))
        }),
        ("user", Stands::ForText, |row, strings| {
            strings.place(&user_of(row.report.model, row.process))
        }),
        ("parent", Stands::ForItself, |row, _| {
            row.parent.map_or(UNKNOWN, number)
        }),
        ("start", Stands::ForItself, |row, _| {
            row.start().unwrap_or(UNKNOWN)
        }),
        ("life", Stands::ForItself, |row, _| {
            let start = row.start().unwrap_or(0);
            row.end().map_or(UNKNOWN, |end| (end - start).max(0))
        }),
        ("end", Stands::ForText, |row, strings| {
            strings.maybe(row.process.ended().map(|_| end(row.process)))
        }),
        ("program", Stands::ForText, |row, strings| {
            strings.place(&shorten(program(row.process), row.limit))
        }),
        ("exe", Stands::ForText, |row, strings| {
            strings.place(&shorten(escape::text(&row.process.exe), row.limit))
        }),
        ("reason", Stands::ForText, |row, strings| {
            let reason = reason(row.report.model, row.process);
            strings.place(&shorten(reason, row.limit))
        }),
        ("started_for", Stands::ForText, |row, strings| {
            let why = started_for(row.report.model, row.process);
            strings.maybe(why.map(|why| shorten(why, row.limit)))
        }),
        ("unit", Stands::ForText, |row, strings| {
            let unit = row.process.unit.as_ref();
            strings.maybe(unit.map(|unit| escape::text(unit)))
        }),
        ("names", Stands::ForText, |row, strings| {
            let names = row.process.names.iter();
            let others = names.filter(|name| ***name != *row.process.comm);
            let others: Vec<String> = others.map(|name| escape::text(name)).collect();
            strings.place(&shorten(others.join(", "), row.limit))
        }),
        ("cwd", Stands::ForText, |row, strings| {
            let cwd = (!row.process.cwd.is_empty()).then(|| escape::text(&row.process.cwd));
            strings.maybe(cwd.map(|cwd| shorten(cwd, row.limit)))
        }),
        ("real_user", Stands::ForText, |row, strings| {
            let real = row.process.real_user;
            let other = real.filter(|real| *real != row.process.user);
            strings.maybe(other.map(|real| user(row.report.model, real)))
        }),
        ("login_user", Stands::ForText, |row, strings| {
            let login = row.process.login_user;
            strings.maybe(login.map(|login| user(row.report.model, login)))
        }),
        ("former_users", Stands::ForText, |row, strings| {
            let former = row.process.former_users.iter();
            let former: Vec<String> = former.map(|id| user(row.report.model, *id)).collect();
            strings.maybe((!former.is_empty()).then(|| former.join(", ")))
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
        ("owner", Stands::ForItself, |row, _| {
            row.owner.map_or(UNKNOWN, number)
        }),
        ("start", Stands::ForItself, |row, _| {
            match row.connection.is_pre_existing {
                true => UNKNOWN,
                false => since(row.report, row.connection.started_ns),
            }
        }),
        ("life", Stands::ForItself, |row, _| {
            let start = since(row.report, row.connection.started_ns);
            let ended = row.connection.ended_ns();
            ended.map_or(UNKNOWN, |ended| (since(row.report, ended) - start).max(0))
        }),
        ("state", Stands::ForText, |row, strings| {
            strings.place(&outcome(row.connection))
        }),
        ("failed", Stands::ForItself, |row, _| {
            i64::from(has_failed(row.connection))
        }),
        ("local", Stands::ForText, |row, strings| {
            let local = row.connection.local().filter(|local| local.port() != 0);
            strings.maybe(local.map(|local| local.to_string()))
        }),
        ("remote", Stands::ForText, |row, strings| {
            strings.place(&remote_end(row.connection))
        }),
        ("names", Stands::ForText, |row, strings| {
            strings.maybe(called(row.connection, true))
        }),
        ("tag", Stands::ForText, |row, strings| {
            let remote = row.connection.remote;
            strings.maybe(remote.and_then(|remote| name_of(row.report.model, remote)))
        }),
        ("group", Stands::ForItself, |row, _| {
            row.group.map_or(UNKNOWN, number)
        }),
        ("sent", Stands::ForItself, |row, _| {
            let bytes = row.connection.bytes();
            bytes.map_or(UNKNOWN, |(sent, _)| amount(sent))
        }),
        ("received", Stands::ForItself, |row, _| {
            let bytes = row.connection.bytes();
            bytes.map_or(UNKNOWN, |(_, received)| amount(received))
        }),
    ]
}

impl Dataset {
    pub(super) fn of(report: &Report<'_>, overview: &Overview<'_>, limits: &Limits) -> Dataset {
        let allotment = Allotment::of(report, &overview.trees, limits);
        let (process_fields, connection_fields) = (process_fields(), connection_fields());
        let mut parts: Vec<Part> = allotment
            .firsts
            .iter()
            .map(|first| Part {
                first: *first,
                ..Part::default()
            })
            .collect();
        let limit = (COMMAND_LINES / allotment.kept.max(1)).clamp(COMMAND_LINE.0, COMMAND_LINE.1);
        for (index, process) in report.processes() {
            let Some(part) = allotment.part(index).and_then(|part| parts.get_mut(part)) else {
                continue;
            };
            let row = ProcessRow {
                report,
                process,
                parent: process.parent.and_then(|parent| allotment.row(parent)),
                limit,
            };
            let numbers = process_fields.iter();
            let numbers = numbers.map(|(.., value)| value(&row, &mut part.strings));
            part.processes.extend(numbers);
        }
        let groups: HashMap<&Destination, usize, RandomState> = overview
            .destinations
            .iter()
            .enumerate()
            .filter_map(|(place, group)| Some((group.destinations.first()?, place)))
            .collect();
        let mut rations = allotment.rations(&overview.trees);
        for connection in report.shown.connections.iter() {
            let tree = &report.model.process(connection.owner).tree;
            let part = rations.part(&allotment, tree, connection.owner);
            let Some(part) = part.and_then(|part| parts.get_mut(part)) else {
                continue;
            };
            let row = ConnectionRow {
                report,
                connection,
                owner: allotment.row(connection.owner),
                group: groups.get(&Destination::of(connection)).copied(),
            };
            let numbers = connection_fields.iter();
            let numbers = numbers.map(|(.., value)| value(&row, &mut part.strings));
            part.connections.extend(numbers);
        }
        for fact in facts(report).into_iter().take(FACTS) {
            let part = allotment.part(fact.process);
            let row = allotment.row(fact.process);
            if let (Some(row), Some(part)) = (row, part.and_then(|part| parts.get_mut(part))) {
                part.add(row, fact);
            }
        }
        let trees = report.model.trees().into_iter();
        let mut bystanders = trees.filter(|tree| report.shown.is_bystander(report.model, tree));
        let bystanders = bystanders.next().map(|tree| escape::text(tree.as_bytes()));
        let mut parts = parts.into_iter();
        let mut data = Dataset {
            span: since(report, report.model.span().1),
            began: began(report),
            process_fields: names(&process_fields),
            process_texts: texts_of(&process_fields),
            connection_fields: names(&connection_fields),
            connection_texts: texts_of(&connection_fields),
            fact_fields: ["owner", "kind", "text"],
            fact_texts: ["kind", "text"],
            bystanders: UNKNOWN,
            trees: Vec::new(),
            first: parts.next().unwrap_or_default(),
            later: parts.collect(),
            allotment,
        };
        data.bystanders = data.first.strings.maybe(bystanders);
        data.trees = data.heads(&overview.trees, &rations.kept);
        data
    }

    /// Describes the trees of a recording with parts; `kept` has the connections of each in any.
    fn heads(&mut self, trees: &[Tree<'_>], kept: &[usize]) -> Vec<TreeHead> {
        let width = (self.process_fields.len(), self.connection_fields.len());
        let heads = self.later.iter().enumerate().map(|(id, part)| PartHead {
            id,
            processes: part.processes.len() / width.0.max(1),
            connections: part.connections.len() / width.1.max(1),
        });
        let mut heads = heads.collect::<Vec<_>>().into_iter();
        let shares = self.allotment.trees.iter().zip(trees).zip(kept);
        shares
            .map(|((share, tree), kept)| TreeHead {
                name: self.first.strings.place(&tree.name()),
                processes: tree.sums.processes,
                connections: tree.sums.connections,
                parts: heads.by_ref().take(share.parts.len()).collect(),
                left_out_processes: tree.sums.processes - share.processes,
                left_out_connections: tree.sums.connections - kept,
            })
            .collect()
    }

    /// Returns the parts that are loaded later.
    pub(super) fn later(&self) -> &[Part] {
        &self.later
    }

    /// Returns true if some processes are bystanders.
    pub(super) fn has_bystanders(&self) -> bool {
        self.bystanders != UNKNOWN
    }

    /// Returns the rows of processes.
    pub(super) fn rows(&self, indices: impl IntoIterator<Item = ProcessIndex>) -> BTreeSet<usize> {
        let indices = indices.into_iter();
        indices
            .filter_map(|index| self.allotment.row(index))
            .collect()
    }
}

impl Part {
    /// Adds a fact about the process of a row.
    fn add(&mut self, owner: usize, fact: Fact) {
        let kind = self.strings.place(fact.kind);
        let text = self.strings.place(&shorten(fact.text, COMMAND_LINE.1));
        self.facts.extend([number(owner), kind, text]);
    }
}

fn since(report: &Report<'_>, boot_ns: u64) -> i64 {
    let nanoseconds = boot_ns.saturating_sub(report.clock.start_ns);
    i64::try_from(nanoseconds / 1000).unwrap_or(i64::MAX)
}

fn began(report: &Report<'_>) -> i64 {
    let nanoseconds = i128::from(report.clock.start_ns) + i128::from(report.clock.offset_ns);
    i64::try_from(nanoseconds / 1_000_000).unwrap_or(0)
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
