//! Writes the tags of addresses as a table. Rows are aligned in blocks, so that a million of them
//! need no memory. A later block is never narrower than an earlier one.

use std::{borrow::Cow, net::IpAddr};

use crate::names::{self, Match, Tags};

use super::{
    escape,
    field::EMPTY,
    page::{Emphasis, Page, columns, pad},
};

const SPACE: &str = "  ";

/// Rows that are aligned with each other, unless a reader waits for the answer.
const BLOCK: usize = 1024;

/// An address with its tags.
#[derive(Clone, Debug)]
pub struct TaggedAddress<'a> {
    pub(super) address: IpAddr,
    pub(super) port: Option<u16>,
    pub(super) matches: Vec<Match<'a>>,
    pub(super) note: Option<&'static str>,
}

impl<'a> TaggedAddress<'a> {
    /// Looks an address up. An IPv4 address written as an IPv6 one is the IPv4 address.
    pub fn of(tags: &'a Tags, address: IpAddr, port: Option<u16>) -> TaggedAddress<'a> {
        TaggedAddress {
            address: address.to_canonical(),
            port,
            matches: tags.lookup(address).collect(),
            note: names::note(address, port),
        }
    }

    /// Returns one row with the most specific tag, or a row for each tag.
    fn rows(&self, all: bool) -> impl Iterator<Item = Row<'a>> {
        // No list has a note, and no filter finds it, so it stands in parentheses.
        let note = self.note.map(|note| Cow::from(format!("({note})")));
        let row = |found: Option<&Match<'a>>, note: Option<&Cow<'a, str>>| Row {
            address: self.address,
            found: found.cloned(),
            note: note.cloned(),
            others: Vec::new(),
        };
        let rows = match self.matches.split_first() {
            Some((best, others)) if !all => {
                let names = others.iter().map(|other| shown(other.name));
                vec![Row {
                    others: note.into_iter().chain(names).collect(),
                    ..row(Some(best), None)
                }]
            }
            Some(_) => {
                let tags = self.matches.iter().map(|found| row(Some(found), None));
                tags.chain(note.iter().map(|note| row(None, Some(note))))
                    .collect()
            }
            None => vec![row(None, note.as_ref())],
        };
        rows.into_iter()
    }
}

/// A row of the table.
struct Row<'a> {
    address: IpAddr,
    found: Option<Match<'a>>,
    note: Option<Cow<'a, str>>,
    others: Vec<Cow<'a, str>>,
}

impl<'a> Row<'a> {
    /// Returns a text of the tag.
    fn of_tag(&self, get: fn(&Match<'a>) -> &'a str) -> Cow<'a, str> {
        let found = self.found.as_ref();
        found.map_or(EMPTY.into(), |found| shown(get(found)))
    }
}

/// A column of the table.
struct Column<'a> {
    heading: &'static str,
    /// Order in which columns are left out of a table that is too wide, from 1; 0 means never.
    leave_out: u8,
    /// True for the column of the tag.
    is_tag: bool,
    /// True if it needs as much room as the tag only: the rest of its cells may be cut.
    is_cut: bool,
    cell: fn(&Row<'a>) -> Cow<'a, str>,
}

impl<'a> Column<'a> {
    const fn new(heading: &'static str, cell: fn(&Row<'a>) -> Cow<'a, str>) -> Column<'a> {
        Column {
            heading,
            leave_out: 0,
            is_tag: false,
            is_cut: false,
            cell,
        }
    }

    const fn leave_out(self, order: u8) -> Column<'a> {
        Column {
            leave_out: order,
            ..self
        }
    }
}

/// Declares the columns, from the left. With a row for each tag there are no others.
fn declared<'a>(all: bool) -> Vec<Column<'a>> {
    let mut columns = vec![
        Column::new("ADDRESS", |row| row.address.to_string().into()),
        Column {
            is_tag: true,
            ..Column::new("TAG", |row| match (&row.note, &row.found) {
                (Some(note), None) => note.clone(),
                _ => row.of_tag(|found| found.name),
            })
        },
        Column::new("PREFIX", |row| match &row.found {
            Some(found) => found.prefix.to_string().into(),
            None => EMPTY.into(),
        })
        .leave_out(4),
        Column::new("REGION", |row| row.of_tag(|found| found.region)).leave_out(3),
        Column::new("SERVICE", |row| row.of_tag(|found| found.system_service)).leave_out(1),
    ];
    if !all {
        let others = Column::new("OTHER TAGS", |row| match row.others.is_empty() {
            true => EMPTY.into(),
            false => row.others.join(", ").into(),
        });
        columns.push(Column {
            is_cut: true,
            ..others.leave_out(2)
        });
    }
    columns
}

/// Makes a text of a list safe on a terminal.
fn shown(text: &str) -> Cow<'_, str> {
    match text {
        "" => EMPTY.into(),
        plain if plain.bytes().all(|byte| byte.is_ascii_graphic()) => plain.into(),
        other => escape::text(other.as_bytes()).into(),
    }
}

/// A column with its width and the cells of the present block.
struct Shown<'a> {
    column: Column<'a>,
    width: usize,
    cells: Vec<Cow<'a, str>>,
}

impl Shown<'_> {
    /// Returns the columns of the page that it needs, given the width of the tag.
    fn taken(&self, tag: usize) -> usize {
        let width = match self.column.is_cut {
            true => self.width.min(tag),
            false => self.width,
        };
        width + SPACE.len()
    }
}

/// A table that is written block by block.
pub struct TagTable<'a> {
    page: Page,
    all: bool,
    columns: Vec<Shown<'a>>,
    has_heading: bool,
    /// Rows of the present block.
    rows: usize,
}

impl<'a> TagTable<'a> {
    /// Makes an empty table, with a row for every tag if `all`.
    pub fn new(page: Page, all: bool) -> TagTable<'a> {
        let columns = declared(all).into_iter().map(|column| Shown {
            width: columns(column.heading),
            column,
            cells: Vec::new(),
        });
        TagTable {
            page,
            all,
            columns: columns.collect(),
            has_heading: false,
            rows: 0,
        }
    }

    /// Adds an address. Returns true if a block is full.
    pub fn add(&mut self, tagged: &TaggedAddress<'a>) -> bool {
        for row in tagged.rows(self.all) {
            self.rows += 1;
            for shown in &mut self.columns {
                let cell = (shown.column.cell)(&row);
                shown.width = shown.width.max(columns(&cell));
                shown.cells.push(cell);
            }
        }
        self.rows >= BLOCK
    }

    /// Takes the rows so far as lines, the first time with the heading.
    pub fn lines(&mut self) -> Vec<String> {
        let fitting = self.fitting();
        let mut lines = Vec::with_capacity(self.rows + 1);
        if !self.has_heading && self.rows > 0 {
            let headings = fitting
                .iter()
                .map(|shown| pad(shown.column.heading, shown.width));
            let heading = line(headings.collect());
            let heading = self.page.emphasise(Emphasis::Heading, &heading);
            lines.push(self.page.fit(heading));
        }
        let mut left: Vec<_> = fitting.iter().map(|shown| shown.cells.iter()).collect();
        for _ in 0..self.rows {
            let cells = left.iter_mut().zip(&fitting);
            let cells = cells.filter_map(|(left, shown)| Some(pad(left.next()?, shown.width)));
            lines.push(self.page.fit(line(cells.collect())));
        }
        self.has_heading |= self.rows > 0;
        self.rows = 0;
        for shown in &mut self.columns {
            shown.cells.clear();
        }
        lines
    }

    /// Returns the columns that the page has room for.
    fn fitting(&self) -> Vec<&Shown<'a>> {
        let mut fitting: Vec<&Shown<'a>> = self.columns.iter().collect();
        let Some(width) = self.page.width else {
            return fitting;
        };
        let tag = fitting.iter().find(|shown| shown.column.is_tag);
        let tag = tag.map_or(0, |shown| shown.width);
        loop {
            let taken: usize = fitting.iter().map(|shown| shown.taken(tag)).sum();
            if taken <= width + SPACE.len() {
                return fitting;
            }
            let candidates = fitting.iter().enumerate();
            let candidates = candidates.filter(|(_, shown)| shown.column.leave_out > 0);
            match candidates.min_by_key(|(_, shown)| shown.column.leave_out) {
                Some((at, _)) => drop(fitting.remove(at)),
                None => return fitting,
            }
        }
    }
}

fn line(cells: Vec<String>) -> String {
    cells.join(SPACE).trim_end().to_owned()
}
