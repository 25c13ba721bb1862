//! Writes lists of findings in any form: as text, as jsonl, as CSV.

use std::io;

use super::{
    Page, changes,
    connections::CONNECTION,
    field::{self, Context, Form, refs},
    groups,
    listeners::LISTENER,
    lookups::LOOKUP,
    processes::life,
    tree,
};
use crate::{
    findings::{By, Change, ConnectionGroup},
    model::{Connection, Listener, Model, NameLookup, ProcessIndex},
};

/// Where lines go.
type Sink<'a> = &'a mut dyn FnMut(&str) -> io::Result<()>;

/// A list to be written; every method answers whether it had a row.
#[derive(Clone, Copy)]
pub struct List<'a> {
    /// The form.
    pub form: Form,
    /// The page; jsonl and CSV need its clock only.
    pub page: &'a Page,
    /// What happened.
    pub model: &'a Model,
}

impl<'a> List<'a> {
    fn context(&self) -> Context<'a> {
        Context {
            page: self.page,
            model: self.model,
        }
    }

    /// Writes connections.
    ///
    /// # Errors
    ///
    /// What `sink` says; so it is for all lists.
    pub fn connections<'r>(
        &self,
        rows: impl Iterator<Item = &'r Connection>,
        sink: Sink<'_>,
    ) -> io::Result<bool> {
        field::write(self.form, self.context(), &refs(&CONNECTION), rows, sink)
    }

    /// Writes groups of connections.
    ///
    /// # Errors
    ///
    /// What `sink` says.
    pub fn groups(&self, by: By, rows: &[ConnectionGroup], sink: Sink<'_>) -> io::Result<bool> {
        let fields = refs(groups::fields(by));
        field::write(self.form, self.context(), &fields, rows.iter(), sink)
    }

    /// Writes listeners.
    ///
    /// # Errors
    ///
    /// What `sink` says.
    pub fn listeners<'r>(
        &self,
        rows: impl Iterator<Item = &'r Listener>,
        sink: Sink<'_>,
    ) -> io::Result<bool> {
        field::write(self.form, self.context(), &refs(&LISTENER), rows, sink)
    }

    /// Writes lookups of names.
    ///
    /// # Errors
    ///
    /// What `sink` says.
    pub fn lookups<'r>(
        &self,
        rows: impl Iterator<Item = &'r NameLookup>,
        sink: Sink<'_>,
    ) -> io::Result<bool> {
        field::write(self.form, self.context(), &refs(&LOOKUP), rows, sink)
    }

    /// Writes processes: as text tree by tree, without those of the system unless `all`.
    ///
    /// # Errors
    ///
    /// What `sink` says.
    pub fn processes(
        &self,
        shows: &dyn Fn(ProcessIndex) -> bool,
        all: bool,
        sink: Sink<'_>,
    ) -> io::Result<bool> {
        if self.form == Form::Text {
            return each(tree::tree(self.page, self.model, &shows, all), sink);
        }
        let fields: Vec<_> = life().collect();
        let rows = self.model.processes();
        let rows = rows.filter(|(index, _)| shows(*index));
        let rows = rows.map(|(_, process)| process);
        field::write(self.form, self.context(), &fields, rows, sink)
    }

    /// Writes changes: as text by kind, with what deserves attention first.
    ///
    /// # Errors
    ///
    /// What `sink` says.
    pub fn changes(&self, rows: &[Change<'_>], sink: Sink<'_>) -> io::Result<bool> {
        if self.form == Form::Text {
            return each(changes::changes(self.page, self.model, rows), sink);
        }
        let fields = changes::fields();
        field::write(self.form, self.context(), &refs(&fields), rows.iter(), sink)
    }
}

fn each(lines: Vec<String>, sink: Sink<'_>) -> io::Result<bool> {
    for line in &lines {
        sink(line)?;
    }
    Ok(!lines.is_empty())
}
