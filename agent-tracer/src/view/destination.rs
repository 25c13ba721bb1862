//! Where a connection goes, as whoever writes rules for a firewall sees it: a host by its name, where it has one.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use crate::{event::Protocol, model::Connection};

use super::{escape, naming};

/// What has to be allowed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Destination {
    pub(super) place: Place,
    pub(super) port: u16,
    pub(super) protocol: Protocol,
    /// The proxy that it is reached through.
    pub(super) through: Option<SocketAddr>,
}

/// A host, by what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Named(Arc<str>),
    Address(IpAddr),
    Unknown,
}

impl Destination {
    pub(super) fn of(connection: &Connection) -> Destination {
        let protocol = connection.protocol;
        if let Some((host, port)) = &connection.destination {
            return Destination {
                place: Place::Named(host.as_str().into()),
                port: *port,
                protocol,
                through: connection.remote,
            };
        }
        let place = match (naming::best(connection), connection.remote) {
            (Some(name), _) => Place::Named(name),
            (None, Some(remote)) => Place::Address(remote.ip()),
            (None, None) => Place::Unknown,
        };
        Destination {
            place,
            port: connection.remote.map_or(0, |remote| remote.port()),
            protocol,
            through: None,
        }
    }

    /// `api.example:443`, `192.0.2.7:53/udp`
    pub(super) fn written(&self) -> String {
        let Destination {
            place,
            port,
            protocol,
            ..
        } = self;
        let mut text = match place {
            Place::Named(name) => format!("{}:{port}", escape::text(name.as_bytes())),
            Place::Address(address) => SocketAddr::new(*address, *port).to_string(),
            Place::Unknown => "?".to_owned(),
        };
        if *protocol == Protocol::Udp {
            text.push_str("/udp");
        }
        text
    }
}
