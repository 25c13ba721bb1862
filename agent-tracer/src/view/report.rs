//! Reports on a recording to a reviewer: as text, and as one HTML file without other files.

mod against;
mod allotment;
mod changes;
mod columns;
mod dataset;
mod facts;
mod flow;
mod html;
mod inline;
mod overview;
mod packed;
mod table;
mod text;

use std::io;

use crate::{
    findings::Picture,
    model::{Model, Process, ProcessIndex},
    trace::Header,
};

use super::{Clock, Page};

pub use against::Against;
pub use changes::{Entry, entries};
#[cfg(feature = "watch")]
pub(super) use overview::subject;

/// The facts of a report on a recording.
pub struct Report<'a> {
    /// The name of the trace.
    pub name: String,
    /// The circumstances of the recording.
    pub header: &'a Header,
    /// The model of the recording.
    pub model: &'a Model,
    /// The clock of the trace.
    pub clock: Clock,
    /// Events in the trace.
    pub events: u64,
    /// The part that filters leave.
    pub shown: Picture<'a>,
    /// Changes that deserve attention, the most important first.
    pub attention: Vec<Entry>,
    /// Changes that the recording left behind on the machine.
    pub changes: Vec<Entry>,
    /// Number of the changes by the system itself, which are not shown.
    pub of_system: usize,
    /// Number of the changes that filters leave out for want of an author.
    pub without_author: usize,
    /// Another recording, and the differences from it.
    pub against: Option<Against<'a>>,
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
    /// The error of `output`.
    pub fn write_html(&self, output: &mut dyn io::Write) -> io::Result<()> {
        html::write(self, &allotment::PAGE, output)
    }

    fn processes(&self) -> impl Iterator<Item = (ProcessIndex, &Process)> {
        self.shown.shown_processes(self.model)
    }
}

#[cfg(test)]
mod tests;
