//! Holds values that are objects or lists of objects.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    event::{
        AddressTag, Difference, DnsAnswer, ElsewhereFile, FileDifference, FileState,
        FoldedDirectory, HostsEntry, LoadedUnit, SnapshotProcess,
    },
    findings::Within,
    model::{Connection, Gain, Listener, Name, Request},
    view::{
        changes::words,
        field::{Field, Object},
        json::A_STATE,
        processes::A_PROCESS,
        shape::{Kind, Shape, declared},
        value::Value,
    },
};

/// An object, or a list of them.
#[derive(Serialize)]
#[serde(untagged)]
pub(in crate::view) enum Nested<'a> {
    /// Names of hosts with their sources.
    Names(Vec<Object<'a, Name>>),
    /// The host that a proxy was asked for, with its other names, as such a list.
    Requested(Vec<RequestedHost<'a>>),
    /// Service tags.
    Tags(Vec<Object<'a, AddressTag>>),
    /// A connection.
    Connection(Object<'a, Connection>),
    /// A listener.
    Listener(Object<'a, Listener>),
    /// Connections.
    Connections(Vec<Object<'a, Connection>>),
    /// Listeners.
    Listeners(Vec<Object<'a, Listener>>),
    /// Counts by name.
    Outcomes(&'a BTreeMap<&'static str, u64>),
    /// Files of a directory that deserve attention.
    Within(Vec<Object<'a, Within<'a>>>),
    /// The state of a file.
    State(Object<'a, FileState>),
    /// A request to systemd.
    Request(Object<'a, Request>),
    /// Privilege that an exec gained.
    Gain(Object<'a, Gain>),
    /// Processes that ran before.
    SnapshotProcesses(Vec<Object<'a, SnapshotProcess>>),
    /// Records of a DNS answer.
    Answers(Vec<Object<'a, DnsAnswer>>),
    /// Lines of /etc/hosts.
    Hosts(Vec<Object<'a, HostsEntry>>),
    /// Units that were loaded before.
    Units(Vec<Object<'a, LoadedUnit>>),
    /// Entries that differ.
    Differences(Vec<Object<'a, Difference>>),
    /// Files outside of the compared directories.
    Elsewhere(Vec<Object<'a, ElsewhereFile>>),
    /// Directories with too many changes to list.
    Folded(Vec<Object<'a, FoldedDirectory>>),
    /// Files that differ.
    Files(Vec<Object<'a, FileDifference>>),
}

/// A name of a host that a proxy was asked for, with its source.
#[derive(Serialize)]
pub(in crate::view) struct RequestedHost<'a> {
    name: &'a str,
    source: &'static str,
}

impl<'a> RequestedHost<'a> {
    /// Lists the host of a request to a proxy, then its other names.
    pub(in crate::view) fn list(
        host: &'a str,
        is_socks: bool,
        names: &'a [Name],
    ) -> Vec<RequestedHost<'a>> {
        let source = if is_socks { "socks" } else { "connect" };
        let first = RequestedHost { name: host, source };
        let others = names.iter().map(|name| RequestedHost {
            name: &name.name,
            source: name.source.name(),
        });
        [first].into_iter().chain(others).collect()
    }
}

/// Declares the fields of a file in a directory that deserves attention.
pub(in crate::view) const fn within_fields<'c>() -> &'c [Field<Within<'c>>] {
    &WithinFields::<'c>::ALL
}

/// Such a file as a kind of objects.
pub(in crate::view) const A_FILE_WITHIN: Kind = Kind {
    name: "file",
    fields: || declared(within_fields()),
};

struct WithinFields<'c>(std::marker::PhantomData<&'c ()>);

impl<'c> WithinFields<'c> {
    const ALL: [Field<Within<'c>>; 6] = [
        Field::<Within<'c>>::new("attention", "reason for attention", |_, within| {
            Value::Text(words::reason(&within.reason))
        }),
        Field::<Within<'c>>::new("path", "path of the file", |_, within| {
            Value::bytes(&within.path)
        }),
        Field::<Within<'c>>::new("process", "author; null if unknown", |context, within| {
            match within.author {
                Some((author, _)) => Value::process(context, Some(author)),
                None => Value::Null,
            }
        })
        .shape(Shape::Object(A_PROCESS)),
        Field::<Within<'c>>::new(
            "inferred",
            "true if the author was inferred",
            |_, within| {
                let author = within.author;
                author.map_or(Value::Nothing, |(_, is_inferred)| Value::Flag(is_inferred))
            },
        )
        .shape(Shape::Flag),
        Field::<Within<'c>>::new("before", "state before", |context, within| {
            let before = within.file.and_then(|file| file.before.as_ref());
            Value::state(context, before)
        })
        .shape(Shape::Object(A_STATE)),
        Field::<Within<'c>>::new("after", "state after", |context, within| {
            let after = within.file.and_then(|file| file.after.as_ref());
            Value::state(context, after)
        })
        .shape(Shape::Object(A_STATE)),
    ];
}
