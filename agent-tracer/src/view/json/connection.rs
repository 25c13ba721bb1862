//! Connections and listeners as JSON objects where an event has one.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::{
    event::AddressTag,
    model::{Connection, Listener, Model, Name},
    view::{Context, connections::CONNECTION_END, field::Field, listeners::LISTENER_END},
};

use super::PLAIN;

pub(in crate::view) struct ConnectionObject<'a> {
    pub(in crate::view) model: &'a Model,
    pub(in crate::view) connection: &'a Connection,
}

impl Serialize for ConnectionObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object(serializer, self.model, &CONNECTION_END, self.connection)
    }
}

/// A listener where an event has a connection.
pub(super) struct ListenerObject<'a> {
    pub(super) model: &'a Model,
    pub(super) listener: &'a Listener,
}

impl Serialize for ListenerObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object(serializer, self.model, &LISTENER_END, self.listener)
    }
}

/// Writes fields that need no page.
pub(super) fn object<S: Serializer, R>(
    serializer: S,
    model: &Model,
    fields: &[Field<R>],
    row: &R,
) -> Result<S::Ok, S::Error> {
    let context = Context {
        page: &PLAIN,
        model,
    };
    let mut map = serializer.serialize_map(None)?;
    for field in fields {
        field.value(context, row).entry(&mut map, field.name)?;
    }
    map.end()
}

pub(super) struct NameObject<'a>(pub(super) &'a Name);

impl Serialize for NameObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &*self.0.name)?;
        map.serialize_entry("source", self.0.source.name())?;
        map.end()
    }
}

pub(super) struct TagObject<'a>(pub(super) &'a AddressTag);

impl Serialize for TagObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tag = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &tag.name)?;
        map.serialize_entry("prefix", &tag.prefix)?;
        for (key, value) in [
            ("region", &tag.region),
            ("system_service", &tag.system_service),
        ] {
            if !value.is_empty() {
                map.serialize_entry(key, value)?;
            }
        }
        map.serialize_entry("cloud", &tag.cloud)?;
        map.end()
    }
}
