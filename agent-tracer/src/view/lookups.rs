//! Which names processes looked up, and what came of it: as a table, and as JSON objects.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::model::{Model, NameLookup};

use super::{
    Clock, escape,
    json::{ProcessObject, to_line},
    page::Page,
    process::name,
    table::table,
};

pub(super) const HEADINGS: [&str; 7] =
    ["TIME", "TREE", "PROCESS", "NAME", "TYPE", "COUNT", "ANSWER"];

/// Columns that a page does without, in this order, until the others fit.
const DISPENSABLE: [usize; 3] = [0, 5, 4];

/// The lines of the table, heading first; none where nothing was looked up.
pub fn lookups<'a>(
    page: &Page,
    model: &Model,
    wanted: impl Iterator<Item = &'a NameLookup>,
) -> Vec<String> {
    let rows: Vec<_> = wanted.map(|lookup| row(page, model, lookup)).collect();
    table(page, &HEADINGS, &rows, &DISPENSABLE)
}

pub(super) fn row(page: &Page, model: &Model, lookup: &NameLookup) -> [String; HEADINGS.len()] {
    let asker = lookup.asker.map(|asker| model.process(asker));
    let answer: Vec<String> = lookup.addresses.iter().map(ToString::to_string).collect();
    [
        page.time(lookup.first_ns),
        asker.map_or_else(
            || "-".to_owned(),
            |asker| escape::text(asker.tree.as_bytes()),
        ),
        asker.map_or_else(
            || "-".to_owned(),
            |asker| format!("{} [{}]", name(asker), asker.id.pid),
        ),
        escape::text(lookup.question.as_bytes()),
        escape::text(lookup.kind.as_bytes()),
        lookup.count.to_string(),
        match (&*lookup.rcode, answer.is_empty()) {
            ("NOERROR", true) => "no address".to_owned(),
            ("NOERROR", false) => answer.join(", "),
            (rcode, _) => escape::text(rcode.as_bytes()),
        },
    ]
}

/// A lookup as one JSON object.
pub fn name_lookup_json(clock: &Clock, model: &Model, lookup: &NameLookup) -> String {
    to_line(&LookupObject {
        clock,
        model,
        lookup,
    })
}

struct LookupObject<'a> {
    clock: &'a Clock,
    model: &'a Model,
    lookup: &'a NameLookup,
}

impl Serialize for LookupObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            clock,
            model,
            lookup,
        } = *self;
        let mut map = serializer.serialize_map(None)?;
        if let Some(index) = lookup.asker {
            map.serialize_entry("process", &ProcessObject { model, index })?;
            map.serialize_entry("tree", &*model.process(index).tree)?;
        }
        map.serialize_entry("question", &*lookup.question)?;
        map.serialize_entry("type", &*lookup.kind)?;
        map.serialize_entry("rcode", &*lookup.rcode)?;
        map.serialize_entry("addresses", &lookup.addresses)?;
        map.serialize_entry("count", &lookup.count)?;
        map.serialize_entry("first", &clock.rfc3339(lookup.first_ns))?;
        map.end()
    }
}
