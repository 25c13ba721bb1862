//! Connections as a table, one a row.

use std::net::SocketAddr;

use crate::{
    event::Protocol,
    model::{Connection, Model, State},
    names,
};

use super::{
    errno_name, escape, naming,
    page::{Page, bytes, columns, duration, pad},
    process::name,
    table::table,
    user_of,
};

const HEADINGS: [&str; 12] = [
    "TIME",
    "TREE",
    "PROCESS",
    "USER",
    "LOCAL",
    "REMOTE",
    "NAME",
    "TAG",
    "STATE",
    "ANSWER",
    "LASTED",
    "SENT/RECEIVED",
];

/// Columns that a page does without, in this order, until the others fit.
const DISPENSABLE: [usize; 7] = [9, 3, 4, 11, 10, 0, 7];

/// Of that one too, where nothing has a name.
const NAME: usize = 6;

/// The lines of the table, heading first; none where there is no connection.
pub fn connections<'a>(
    page: &Page,
    model: &Model,
    wanted: impl Iterator<Item = &'a Connection>,
) -> Vec<String> {
    let wanted: Vec<&Connection> = wanted.collect();
    // Who says it is for those who have room for it.
    let with_sources = page.width.is_none_or(|width| width >= WIDE);
    let rows: Vec<_> = wanted
        .iter()
        .map(|connection| row(page, model, connection, with_sources))
        .collect();
    let mut dispensable = DISPENSABLE.to_vec();
    if rows.iter().all(|row| row[NAME] == "-") {
        dispensable.insert(0, NAME);
    }
    table(page, &HEADINGS, &rows, &dispensable)
}

/// Columns of a page that has room for everything.
const WIDE: usize = 160;

fn row(
    page: &Page,
    model: &Model,
    connection: &Connection,
    with_sources: bool,
) -> [String; HEADINGS.len()] {
    let owner = model.process(connection.owner);
    let since = |to: Option<u64>| match to {
        // Of how long, only the end is known.
        _ if connection.was_there_before => "-".to_owned(),
        Some(to) => duration(to.saturating_sub(connection.started_ns)),
        None => "-".to_owned(),
    };
    [
        match connection.was_there_before {
            true => pad("before", columns(&page.time(0))),
            false => page.time(connection.started_ns),
        },
        escape::text(owner.tree.as_bytes()),
        format!("{} [{}]", name(owner), owner.id.pid),
        user_of(model, owner),
        match connection.local {
            Some(local) if local.port() != 0 => local.to_string(),
            Some(_) | None => "-".to_owned(),
        },
        remote_end(connection),
        called(connection, with_sources).unwrap_or_else(|| "-".to_owned()),
        connection
            .remote
            .and_then(|remote| name_of(model, remote))
            .unwrap_or_else(|| "-".to_owned()),
        outcome(connection),
        since(connection.established_ns),
        since(connection.ended_ns),
        match (connection.bytes, connection.datagrams) {
            (Some((sent, received)), None) => format!("{} / {}", bytes(sent), bytes(received)),
            (Some((sent, received)), Some((out, back))) => format!(
                "{} / {} in {out} / {back} datagrams",
                bytes(sent),
                bytes(received)
            ),
            (None, _) => "-".to_owned(),
        },
    ]
}

/// Where it stands, with the error where its state does not say it all.
pub(super) fn outcome(connection: &Connection) -> String {
    match (connection.state, connection.error) {
        (State::Aborted | State::Closed | State::Unreachable | State::Blocked, error)
            if error != 0 =>
        {
            format!("{} {}", connection.state.name(), errno_name(error))
        }
        (state, _) => state.name().to_owned(),
    }
}

/// What the remote end is called, or, of a proxy, what it was asked for.
pub(super) fn called(connection: &Connection, with_sources: bool) -> Option<String> {
    match &connection.destination {
        Some((host, port)) => Some(format!(
            "{}:{port} by this proxy",
            escape::text(host.as_bytes())
        )),
        None => naming::names(connection, with_sources),
    }
}

/// `203.0.113.9:443`, `203.0.113.9:53/udp`
pub(super) fn remote_end(connection: &Connection) -> String {
    let remote = connection
        .remote
        .map_or_else(|| "?".to_owned(), |remote| remote.to_string());
    match connection.protocol {
        Protocol::Tcp => remote,
        Protocol::Udp => format!("{remote}/udp"),
    }
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
