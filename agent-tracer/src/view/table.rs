//! Aligns rows of cells in columns, on pages of any width.

use super::{
    field::EMPTY,
    page::{Emphasis, Page, WIDEST, columns, pad, pad_left},
};

const SPACE: &str = "  ";

/// The side of a column that its cells are aligned at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// The layout of a column of an HTML page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Plain,
    /// Numbers, aligned on the right.
    Number,
    /// Long texts, which may be broken anywhere.
    Long,
}

/// The head of a column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) heading: &'static str,
    /// Alignment in text.
    pub(super) align: Align,
    /// Order in which columns are left out of a table that is too wide, from 1; 0 means never.
    pub(super) leave_out: u8,
    /// True if it goes before all others where no row has it.
    pub(super) empty_first: bool,
    /// True if it is not there where no row has it.
    pub(super) only_if_any: bool,
    /// Layout on an HTML page.
    pub(super) layout: Layout,
    /// True if it names the subject of a row.
    pub(super) is_subject: bool,
}

impl Head {
    pub(super) const fn new(heading: &'static str) -> Head {
        Head {
            heading,
            align: Align::Left,
            leave_out: 0,
            empty_first: false,
            only_if_any: false,
            layout: Layout::Plain,
            is_subject: false,
        }
    }
}

/// A column with its cells.
struct Shown {
    head: Head,
    width: usize,
    cells: Vec<String>,
}

impl Shown {
    fn add(&mut self, cell: String) {
        self.width = self.width.max(columns(&cell)).min(WIDEST);
        self.cells.push(cell);
    }

    fn is_empty(&self) -> bool {
        self.cells.iter().all(|cell| cell == EMPTY)
    }

    /// Returns its place in the order in which columns are left out, if it may be.
    fn leave_out(&self) -> Option<u8> {
        match self.head.leave_out {
            _ if self.head.empty_first && self.is_empty() => Some(0),
            0 => None,
            order => Some(order),
        }
    }

    fn padded(&self, cell: &str) -> String {
        match self.head.align {
            Align::Left => pad(cell, self.width),
            Align::Right => pad_left(cell, self.width),
        }
    }
}

/// Returns the lines of a table, headings first, or none without a row. Columns that may be left
/// out are, until the others fit the page.
pub(super) fn table(page: &Page, heads: &[Head], rows: Vec<Vec<String>>) -> Vec<String> {
    let count = rows.len();
    if count == 0 {
        return Vec::new();
    }
    let shown = heads.iter().map(|head| Shown {
        head: *head,
        width: columns(head.heading),
        cells: Vec::with_capacity(count),
    });
    let mut shown: Vec<Shown> = shown.collect();
    for row in rows {
        for (column, cell) in shown.iter_mut().zip(row) {
            column.add(page.fit(cell));
        }
    }
    shown.retain(|column| !(column.head.only_if_any && column.is_empty()));
    let left_out = leave_out(page, &mut shown);
    let line = |cells: Vec<String>| cells.join(SPACE).trim_end().to_owned();
    let headings = shown
        .iter()
        .map(|column| column.padded(column.head.heading));
    let heading = line(headings.collect());
    let mut lines = Vec::with_capacity(count + 1);
    lines.push(page.fit(page.emphasise(Emphasis::Heading, &heading)));
    let mut left: Vec<_> = shown.iter().map(|column| column.cells.iter()).collect();
    for _ in 0..count {
        let cells = left.iter_mut().zip(&shown);
        let cells = cells.filter_map(|(left, column)| Some(column.padded(left.next()?)));
        lines.push(page.fit(line(cells.collect())));
    }
    lines.extend(remark(page, left_out));
    lines
}

/// Says which columns are not there, and how to see them.
fn remark(page: &Page, left_out: Vec<&str>) -> Vec<String> {
    if left_out.is_empty() {
        return Vec::new();
    }
    let remark = format!(
        "(without room for {}: a wider terminal or a pipe, as `| cat`, shows all)",
        left_out.join(", ")
    );
    let lines = page.wrap(&remark, 1).into_iter();
    lines
        .map(|line| page.fit(page.emphasise(Emphasis::Faint, &line)))
        .collect()
}

/// Removes columns until the others fit, or no other may be left out. Returns the headings of those
/// without room that have a value, also of those behind the end of the lines.
fn leave_out(page: &Page, shown: &mut Vec<Shown>) -> Vec<&'static str> {
    let mut left_out = Vec::new();
    let Some(width) = page.width else {
        return left_out;
    };
    loop {
        let taken: usize = shown.iter().map(|column| column.width + SPACE.len()).sum();
        if taken <= width + SPACE.len() {
            return left_out;
        }
        let candidates = shown.iter().enumerate();
        let candidates = candidates.filter_map(|(at, column)| Some((column.leave_out()?, at)));
        match candidates.min() {
            Some((_, at)) => {
                let column = shown.remove(at);
                left_out.extend((!column.is_empty()).then_some(column.head.heading));
            }
            None => break,
        }
    }
    let mut begins = 0;
    for column in shown {
        // The last column of a line is an ellipsis.
        if begins + 1 >= width {
            left_out.push(column.head.heading);
        }
        begins += column.width + SPACE.len();
    }
    left_out
}

#[cfg(test)]
mod tests;
