//! Connections summed up: by where they go, which is what a firewall has to allow, or by the process that
//! asked for them. Groups are in the order of their first connection.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::{IpAddr, SocketAddr},
};

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::model::{Connection, Model, ProcessIndex};

use super::{
    connections::name_of,
    destination::{Destination, Place},
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
#[derive(Clone, Debug)]
pub struct Group {
    by: By,
    /// In the order in which they first came.
    pub(super) destinations: Vec<Destination>,
    pub(super) remotes: Vec<SocketAddr>,
    pub(super) owners: Vec<ProcessIndex>,
    /// What is in the lists above.
    seen: Seen,
    pub(super) count: u64,
    outcomes: BTreeMap<&'static str, u64>,
    pub(super) sent: u64,
    pub(super) received: u64,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    destinations: HashSet<Destination>,
    remotes: HashSet<SocketAddr>,
    owners: HashSet<ProcessIndex>,
}

/// Sums connections up.
pub fn groups<'a>(by: By, wanted: impl Iterator<Item = &'a Connection>) -> Vec<Group> {
    let mut places: HashMap<(Option<Destination>, Option<ProcessIndex>), usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for connection in wanted {
        let key = match by {
            By::Destination => (Some(Destination::of(connection)), None),
            By::Process => (None, Some(connection.owner)),
        };
        let place = *places.entry(key).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Group {
                by,
                destinations: Vec::new(),
                remotes: Vec::new(),
                owners: Vec::new(),
                seen: Seen::default(),
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
        let destination = Destination::of(connection);
        if self.seen.destinations.insert(destination.clone()) {
            self.destinations.push(destination);
        }
        if let Some(remote) = connection.remote
            && self.seen.remotes.insert(remote)
        {
            self.remotes.push(remote);
        }
        if self.seen.owners.insert(connection.owner) {
            self.owners.push(connection.owner);
        }
        self.count += 1;
        *self.outcomes.entry(connection.state.name()).or_default() += 1;
        if let Some((sent, received)) = connection.bytes {
            self.sent += sent;
            self.received += received;
        }
    }

    /// The first process that has a part in it.
    pub(super) fn first_owner(&self) -> Option<ProcessIndex> {
        self.owners.first().copied()
    }

    /// Where it goes, escaped.
    pub(super) fn place(&self) -> String {
        let first = self.destinations.first();
        first.map_or_else(String::new, Destination::written)
    }

    /// `AzureMonitor, 4 connections of omi, omsagent`
    pub(super) fn summary(&self, model: &Model) -> String {
        let tag = self
            .remotes
            .first()
            .and_then(|remote| name_of(model, *remote));
        let trees = escape::text(self.trees(model).join(", ").as_bytes());
        let plural = if self.count == 1 { "" } else { "s" };
        let count = format!("{} connection{plural} of {trees}", self.count);
        match tag {
            Some(tag) => format!("{tag}, {count}"),
            None => count,
        }
    }

    pub(super) fn trees<'a>(&self, model: &'a Model) -> Vec<&'a str> {
        distinct(self.owners.iter().map(|owner| &*model.process(*owner).tree))
    }

    /// `closed (3), refused (1)`
    pub(super) fn outcomes(&self) -> String {
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

    /// The names of the processes that asked for them.
    pub(super) fn owner_names(&self, model: &Model) -> Vec<String> {
        distinct(self.owners.iter().map(|owner| name(model.process(*owner))))
    }

    fn amount(&self) -> String {
        format!("{} / {}", bytes(self.sent), bytes(self.received))
    }

    /// All of it, as fields of an object.
    pub(super) fn entries<M: SerializeMap>(
        &self,
        map: &mut M,
        model: &Model,
    ) -> Result<(), M::Error> {
        match self.by {
            By::Destination => {
                if let Some(destination) = self.destinations.first() {
                    if let Place::Named(name) = &destination.place {
                        map.serialize_entry("host", &**name)?;
                    }
                    map.serialize_entry("port", &destination.port)?;
                    map.serialize_entry("protocol", destination.protocol.name())?;
                    if let Some(proxy) = destination.through {
                        map.serialize_entry("proxy", &proxy)?;
                    }
                }
                let addresses = distinct(self.remotes.iter().map(SocketAddr::ip));
                map.serialize_entry("addresses", &addresses)?;
                let remote = self.remotes.first().copied();
                Named { model, remote }.entries(map)?;
                map.serialize_entry("trees", &self.trees(model))?;
                let processes: Vec<_> = self
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
                if let Some(index) = self.owners.first().copied() {
                    map.serialize_entry("process", &ProcessObject { model, index })?;
                }
                let destinations = self.destinations.iter().map(Destination::written);
                let destinations: Vec<String> = destinations.collect();
                map.serialize_entry("destinations", &destinations)?;
            }
        }
        map.serialize_entry("connections", &self.count)?;
        map.serialize_entry("outcomes", &self.outcomes)?;
        map.serialize_entry("bytes_sent", &self.sent)?;
        map.serialize_entry("bytes_received", &self.received)
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

/// Addresses shown of a host; the rest is a number.
const ADDRESSES: usize = 3;

/// The addresses of a host that has a name, and the proxy that it is reached through.
pub(super) fn addresses(group: &Group, limit: usize) -> String {
    let Some(destination) = group.destinations.first() else {
        return "-".to_owned();
    };
    let mut shown: Vec<String> = match destination.place {
        Place::Named(_) => {
            let all = distinct(group.remotes.iter().map(SocketAddr::ip));
            let mut shown: Vec<String> = all.iter().take(limit).map(IpAddr::to_string).collect();
            if all.len() > limit {
                shown.push(format!("and {} more", all.len() - limit));
            }
            shown
        }
        Place::Address(_) | Place::Unknown => vec!["-".to_owned()],
    };
    if let Some(proxy) = destination.through {
        shown = vec![format!("through {proxy}")];
    }
    shown.join(", ")
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
            let remote = group.remotes.first().copied();
            [
                group
                    .destinations
                    .first()
                    .map_or_else(String::new, Destination::written),
                addresses(group, ADDRESSES),
                remote
                    .and_then(|remote| name_of(model, remote))
                    .unwrap_or_else(|| "-".to_owned()),
                escape::text(group.trees(model).join(", ").as_bytes()),
                group.owner_names(model).join(", "),
                group.count.to_string(),
                group.outcomes(),
                group.amount(),
            ]
        })
        .collect();
    let headings = [
        "DESTINATION",
        "ADDRESSES",
        "TAG",
        "TREES",
        "PROCESSES",
        "COUNT",
        "OUTCOMES",
        "SENT/RECEIVED",
    ];
    let mut dispensable = vec![7, 4, 1, 6];
    if rows.iter().all(|row| row[1] == "-") {
        dispensable.insert(0, 1);
    }
    table(page, &headings, &rows, &dispensable)
}

fn by_process(page: &Page, model: &Model, groups: &[Group]) -> Vec<String> {
    let rows: Vec<_> = groups
        .iter()
        .filter_map(|group| {
            let owner = model.process(*group.owners.first()?);
            let destinations = group.destinations.iter().map(Destination::written);
            let destinations: Vec<String> = destinations.collect();
            Some([
                format!("{} [{}]", name(owner), owner.id.pid),
                escape::text(owner.tree.as_bytes()),
                super::user_of(model, owner),
                group.count.to_string(),
                group.outcomes(),
                group.amount(),
                destinations.join(", "),
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
        let mut map = serializer.serialize_map(None)?;
        self.group.entries(&mut map, self.model)?;
        map.end()
    }
}
