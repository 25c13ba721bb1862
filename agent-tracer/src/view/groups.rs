//! Connections summed up: by where they go, which is what a firewall has to allow, or by the process that
//! asked for them. Groups are in the order of their first connection.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::SocketAddr,
};

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::model::{Connection, Model, ProcessIndex};

use super::{
    connections::name_of,
    escape,
    json::{Named, ProcessObject, to_line},
    page::{Page, bytes},
    process::name,
    table::table,
};

/// What connections are summed up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Remote address and port.
    Destination,
    /// The process that asked for them.
    Process,
}

/// Connections that have something in common.
pub struct Group {
    by: By,
    /// In the order in which they first came.
    remotes: Vec<Option<SocketAddr>>,
    owners: Vec<ProcessIndex>,
    /// What is in the two lists above.
    seen: (HashSet<Option<SocketAddr>>, HashSet<ProcessIndex>),
    count: u64,
    outcomes: BTreeMap<&'static str, u64>,
    sent: u64,
    received: u64,
}

/// Sums connections up.
pub fn groups<'a>(by: By, wanted: impl Iterator<Item = &'a Connection>) -> Vec<Group> {
    let mut places: HashMap<(Option<SocketAddr>, Option<ProcessIndex>), usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for connection in wanted {
        let key = match by {
            By::Destination => (connection.remote, None),
            By::Process => (None, Some(connection.owner)),
        };
        let place = *places.entry(key).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Group {
                by,
                remotes: Vec::new(),
                owners: Vec::new(),
                seen: Default::default(),
                count: 0,
                outcomes: BTreeMap::new(),
                sent: 0,
                received: 0,
            });
        }
        groups[place].add(connection);
    }
    groups
}

impl Group {
    fn add(&mut self, connection: &Connection) {
        if self.seen.0.insert(connection.remote) {
            self.remotes.push(connection.remote);
        }
        if self.seen.1.insert(connection.owner) {
            self.owners.push(connection.owner);
        }
        self.count += 1;
        *self.outcomes.entry(connection.state.name()).or_default() += 1;
        if let Some((sent, received)) = connection.bytes {
            self.sent += sent;
            self.received += received;
        }
    }

    fn trees<'a>(&self, model: &'a Model) -> Vec<&'a str> {
        distinct(self.owners.iter().map(|owner| &*model.process(*owner).tree))
    }

    /// `closed (3), refused (1)`
    fn outcomes(&self) -> String {
        let parts: Vec<String> = self
            .outcomes
            .iter()
            .map(|(outcome, count)| match count {
                1 => (*outcome).to_owned(),
                count => format!("{outcome} ({count})"),
            })
            .collect();
        parts.join(", ")
    }

    fn amount(&self) -> String {
        format!("{} / {}", bytes(self.sent), bytes(self.received))
    }
}

fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for one in all {
        if !distinct.contains(&one) {
            distinct.push(one);
        }
    }
    distinct
}

fn written(remote: Option<SocketAddr>) -> String {
    remote.map_or_else(|| "?".to_owned(), |remote| remote.to_string())
}

/// The lines of the table, heading first.
pub fn group_lines(page: &Page, model: &Model, by: By, groups: &[Group]) -> Vec<String> {
    match by {
        By::Destination => by_destination(page, model, groups),
        By::Process => by_process(page, model, groups),
    }
}

fn by_destination(page: &Page, model: &Model, groups: &[Group]) -> Vec<String> {
    let rows: Vec<_> = groups
        .iter()
        .map(|group| {
            let remote = group.remotes.first().copied().flatten();
            let names = group.owners.iter().map(|owner| name(model.process(*owner)));
            [
                written(remote),
                remote
                    .and_then(|remote| name_of(model, remote))
                    .unwrap_or_else(|| "-".to_owned()),
                escape::text(group.trees(model).join(", ").as_bytes()),
                distinct(names).join(", "),
                group.count.to_string(),
                group.outcomes(),
                group.amount(),
            ]
        })
        .collect();
    let headings = [
        "DESTINATION",
        "TAG",
        "TREES",
        "PROCESSES",
        "COUNT",
        "OUTCOMES",
        "SENT/RECEIVED",
    ];
    table(page, &headings, &rows, &[6, 3, 5])
}

fn by_process(page: &Page, model: &Model, groups: &[Group]) -> Vec<String> {
    let rows: Vec<_> = groups
        .iter()
        .filter_map(|group| {
            let owner = model.process(*group.owners.first()?);
            let remotes: Vec<String> = group.remotes.iter().copied().map(written).collect();
            Some([
                format!("{} [{}]", name(owner), owner.id.pid),
                escape::text(owner.tree.as_bytes()),
                super::user(model, owner.user),
                group.count.to_string(),
                group.outcomes(),
                group.amount(),
                remotes.join(", "),
            ])
        })
        .collect();
    let headings = [
        "PROCESS",
        "TREE",
        "USER",
        "COUNT",
        "OUTCOMES",
        "SENT/RECEIVED",
        "DESTINATIONS",
    ];
    table(page, &headings, &rows, &[5, 2, 4])
}

/// A group as one JSON object.
pub fn group_json(model: &Model, group: &Group) -> String {
    to_line(&GroupObject { model, group })
}

struct GroupObject<'a> {
    model: &'a Model,
    group: &'a Group,
}

impl Serialize for GroupObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { model, group } = *self;
        let mut map = serializer.serialize_map(None)?;
        match group.by {
            By::Destination => {
                let remote = group.remotes.first().copied().flatten();
                map.serialize_entry("remote", &remote)?;
                Named { model, remote }.entries(&mut map)?;
                map.serialize_entry("trees", &group.trees(model))?;
                let processes: Vec<_> = group
                    .owners
                    .iter()
                    .map(|index| ProcessObject {
                        model,
                        index: *index,
                    })
                    .collect();
                map.serialize_entry("processes", &processes)?;
            }
            By::Process => {
                if let Some(index) = group.owners.first().copied() {
                    map.serialize_entry("process", &ProcessObject { model, index })?;
                }
                map.serialize_entry("destinations", &group.remotes)?;
            }
        }
        map.serialize_entry("connections", &group.count)?;
        map.serialize_entry("outcomes", &group.outcomes)?;
        map.serialize_entry("bytes_sent", &group.sent)?;
        map.serialize_entry("bytes_received", &group.received)?;
        map.end()
    }
}
