//! Rows as lines with aligned columns, on pages of any width. What is in the cells it does not know.

use super::page::{Emphasis, Page, WIDEST, columns, pad};

const SPACE: &str = "  ";

/// The lines, heading first; none where there is no row. Where a page has no room for all columns, the
/// `dispensable` ones are left out, in that order, until the others fit.
pub(super) fn table<const N: usize>(
    page: &Page,
    headings: &[&str; N],
    rows: &[[String; N]],
    dispensable: &[usize],
) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let mut widths = headings.map(columns);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(columns(&page.cell(cell))).min(WIDEST);
        }
    }
    let shown = shown(page, &widths, dispensable);
    let line = |row: &[String; N]| {
        let cells: Vec<String> = shown
            .iter()
            .map(|column| pad(&page.cell(&row[*column]), widths[*column]))
            .collect();
        cells.join(SPACE).trim_end().to_owned()
    };
    let heading = line(&headings.map(str::to_owned));
    let mut lines = vec![page.fit(page.emphasise(Emphasis::Heading, &heading))];
    lines.extend(rows.iter().map(|row| page.fit(line(row))));
    lines
}

/// The columns that the page has room for, by position.
fn shown(page: &Page, widths: &[usize], dispensable: &[usize]) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..widths.len()).collect();
    for column in dispensable {
        let taken: usize = shown
            .iter()
            .map(|column| widths[*column] + SPACE.len())
            .sum();
        if page.width.is_none_or(|width| taken <= width + SPACE.len()) {
            break;
        }
        shown.retain(|kept| kept != column);
    }
    shown
}
