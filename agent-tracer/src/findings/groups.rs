//! Sums connections up: by destination, which is what a firewall has to allow, or by process.
//! Groups are in the order of their first connection.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::{IpAddr, SocketAddr},
};

use crate::model::{Connection, Model, ProcessIndex};

use super::destination::Destination;

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
pub struct ConnectionGroup {
    /// What they have in common.
    pub by: By,
    /// In the order in which they first came.
    pub destinations: Vec<Destination>,
    /// Their remote ends, in the same order.
    pub remotes: Vec<SocketAddr>,
    /// The processes that asked for them, in the same order.
    pub owners: Vec<ProcessIndex>,
    /// What is in the lists above.
    seen: Seen,
    /// How many they are.
    pub count: u64,
    /// How many ended in which state, by its name.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Bytes sent in all.
    pub sent: u64,
    /// Bytes received in all.
    pub received: u64,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    destinations: HashSet<Destination>,
    remotes: HashSet<SocketAddr>,
    owners: HashSet<ProcessIndex>,
}

/// Sums connections up.
pub fn groups<'a>(by: By, wanted: impl Iterator<Item = &'a Connection>) -> Vec<ConnectionGroup> {
    let mut places: HashMap<(Option<Destination>, Option<ProcessIndex>), usize> = HashMap::new();
    let mut groups: Vec<ConnectionGroup> = Vec::new();
    for connection in wanted {
        let key = match by {
            By::Destination => (Some(Destination::of(connection)), None),
            By::Process => (None, Some(connection.owner)),
        };
        let place = *places.entry(key).or_insert(groups.len());
        if place == groups.len() {
            groups.push(ConnectionGroup {
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

impl ConnectionGroup {
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
    pub fn first_owner(&self) -> Option<ProcessIndex> {
        self.owners.first().copied()
    }

    /// The name of where it goes; not escaped.
    pub fn label(&self) -> String {
        let first = self.destinations.first();
        first.map_or_else(String::new, Destination::label)
    }

    /// The trees of its processes, each once.
    pub fn trees<'a>(&self, model: &'a Model) -> Vec<&'a str> {
        distinct(self.owners.iter().map(|owner| &*model.process(*owner).tree))
    }

    /// Its remote addresses, each once.
    pub fn addresses(&self) -> Vec<IpAddr> {
        distinct(self.remotes.iter().map(SocketAddr::ip))
    }
}

/// Removes repetitions and keeps the order.
pub fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for one in all {
        if !distinct.contains(&one) {
            distinct.push(one);
        }
    }
    distinct
}
