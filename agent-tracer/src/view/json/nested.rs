//! Values that are objects, or lists of objects.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeSeq, Serializer};

use super::{
    ConnectionObject, RequesterObject, StateObject, connection::NameObject, connection::TagObject,
};
use crate::{
    event::AddressTag,
    model::{Name, Request},
    view::changes::WithinObject,
};

/// An object, or a list of them.
pub(in crate::view) enum Nested<'a> {
    /// Names of hosts with their sources.
    Names(&'a [Name]),
    /// The host that a proxy was asked for, as such a list.
    Requested(&'a str),
    /// Service tags.
    Tags(&'a [AddressTag]),
    /// Connections.
    Connections(Vec<ConnectionObject<'a>>),
    /// Counts by name.
    Outcomes(&'a BTreeMap<&'static str, u64>),
    /// Files of a group that deserve attention.
    Within(Vec<WithinObject<'a>>),
    /// What a file was or is.
    State(StateObject<'a>),
    /// Who asked for something.
    Request(&'a Request),
}

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Nested::Names(names) => serializer.collect_seq(names.iter().map(NameObject)),
            Nested::Requested(host) => {
                let mut seq = serializer.serialize_seq(Some(1))?;
                seq.serialize_element(&serde_json::json!({"name": host, "source": "connect"}))?;
                seq.end()
            }
            Nested::Tags(tags) => serializer.collect_seq(tags.iter().map(TagObject)),
            Nested::Connections(connections) => connections.serialize(serializer),
            Nested::Outcomes(outcomes) => outcomes.serialize(serializer),
            Nested::Within(within) => within.serialize(serializer),
            Nested::State(state) => state.serialize(serializer),
            Nested::Request(request) => RequesterObject(request).serialize(serializer),
        }
    }
}
