//! Makes the rows of the lists: every cell is escaped.

use crate::{
    event::Protocol,
    findings::{
        Activity, Change, Contact, Host, Picture, Tree, attention_list, contacts, has_failed, trees,
    },
    model::Model,
    view::{
        Page, TimeStyle, caveats,
        changes::{by, words},
        connections::outcome,
        escape,
        field::EMPTY,
        missing::missing,
        numbers::grouped,
        process,
    },
};

use super::{Pane, columns::Column};

/// The part of a recording that is shown.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    /// The model of the events so far.
    pub model: &'a Model,
    /// The page: clock and style of times.
    pub page: &'a Page,
    /// What filters leave.
    pub picture: &'a Picture<'a>,
    /// The changes that filters leave.
    pub changes: &'a [Change<'a>],
    /// The times of the last events.
    pub activity: &'a Activity,
}

/// A row of a list.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    /// Names its subject while rows come and go.
    pub(super) key: String,
    pub(super) cells: Vec<String>,
    /// True if it is emphasised.
    pub(super) is_bad: bool,
}

/// The rows of all lists.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    pub(super) lists: [Vec<Row>; 4],
}

impl Rows {
    /// Makes the rows.
    pub fn of(sight: &Sight<'_>) -> Rows {
        let Sight { model, picture, .. } = sight;
        let trees = trees(model, picture);
        let contacts = contacts(model, picture);
        Rows {
            lists: [
                trees.iter().map(|one| tree(sight, one)).collect(),
                contacts.iter().map(|one| contact(sight, one)).collect(),
                attention(sight),
                ledger(model),
            ],
        }
    }

    pub(super) fn of_pane(&self, pane: Pane) -> &[Row] {
        self.lists.get(pane.place()).map_or(&[], Vec::as_slice)
    }
}

const TREES: [Column; 5] = [
    Column::left("TREE", (12, 40)),
    Column::right("RUNNING", (8, 16)),
    Column::right("CONNECTIONS", (5, 11)).leave_out(2),
    Column::right("DESTINATIONS", (5, 12)),
    Column::right("LAST EVENT", (8, 16)).leave_out(1),
];

const DESTINATIONS: [Column; 8] = [
    Column::right("TIME", (6, 15)).leave_out(3),
    Column::left("TREE", (8, 20)),
    Column::left("PROCESS", (9, 26)),
    Column::left("NAME", (20, 60)),
    Column::left("ADDRESS", (15, 39)).leave_out(2),
    Column::left("PORT", (6, 9)),
    Column::left("STATE", (7, 24)),
    Column::right("COUNT", (5, 9)).leave_out(1),
];

const TEXT: [Column; 1] = [Column::left("", (1, usize::MAX))];

/// Returns the columns of a list. Those without headings have none.
pub(super) fn columns_of(pane: Pane) -> &'static [Column] {
    match pane {
        Pane::Trees => &TREES,
        Pane::Destinations => &DESTINATIONS,
        Pane::Attention | Pane::Ledger => &TEXT,
    }
}

fn tree(sight: &Sight<'_>, tree: &Tree<'_>) -> Row {
    let last = sight.activity.of(tree.name);
    Row {
        key: tree.name.to_owned(),
        cells: vec![
            escape::text(tree.name.as_bytes()),
            format!(
                "{} of {}",
                grouped(tree.running as u64),
                grouped(tree.processes as u64)
            ),
            grouped(tree.connections as u64),
            grouped(tree.destinations.len() as u64),
            last.map_or_else(|| EMPTY.to_owned(), |at| time(sight.page, at)),
        ],
        is_bad: false,
    }
}

/// Writes a time. On a narrow page the digits behind the point make room for those before it.
fn time(page: &Page, boot_ns: u64) -> String {
    let since = boot_ns.saturating_sub(page.clock.start_ns) as f64 / 1e9;
    match (page.time, page.is_narrow()) {
        (TimeStyle::Relative, true) if since >= 10_000.0 => format!("{since:.0}"),
        (TimeStyle::Relative, true) if since >= 100.0 => format!("{since:.1}"),
        _ => page.time(boot_ns).trim().to_owned(),
    }
}

/// Names a destination of a tree.
pub(super) fn key_of(contact: &Contact<'_>) -> String {
    format!("{}\0{}", contact.tree, contact.destination.label())
}

fn contact(sight: &Sight<'_>, contact: &Contact<'_>) -> Row {
    let Contact {
        tree,
        destination,
        first,
        latest,
        connections,
        ..
    } = contact;
    let page = sight.page;
    let time = match first.is_pre_existing {
        true => "before".to_owned(),
        false => time(page, first.started_ns),
    };
    let owner = sight.model.process(first.owner);
    let name = match &destination.host {
        Host::Named(name) => escape::text(name.as_bytes()),
        Host::Address(address) if destination.through.is_some() => address.to_string(),
        Host::Address(_) | Host::Unknown => EMPTY.to_owned(),
    };
    let address = match (destination.through, latest.remote) {
        (Some(proxy), _) => format!("via {proxy}"),
        (None, Some(remote)) => remote.ip().to_string(),
        (None, None) => "?".to_owned(),
    };
    let mut port = destination.port.to_string();
    if latest.protocol == Protocol::Udp {
        port.push_str("/udp");
    }
    Row {
        key: key_of(contact),
        cells: vec![
            time,
            escape::text(tree.as_bytes()),
            match page.is_narrow() {
                true => process::name(owner),
                false => process::called(owner),
            },
            name,
            address,
            port,
            outcome(latest),
            grouped(*connections),
        ],
        is_bad: has_failed(latest),
    }
}

/// Lists what deserves attention, one sentence each.
fn attention(sight: &Sight<'_>) -> Vec<Row> {
    let lines = attention_list(sight.changes).into_iter();
    lines
        .map(|line| {
            let what = words::attention_item(&line);
            let became = words::became(sight.model, line.change);
            let author = by(sight.model, line.change.kind, line.author);
            let text = format!("{}: {what} ({became})", words::reason(line.reason));
            let text = match author.is_empty() {
                true => text,
                false => format!("{text}  {author}"),
            };
            Row {
                key: text.clone(),
                cells: vec![text],
                is_bad: true,
            }
        })
        .collect()
}

/// Lists missing parts, then uncertain ones, one sentence each.
fn ledger(model: &Model) -> Vec<Row> {
    let row = |text: String, is_bad| Row {
        key: text.clone(),
        cells: vec![text],
        is_bad,
    };
    let missing = missing(model).into_iter();
    let missing = missing.map(|text| row(escape::text(text.as_bytes()), true));
    let unreadable = model.ledger().unreadable_things();
    let unreadable = unreadable.map(|(what, count)| {
        let what = escape::text(what.as_bytes());
        row(format!("malformed messages: {count} × {what}"), false)
    });
    let caveats = caveats(model).into_iter().map(|text| row(text, false));
    missing.chain(unreadable).chain(caveats).collect()
}
