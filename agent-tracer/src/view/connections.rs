//! Connections as a table, one a row.

use crate::model::{Connection, Model, State};

use super::{
    errno_name, escape,
    page::{Emphasis, Page, bytes, columns, duration, pad},
    process::name,
    user,
};

/// A column: its heading, and whether a narrow page has it too.
const COLUMNS: [(&str, bool); 10] = [
    ("TIME", true),
    ("TREE", true),
    ("PROCESS", true),
    ("USER", false),
    ("LOCAL", false),
    ("REMOTE", true),
    ("STATE", true),
    ("ANSWER", false),
    ("LASTED", true),
    ("SENT/RECEIVED", false),
];

type Row = [String; COLUMNS.len()];

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
    let headings: Row = COLUMNS.map(|(heading, _)| heading.to_owned());
    let mut widths = COLUMNS.map(|(heading, _)| columns(heading));
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(columns(cell));
        }
    }
    let heading = line(page, &headings, &widths);
    let mut lines = vec![page.fit(page.emphasise(Emphasis::Heading, &heading))];
    lines.extend(rows.iter().map(|row| page.fit(line(page, row, &widths))));
    lines
}

fn line(page: &Page, row: &Row, widths: &[usize]) -> String {
    let cells: Vec<String> = COLUMNS
        .iter()
        .zip(row.iter().zip(widths))
        .filter(|((_, on_narrow), _)| *on_narrow || !page.is_narrow())
        .map(|(_, (cell, width))| pad(cell, *width))
        .collect();
    cells.join("  ").trim_end().to_owned()
}

fn row(page: &Page, model: &Model, connection: &Connection) -> Row {
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
        match connection.local {
            Some(local) if local.port() != 0 => local.to_string(),
            Some(_) | None => "-".to_owned(),
        },
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
