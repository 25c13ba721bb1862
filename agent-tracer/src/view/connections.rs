//! Connections as a table, one a row.

use std::net::SocketAddr;

use crate::{
    model::{Connection, Model, State},
    names,
};

use super::{
    errno_name, escape,
    page::{Emphasis, Page, bytes, columns, duration, pad},
    process::name,
    user,
};

const HEADINGS: [&str; 11] = [
    "TIME",
    "TREE",
    "PROCESS",
    "USER",
    "LOCAL",
    "REMOTE",
    "TAG",
    "STATE",
    "ANSWER",
    "LASTED",
    "SENT/RECEIVED",
];

/// Columns that a page does without, in this order, until the others fit.
const DISPENSABLE: [usize; 7] = [8, 3, 4, 10, 9, 0, 6];

const SPACE: &str = "  ";

type Row = [String; HEADINGS.len()];

/// The lines of the table, heading first; none where there is no connection.
pub fn connections<'a>(
    page: &Page,
    model: &Model,
    wanted: impl Iterator<Item = &'a Connection>,
) -> Vec<String> {
    let rows: Vec<Row> = wanted
        .map(|connection| row(page, model, connection))
        .collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let mut widths = HEADINGS.map(columns);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(columns(cell));
        }
    }
    let shown = shown(page, &widths);
    let line = |row: &Row| {
        let cells: Vec<String> = shown
            .iter()
            .map(|column| pad(&row[*column], widths[*column]))
            .collect();
        cells.join(SPACE).trim_end().to_owned()
    };
    let heading = line(&HEADINGS.map(str::to_owned));
    let mut lines = vec![page.fit(page.emphasise(Emphasis::Heading, &heading))];
    lines.extend(rows.iter().map(|row| page.fit(line(row))));
    lines
}

/// The columns that the page has room for, by position.
fn shown(page: &Page, widths: &[usize; HEADINGS.len()]) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..HEADINGS.len()).collect();
    for column in DISPENSABLE {
        let taken: usize = shown
            .iter()
            .map(|column| widths[*column] + SPACE.len())
            .sum();
        if page.width.is_none_or(|width| taken <= width + SPACE.len()) {
            break;
        }
        shown.retain(|kept| *kept != column);
    }
    shown
}

fn row(page: &Page, model: &Model, connection: &Connection) -> Row {
    let owner = model.process(connection.owner);
    let since = |to: Option<u64>| match to {
        // Of how long, only the end is known.
        _ if connection.was_there_before => "-".to_owned(),
        Some(to) => duration(to.saturating_sub(connection.started_ns)),
        None => "-".to_owned(),
    };
    let state = match (connection.state, connection.error) {
        (State::Aborted | State::Closed | State::Unreachable, error) if error != 0 => {
            format!("{} {}", connection.state.name(), errno_name(error))
        }
        (state, _) => state.name().to_owned(),
    };
    [
        match connection.was_there_before {
            true => pad("before", columns(&page.time(0))),
            false => page.time(connection.started_ns),
        },
        escape::text(owner.tree.as_bytes()),
        format!("{} [{}]", name(owner), owner.id.pid),
        user(model, owner.user),
        match connection.local {
            Some(local) if local.port() != 0 => local.to_string(),
            Some(_) | None => "-".to_owned(),
        },
        connection
            .remote
            .map_or_else(|| "?".to_owned(), |remote| remote.to_string()),
        connection
            .remote
            .and_then(|remote| name_of(model, remote))
            .unwrap_or_else(|| "-".to_owned()),
        state,
        since(connection.established_ns),
        since(connection.ended_ns),
        match connection.bytes {
            Some((sent, received)) => format!("{} / {}", bytes(sent), bytes(received)),
            None => "-".to_owned(),
        },
    ]
}

/// The most telling tag of a remote end; in parentheses, what is in no list but means the same everywhere.
pub(super) fn name_of(model: &Model, remote: SocketAddr) -> Option<String> {
    match model.tags(remote.ip()).first() {
        Some(tag) => Some(escape::text(tag.name.as_bytes())),
        None => {
            let note = names::note(remote.ip(), Some(remote.port()))?;
            Some(format!("({note})"))
        }
    }
}
