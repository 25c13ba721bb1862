//! Keeps all connections, and applies events to them.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use super::{
    Connection, Known, State, Traits,
    traits::{Begin, TraitsPool},
};
use crate::{
    event::{
        Close, Connect, ConnectFailed, Counted, Established, HttpAnswer, HttpRequest, Inbound,
        Protocol, Shutdown, SnapshotSocket, TlsHello,
    },
    model::{
        Listener, Name, NameSource, ProcessIndex, StandIns, naming::Names, numbered::Numbered,
    },
};

/// All connections, in the order of their requests.
#[derive(Default)]
pub(in crate::model) struct Connections {
    pub(in crate::model) all: Numbered<Connection>,
    traits: TraitsPool,
    /// Inode number of the recorder's network namespace.
    own_namespace: u32,
}

impl Connections {
    pub(in crate::model) fn as_slice(&self) -> &[Connection] {
        self.all.as_slice()
    }

    pub(in crate::model) fn get(&self, id: u64) -> Option<&Connection> {
        self.all.get(id)
    }

    /// Iterates over the processes that are referred to, and that nothing can stand for. Those of
    /// outbound connections that ended before a time are left out.
    pub(in crate::model) fn parties(&self, before_ns: u64) -> impl Iterator<Item = ProcessIndex> {
        let needed = self.as_slice().iter().filter(move |connection| {
            let is_over = connection.ended_ns().is_some_and(|ended| ended < before_ns);
            !is_over || connection.is_inbound && !connection.is_closed_by_owner()
        });
        let owners = needed.map(|connection| connection.owner);
        let held = self.as_slice().iter();
        owners.chain(held.flat_map(|connection| connection.holders.iter().copied()))
    }

    /// Gives the connections of released processes to those that stand for them.
    pub(in crate::model) fn replace_owners(&mut self, stand_ins: &StandIns) {
        for connection in self.all.iter_mut() {
            if let Some(stand_in) = stand_ins.get(&connection.owner) {
                connection.owner = *stand_in;
            }
        }
    }

    /// Adds a connection that a process asks for.
    pub(in crate::model) fn connect(
        &mut self,
        connect: &Connect,
        owner: ProcessIndex,
        boot_ns: u64,
        names: &Names,
    ) {
        let (local, remote) = (connect.local(), connect.remote());
        let before = remote.and_then(|remote| {
            Some(Begin {
                local: local.map(|local| local.ip()),
                remote,
                protocol: connect.protocol(),
                network_namespace: connect.network_namespace,
                names: names.version(remote.ip(), owner)?,
            })
        });
        let known = before.and_then(|before| self.traits.of_begin(&before));
        let traits = known.unwrap_or_else(|| {
            let traits = self.shared(Traits {
                local: local.map(|local| local.ip()),
                remote,
                network_namespace: connect.network_namespace,
                names: remote
                    .map(|remote| names.of(remote.ip(), owner))
                    .unwrap_or_default(),
                ..Traits::new(connect.protocol())
            });
            if let Some(before) = before {
                self.traits.note_begin(before, &traits);
            }
            traits
        });
        let connection = Connection::new(connect.connection, owner, boot_ns, traits);
        let mut connection = connection.with_local(local);
        if connection.protocol == Protocol::Udp {
            connection.state = State::Open;
        }
        self.add(connection);
    }

    /// Adds a connection that a listener got, or a stranger to a bound UDP socket.
    pub(in crate::model) fn inbound(
        &mut self,
        inbound: &Inbound,
        owner: Option<ProcessIndex>,
        boot_ns: u64,
    ) {
        let Some(owner) = owner else { return };
        let local = inbound.local();
        let traits = self.shared(Traits {
            local: local.map(|local| local.ip()),
            remote: inbound.remote(),
            is_inbound: true,
            network_namespace: inbound.network_namespace,
            ..Traits::new(inbound.protocol())
        });
        let connection = Connection::new(inbound.connection, owner, boot_ns, traits);
        let mut connection = connection.with_local(local);
        connection.state = State::Open;
        connection.set_established(boot_ns);
        self.add(connection);
    }

    /// Gives inbound connections of a listener to the process that holds it, where the process that
    /// made the listener was only the first guess, and has left it to others.
    pub(in crate::model) fn hand_over(&mut self, listener: &Listener) {
        let Some(local) = listener.local else { return };
        if listener.holders.contains(&listener.owner) {
            return;
        }
        for connection in self.all.iter_mut() {
            let is_at_listener = connection
                .local()
                .is_some_and(|end| end.port() == local.port());
            if connection.is_inbound
                && !connection.is_closed_by_owner()
                && connection.network_namespace == listener.network_namespace
                && connection.owner == listener.owner
                && connection.protocol == listener.protocol
                && is_at_listener
            {
                connection.owner = listener.holder();
            }
        }
    }

    /// Sets the processes that hold an open inbound connection at the end. Returns `false` for the
    /// number of a listener.
    pub(in crate::model) fn held(&mut self, id: u64, holders: &[ProcessIndex]) -> bool {
        let Some(connection) = self.all.get_mut(id) else {
            return false;
        };
        if let Some(first) = holders.first() {
            connection.owner = *first;
        }
        if holders.len() > 1 {
            self.traits
                .change(connection, |traits| traits.holders = holders.to_vec());
        }
        true
    }

    /// Adds a pre-existing connection.
    pub(in crate::model) fn adopt(
        &mut self,
        socket: &SnapshotSocket,
        owner: ProcessIndex,
        boot_ns: u64,
    ) {
        let local = socket.local();
        let traits = self.shared(Traits {
            local: local.map(|local| local.ip()),
            remote: socket.remote(),
            is_pre_existing: true,
            ..Traits::new(socket.protocol())
        });
        let connection = Connection::new(socket.connection, owner, boot_ns, traits);
        let mut connection = connection.with_local(local);
        connection.state = State::of_socket(socket.state());
        self.add(connection);
    }

    pub(in crate::model) fn set_network_namespace(&mut self, inode: u32) {
        self.own_namespace = inode;
    }

    /// Shares traits. The recorder's own network namespace is 0 in them.
    pub(super) fn shared(&mut self, mut traits: Traits) -> Arc<Traits> {
        if traits.network_namespace == self.own_namespace {
            traits.network_namespace = 0;
        }
        self.traits.shared(traits)
    }

    pub(super) fn add(&mut self, mut connection: Connection) {
        connection.position = u32::try_from(self.all.next()).unwrap_or(u32::MAX);
        self.all.push(connection);
    }

    pub(in crate::model) fn established(&mut self, established: &Established, boot_ns: u64) {
        if let Some(connection) = self.all.get_mut(established.connection) {
            connection.state = State::Open;
            connection.set_established(boot_ns);
            self.traits.set_local(connection, established.local());
        }
    }

    pub(in crate::model) fn connect_failed(&mut self, failed: &ConnectFailed, boot_ns: u64) {
        if let Some(connection) = self.all.get_mut(failed.connection) {
            connection.state = match failed.error {
                0 if failed.never_sent => State::Failed,
                error => State::of_failure(error),
            };
            connection.set_ended(boot_ns);
            self.traits.change(connection, |traits| {
                traits.never_sent = failed.never_sent;
                traits.error = failed.error;
            });
            if failed.local_port != 0 {
                self.traits.set_local(connection, failed.local());
            }
        }
    }

    pub(in crate::model) fn shutdown(&mut self, shutdown: &Shutdown) {
        if let Some(connection) = self.all.get_mut(shutdown.connection) {
            connection.state = State::Closing;
            connection.set_bytes(shutdown.bytes_sent, shutdown.bytes_received);
        }
    }

    /// Closes a connection. Returns `false` for the number of a listener.
    pub(in crate::model) fn close(
        &mut self,
        close: &Close,
        closer: Option<ProcessIndex>,
        boot_ns: u64,
    ) -> bool {
        let Some(connection) = self.all.get_mut(close.connection) else {
            return false;
        };
        if close.time_unknown {
            connection.state = State::Closed;
            self.traits
                .change(connection, |traits| traits.is_end_unknown = true);
            return true;
        }
        // Of UDP the event has the process that bound the socket.
        let has_closer = connection.is_inbound && connection.protocol == Protocol::Tcp;
        if let Some(closer) = closer.filter(|_| has_closer) {
            // A listener's holder may give a connection to a child, which closes it.
            connection.owner = closer;
            connection.known.set(Known::CLOSED_BY_OWNER);
        }
        connection.state = State::Closed;
        if connection.error != close.error {
            self.traits
                .change(connection, |traits| traits.error = close.error);
        }
        connection.set_ended(boot_ns);
        match connection.protocol {
            // Its first datagram announces it: without one, it was not counted.
            Protocol::Udp if close.datagrams_sent == 0 && !connection.is_inbound => return true,
            Protocol::Udp => {
                let datagrams = (close.datagrams_sent, close.datagrams_received);
                connection.set_datagrams(datagrams);
            }
            Protocol::Tcp => {}
        }
        connection.set_bytes(close.bytes_sent, close.bytes_received);
        true
    }

    /// Sets the traffic of a connection. Returns `false` for the number of a listener.
    pub(in crate::model) fn counted(&mut self, counted: &Counted) -> bool {
        let Some(connection) = self.all.get_mut(counted.connection) else {
            return false;
        };
        connection.set_bytes(counted.bytes_sent, counted.bytes_received);
        let datagrams = (counted.datagrams_sent, counted.datagrams_received);
        connection.set_datagrams(datagrams);
        true
    }

    pub(in crate::model) fn tls_hello(&mut self, hello: &TlsHello, names: &Names) {
        let host = &hello.server_name;
        self.name_by_client(hello.connection, host, NameSource::Sni, names);
    }

    pub(in crate::model) fn http_request(&mut self, request: &HttpRequest, names: &Names) {
        if let Some(connection) = self.all.get_mut(request.connection)
            && let Some(url) = url(request)
        {
            self.traits
                .change(connection, |traits| traits.url = Some(url));
        }
        if request.destination_host.is_empty() {
            let host = host_alone(&request.host);
            self.name_by_client(request.connection, host, NameSource::HttpHost, names);
        } else if let Some(connection) = self.all.get_mut(request.connection) {
            let port = u16::try_from(request.destination_port).unwrap_or(0);
            let host = request.destination_host.clone();
            let destination_names = match host.parse() {
                Ok(address) => names.of(address, connection.owner),
                Err(_) => Vec::new(),
            };
            self.traits.change(connection, |traits| {
                traits.destination_names = destination_names;
                traits.is_socks |= !request.socks.is_empty();
                traits.destination = Some((host, port));
            });
        }
    }

    /// Notes the status of the first answer. A peer that connected to this machine is not a server.
    pub(in crate::model) fn http_answer(&mut self, answer: &HttpAnswer) {
        let Some(connection) = self.all.get_mut(answer.connection) else {
            return;
        };
        if !connection.is_inbound && connection.http_status.is_none() {
            let status = u16::try_from(answer.status).ok();
            self.traits
                .change(connection, |traits| traits.http_status = status);
        }
    }

    /// Adds the host that the client itself named.
    fn name_by_client(&mut self, id: u64, host: &str, source: NameSource, names: &Names) {
        // A connection whose connect is missing is a loss, which the ledger has already.
        let Some(connection) = self.all.get_mut(id) else {
            return;
        };
        let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        if host.is_empty() || is_address {
            return;
        }
        let is_in_hosts = |remote: SocketAddr| names.is_in_hosts(remote.ip(), host);
        self.traits.change(connection, |traits| {
            let name: Arc<str> = host.into();
            if traits.destination.is_none() && traits.remote.is_some_and(is_in_hosts) {
                // Then the client meant this one of the names there.
                for known in &mut traits.names {
                    if known.source == NameSource::Hosts {
                        known.name = Arc::clone(&name);
                    }
                }
            }
            traits.is_called(Name { name, source });
        });
    }
}

/// Returns the URL of a request in clear; none for one that only opens a tunnel.
fn url(request: &HttpRequest) -> Option<String> {
    let HttpRequest { host, target, .. } = request;
    // A mark stands for what was behind it.
    let target = target.split('?').next().unwrap_or_default();
    let is_tunnel = !request.socks.is_empty() || request.method == "CONNECT";
    match target.starts_with('/') && !host.is_empty() {
        _ if is_tunnel => None,
        true => Some(format!("http://{host}{target}")),
        false => target.starts_with("http://").then(|| target.to_owned()),
    }
}

/// Cuts the port off a Host header.
fn host_alone(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((alone, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => alone,
        Some(_) | None => host,
    }
}
