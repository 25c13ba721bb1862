//! Describes open connections for the next segment of a recording, and takes them over there.

use std::sync::Arc;

use super::{Connection, Connections, State, Traits};
use crate::{
    event::{CarriedConnection, CarriedName, Party, Protocol, SocketState},
    model::{Name, NameSource, listener::address_of, processes::Processes},
};

impl Connections {
    /// Describes the connections that are open.
    pub(in crate::model) fn carried(&self, processes: &Processes) -> Vec<CarriedConnection> {
        let all = self.as_slice().iter();
        all.filter_map(|connection| carried(connection, processes))
            .collect()
    }

    /// Takes over open connections.
    pub(in crate::model) fn take_over(
        &mut self,
        carried: &[CarriedConnection],
        boot_ns: u64,
        processes: &Processes,
    ) {
        for one in carried {
            let Some(owner) = Party::find(one.owner, processes) else {
                continue;
            };
            let local = one.local();
            let port = u16::try_from(one.destination_port).unwrap_or(0);
            let destination =
                (!one.destination_host.is_empty()).then(|| (one.destination_host.clone(), port));
            let traits = self.shared(Traits {
                local: local.map(|local| local.ip()),
                remote: one.remote(),
                is_pre_existing: true,
                is_inbound: one.is_inbound,
                is_socks: one.is_socks,
                network_namespace: one.network_namespace,
                names: names(&one.names),
                destination,
                destination_names: names(&one.destination_names),
                url: (!one.url.is_empty()).then(|| one.url.clone()),
                http_status: u16::try_from(one.http_status).ok().filter(|it| *it != 0),
                ..Traits::new(one.protocol())
            });
            let connection = Connection::new(one.connection, owner, boot_ns, traits);
            let mut connection = connection.with_local(local);
            connection.state = State::of_socket(one.state());
            if one.has_bytes {
                connection.set_bytes(one.bytes_sent, one.bytes_received);
            }
            self.add(connection);
        }
    }
}

/// Describes a connection; `None` if it is not open.
fn carried(connection: &Connection, processes: &Processes) -> Option<CarriedConnection> {
    let state = match connection.state {
        State::Connecting => SocketState::Connecting,
        State::Open => SocketState::Open,
        State::Closing => SocketState::Closing,
        State::Closed
        | State::Refused
        | State::TimedOut
        | State::Unreachable
        | State::Blocked
        | State::Aborted
        | State::Failed => return None,
    };
    let local = connection.local();
    let (sent, received) = connection.bytes().unwrap_or_default();
    let (host, port) = match &connection.destination {
        Some((host, port)) => (host.clone(), *port),
        None => Default::default(),
    };
    Some(CarriedConnection {
        connection: connection.id,
        protocol: connection.protocol.into(),
        state: state.into(),
        owner: Party::of(connection.owner, processes),
        local_address: local.map(address_of).unwrap_or_default(),
        local_port: local.map_or(0, |local| local.port().into()),
        remote_address: connection.remote.map(address_of).unwrap_or_default(),
        remote_port: connection.remote.map_or(0, |remote| remote.port().into()),
        is_inbound: connection.is_inbound,
        network_namespace: connection.network_namespace,
        names: described(&connection.names),
        destination_host: host,
        destination_port: port.into(),
        destination_names: described(&connection.destination_names),
        is_socks: connection.is_socks,
        url: connection.url.clone().unwrap_or_default(),
        http_status: connection.http_status.map_or(0, u32::from),
        // Counts of datagrams come as a whole at the close.
        has_bytes: connection.protocol == Protocol::Tcp && connection.bytes().is_some(),
        bytes_sent: sent,
        bytes_received: received,
    })
}

fn described(names: &[Name]) -> Vec<CarriedName> {
    let names = names.iter().map(|name| CarriedName {
        name: name.name.to_string(),
        source: name.source.name().to_owned(),
    });
    names.collect()
}

fn names(carried: &[CarriedName]) -> Vec<Name> {
    let names = carried.iter().filter_map(|name| {
        Some(Name {
            name: Arc::from(name.name.as_str()),
            source: NameSource::of(&name.source)?,
        })
    });
    names.collect()
}
