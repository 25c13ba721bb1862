//! What addresses are called, as a table. Rows are aligned in blocks, so that a million of them need no
//! memory; a later block is never narrower than an earlier one.

use std::{borrow::Cow, net::IpAddr};

use crate::names::{self, Match, Tags};

use super::{
    escape,
    page::{Emphasis, Page, columns, pad},
};

const HEADINGS: [&str; 6] = [
    "ADDRESS",
    "TAG",
    "PREFIX",
    "REGION",
    "SERVICE",
    "OTHER TAGS",
];

const TAG: usize = 1;
const OTHERS: usize = 5;

/// Columns that a page does without, in this order, until the others fit.
const DISPENSABLE: [usize; 4] = [4, OTHERS, 3, 2];

const SPACE: &str = "  ";

/// Rows that are aligned with each other, unless whoever asks is waiting for the answer.
const BLOCK: usize = 1024;

/// What one address is called.
#[derive(Clone, Debug)]
pub struct TaggedAddress<'a> {
    pub(super) address: IpAddr,
    pub(super) port: Option<u16>,
    pub(super) matches: Vec<Match<'a>>,
    pub(super) note: Option<&'static str>,
}

impl<'a> TaggedAddress<'a> {
    /// Looks it up. An IPv4 address written as an IPv6 one is the IPv4 address.
    pub fn of(tags: &'a Tags, address: IpAddr, port: Option<u16>) -> TaggedAddress<'a> {
        TaggedAddress {
            address: address.to_canonical(),
            port,
            matches: tags.lookup(address).collect(),
            note: names::note(address, port),
        }
    }

    fn rows(&self, all: bool, rows: &mut Vec<Row<'a>>) {
        let address = || self.address.to_string().into();
        let dash = || Cow::from("-");
        // A note is no tag: it is in no list, and nothing can be filtered by it.
        let note = self.note.map(|note| Cow::from(format!("({note})")));
        let row = |found: &Match<'a>, last| {
            let prefix = found.prefix.to_string().into();
            let name = shown(found.name);
            [
                address(),
                name,
                prefix,
                shown(found.region),
                shown(found.system_service),
                last,
            ]
        };
        match self.matches.split_first() {
            Some((best, others)) if !all => {
                let others: Vec<Cow<'_, str>> = note
                    .into_iter()
                    .chain(others.iter().map(|other| shown(other.name)))
                    .collect();
                let last = if others.is_empty() {
                    dash()
                } else {
                    others.join(", ").into()
                };
                rows.push(row(best, last));
            }
            Some(_) => {
                rows.extend(self.matches.iter().map(|found| row(found, dash())));
                rows.extend(note.map(|note| [address(), note, dash(), dash(), dash(), dash()]));
            }
            None => {
                let note = note.unwrap_or_else(dash);
                rows.push([address(), note, dash(), dash(), dash(), dash()]);
            }
        }
    }
}

type Row<'a> = [Cow<'a, str>; HEADINGS.len()];

/// What a list says, safe on a terminal.
fn shown(text: &str) -> Cow<'_, str> {
    match text {
        "" => "-".into(),
        plain if plain.bytes().all(|byte| byte.is_ascii_graphic()) => plain.into(),
        other => escape::text(other.as_bytes()).into(),
    }
}

/// The table, block by block.
pub struct TagTable<'a> {
    page: Page,
    all: bool,
    widths: [usize; HEADINGS.len()],
    has_heading: bool,
    rows: Vec<Row<'a>>,
}

impl<'a> TagTable<'a> {
    /// An empty one; with a row for every tag if `all`.
    pub fn new(page: Page, all: bool) -> TagTable<'a> {
        TagTable {
            page,
            all,
            widths: HEADINGS.map(columns),
            has_heading: false,
            rows: Vec::new(),
        }
    }

    /// Adds what one address is called. Answers whether a block is full.
    pub fn add(&mut self, lookup: &TaggedAddress<'a>) -> bool {
        lookup.rows(self.all, &mut self.rows);
        self.rows.len() >= BLOCK
    }

    /// Takes the rows so far as lines, the first time with the heading.
    pub fn lines(&mut self) -> Vec<String> {
        for row in &self.rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(columns(cell));
            }
        }
        let mut lines = Vec::with_capacity(self.rows.len() + 1);
        let columns = self.columns();
        if !self.has_heading && !self.rows.is_empty() {
            self.has_heading = true;
            let heading = self.line(&columns, &HEADINGS.map(Cow::from));
            lines.push(
                self.page
                    .fit(self.page.emphasise(Emphasis::Heading, &heading)),
            );
        }
        lines.extend(
            self.rows
                .iter()
                .map(|row| self.page.fit(self.line(&columns, row))),
        );
        self.rows.clear();
        lines
    }

    /// The columns that the page has room for, by position.
    fn columns(&self) -> Vec<usize> {
        let mut shown: Vec<usize> = (0..HEADINGS.len())
            // With a row for each there are no others.
            .filter(|column| !self.all || *column != OTHERS)
            .collect();
        for column in DISPENSABLE {
            let taken: usize = shown
                .iter()
                // What does not fit of the others is cut, as long as there is room for one.
                .map(|column| match *column {
                    OTHERS => self.widths[OTHERS].min(self.widths[TAG]),
                    other => self.widths[other],
                })
                .map(|width| width + SPACE.len())
                .sum();
            if self
                .page
                .width
                .is_none_or(|width| taken <= width + SPACE.len())
            {
                break;
            }
            shown.retain(|kept| *kept != column);
        }
        shown
    }

    fn line(&self, columns: &[usize], row: &Row<'_>) -> String {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| pad(&row[*column], self.widths[*column]))
            .collect();
        cells.join(SPACE).trim_end().to_owned()
    }
}
