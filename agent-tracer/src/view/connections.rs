//! Connections as a table, one a row.

use std::net::SocketAddr;

use crate::{
    model::{Connection, Model, State},
    names,
};

use super::{
    errno_name, escape,
    page::{Page, bytes, columns, duration, pad},
    process::name,
    table::table,
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

/// The lines of the table, heading first; none where there is no connection.
pub fn connections<'a>(
    page: &Page,
    model: &Model,
    wanted: impl Iterator<Item = &'a Connection>,
) -> Vec<String> {
    let rows: Vec<_> = wanted
        .map(|connection| row(page, model, connection))
        .collect();
    table(page, &HEADINGS, &rows, &DISPENSABLE)
}

fn row(page: &Page, model: &Model, connection: &Connection) -> [String; HEADINGS.len()] {
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
