//! A table of an HTML page: caption, headings, cells. All of it is text that is escaped where the page is made.

use std::collections::BTreeSet;

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

/// Columns of numbers, by their headings.
const NUMBERS: [&str; 9] = [
    "Sent",
    "Received",
    "Processes",
    "Running",
    "Connections",
    "Destinations",
    "Port",
    "Count",
    "Time",
];

/// Columns of texts without end.
const LONG: [&str; 8] = [
    "Host",
    "Name",
    "Why",
    "Command line",
    "What",
    "Hook",
    "Unit",
    "Processes of",
];

/// What rows are about, by the headings of columns; the first that a table has.
const SUBJECTS: [&str; 8] = [
    "Host", "Name", "Local", "Unit", "Fact", "Kind", "Process", "Tree",
];

impl Grid {
    pub(super) fn new(caption: &str, headings: &[&str]) -> Grid {
        let heading = |text: &&str| Heading {
            text: capitalised(text),
            class: match &*capitalised(text) {
                number if NUMBERS.contains(&number) => "number",
                long if LONG.contains(&long) => "long",
                _ => "",
            },
        };
        Grid {
            caption: caption.to_owned(),
            headings: headings.iter().map(heading).collect(),
            ..Grid::default()
        }
    }

    /// The column that says what a row is about.
    fn subject(&self) -> usize {
        SUBJECTS
            .iter()
            .find_map(|subject| {
                self.headings
                    .iter()
                    .position(|heading| heading.text == *subject)
            })
            .unwrap_or(0)
    }

    /// Adds a row about nobody in particular.
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
        let subject = self.subject();
        let cells = cells.into_iter().zip(&self.headings);
        let cells = cells.enumerate().map(|(position, (text, heading))| Cell {
            text,
            class: heading.class,
            is_heading: position == subject,
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
