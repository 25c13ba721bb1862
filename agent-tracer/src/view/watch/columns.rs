//! Shares the columns of a line among the cells of a row.

use unicode_width::UnicodeWidthStr;

/// Columns between two cells, given those of the list.
pub(super) fn gap(room: usize) -> usize {
    if room < 100 { 1 } else { 2 }
}

/// Rows that are looked at for the widths of columns.
const SAMPLE: usize = 500;

/// A column of a list.
pub(super) struct Column {
    pub(super) heading: &'static str,
    pub(super) is_right: bool,
    /// Least and greatest width.
    pub(super) width: (usize, usize),
    /// Order in which columns are left out where there is no room, from 1; 0 means never.
    pub(super) leave_out: u8,
}

impl Column {
    pub(super) const fn left(heading: &'static str, width: (usize, usize)) -> Column {
        Column {
            heading,
            is_right: false,
            width,
            leave_out: 0,
        }
    }

    pub(super) const fn right(heading: &'static str, width: (usize, usize)) -> Column {
        Column {
            is_right: true,
            ..Column::left(heading, width)
        }
    }

    pub(super) const fn leave_out(self, order: u8) -> Column {
        Column {
            leave_out: order,
            ..self
        }
    }
}

/// Returns the width of each column, or `None` for one that is left out. Columns that are wide give
/// way first, then those that may be left out.
pub(super) fn widths<'r>(
    columns: &[Column],
    rows: impl Iterator<Item = &'r [String]>,
    room: usize,
) -> Vec<Option<usize>> {
    let mut natural: Vec<usize> = columns.iter().map(|one| one.heading.width()).collect();
    for row in rows.take(SAMPLE) {
        for (width, cell) in natural.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    let bounded = natural.iter().zip(columns);
    let bounded = bounded.map(|(natural, column)| (*natural).min(column.width.1));
    let bounded: Vec<usize> = bounded.collect();
    let mut widths: Vec<Option<usize>> = bounded.iter().copied().map(Some).collect();
    loop {
        let taken: usize = widths.iter().flatten().map(|width| width + gap(room)).sum();
        let excess = taken.saturating_sub(room + gap(room));
        if excess == 0 {
            return widths;
        }
        let spare = |(place, width): (usize, &Option<usize>)| {
            let least = columns.get(place)?.width.0;
            Some((width.as_ref()?.saturating_sub(least), place))
        };
        let widest = widths.iter().enumerate().filter_map(spare).max();
        if let Some((1.., place)) = widest {
            if let Some(Some(width)) = widths.get_mut(place) {
                *width -= 1;
            }
            continue;
        }
        let shown = columns.iter().zip(&widths).enumerate();
        let shown = shown.filter(|(_, (column, width))| width.is_some() && column.leave_out > 0);
        let Some((place, _)) = shown.min_by_key(|(_, (column, _))| column.leave_out) else {
            return widths;
        };
        // The others have its room.
        for (width, bounded) in widths.iter_mut().zip(&bounded) {
            *width = width.is_some().then_some(*bounded);
        }
        if let Some(width) = widths.get_mut(place) {
            *width = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Column, widths};

    const COLUMNS: [Column; 3] = [
        Column::left("NAME", (4, 20)),
        Column::left("ADDRESS", (7, 15)).leave_out(2),
        Column::right("COUNT", (5, 5)).leave_out(1),
    ];

    fn of(room: usize) -> Vec<Option<usize>> {
        let row = ["a".repeat(30), "203.0.113.9".to_owned(), "7".to_owned()];
        widths(&COLUMNS, std::iter::once(&row[..]), room)
    }

    #[test]
    fn wide_columns_give_way_first() {
        assert_eq!(of(80), [Some(20), Some(11), Some(5)]);
        assert_eq!(of(34), [Some(16), Some(11), Some(5)]);
        assert_eq!(of(18), [Some(4), Some(7), Some(5)]);
    }

    #[test]
    fn then_columns_are_left_out() {
        assert_eq!(of(17), [Some(7), Some(9), None]);
        assert_eq!(of(11), [Some(11), None, None]);
        assert_eq!(of(2), [Some(4), None, None]);
    }
}
