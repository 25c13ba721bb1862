//! A table of an HTML page: caption, headings, cells. All of it is text that is escaped where the page is made.

use std::collections::BTreeSet;

use crate::view::field::{Column, Layout};

/// Rows that are part of the page itself; of more than that there is a number.
const ROWS: usize = 2000;

/// A table.
#[derive(Clone, Debug, Default)]
pub(super) struct Grid {
    pub(super) caption: String,
    pub(super) headings: Vec<Heading>,
    pub(super) rows: Vec<Row>,
    /// Rows that are not here.
    pub(super) left_out: usize,
}

/// The head of a column.
#[derive(Clone, Debug)]
pub(super) struct Heading {
    pub(super) text: String,
    /// How cells below it are laid out: `number`, `long` for texts that may be broken anywhere, or nothing.
    pub(super) class: &'static str,
    /// Whether it says what a row is about.
    is_subject: bool,
}

/// A row.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) cells: Vec<Cell>,
    /// The rows of the processes that it is about, in the data; the search goes by them.
    pub(super) owners: String,
    /// The number of the group of connections that it sums up, in the data.
    pub(super) group: Option<usize>,
}

/// A cell.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) class: &'static str,
    /// Whether it says what the row is about.
    pub(super) is_heading: bool,
}

/// A declared column of a page's table.
#[derive(Clone, Copy)]
pub(super) struct Head {
    text: &'static str,
    layout: Layout,
    is_subject: bool,
}

impl Head {
    pub(super) const fn new(text: &'static str) -> Head {
        Head {
            text,
            layout: Layout::Plain,
            is_subject: false,
        }
    }

    /// A column of numbers.
    pub(super) const fn number(text: &'static str) -> Head {
        Head {
            layout: Layout::Number,
            ..Head::new(text)
        }
    }

    /// A column of texts that may be broken anywhere.
    pub(super) const fn long(text: &'static str) -> Head {
        Head {
            layout: Layout::Long,
            ..Head::new(text)
        }
    }

    /// As it is, and what a row is about.
    pub(super) const fn subject(self) -> Head {
        Head {
            is_subject: true,
            ..self
        }
    }

    /// As a column of text is declared.
    pub(super) fn of<R>(column: &Column<R>) -> Head {
        Head {
            text: column.heading,
            layout: column.layout,
            is_subject: column.is_subject,
        }
    }
}

impl Grid {
    pub(super) fn new(caption: &str, heads: &[Head]) -> Grid {
        let heading = |head: &Head| Heading {
            text: capitalised(head.text),
            class: match head.layout {
                Layout::Plain => "",
                Layout::Number => "number",
                Layout::Long => "long",
            },
            is_subject: head.is_subject,
        };
        Grid {
            caption: caption.to_owned(),
            headings: heads.iter().map(heading).collect(),
            ..Grid::default()
        }
    }

    /// Adds a row without processes.
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.add(cells.to_vec(), BTreeSet::new(), None);
    }

    /// Adds a row, with the rows of its processes in the data.
    pub(super) fn add(
        &mut self,
        cells: Vec<String>,
        owners: BTreeSet<usize>,
        group: Option<usize>,
    ) {
        if self.rows.len() == ROWS {
            self.left_out += 1;
            return;
        }
        let cells = cells.into_iter().zip(&self.headings);
        let cells = cells.map(|(text, heading)| Cell {
            text,
            class: heading.class,
            is_heading: heading.is_subject,
        });
        let owners: Vec<String> = owners.iter().map(usize::to_string).collect();
        self.rows.push(Row {
            cells: cells.collect(),
            owners: owners.join(" "),
            group,
        });
    }
}

/// `Sent/received` for `SENT/RECEIVED`.
fn capitalised(heading: &str) -> String {
    let mut characters = heading.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first
        .into_iter()
        .chain(characters.map(|rest| rest.to_ascii_lowercase()))
        .collect()
}
