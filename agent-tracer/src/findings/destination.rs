//! Reduces a connection to what a firewall has to allow: a host by its name, where it has one.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use crate::{event::Protocol, model::Connection};

/// What has to be allowed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    /// The host.
    pub host: Host,
    /// The port, 0 where it is unknown.
    pub port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The proxy that it is reached through.
    pub through: Option<SocketAddr>,
}

/// A host, by what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// By its most certain name.
    Named(Arc<str>),
    /// By its address alone.
    Address(IpAddr),
    /// Not at all.
    Unknown,
}

impl Destination {
    /// Reads it off a connection.
    pub fn of(connection: &Connection) -> Destination {
        let protocol = connection.protocol;
        if let Some((host, port)) = &connection.destination {
            return Destination {
                host: Host::Named(host.as_str().into()),
                port: *port,
                protocol,
                through: connection.remote,
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
        }
    }

    /// Writes `api.example:443` or `192.0.2.7:53/udp`; not escaped.
    pub fn label(&self) -> String {
        let Destination {
            host,
            port,
            protocol,
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
        text
    }
}
