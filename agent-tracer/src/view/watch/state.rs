//! Keeps what the user chose: list, row, filter, details. Presses of keys change it.

use super::{Pane, Rows};

/// A press of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// To the row above.
    Up,
    /// To the row below.
    Down,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// To the first row.
    Home,
    /// To the last row.
    End,
    /// To the next list.
    Next,
    /// To the list before.
    Previous,
    /// Opens details, or ends an input.
    Enter,
    /// Goes back.
    Escape,
    /// Removes the last character of an input.
    Erase,
    /// Removes the whole input.
    Clear,
    /// A character.
    Character(char),
    /// Leaves at once.
    Interrupt,
}

/// A request of the user that the state alone cannot serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// None.
    Nothing,
    /// To leave.
    Leave,
    /// To show processes only that ever had a matching name; all if it is empty. The answer goes to
    /// [`Watch::filtered`].
    Filter(String),
}

/// The screen over the lists, if any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    #[default]
    Lists,
    /// The input of a filter, and the reason why the last one was refused.
    Filter {
        input: String,
        refused: String,
    },
    /// Details of the row with this key, from a line on.
    Details {
        pane: Pane,
        key: String,
        from: usize,
    },
    Help,
}

/// The chosen row of a list.
#[derive(Clone, Debug, Default)]
struct Cursor {
    /// Its key; `None` for the first row, whichever that is.
    key: Option<String>,
    /// Its last position, in case its row goes.
    place: usize,
}

/// Lines of details that a page turns; the last line of a page is the first of the next.
const PAGE: usize = 10;

/// Limit of the characters of a filter.
const INPUT: usize = 200;

/// The choices of the user.
#[derive(Clone, Debug)]
pub struct Watch {
    pub(super) pane: Pane,
    cursors: [Cursor; 4],
    pub(super) mode: Mode,
    /// The filter in force, as it was written.
    pub(super) filter: String,
    /// True if that is several names, which no input can be.
    has_several: bool,
    /// True if other conditions are in force, too.
    pub(super) has_others: bool,
}

impl Default for Watch {
    fn default() -> Watch {
        Watch {
            pane: Pane::Destinations,
            cursors: Default::default(),
            mode: Mode::default(),
            filter: String::new(),
            has_several: false,
            has_others: false,
        }
    }
}

impl Watch {
    /// Begins with names of processes in force, and with other conditions if `has_others`.
    pub fn with_filter(names: &[String], has_others: bool) -> Watch {
        Watch {
            filter: names.join(" or "),
            has_several: names.len() > 1,
            has_others,
            ..Watch::default()
        }
    }

    /// Returns the list and the key of the row whose details are shown.
    pub fn details(&self) -> Option<(Pane, &str)> {
        match &self.mode {
            Mode::Details { pane, key, .. } => Some((*pane, key)),
            Mode::Lists | Mode::Filter { .. } | Mode::Help => None,
        }
    }

    /// Takes the answer to [`Ask::Filter`]: the reason, if the filter cannot be understood.
    pub fn filtered(&mut self, answer: Result<(), String>) {
        let Mode::Filter { input, refused } = &mut self.mode else {
            self.filter.clear();
            self.has_several = false;
            return;
        };
        match answer {
            Ok(()) => {
                self.filter = std::mem::take(input);
                self.has_several = false;
                self.cursors = Default::default();
                self.mode = Mode::Lists;
            }
            Err(reason) => *refused = reason,
        }
    }

    /// Takes a press, with the rows that are on the screen.
    pub fn press(&mut self, press: Press, rows: &Rows) -> Ask {
        if press == Press::Interrupt {
            return Ask::Leave;
        }
        match &mut self.mode {
            Mode::Filter { input, refused } => match press {
                Press::Enter => return Ask::Filter(input.clone()),
                Press::Escape => self.mode = Mode::Lists,
                Press::Character(one) if input.chars().count() < INPUT => {
                    refused.clear();
                    input.push(one);
                }
                Press::Erase => {
                    refused.clear();
                    input.pop();
                }
                Press::Clear => input.clear(),
                _ => {}
            },
            Mode::Help => match press {
                Press::Character('q') => return Ask::Leave,
                _ => self.mode = Mode::Lists,
            },
            Mode::Details { from, .. } => match press {
                Press::Character('q') => return Ask::Leave,
                Press::Escape | Press::Erase | Press::Enter => self.mode = Mode::Lists,
                Press::Up | Press::Character('k') => *from = from.saturating_sub(1),
                Press::Down | Press::Character('j') => *from = from.saturating_add(1),
                Press::PageUp => *from = from.saturating_sub(PAGE),
                Press::PageDown | Press::Character(' ') => *from = from.saturating_add(PAGE),
                Press::Home | Press::Character('g') => *from = 0,
                Press::End | Press::Character('G') => *from = usize::MAX,
                Press::Character('?') => self.mode = Mode::Help,
                _ => {}
            },
            Mode::Lists => return self.in_lists(press, rows),
        }
        Ask::Nothing
    }

    fn in_lists(&mut self, press: Press, rows: &Rows) -> Ask {
        match press {
            Press::Character('q') => return Ask::Leave,
            Press::Character('?') => self.mode = Mode::Help,
            Press::Character('/') => {
                self.mode = Mode::Filter {
                    input: match self.has_several {
                        true => String::new(),
                        false => self.filter.clone(),
                    },
                    refused: String::new(),
                };
            }
            Press::Escape if !self.filter.is_empty() => return Ask::Filter(String::new()),
            Press::Next => self.turn(1),
            Press::Previous => self.turn(Pane::ALL.len() - 1),
            Press::Up | Press::Character('k') => self.go(rows, |at| at.saturating_sub(1)),
            Press::Down | Press::Character('j') => self.go(rows, |at| at.saturating_add(1)),
            Press::PageUp => self.go(rows, |at| at.saturating_sub(PAGE)),
            Press::PageDown => self.go(rows, |at| at.saturating_add(PAGE)),
            Press::Home | Press::Character('g') => self.go(rows, |_| 0),
            Press::End | Press::Character('G') => self.go(rows, |_| usize::MAX),
            Press::Enter => {
                let at = self.chosen(self.pane, rows);
                if let Some(row) = rows.of_pane(self.pane).get(at) {
                    self.mode = Mode::Details {
                        pane: self.pane,
                        key: row.key.clone(),
                        from: 0,
                    };
                }
            }
            _ => {}
        }
        Ask::Nothing
    }

    fn turn(&mut self, by: usize) {
        let next = (self.pane.place() + by) % Pane::ALL.len();
        self.pane = Pane::ALL.get(next).copied().unwrap_or(Pane::Trees);
    }

    fn go(&mut self, rows: &Rows, to: impl Fn(usize) -> usize) {
        let pane = self.pane;
        let all = rows.of_pane(pane);
        let place = to(self.chosen(pane, rows)).min(all.len().saturating_sub(1));
        let row = all.get(place).filter(|_| place > 0);
        if let Some(cursor) = self.cursors.get_mut(pane.place()) {
            *cursor = Cursor {
                key: row.map(|row| row.key.clone()),
                place,
            };
        }
    }

    /// Returns the position of the chosen row of a list. It goes where its row goes; the first row
    /// stays the first, so that new rows are seen.
    pub(super) fn chosen(&self, pane: Pane, rows: &Rows) -> usize {
        let all = rows.of_pane(pane);
        let Some(cursor) = self.cursors.get(pane.place()) else {
            return 0;
        };
        let Some(key) = &cursor.key else {
            return 0;
        };
        let found = all.iter().position(|row| row.key == *key);
        found.unwrap_or_else(|| cursor.place.min(all.len().saturating_sub(1)))
    }

    /// Bounds the first line of details, given their number and the lines of the screen.
    pub(super) fn first_line(&self, lines: usize, room: usize) -> usize {
        match self.mode {
            Mode::Details { from, .. } => from.min(lines.saturating_sub(room)),
            Mode::Lists | Mode::Filter { .. } | Mode::Help => 0,
        }
    }

    /// Takes over that bound, so that the next press up is seen at once.
    pub fn bound(&mut self, lines: usize, room: usize) {
        let first = self.first_line(lines, room);
        if let Mode::Details { from, .. } = &mut self.mode {
            *from = first;
        }
    }
}
