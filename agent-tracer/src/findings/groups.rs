//! Sums up connections by destination or by process, in the order of their first connection.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::{IpAddr, SocketAddr},
};

use foldhash::fast::RandomState;

use crate::model::{Connection, Model, Name, ProcessIndex};

use super::destination::{Destination, Destinations, Host, traits_of};

/// The key by which connections are summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Remote address and port.
    Destination,
    /// The process that owns them.
    Process,
}

/// Connections with a common key.
#[derive(Clone, Debug)]
pub struct ConnectionGroup {
    /// The common key.
    pub by: By,
    /// Their destinations, in the order of the first connection.
    pub destinations: Vec<Destination>,
    /// Their remote ends, in the same order.
    pub remotes: Vec<SocketAddr>,
    /// Their owners, in the same order.
    pub owners: Vec<ProcessIndex>,
    /// All names of their destinations, in the order in which they first came.
    pub names: Vec<Name>,
    /// The values of the lists above, while they grow.
    seen: Seen,
    /// Number of connections.
    pub count: u64,
    /// Number of connections by the name of their state.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Bytes sent in all.
    pub sent: u64,
    /// Bytes received in all.
    pub received: u64,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    /// Traits of connections, each by its place in memory.
    traits: HashSet<usize, RandomState>,
    destinations: HashSet<Destination, RandomState>,
    remotes: HashSet<SocketAddr, RandomState>,
    /// Made once an owner is older than the one before: until then the list is sorted.
    owners: Option<HashSet<ProcessIndex, RandomState>>,
    names: HashSet<Name, RandomState>,
}

/// Sums up connections. Inbound ones have no destination: by destination they are left out.
pub fn groups<'a>(by: By, wanted: impl Iterator<Item = &'a Connection>) -> Vec<ConnectionGroup> {
    let mut destinations = Destinations::default();
    let mut by_owner: HashMap<ProcessIndex, usize, RandomState> = HashMap::default();
    let mut groups: Vec<ConnectionGroup> = Vec::new();
    for connection in wanted {
        if by == By::Destination && connection.is_inbound {
            continue;
        }
        let place = match by {
            // They are numbered in the same order.
            By::Destination => destinations.number(connection),
            By::Process => *by_owner.entry(connection.owner).or_insert(groups.len()),
        };
        if place == groups.len() {
            groups.push(ConnectionGroup {
                by,
                destinations: Vec::new(),
                remotes: Vec::new(),
                owners: Vec::new(),
                names: Vec::new(),
                seen: Seen::default(),
                count: 0,
                outcomes: BTreeMap::new(),
                sent: 0,
                received: 0,
            });
        }
        groups[place].add(connection);
    }
    for group in &mut groups {
        group.seen = Seen::default();
    }
    groups
}

impl ConnectionGroup {
    fn add(&mut self, connection: &Connection) {
        if self.is_new(connection.owner) {
            self.owners.push(connection.owner);
        }
        // All that follows from traits is there already, once these are.
        if self.seen.traits.insert(traits_of(connection)) {
            self.add_traits(connection);
        }
        self.count += connection.count();
        let outcome = self.outcomes.entry(connection.state.name());
        *outcome.or_default() += connection.count();
        let (sent, received) = connection.sums();
        self.sent = self.sent.saturating_add(sent);
        self.received = self.received.saturating_add(received);
    }

    /// Returns true unless an owner is in the list. Processes that live shortly connect in the
    /// order of their starts: they need no table, which would have each for each destination.
    fn is_new(&mut self, owner: ProcessIndex) -> bool {
        let last = self.owners.last().copied();
        match &mut self.seen.owners {
            _ if last == Some(owner) => false,
            Some(seen) => seen.insert(owner),
            None if last < Some(owner) => true,
            None if self.owners.binary_search(&owner).is_ok() => false,
            none @ None => {
                let known = self.owners.iter().copied();
                *none = Some(known.chain([owner]).collect());
                true
            }
        }
    }

    fn add_traits(&mut self, connection: &Connection) {
        let destination = Destination::of(connection);
        if self.seen.destinations.insert(destination.clone()) {
            self.destinations.push(destination);
        }
        if let Some(remote) = connection.remote
            && self.seen.remotes.insert(remote)
        {
            self.remotes.push(remote);
        }
        let names = match connection.destination {
            Some(_) => &connection.destination_names,
            None => &connection.names,
        };
        for name in names {
            if self.seen.names.insert(name.clone()) {
                self.names.push(name.clone());
            }
        }
    }

    /// Returns the owner of its first connection.
    pub fn first_owner(&self) -> Option<ProcessIndex> {
        self.owners.first().copied()
    }

    /// Returns the name of its first destination; not escaped.
    pub fn label(&self) -> String {
        let first = self.destinations.first();
        first.map_or_else(String::new, Destination::label)
    }

    /// Names of its first destination other than the one in its label, each once: the address was
    /// looked up by several, or the sources disagree.
    pub fn other_names(&self) -> Vec<&str> {
        let label = match self.destinations.first().map(|first| &first.host) {
            Some(Host::Named(name)) => &**name,
            Some(Host::Address(_) | Host::Unknown) | None => "",
        };
        let names = self.names.iter().map(|name| &*name.name);
        distinct(names.filter(|name| *name != label))
    }

    /// Returns the trees of its owners, each once.
    pub fn trees<'a>(&self, model: &'a Model) -> Vec<&'a str> {
        let mut places: HashSet<usize, RandomState> = HashSet::default();
        let trees = self.owners.iter().map(|owner| &*model.process(*owner).tree);
        // Most processes of a tree share its name.
        distinct(trees.filter(|tree| places.insert(tree.as_ptr().addr())))
    }

    /// Returns its remote addresses, each once.
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
