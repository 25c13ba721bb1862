//! Reduces a connection to a destination of firewall rules: a host by name, if it has one.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    ptr,
    sync::Arc,
};

use foldhash::fast::RandomState;

use crate::{
    event::Protocol,
    model::{Connection, Traits},
};

/// A destination that a firewall has to allow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    /// The host.
    pub host: Host,
    /// The port; 0 if unknown.
    pub port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The proxy, if the connection goes through one.
    pub through: Option<SocketAddr>,
    /// True if that is a SOCKS proxy.
    pub is_socks: bool,
    /// Inode number of the network namespace; 0 for the recorder's, and if unknown.
    pub network_namespace: u32,
}

/// A host, by name or by address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// The most certain name.
    Named(Arc<str>),
    /// The address, without a name.
    Address(IpAddr),
    /// Neither is known.
    Unknown,
}

impl Destination {
    /// Returns the destination of a connection.
    pub fn of(connection: &Connection) -> Destination {
        let protocol = connection.protocol;
        if let Some((host, port)) = &connection.destination {
            let host = match (host.parse(), connection.destination_names.first()) {
                (Err(_), _) => Host::Named(host.as_str().into()),
                (Ok(_), Some(name)) => Host::Named(Arc::clone(&name.name)),
                (Ok(address), None) => Host::Address(address),
            };
            return Destination {
                host,
                port: *port,
                protocol,
                through: connection.remote,
                is_socks: connection.is_socks,
                network_namespace: connection.network_namespace,
            };
        }
        let best = connection.names.first();
        let host = match (best, connection.remote) {
            (Some(name), _) => Host::Named(Arc::clone(&name.name)),
            (None, Some(remote)) => Host::Address(remote.ip()),
            (None, None) => Host::Unknown,
        };
        Destination {
            host,
            port: connection.remote.map_or(0, |remote| remote.port()),
            protocol,
            through: None,
            is_socks: false,
            network_namespace: connection.network_namespace,
        }
    }

    /// Writes `api.example:443` or `192.0.2.7:53/udp`; not escaped.
    pub fn label(&self) -> String {
        let Destination {
            host,
            port,
            protocol,
            network_namespace,
            ..
        } = self;
        let mut text = match host {
            Host::Named(name) => format!("{name}:{port}"),
            Host::Address(address) => SocketAddr::new(*address, *port).to_string(),
            Host::Unknown => "?".to_owned(),
        };
        if *protocol == Protocol::Udp {
            text.push_str("/udp");
        }
        if *network_namespace != 0 {
            text.push_str(&format!(" (netns {network_namespace})"));
        }
        text
    }
}

/// Numbers destinations in the order of first contact.
///
/// A destination follows from the traits of a connection, which many share: it is found once for
/// all of these.
#[derive(Default)]
pub(crate) struct Destinations {
    numbers: HashMap<Destination, usize, RandomState>,
    /// Numbers by the address of traits, which stay where they are while the model is borrowed.
    by_traits: HashMap<usize, usize, RandomState>,
}

impl Destinations {
    /// Returns the number of a connection's destination.
    pub(crate) fn number(&mut self, connection: &Connection) -> usize {
        let traits = traits_of(connection);
        if let Some(number) = self.by_traits.get(&traits) {
            return *number;
        }
        let next = self.numbers.len();
        let destination = Destination::of(connection);
        let number = *self.numbers.entry(destination).or_insert(next);
        self.by_traits.insert(traits, number);
        number
    }
}

/// Identifies the traits of a connection among those of a model.
pub(crate) fn traits_of(connection: &Connection) -> usize {
    let traits: &Traits = connection;
    ptr::from_ref(traits).addr()
}
