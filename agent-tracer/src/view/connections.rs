//! Connections as a table, one a row.

use crate::model::{Connection, Model, State};

use super::{
    errno_name, escape,
    page::{Emphasis, Page, bytes, columns, duration, pad},
    process::name,
    user,
};

const HEADINGS: [&str; 9] = [
    "TIME",
    "TREE",
    "PROCESS",
    "USER",
    "REMOTE",
    "STATE",
    "ANSWER",
    "LASTED",
    "SENT/RECEIVED",
];

/// The lines of the table, heading first; none where there is no connection.
pub fn connections<'a>(
    page: &Page,
    model: &Model,
    wanted: impl Iterator<Item = &'a Connection>,
) -> Vec<String> {
    let rows: Vec<[String; 9]> = wanted
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
    let mut lines = vec![page.fit(page.emphasise(Emphasis::Heading, &line(&HEADINGS, &widths)))];
    lines.extend(rows.iter().map(|row| page.fit(line(row, &widths))));
    lines
}

fn line(cells: &[impl AsRef<str>], widths: &[usize]) -> String {
    let cells: Vec<String> = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| pad(cell.as_ref(), *width))
        .collect();
    cells.join("  ").trim_end().to_owned()
}

fn row(page: &Page, model: &Model, connection: &Connection) -> [String; 9] {
    let owner = model.process(connection.owner);
    let since = |to: Option<u64>| match to {
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
        page.time(connection.started_ns),
        escape::text(owner.tree.as_bytes()),
        format!("{} [{}]", name(owner), owner.id.pid),
        user(model, owner.user),
        connection
            .remote
            .map_or_else(|| "?".to_owned(), |remote| remote.to_string()),
        state,
        since(connection.established_ns),
        since(connection.ended_ns),
        match connection.bytes {
            Some((sent, received)) => format!("{} / {}", bytes(sent), bytes(received)),
            None => "-".to_owned(),
        },
    ]
}
