//! Makes the rows of a table, with the values that jsonl has.

use std::io;

use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value as Json};

use super::{
    Export, Table,
    origin::{HOSTNAME, NOT_UTF8, RECORDING},
    recording,
};
use crate::{
    findings::{Picture, all_changes},
    view::{
        Context, Field, changes, connections::CONNECTION, field::refs, json::Recording,
        listeners::LISTENER, lookups::LOOKUP, page::Page, processes::life,
    },
};

/// The values of a row by key.
pub(super) type Row = Map<String, Json>;

/// A receiver of rows.
type Sink<'s> = &'s mut dyn FnMut(&Row) -> io::Result<()>;

impl Export<'_> {
    /// Gives each row of a table to `sink`.
    pub(super) fn rows(&self, table: Table, sink: Sink<'_>) -> io::Result<()> {
        let page = Page::unlimited(self.clock);
        let context = Context::new(&page, self.model);
        match table {
            Table::Recordings => {
                let row = Recording {
                    header: self.header,
                    events: self.events,
                };
                let fields = recording::fields();
                self.each(context, &refs(&fields), [&row].into_iter(), sink)
            }
            Table::Processes => {
                let fields: Vec<_> = life().collect();
                let rows = self.model.processes().map(|(_, process)| process);
                self.each(context, &fields, rows, sink)
            }
            Table::Connections => {
                let rows = self.model.connections().iter();
                self.each(context, &refs(&CONNECTION), rows, sink)
            }
            Table::Lookups => {
                let rows = self.model.lookups();
                self.each(context, &refs(&LOOKUP), rows, sink)
            }
            Table::Listeners => {
                let rows = Picture::whole(self.model).listeners.into_iter();
                self.each(context, &refs(&LISTENER), rows, sink)
            }
            Table::Changes => {
                let rows = all_changes(self.model);
                let fields = changes::fields();
                self.each(context, &refs(&fields), rows.iter(), sink)
            }
        }
    }

    fn each<'r, R: 'r>(
        &self,
        context: Context<'_>,
        fields: &[&Field<R>],
        rows: impl Iterator<Item = &'r R>,
        sink: Sink<'_>,
    ) -> io::Result<()> {
        let id = self.header.recording_id();
        for row in rows {
            let mut values = values(context, fields, row).map_err(io::Error::other)?;
            let mut twins = Map::new();
            take_twins(&values, "", &mut twins);
            if !twins.is_empty() {
                values.insert(NOT_UTF8.to_owned(), Json::Object(twins));
            }
            values.insert(RECORDING.to_owned(), Json::String(id.clone()));
            let host = Json::String(self.header.hostname.clone());
            values.insert(HOSTNAME.to_owned(), host);
            sink(&values)?;
        }
        Ok(())
    }
}

/// Returns the values of a row, without its origin.
pub(super) fn values<R>(
    context: Context<'_>,
    fields: &[&Field<R>],
    row: &R,
) -> Result<Row, serde_json::Error> {
    let mut map = serde_json::value::Serializer.serialize_map(None)?;
    for field in fields {
        let value = field.value(context, row);
        value.entry(&mut map, field.name)?;
    }
    match map.end()? {
        Json::Object(values) => Ok(values),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
            Ok(Map::new())
        }
    }
}

/// The end of the key of a text in base64.
const TWIN: &str = "_base64";

/// Copies the texts in base64 to a map by their path.
fn take_twins(values: &Row, before: &str, twins: &mut Map<String, Json>) {
    for (key, value) in values {
        let path = match before {
            "" => key.clone(),
            before => format!("{before}.{key}"),
        };
        match value {
            Json::Object(values) => take_twins(values, &path, twins),
            value => match path.strip_suffix(TWIN) {
                Some(path) => {
                    twins.insert(path.to_owned(), value.clone());
                }
                None => take_twins_of_items(value, &path, twins),
            },
        }
    }
}

fn take_twins_of_items(list: &Json, before: &str, twins: &mut Map<String, Json>) {
    let items = list.as_array().into_iter().flatten().enumerate();
    for (position, item) in items {
        if let Json::Object(values) = item {
            take_twins(values, &format!("{before}.{position}"), twins);
        }
    }
}
