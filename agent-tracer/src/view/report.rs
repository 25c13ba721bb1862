//! The whole story of a recording, for whoever reviews it: as text, and as one HTML file that needs nothing else. It
//! looks at the model through what a filter left over, and decides nothing about it.

mod changes;
mod columns;
mod dataset;
mod html;
mod inline;
mod overview;
mod table;
mod text;

use std::io;

use crate::{
    findings::Picture,
    model::{Model, Process, ProcessIndex},
    trace::Header,
};

use super::{Clock, Page};

pub use changes::{Entry, entries};

/// A recording, and what of it is to be told.
pub struct Report<'a> {
    /// What the report is called: the name of the trace.
    pub name: String,
    /// The circumstances of the recording.
    pub header: &'a Header,
    /// What happened.
    pub model: &'a Model,
    /// The clock of the trace.
    pub clock: Clock,
    /// Events in the trace.
    pub events: u64,
    /// What filters left over.
    pub shown: Picture<'a>,
    /// What a reviewer should look at first; the most important first.
    pub attention: Vec<Entry>,
    /// What the recording left behind on the machine.
    pub changes: Vec<Entry>,
    /// How many changes are not among those, for the system itself made them.
    pub of_system: usize,
    /// How many are left out because filters need an author, and none was seen.
    pub without_author: usize,
}

impl Report<'_> {
    /// The report as lines that fit the page.
    pub fn text(&self, page: &Page) -> Vec<String> {
        text::lines(self, page)
    }

    /// Writes the report as an HTML file.
    ///
    /// # Errors
    ///
    /// What `output` says.
    pub fn write_html(&self, output: &mut dyn io::Write) -> io::Result<()> {
        html::write(self, output)
    }

    fn processes(&self) -> impl Iterator<Item = (ProcessIndex, &Process)> {
        self.shown.shown_processes(self.model)
    }
}

#[cfg(test)]
mod tests;
