//! Writes lists of findings as text, jsonl or CSV.

use std::io;

use super::{
    Page, changes,
    connections::CONNECTION,
    field::{self, Context, Form, refs},
    groups,
    listeners::LISTENER,
    lookups::LOOKUP,
    processes::life,
    tree::{self, TreeStyle},
};
use crate::{
    findings::{By, Change, ConnectionGroup},
    model::{Connection, Listener, Model, NameLookup, ProcessIndex},
};

/// A receiver of lines.
type Sink<'a> = &'a mut dyn FnMut(&str) -> io::Result<()>;

/// A list to be written. Every method returns true if there was a row.
#[derive(Clone, Copy)]
pub struct List<'a> {
    /// The form.
    pub form: Form,
    /// The page; jsonl and CSV need its clock only.
    pub page: &'a Page,
    /// The model of the recording.
    pub model: &'a Model,
}

impl<'a> List<'a> {
    fn context(&self) -> Context<'a> {
        Context::new(self.page, self.model)
    }

    /// Writes connections.
    ///
    /// # Errors
    ///
    /// The error of `sink`.
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
    /// The error of `sink`.
    pub fn groups(&self, by: By, rows: &[ConnectionGroup], sink: Sink<'_>) -> io::Result<bool> {
        let fields = refs(groups::fields(by));
        field::write(self.form, self.context(), &fields, rows.iter(), sink)
    }

    /// Writes listeners.
    ///
    /// # Errors
    ///
    /// The error of `sink`.
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
    /// The error of `sink`.
    pub fn lookups<'r>(
        &self,
        rows: impl Iterator<Item = &'r NameLookup>,
        sink: Sink<'_>,
    ) -> io::Result<bool> {
        field::write(self.form, self.context(), &refs(&LOOKUP), rows, sink)
    }

    /// Writes processes: as text tree by tree, in a style.
    ///
    /// # Errors
    ///
    /// The error of `sink`.
    pub fn processes(
        &self,
        shows: &dyn Fn(ProcessIndex) -> bool,
        style: TreeStyle,
        sink: Sink<'_>,
    ) -> io::Result<bool> {
        if self.form == Form::Text {
            return tree::tree(self.page, self.model, &shows, style, sink);
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
    /// The error of `sink`.
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
