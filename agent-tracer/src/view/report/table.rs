//! A table of an HTML page. Its texts are escaped by the template.

use std::collections::BTreeSet;

use crate::{
    policy::Mark,
    view::{
        Context,
        field::{Field, cells, html_columns},
        table::Layout,
    },
};

/// Limit of the rows on the page; the others are only counted.
const ROWS: usize = 2000;

/// Limit of the rows on paper; the style sheet has the same number.
const PRINTED: usize = 60;

/// A table.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) headings: Vec<Heading>,
    pub(super) rows: Vec<Row>,
    /// Number of the rows beyond the limit.
    pub(super) left_out: usize,
}

/// The heading of a column.
#[derive(Clone, Debug)]
pub(super) struct Heading {
    pub(super) text: String,
    /// The class of its cells.
    pub(super) class: &'static str,
    /// True if the column names the subject of a row.
    is_subject: bool,
}

/// A row.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) cells: Vec<Cell>,
    /// Its processes, by their place in the dataset; the search uses them.
    pub(super) owners: String,
    /// The group of connections that it sums up, by its place in the dataset.
    pub(super) group: Option<usize>,
    /// The difference from another recording.
    pub(super) mark: Option<&'static str>,
}

/// A cell.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) class: &'static str,
    /// True if it names the subject of the row.
    pub(super) is_heading: bool,
}

/// A row with its places in the dataset.
pub(super) struct Placed<'r, R> {
    row: &'r R,
    owners: BTreeSet<usize>,
    group: Option<usize>,
    mark: Option<Mark>,
}

impl Table {
    /// Number of the rows that paper has no room for.
    pub(super) fn not_printed(&self) -> usize {
        self.rows.len().saturating_sub(PRINTED) + self.left_out
    }
}

impl<'r, R> Placed<'r, R> {
    /// Places a row with its processes.
    pub(super) fn new(row: &'r R, owners: BTreeSet<usize>) -> Placed<'r, R> {
        Placed {
            row,
            owners,
            group: None,
            mark: None,
        }
    }

    /// Marks the difference from another recording.
    pub(super) fn mark(self, mark: Option<Mark>) -> Placed<'r, R> {
        Placed { mark, ..self }
    }

    /// Names the group of connections that the row sums up.
    pub(super) fn group(self, group: usize) -> Placed<'r, R> {
        Placed {
            group: Some(group),
            ..self
        }
    }
}

impl Table {
    /// Makes a table with the columns that the fields declare.
    pub(super) fn new<'r, R: 'r>(
        context: Context<'_>,
        caption: &str,
        fields: &[Field<R>],
        rows: impl Iterator<Item = Placed<'r, R>>,
    ) -> Table {
        let columns = html_columns(fields);
        let headings = columns.iter().map(|column| Heading {
            text: capitalised(column.head.heading),
            class: match column.head.layout {
                Layout::Plain => "",
                Layout::Number => "number",
                Layout::Long => "long",
            },
            is_subject: column.head.is_subject,
        });
        let mut table = Table {
            caption: caption.to_owned(),
            headings: headings.collect(),
            ..Table::default()
        };
        for placed in rows {
            if table.rows.len() == ROWS {
                table.left_out += 1;
                continue;
            }
            let texts = cells(context, &columns, placed.row).into_iter();
            let cells = texts.zip(&table.headings).map(|(text, heading)| Cell {
                text: text.trim().to_owned(),
                class: heading.class,
                is_heading: heading.is_subject,
            });
            let owners: Vec<String> = placed.owners.iter().map(usize::to_string).collect();
            let row = Row {
                cells: cells.collect(),
                owners: owners.join(" "),
                group: placed.group,
                mark: placed.mark.map(Mark::name),
            };
            table.rows.push(row);
        }
        table.show_marks();
        table
    }
}

impl Table {
    /// Adds a column with the marks, if a row has one.
    fn show_marks(&mut self) {
        if self.rows.iter().all(|row| row.mark.is_none()) {
            return;
        }
        self.headings.push(Heading {
            text: "Mark".to_owned(),
            class: "mark",
            is_subject: false,
        });
        for row in &mut self.rows {
            row.cells.push(Cell {
                text: row.mark.unwrap_or("-").to_owned(),
                class: "mark",
                is_heading: false,
            });
        }
    }
}

/// Writes `Sent/received` for `SENT/RECEIVED`.
fn capitalised(heading: &str) -> String {
    let mut characters = heading.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first
        .into_iter()
        .chain(characters.map(|rest| rest.to_ascii_lowercase()))
        .collect()
}
