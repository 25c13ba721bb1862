//! Rows as lines with aligned columns, on pages of any width. What is in the cells it does not know.

use super::page::{Emphasis, Page, WIDEST, columns, pad};

const SPACE: &str = "  ";

/// The lines, heading first; none where there is no row. Where a page has no room for all columns, the
/// `dispensable` ones are left out, in that order, until the others fit.
pub(super) fn table<R: AsRef<[String]>>(
    page: &Page,
    headings: &[&str],
    rows: &[R],
    dispensable: &[usize],
) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let mut widths: Vec<usize> = headings.iter().map(|heading| columns(heading)).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row.as_ref()) {
            *width = (*width).max(columns(&page.cell(cell))).min(WIDEST);
        }
    }
    let shown = shown(page, &widths, dispensable);
    let line = |row: &[String]| {
        let cells: Vec<String> = shown
            .iter()
            .filter_map(|column| {
                let cell = page.cell(row.get(*column)?);
                Some(pad(&cell, *widths.get(*column)?))
            })
            .collect();
        cells.join(SPACE).trim_end().to_owned()
    };
    let headings: Vec<String> = headings
        .iter()
        .map(|heading| (*heading).to_owned())
        .collect();
    let heading = line(&headings);
    let mut lines = vec![page.fit(page.emphasise(Emphasis::Heading, &heading))];
    lines.extend(rows.iter().map(|row| page.fit(line(row.as_ref()))));
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
