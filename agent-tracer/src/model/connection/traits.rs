//! Shares what many connections have in common: their remote end, its names and the like.

use std::{
    collections::HashSet,
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

/// Traits of connections, each once.
#[derive(Default)]
pub(super) struct TraitsPool(HashSet<Arc<Traits>, RandomState>);

impl TraitsPool {
    pub(super) fn shared(&mut self, traits: Traits) -> Arc<Traits> {
        if let Some(known) = self.0.get(&traits) {
            return Arc::clone(known);
        }
        if self.0.len() >= POOLED {
            self.0.clear();
        }
        let new = Arc::new(traits);
        self.0.insert(Arc::clone(&new));
        new
    }

    /// Sets the local end of a connection, if it is known.
    pub(super) fn set_local(&mut self, connection: &mut Connection, local: Option<SocketAddr>) {
        let Some(local) = local else { return };
        connection.local_port = local.port();
        let address = Some(local.ip());
        if connection.traits.local != address {
            self.change(connection, |traits| traits.local = address);
        }
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
