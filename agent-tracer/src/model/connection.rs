//! Tracks connections and UDP peers: owner, outcome, and the names of the remote end.

use std::net::{IpAddr, SocketAddr};

use super::{Listener, Name, NameSource, ProcessIndex, naming::Names, numbered::Numbered};
use crate::event::{
    Close, Connect, ConnectFailed, Counted, Established, HttpRequest, Inbound, Protocol, Shutdown,
    SnapshotSocket, SocketState, TlsHello,
};

/// States of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Asked for; no answer so far.
    Connecting,
    /// Established, and not closed so far.
    Open,
    /// Its owner's side is done sending; the peer's is not, or has not confirmed so far.
    Closing,
    /// Was established, is closed.
    Closed,
    /// The peer refused (`ECONNREFUSED`).
    Refused,
    /// No peer answered (`ETIMEDOUT`).
    TimedOut,
    /// Unreachable (`EHOSTUNREACH`, `ENETUNREACH`).
    Unreachable,
    /// Forbidden on this machine (`EPERM`, `EACCES`).
    Blocked,
    /// Given up before an answer came.
    Aborted,
    /// Nothing was sent, for an unknown reason.
    Failed,
}

impl State {
    /// Returns the name in views and jsonl.
    pub fn name(self) -> &'static str {
        match self {
            State::Connecting => "connecting",
            State::Open => "open",
            State::Closing => "closing",
            State::Closed => "closed",
            State::Refused => "refused",
            State::TimedOut => "timed_out",
            State::Unreachable => "unreachable",
            State::Blocked => "blocked",
            State::Aborted => "aborted",
            State::Failed => "failed",
        }
    }

    fn of_failure(error: u32) -> State {
        match error {
            1 | 13 => State::Blocked,
            100 | 101 | 112 | 113 => State::Unreachable,
            110 => State::TimedOut,
            111 => State::Refused,
            _ => State::Aborted,
        }
    }
}

/// One connection, in its latest state.
#[derive(Clone, Debug)]
pub struct Connection {
    position: usize,
    /// Its number in the trace, from 1.
    pub id: u64,
    /// The process that asked for it.
    pub owner: ProcessIndex,
    /// Local end, where known; before the answer the port may be 0.
    pub local: Option<SocketAddr>,
    /// Remote end.
    pub remote: Option<SocketAddr>,
    /// Its state.
    pub state: State,
    /// errno of its failure or end; 0 for a clean one.
    pub error: u32,
    /// Time of the request, nanoseconds since boot; of an earlier connection, the time of its first
    /// sight.
    pub started_ns: u64,
    /// True if it existed before the recording. Its owner is then a process that held it.
    pub is_pre_existing: bool,
    /// Time of the peer's answer.
    pub established_ns: Option<u64>,
    /// Time of its failure or close.
    pub ended_ns: Option<u64>,
    /// Payload bytes sent and received, known once its owner's side is done sending.
    pub bytes: Option<(u64, u64)>,
    /// Of UDP: datagrams sent and received, known once the socket is closed or the recording over.
    pub datagrams: Option<(u64, u64)>,
    /// Its transport protocol.
    pub protocol: Protocol,
    /// True if not even a SYN was sent.
    pub never_sent: bool,
    /// Names of the remote end, the most certain first.
    pub names: Vec<Name>,
    /// The host and port that the remote end, a proxy, was asked for.
    pub destination: Option<(String, u16)>,
    /// Names of that host, where it is an address or the connection inside names it.
    pub destination_names: Vec<Name>,
    /// True if the remote end is a SOCKS proxy.
    pub is_socks: bool,
    /// True if the remote end asked for it.
    pub is_inbound: bool,
    /// Inode number of its network namespace; 0 for the recorder's, and if unknown.
    pub network_namespace: u32,
}

impl Connection {
    /// Its place in the list of all connections, for tables beside the model.
    pub fn position(&self) -> usize {
        self.position
    }

    fn new(id: u64, owner: ProcessIndex, started_ns: u64) -> Connection {
        Connection {
            position: 0,
            id,
            owner,
            local: None,
            remote: None,
            state: State::Connecting,
            error: 0,
            started_ns,
            is_pre_existing: false,
            established_ns: None,
            ended_ns: None,
            bytes: None,
            datagrams: None,
            protocol: Protocol::Tcp,
            never_sent: false,
            names: Vec::new(),
            destination: None,
            destination_names: Vec::new(),
            is_socks: false,
            is_inbound: false,
            network_namespace: 0,
        }
    }

    /// Adds a name of the remote end or, behind a request to a proxy, of the host asked for.
    fn is_called(&mut self, name: Name) {
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

/// All connections, in the order of their requests.
#[derive(Default)]
pub(super) struct Connections {
    all: Numbered<Connection>,
    /// Inode number of the recorder's network namespace.
    own_namespace: u32,
}

impl Connections {
    pub(super) fn as_slice(&self) -> &[Connection] {
        self.all.as_slice()
    }

    pub(super) fn get(&self, id: u64) -> Option<&Connection> {
        self.all.get(id)
    }

    /// Adds a connection that a process asks for.
    pub(super) fn connect(
        &mut self,
        connect: &Connect,
        owner: ProcessIndex,
        boot_ns: u64,
        names: &Names,
    ) {
        let remote = connect.remote();
        let mut connection = Connection {
            local: connect.local(),
            remote,
            protocol: connect.protocol(),
            network_namespace: connect.network_namespace,
            names: remote
                .map(|remote| names.of(remote.ip(), owner))
                .unwrap_or_default(),
            ..Connection::new(connect.connection, owner, boot_ns)
        };
        if connection.protocol == Protocol::Udp {
            connection.state = State::Open;
        }
        self.add(connection);
    }

    /// Adds a connection that a listener got, or a stranger to a bound UDP socket.
    pub(super) fn inbound(&mut self, inbound: &Inbound, owner: Option<ProcessIndex>, boot_ns: u64) {
        let Some(owner) = owner else { return };
        self.add(Connection {
            local: inbound.local(),
            remote: inbound.remote(),
            protocol: inbound.protocol(),
            state: State::Open,
            established_ns: Some(boot_ns),
            is_inbound: true,
            network_namespace: inbound.network_namespace,
            ..Connection::new(inbound.connection, owner, boot_ns)
        });
    }

    /// Gives open inbound connections of a listener to the process that holds it.
    pub(super) fn hand_over(&mut self, listener: &Listener) {
        let Some(local) = listener.local else { return };
        for connection in self.all.iter_mut() {
            let is_at_listener = connection
                .local
                .is_some_and(|end| end.port() == local.port());
            if connection.is_inbound
                && connection.state == State::Open
                && connection.owner == listener.owner
                && connection.protocol == listener.protocol
                && is_at_listener
            {
                connection.owner = listener.holder();
            }
        }
    }

    /// Adds a pre-existing connection.
    pub(super) fn adopt(&mut self, socket: &SnapshotSocket, owner: ProcessIndex, boot_ns: u64) {
        self.add(Connection {
            local: socket.local(),
            remote: socket.remote(),
            protocol: socket.protocol(),
            state: match socket.state() {
                SocketState::Connecting => State::Connecting,
                SocketState::Closing => State::Closing,
                SocketState::Open | SocketState::Listening | SocketState::Unknown => State::Open,
            },
            is_pre_existing: true,
            ..Connection::new(socket.connection, owner, boot_ns)
        });
    }

    pub(super) fn set_network_namespace(&mut self, inode: u32) {
        self.own_namespace = inode;
    }

    fn add(&mut self, mut connection: Connection) {
        if connection.network_namespace == self.own_namespace {
            connection.network_namespace = 0;
        }
        connection.position = self.all.next();
        self.all.push(connection.id, connection);
    }

    pub(super) fn established(&mut self, established: &Established, boot_ns: u64) {
        if let Some(connection) = self.all.get_mut(established.connection) {
            connection.state = State::Open;
            connection.established_ns = Some(boot_ns);
            connection.local = established.local().or(connection.local);
        }
    }

    pub(super) fn connect_failed(&mut self, failed: &ConnectFailed, boot_ns: u64) {
        if let Some(connection) = self.all.get_mut(failed.connection) {
            connection.state = match failed.error {
                0 if failed.never_sent => State::Failed,
                error => State::of_failure(error),
            };
            connection.never_sent = failed.never_sent;
            connection.error = failed.error;
            connection.ended_ns = Some(boot_ns);
            if failed.local_port != 0 {
                connection.local = failed.local().or(connection.local);
            }
        }
    }

    pub(super) fn shutdown(&mut self, shutdown: &Shutdown) {
        if let Some(connection) = self.all.get_mut(shutdown.connection) {
            connection.state = State::Closing;
            connection.bytes = Some((shutdown.bytes_sent, shutdown.bytes_received));
        }
    }

    /// Closes a connection. Returns `false` for the number of a listener.
    pub(super) fn close(
        &mut self,
        close: &Close,
        closer: Option<ProcessIndex>,
        boot_ns: u64,
    ) -> bool {
        let Some(connection) = self.all.get_mut(close.connection) else {
            return false;
        };
        if let Some(closer) = closer.filter(|_| connection.is_inbound) {
            // A listener's holder may give a connection to a child, which closes it.
            connection.owner = closer;
        }
        connection.state = State::Closed;
        connection.error = close.error;
        connection.ended_ns = Some(boot_ns);
        match connection.protocol {
            // Its first datagram announces it: without one, it was not counted.
            Protocol::Udp if close.datagrams_sent == 0 && !connection.is_inbound => return true,
            Protocol::Udp => {
                connection.datagrams = Some((close.datagrams_sent, close.datagrams_received));
            }
            Protocol::Tcp => {}
        }
        connection.bytes = Some((close.bytes_sent, close.bytes_received));
        true
    }

    /// Sets the traffic of a connection. Returns `false` for the number of a listener.
    pub(super) fn counted(&mut self, counted: &Counted) -> bool {
        let Some(connection) = self.all.get_mut(counted.connection) else {
            return false;
        };
        connection.bytes = Some((counted.bytes_sent, counted.bytes_received));
        connection.datagrams = Some((counted.datagrams_sent, counted.datagrams_received));
        true
    }

    pub(super) fn tls_hello(&mut self, hello: &TlsHello, names: &Names) {
        let host = &hello.server_name;
        self.name_by_client(hello.connection, host, NameSource::Sni, names);
    }

    pub(super) fn http_request(&mut self, request: &HttpRequest, names: &Names) {
        if request.destination_host.is_empty() {
            let host = host_alone(&request.host);
            self.name_by_client(request.connection, host, NameSource::HttpHost, names);
        } else if let Some(connection) = self.all.get_mut(request.connection) {
            let port = u16::try_from(request.destination_port).unwrap_or(0);
            let host = request.destination_host.clone();
            connection.destination_names = match host.parse() {
                Ok(address) => names.of(address, connection.owner),
                Err(_) => Vec::new(),
            };
            connection.is_socks |= !request.socks.is_empty();
            connection.destination = Some((host, port));
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
        if connection.destination.is_none() && connection.remote.is_some_and(is_in_hosts) {
            // Then the client meant this one of the names there.
            for known in &mut connection.names {
                if known.source == NameSource::Hosts {
                    known.name = host.into();
                }
            }
        }
        connection.is_called(Name {
            name: host.into(),
            source,
        });
    }
}

/// Cuts the port off a Host header.
fn host_alone(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((alone, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => alone,
        Some(_) | None => host,
    }
}
