//! Folds ended connections into earlier ones like them.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
};

use super::processes;
use crate::{
    event::Protocol,
    model::{
        Connection, Model, Process, ProcessIndex,
        download::{SOURCES, may_have_brought},
        units::Units,
    },
};

/// The facts that a summary has of a connection. Those that are equal may count as one.
#[derive(PartialEq, Eq, Hash)]
struct Likeness {
    owner: processes::Likeness,
    /// An owner that runs may come into another tree.
    running: Option<ProcessIndex>,
    protocol: Protocol,
    state: &'static str,
    network_namespace: u32,
    /// The local port of an inbound one, with the owner if that is a guess: at the end a listener's
    /// holder may get the connection.
    inbound: Option<(u16, Option<ProcessIndex>)>,
    is_pre_existing: bool,
    remote: Option<(IpAddr, u16)>,
    /// The best name of the remote end, or of the host behind it.
    name: Option<Arc<str>>,
    destination: Option<(String, u16)>,
    is_socks: bool,
}

impl Model {
    /// Folds connections that ended so long ago.
    pub(super) fn fold_connections(&mut self, stays_ns: u64) {
        let before_ns = self.timeline.last_ns().saturating_sub(stays_ns);
        let needed = self.sources(before_ns);
        let mut first: HashMap<Likeness, usize> = HashMap::new();
        let mut alike: HashMap<usize, Alike> = HashMap::new();
        let mut released: HashSet<usize> = HashSet::new();
        for connection in self.connections.as_slice() {
            let owner = &self.processes[connection.owner];
            let position = connection.position();
            let likeness = Likeness::of(connection, owner, &self.units);
            let place = *first.entry(likeness).or_insert(position);
            let is_over = connection.ended_ns().is_some_and(|ended| ended < before_ns);
            if is_over && place != position && !needed.contains(&position) {
                alike.entry(place).or_default().add(connection);
                released.insert(position);
            }
        }
        let all = &mut self.connections.all;
        for connection in all.iter_mut() {
            if let Some(alike) = alike.get(&connection.position()) {
                connection.alike_mut().join(alike);
            }
        }
        all.retain(|connection| !released.contains(&connection.position()));
        self.fold.connections = self.connections.as_slice().len();
    }

    /// Finds the connections that downloads may have come through: the last ones of each process
    /// that may still write, and those before a file that may be executed.
    fn sources(&self, before_ns: u64) -> HashSet<usize> {
        let mut by_owner: HashMap<ProcessIndex, Vec<usize>> = HashMap::new();
        for connection in self.connections.as_slice() {
            if may_have_brought(connection) {
                let own = by_owner.entry(connection.owner).or_default();
                own.push(connection.position());
            }
        }
        let mut needed = HashSet::new();
        let mut need = |own: &[usize]| {
            let last = own.len().saturating_sub(SOURCES);
            needed.extend(own.iter().skip(last));
        };
        for (owner, own) in &by_owner {
            let ended = self.processes[*owner].ended();
            if ended.is_none_or(|(ended_ns, _)| ended_ns > before_ns) {
                need(own);
            }
        }
        for (writer, connections) in self.downloads.writers() {
            if let Some(own) = by_owner.get(&writer) {
                need(&own[..own.partition_point(|position| *position < connections)]);
            }
        }
        needed
    }
}

/// The sums of connections that are folded.
#[derive(Clone, Debug, Default)]
pub(in crate::model) struct Alike {
    pub(in crate::model) count: u64,
    /// Payload bytes sent and received.
    pub(in crate::model) bytes: (u64, u64),
}

impl Alike {
    fn add(&mut self, connection: &Connection) {
        self.join(&Alike {
            count: connection.count(),
            bytes: connection.sums(),
        });
    }

    fn join(&mut self, other: &Alike) {
        self.count = self.count.saturating_add(other.count);
        self.bytes.0 = self.bytes.0.saturating_add(other.bytes.0);
        self.bytes.1 = self.bytes.1.saturating_add(other.bytes.1);
    }
}

impl Likeness {
    fn of(connection: &Connection, owner: &Process, units: &Units) -> Likeness {
        let is_inbound = connection.is_inbound;
        let port = connection.local().map_or(0, |local| local.port());
        let remote = connection.remote.filter(|_| !is_inbound);
        let names = match connection.destination {
            Some(_) => &connection.destination_names,
            None => &connection.names,
        };
        Likeness {
            owner: processes::Likeness::of(owner, units),
            running: owner.is_running().then_some(connection.owner),
            is_pre_existing: connection.is_pre_existing,
            protocol: connection.protocol,
            state: connection.state.name(),
            network_namespace: connection.network_namespace,
            inbound: is_inbound.then(|| {
                let guess = !connection.is_closed_by_owner();
                (port, guess.then_some(connection.owner))
            }),
            remote: remote.map(|remote| (remote.ip(), remote.port())),
            name: names.first().map(|name| Arc::clone(&name.name)),
            destination: connection.destination.clone(),
            is_socks: connection.is_socks,
        }
    }
}
