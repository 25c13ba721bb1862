//! Shares the lines and columns of a screen among the lists.

use ratatui::layout::Rect;

use super::Pane;

/// Columns from which on lists stand side by side.
pub(super) const WIDE: u16 = 120;

/// Columns between lists side by side.
const BETWEEN: u16 = 2;

/// Rows that a list has without the focus, where there is room.
const USUAL: [u16; 4] = [4, 5, 2, 2];

/// The lines that a list wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// Lines above the rows: title and headings.
    pub(super) above: u16,
    /// Number of the rows.
    pub(super) rows: u16,
}

/// Returns the places of the lists, in their order.
pub(super) fn places(area: Rect, wishes: [Wish; 4], focus: Pane) -> [Rect; 4] {
    if area.width < WIDE {
        return stacked(area, wishes, focus);
    }
    let [trees, destinations, attention, ledger] = wishes;
    let lower = attention.rows.max(ledger.rows).max(1) + attention.above;
    let upper = trees.rows.max(destinations.rows).max(1) + trees.above;
    // The lists below get what they want up to a third, and what the upper ones leave.
    let third = area.height / 3;
    let spare = area.height.saturating_sub(upper);
    let lower = lower.min(third.max(spare));
    let upper = area.height.saturating_sub(lower);
    let [left, right] = beside(area.width, 2, 5);
    let [below_left, below_right] = beside(area.width, 4, 7);
    let line = |y, height, (x, width): (u16, u16)| Rect {
        x: area.x + x,
        y,
        width,
        height,
    };
    [
        line(area.y, upper, left),
        line(area.y, upper, right),
        line(area.y + upper, lower, below_left),
        line(area.y + upper, lower, below_right),
    ]
}

/// Returns begin and width of two lists beside each other; the first has `part` of `whole`.
fn beside(width: u16, part: u16, whole: u16) -> [(u16, u16); 2] {
    let left = width.saturating_sub(BETWEEN) / whole * part;
    let begin = left + BETWEEN;
    [(0, left), (begin, width.saturating_sub(begin))]
}

/// Lists below each other: each has a row, then up to the usual number, then the one with the focus
/// has what it wants, then the others.
fn stacked(area: Rect, wishes: [Wish; 4], focus: Pane) -> [Rect; 4] {
    let wanted = |place: usize| wishes.get(place).map_or(0, |wish| wish.rows.max(1));
    let mut rows = [1_u16; 4];
    let taken: u16 = wishes.iter().map(|wish| wish.above + 1).sum();
    let mut left = area.height.saturating_sub(taken);
    let mut give = |rows: &mut [u16; 4], place: usize, limit: u16| {
        if let Some(own) = rows.get_mut(place) {
            let more = limit.saturating_sub(*own).min(left);
            *own += more;
            left -= more;
        }
    };
    for (place, usual) in USUAL.into_iter().enumerate() {
        give(&mut rows, place, wanted(place).min(usual));
    }
    give(&mut rows, focus.place(), wanted(focus.place()));
    for place in [1, 0, 2, 3] {
        give(&mut rows, place, wanted(place));
    }
    give(&mut rows, focus.place(), u16::MAX);
    let mut y = area.y;
    let mut places = [Rect::default(); 4];
    for ((place, wish), rows) in places.iter_mut().zip(wishes).zip(rows) {
        let end = area.y + area.height;
        let height = (wish.above + rows).min(end.saturating_sub(y));
        *place = Rect {
            x: area.x,
            y,
            width: area.width,
            height,
        };
        y += height;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::{Pane, Rect, Wish, places};

    fn heights(height: u16, rows: [u16; 4], focus: Pane) -> [u16; 4] {
        let above = [2, 2, 1, 1];
        let wish = |place: usize| Wish {
            above: above[place],
            rows: rows[place],
        };
        let area = Rect::new(0, 2, 80, height);
        let places = places(area, [0, 1, 2, 3].map(wish), focus);
        assert!(places.iter().all(|place| place.bottom() <= area.bottom()));
        assert_eq!(places.map(|place| place.height).iter().sum::<u16>(), height);
        places.map(|place| place.height)
    }

    #[test]
    fn the_list_with_the_focus_has_most() {
        let many = [99; 4];
        assert_eq!(heights(21, many, Pane::Trees), [8, 7, 3, 3]);
        assert_eq!(heights(21, many, Pane::Ledger), [6, 7, 3, 5]);
        assert_eq!(heights(21, [1, 99, 0, 0], Pane::Trees), [3, 14, 2, 2]);
    }

    #[test]
    fn every_list_has_a_row_where_there_is_little_room() {
        assert_eq!(heights(10, [99; 4], Pane::Trees), [3, 3, 2, 2]);
    }
}
