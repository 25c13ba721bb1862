//! A growing recording as screens: trees, destinations, attention and what the recording could not
//! see. It neither reads files nor keys: it gets a model and presses, and draws.

mod columns;
mod details;
mod head;
mod help;
mod layout;
mod rows;
mod screen;
mod state;
#[cfg(test)]
mod tests;

pub use head::{Facts, Stage};
pub use rows::{Rows, Sight};
pub use screen::{LEAST, Screen, draw};
pub use state::{Ask, Press, Watch};

/// The lists of a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    /// Trees with their counts.
    Trees,
    /// Destinations of trees, the newest first.
    Destinations,
    /// Changes that deserve attention.
    Attention,
    /// Missing and uncertain parts of the recording.
    Ledger,
}

impl Pane {
    /// All of them, in the order of the Tab key.
    pub const ALL: [Pane; 4] = [
        Pane::Trees,
        Pane::Destinations,
        Pane::Attention,
        Pane::Ledger,
    ];

    /// Its position among all.
    fn place(self) -> usize {
        match self {
            Pane::Trees => 0,
            Pane::Destinations => 1,
            Pane::Attention => 2,
            Pane::Ledger => 3,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Pane::Trees => "Trees",
            Pane::Destinations => "Destinations, the newest first",
            Pane::Attention => "Look at these first",
            Pane::Ledger => "What it could not see",
        }
    }

    /// Returns the text in place of rows.
    fn empty(self, is_filtered: bool) -> &'static str {
        match (self, is_filtered) {
            (Pane::Trees, false) => "no process so far",
            (Pane::Trees, true) => "no process matches the filter so far",
            (Pane::Destinations, false) => "no connection so far",
            (Pane::Destinations, true) => "no connection of such a process so far",
            (Pane::Attention, false) => "nothing so far",
            (Pane::Attention, true) => "nothing of such a process so far",
            (Pane::Ledger, _) => "nothing is missing so far",
        }
    }
}
