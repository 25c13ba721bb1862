//! Shares what many connections have in common: their remote end, its names and the like.

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use foldhash::fast::RandomState;

use super::Connection;
use crate::{
    event::Protocol,
    model::{Name, ProcessIndex},
};

/// Traits that many connections have in common; a [`Connection`] derefs to its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Traits {
    /// Address of the local end.
    pub(super) local: Option<IpAddr>,
    /// Remote end.
    pub remote: Option<SocketAddr>,
    /// Its transport protocol.
    pub protocol: Protocol,
    /// errno of its failure or end; 0 for a clean one.
    pub error: u32,
    /// True if it existed before the recording. Its owner is then a process that held it.
    pub is_pre_existing: bool,
    /// True if its end was lost: it is closed, at an unknown time.
    pub is_end_unknown: bool,
    /// True if not even a SYN was sent.
    pub never_sent: bool,
    /// True if the remote end is a SOCKS proxy.
    pub is_socks: bool,
    /// True if the remote end asked for it.
    pub is_inbound: bool,
    /// Status of the first HTTP answer.
    pub http_status: Option<u16>,
    /// Inode number of its network namespace; 0 for the recorder's, and if unknown.
    pub network_namespace: u32,
    /// Names of the remote end, the most certain first.
    pub names: Vec<Name>,
    /// The host and port that the remote end, a proxy, was asked for.
    pub destination: Option<(String, u16)>,
    /// Names of that host, where it is an address or the connection inside names it.
    pub destination_names: Vec<Name>,
    /// The URL that was asked for in clear, without its query.
    pub url: Option<String>,
    /// Of an open inbound one: the processes that held it at the end, where not its owner alone.
    pub holders: Vec<ProcessIndex>,
}

impl Traits {
    pub(super) fn new(protocol: Protocol) -> Traits {
        Traits {
            local: None,
            remote: None,
            protocol,
            error: 0,
            is_pre_existing: false,
            is_end_unknown: false,
            never_sent: false,
            is_socks: false,
            is_inbound: false,
            http_status: None,
            network_namespace: 0,
            names: Vec::new(),
            destination: None,
            destination_names: Vec::new(),
            url: None,
            holders: Vec::new(),
        }
    }

    /// Adds a name of the remote end or, behind a request to a proxy, of the host asked for.
    pub(super) fn is_called(&mut self, name: Name) {
        let names = match self.destination {
            Some(_) => &mut self.destination_names,
            None => &mut self.names,
        };
        if names.contains(&name) {
            return;
        }
        // The client's word about this very connection is more certain than its lookups.
        let place = names
            .iter()
            .position(|known| known.source > name.source)
            .unwrap_or(names.len());
        names.insert(place, name);
    }
}

/// Limit of the traits that are found again; then they start anew, at the price of duplicates.
const POOLED: usize = 8192;

/// All that the traits of a new connection follow from, where its owner has looked up no name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Begin {
    pub(super) local: Option<IpAddr>,
    pub(super) remote: SocketAddr,
    pub(super) protocol: Protocol,
    pub(super) network_namespace: u32,
    /// Version of the names of the remote end.
    pub(super) names: u64,
}

/// Traits of connections, each once.
#[derive(Default)]
pub(super) struct TraitsPool {
    all: HashSet<Arc<Traits>, RandomState>,
    /// Those of new connections: their key is far smaller than they are.
    of_begin: HashMap<Begin, Arc<Traits>, RandomState>,
    /// Traits with another local address, by their place and that address. The first ones are
    /// those at the place, which stay there.
    moved: HashMap<(usize, IpAddr), [Arc<Traits>; 2], RandomState>,
}

impl TraitsPool {
    pub(super) fn shared(&mut self, traits: Traits) -> Arc<Traits> {
        if let Some(known) = self.all.get(&traits) {
            return Arc::clone(known);
        }
        if self.all.len() >= POOLED {
            self.all.clear();
        }
        let new = Arc::new(traits);
        self.all.insert(Arc::clone(&new));
        new
    }

    /// Finds the traits of a connection that began as an earlier one.
    pub(super) fn of_begin(&self, begin: &Begin) -> Option<Arc<Traits>> {
        self.of_begin.get(begin).cloned()
    }

    /// Keeps the traits of a connection that begins.
    pub(super) fn note_begin(&mut self, begin: Begin, traits: &Arc<Traits>) {
        if self.of_begin.len() >= POOLED {
            self.of_begin.clear();
        }
        self.of_begin.insert(begin, Arc::clone(traits));
    }

    /// Sets the local end of a connection, if it is known.
    pub(super) fn set_local(&mut self, connection: &mut Connection, local: Option<SocketAddr>) {
        let Some(local) = local else { return };
        connection.local_port = local.port();
        let address = local.ip();
        if connection.traits.local == Some(address) {
            return;
        }
        let key = (Arc::as_ptr(&connection.traits).addr(), address);
        if let Some([_, moved]) = self.moved.get(&key) {
            connection.traits = Arc::clone(moved);
            return;
        }
        let before = Arc::clone(&connection.traits);
        self.change(connection, |traits| traits.local = Some(address));
        if self.moved.len() >= POOLED {
            self.moved.clear();
        }
        let both = [before, Arc::clone(&connection.traits)];
        self.moved.insert(key, both);
    }

    /// Gives a connection other traits.
    pub(super) fn change(&mut self, connection: &mut Connection, change: impl FnOnce(&mut Traits)) {
        let mut traits = Traits::clone(&connection.traits);
        change(&mut traits);
        if traits != *connection.traits {
            connection.traits = self.shared(traits);
        }
    }
}
