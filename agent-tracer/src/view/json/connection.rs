//! Connections as JSON objects: at one of their events, and with what became of them.

use std::net::SocketAddr;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{
    ProcessObject,
    fields::{entry, error},
};
use crate::{
    event::AddressTag,
    model::{Connection, Listener, Model, Name},
    names,
    view::{Clock, process},
};

pub(in crate::view) struct ConnectionObject<'a> {
    pub(in crate::view) model: &'a Model,
    pub(in crate::view) connection: &'a Connection,
}

impl Serialize for ConnectionObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let connection = self.connection;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &connection.id)?;
        map.serialize_entry("protocol", connection.protocol.name())?;
        map.serialize_entry("family", family(connection.remote))?;
        entry(
            &mut map,
            "local",
            connection.local.filter(|local| local.port() != 0),
        )?;
        entry(&mut map, "remote", connection.remote)?;
        called(&mut map, self.model, connection)?;
        map.end()
    }
}

fn family(end: Option<SocketAddr>) -> &'static str {
    match end {
        Some(SocketAddr::V4(_)) => "ipv4",
        Some(SocketAddr::V6(_)) => "ipv6",
        None => "unknown",
    }
}

/// A listener where an event has a connection.
pub(super) struct ListenerEnd<'a>(pub(super) &'a Listener);

impl Serialize for ListenerEnd<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.0.id)?;
        map.serialize_entry("protocol", self.0.protocol.name())?;
        map.serialize_entry("family", family(self.0.local))?;
        entry(&mut map, "local", self.0.local)?;
        map.end()
    }
}

struct NameObject<'a>(&'a Name);

impl Serialize for NameObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &*self.0.name)?;
        map.serialize_entry("source", self.0.source.name())?;
        map.end()
    }
}

/// The names of where a connection goes: behind a proxy, whose own names are something else.
fn names<M: SerializeMap>(map: &mut M, connection: &Connection) -> Result<(), M::Error> {
    let names: Vec<_> = connection.names.iter().map(NameObject).collect();
    match &connection.destination {
        Some((host, port)) => {
            map.serialize_entry("proxy", &true)?;
            map.serialize_entry("destination", &format!("{host}:{port}"))?;
            let target = serde_json::json!([{"name": host, "source": "connect"}]);
            map.serialize_entry("names", &target)?;
            if !names.is_empty() {
                map.serialize_entry("proxy_names", &names)?;
            }
            Ok(())
        }
        None if names.is_empty() => Ok(()),
        None => map.serialize_entry("names", &names),
    }
}

/// What its remote end is called, and what one should know before one relies on its other fields.
fn called<M: SerializeMap>(
    map: &mut M,
    model: &Model,
    connection: &Connection,
) -> Result<(), M::Error> {
    names(map, connection)?;
    let named = Named {
        model,
        remote: connection.remote,
    };
    named.tags(map)?;
    let before = connection
        .was_there_before
        .then_some("was there before the recording");
    let notes: Vec<&str> = named.note().into_iter().chain(before).collect();
    if !notes.is_empty() {
        map.serialize_entry("note", &notes.join("; "))?;
    }
    Ok(())
}

/// What a remote end is called.
pub(in crate::view) struct Named<'a> {
    pub(in crate::view) model: &'a Model,
    pub(in crate::view) remote: Option<SocketAddr>,
}

impl Named<'_> {
    /// All of it.
    pub(in crate::view) fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.tags(map)?;
        entry(map, "note", self.note())
    }

    fn tags<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let tags = self.remote.map(|remote| self.model.tags(remote.ip()));
        let tags = tags.unwrap_or_default();
        if let Some(first) = tags.first() {
            map.serialize_entry("tag", &first.name)?;
            let all: Vec<_> = tags.iter().map(TagObject).collect();
            map.serialize_entry("tags", &all)?;
        }
        Ok(())
    }

    fn note(&self) -> Option<&'static str> {
        let remote = self.remote?;
        names::note(remote.ip(), Some(remote.port()))
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

pub(super) struct ConnectionLife<'a> {
    pub(super) clock: &'a Clock,
    pub(super) model: &'a Model,
    pub(super) connection: &'a Connection,
}

impl Serialize for ConnectionLife<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            clock,
            model,
            connection,
        } = *self;
        let owner = model.process(connection.owner);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(
            "process",
            &ProcessObject {
                model,
                index: connection.owner,
            },
        )?;
        map.serialize_entry("tree", &*owner.tree)?;
        map.serialize_entry("because", &process::because(model, owner))?;
        map.serialize_entry("protocol", connection.protocol.name())?;
        entry(
            &mut map,
            "local",
            connection.local.filter(|local| local.port() != 0),
        )?;
        entry(&mut map, "remote", connection.remote)?;
        called(&mut map, model, connection)?;
        map.serialize_entry("state", connection.state.name())?;
        if connection.never_sent {
            map.serialize_entry("syn", &false)?;
        }
        error(&mut map, connection.error)?;
        map.serialize_entry("started", &clock.rfc3339(connection.started_ns))?;
        let milliseconds =
            |to: Option<u64>| to.map(|to| to.saturating_sub(connection.started_ns) as f64 / 1e6);
        entry(
            &mut map,
            "connect_ms",
            milliseconds(connection.established_ns),
        )?;
        let ended = connection.ended_ns.filter(|_| !connection.was_there_before);
        entry(&mut map, "duration_ms", milliseconds(ended))?;
        if let Some((sent, received)) = connection.bytes {
            map.serialize_entry("bytes_sent", &sent)?;
            map.serialize_entry("bytes_received", &received)?;
        }
        if let Some((sent, received)) = connection.datagrams {
            map.serialize_entry("datagrams_sent", &sent)?;
            map.serialize_entry("datagrams_received", &received)?;
        }
        map.end()
    }
}
