//! A change as one JSON object: what every change has, then what there is of its kind, under the names that the same things
//! have in `replay` and `connections`.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::{
    event::Difference,
    findings::{Change, Downloaded, Facts, Unit, Within},
    model::{Listener, Model, ProcessIndex},
};

use super::words;
use crate::view::{
    groups,
    json::{
        ConnectionObject, ProcessObject, RequesterObject, bytes, entry, list, states, to_line,
        values,
    },
    process::because,
};

/// A change as one JSON object.
pub fn change_json(model: &Model, change: &Change<'_>) -> String {
    to_line(&ChangeObject { model, change })
}

struct ChangeObject<'a> {
    model: &'a Model,
    change: &'a Change<'a>,
}

impl Serialize for ChangeObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { model, change } = *self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", change.kind.name())?;
        map.serialize_entry("action", change.action.name())?;
        bytes(&mut map, "name", "name_base64", &change.what)?;
        let detail = words::detail(model, change);
        if !detail.is_empty() {
            map.serialize_entry("detail", &detail)?;
        }
        if let Some(index) = change.author {
            map.serialize_entry("process", &ProcessObject { model, index })?;
            let process = model.process(index);
            map.serialize_entry("tree", &*process.tree)?;
            map.serialize_entry("because", &because(model, process))?;
            map.serialize_entry("inferred", &change.is_inferred)?;
        }
        let reason = change.attention.as_ref().map(words::reason);
        entry(&mut map, "attention", reason)?;
        if let Some(first) = &change.first_of {
            let text = [&first.table, format!(": {} rules", first.rules).as_bytes()].concat();
            bytes(&mut map, "first_of", "first_of_base64", &text)?;
        }
        if !change.within.is_empty() {
            let within = change.within.iter();
            let within: Vec<_> = within
                .map(|within| WithinObject { model, within })
                .collect();
            map.serialize_entry("within", &within)?;
        }
        self.facts(&mut map)?;
        map.end()
    }
}

impl ChangeObject<'_> {
    fn facts<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let Self { model, change } = *self;
        match &change.facts {
            Facts::Touched => Ok(()),
            Facts::Process => match change.author {
                Some(author) => list(map, "argv", "argv_base64", &model.process(author).argv),
                None => Ok(()),
            },
            Facts::Listener(listener) => self::listener(map, listener),
            Facts::Destination(group) => groups::entries(group, map, model),
            Facts::Download(download) => self::download(map, model, download),
            Facts::Unit(unit) => self::unit(map, model, unit),
            Facts::Entry { difference, .. } => values(map, difference),
            Facts::File(difference) => states(map, model, difference),
            Facts::Files(size) => {
                map.serialize_entry("count", &change.count)?;
                entry(map, "size", *size)
            }
        }
    }
}

fn listener<M: SerializeMap>(map: &mut M, listener: &Listener) -> Result<(), M::Error> {
    map.serialize_entry("protocol", listener.protocol.name())?;
    entry(map, "local", listener.local)
}

fn download<M: SerializeMap>(
    map: &mut M,
    model: &Model,
    downloaded: &Downloaded,
) -> Result<(), M::Error> {
    let download = &downloaded.download;
    let process = |index: ProcessIndex| ProcessObject { model, index };
    map.serialize_entry("writer", &process(download.writer))?;
    entry(map, "carrier", download.carrier.map(process))?;
    let all = model.connections();
    let from = download.connections.iter().filter_map(|at| all.get(*at));
    let from: Vec<_> = from
        .map(|connection| ConnectionObject { model, connection })
        .collect();
    map.serialize_entry("from", &from)?;
    map.serialize_entry("executions", &download.executions)
}

fn unit<M: SerializeMap>(map: &mut M, model: &Model, unit: &Unit<'_>) -> Result<(), M::Error> {
    if let Some(path) = unit.path() {
        bytes(map, "file", "file_base64", path)?;
    }
    if let Some(difference) = unit.state {
        values(map, difference)?;
    }
    if let Some(active) = unit.active {
        let text = |value: &Option<Vec<u8>>| {
            let value = value.as_deref()?;
            Some(String::from_utf8_lossy(value).into_owned())
        };
        let Difference { before, after, .. } = active;
        entry(map, "active_before", text(before))?;
        entry(map, "active_after", text(after))?;
    }
    if let Some((enabled, by)) = unit.enabled {
        map.serialize_entry("enabled", &enabled)?;
        let key = if enabled { "enabled_by" } else { "disabled_by" };
        entry(map, key, by.map(|index| ProcessObject { model, index }))?;
    }
    entry(map, "requested_by", unit.request.map(RequesterObject))?;
    map.serialize_entry("process_count", &unit.running)
}

struct WithinObject<'a> {
    model: &'a Model,
    within: &'a Within<'a>,
}

impl Serialize for WithinObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { model, within } = *self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("attention", &words::reason(&within.reason))?;
        bytes(&mut map, "path", "path_base64", &within.path)?;
        let author = within.author.map(|(index, _)| index);
        let process = author.map(|index| ProcessObject { model, index });
        map.serialize_entry("process", &process)?;
        if let Some((_, is_inferred)) = within.author {
            map.serialize_entry("inferred", &is_inferred)?;
        }
        if let Some(difference) = within.file {
            states::<S::SerializeMap>(&mut map, model, difference)?;
        }
        map.end()
    }
}
