//! Matches the remote ends of connections: by network, address, service tag or host.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::{
    model::{Connection, Model},
    rules::{Glob, Scope},
};

/// Remote ends of a condition.
#[derive(Clone, Debug)]
pub enum Remote {
    /// Addresses of a network; a single address is one too.
    Network(IpNet),
    /// Matches of a glob: ADDRESS, ADDRESS:PORT, a service tag, or a host with or without port.
    Written(Glob),
}

impl Remote {
    /// Reads a network, an address, or a glob.
    ///
    /// # Errors
    ///
    /// The glob is malformed.
    pub fn parse(text: &str) -> Result<Remote, String> {
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Remote::Network(network));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Remote::Network(IpNet::from(address.to_canonical())));
        }
        if text.contains('/') {
            return Err("not a network: write it like 10.0.0.0/8 or fd00::/8".to_owned());
        }
        Glob::new(text, Scope::Text).map(Remote::Written)
    }

    pub(super) fn matches(&self, model: &Model, connection: &Connection) -> bool {
        match self {
            Remote::Network(network) => {
                let destination = connection.destination.iter();
                // Behind a proxy, where it was asked for an address.
                let asked_for = destination.filter_map(|(host, _)| host.parse().ok());
                let remote = connection.remote.iter().map(SocketAddr::ip);
                remote
                    .chain(asked_for)
                    .any(|address: IpAddr| network.contains(&address))
            }
            Remote::Written(glob) => {
                let remote = connection
                    .remote
                    .is_some_and(|remote| is_written(glob, model, remote));
                let port = connection.remote.map_or(0, |remote| remote.port());
                let names = connection.names.iter().map(|name| (&*name.name, port));
                let destination = connection.destination.iter();
                let destination = destination.flat_map(|(host, port)| {
                    let names = connection.destination_names.iter();
                    let names = names.map(|name| (&*name.name, *port));
                    names.chain([(host.as_str(), *port)])
                });
                remote
                    || names.chain(destination).any(|(host, port)| {
                        glob.matches(host.as_bytes())
                            || glob.matches(format!("{host}:{port}").as_bytes())
                    })
            }
        }
    }
}

fn is_written(glob: &Glob, model: &Model, remote: SocketAddr) -> bool {
    glob.matches(remote.to_string().as_bytes())
        || glob.matches(remote.ip().to_string().as_bytes())
        || model
            .tags(remote.ip())
            .iter()
            .any(|tag| glob.matches(tag.name.as_bytes()))
}
