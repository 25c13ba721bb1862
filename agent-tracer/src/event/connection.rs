//! Events of connections, UDP sockets, their peers, and listeners. Attempt, outcome and close are
//! three facts. The last two happen under any process; the owner is the process that asked for the
//! connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Transport protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Protocol {
    /// RFC 9293.
    Tcp = 0,
    /// RFC 768.
    Udp = 17,
}

impl Protocol {
    /// Returns the name in views and jsonl.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        }
    }
}

/// A process asked for a connection, or sent a first datagram to a peer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Connect {
    /// The connection's number, unique in a trace; counts from 1.
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// Local address, 4 or 16 bytes; all zero while none is chosen.
    #[prost(bytes = "vec", tag = "2")]
    pub local_address: Vec<u8>,
    /// Local port; 0 while none is chosen.
    #[prost(uint32, tag = "3")]
    pub local_port: u32,
    /// Remote address, 4 or 16 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub remote_address: Vec<u8>,
    /// Remote port.
    #[prost(uint32, tag = "5")]
    pub remote_port: u32,
    /// TCP in older traces, which lack it.
    #[prost(enumeration = "Protocol", tag = "6")]
    pub protocol: i32,
    /// Inode number of the network namespace; 0 if unknown.
    #[prost(uint32, tag = "7")]
    pub network_namespace: u32,
}

/// A peer connected to a listener (`inet_sock_set_state`), or was the first to send to a bound UDP
/// socket (`cgroup_skb`). The event's process holds the listener, where that is known.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Inbound {
    /// As in [`Connect`].
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// Local address, 4 or 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub local_address: Vec<u8>,
    /// Local port.
    #[prost(uint32, tag = "3")]
    pub local_port: u32,
    /// Remote address, 4 or 16 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub remote_address: Vec<u8>,
    /// Remote port.
    #[prost(uint32, tag = "5")]
    pub remote_port: u32,
    /// Its transport protocol.
    #[prost(enumeration = "Protocol", tag = "6")]
    pub protocol: i32,
    /// Inode number of the network namespace; 0 if unknown.
    #[prost(uint32, tag = "7")]
    pub network_namespace: u32,
}

impl Inbound {
    /// Returns the local end, or `None` where the bytes are not an address.
    pub fn local(&self) -> Option<SocketAddr> {
        endpoint(&self.local_address, self.local_port)
    }

    /// Returns the remote end, or `None` where the bytes are not an address.
    pub fn remote(&self) -> Option<SocketAddr> {
        endpoint(&self.remote_address, self.remote_port)
    }
}

/// A process opened a socket whose traffic is not recorded: raw, packet, ICMP, SCTP and others.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct SocketOpened {
    /// `AF_INET` and the others (socket(2)).
    #[prost(uint32, tag = "1")]
    pub family: u32,
    /// `SOCK_RAW` and the others.
    #[prost(uint32, tag = "2")]
    pub form: u32,
    /// Protocol number.
    #[prost(uint32, tag = "3")]
    pub protocol: u32,
}

/// A process sent to a named AF_UNIX socket (`sock_send_length`, at most every 200 ms), or
/// connected to one (`unix_stream_connect`, before Linux 6.3).
#[derive(Clone, PartialEq, prost::Message)]
pub struct UnixConnect {
    /// The name (`sun_path`); one in the abstract namespace begins with a NUL.
    #[prost(bytes = "vec", tag = "1")]
    pub path: Vec<u8>,
    /// The process that called listen(2); 0 if unknown.
    #[prost(uint32, tag = "2")]
    pub peer_pid: u32,
}

/// Processes hold a listener, or an open connection of one, at the end of the recording (sock_diag
/// and /proc/PID/fd).
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Held {
    /// The number of the listener or connection.
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// Their process ids, in ascending order.
    #[prost(uint32, repeated, tag = "2")]
    pub holders: Vec<u32>,
}

impl Connect {
    /// Returns the local end, or `None` where the bytes are not an address.
    pub fn local(&self) -> Option<SocketAddr> {
        endpoint(&self.local_address, self.local_port)
    }

    /// Returns the remote end, or `None` where the bytes are not an address.
    pub fn remote(&self) -> Option<SocketAddr> {
        endpoint(&self.remote_address, self.remote_port)
    }
}

/// Converts an address; one of IPv4 mapped into IPv6 becomes plain IPv4, as on the network.
pub(super) fn endpoint(address: &[u8], port: u32) -> Option<SocketAddr> {
    let address = if let Ok(bytes) = <[u8; 4]>::try_from(address) {
        IpAddr::V4(Ipv4Addr::from(bytes))
    } else {
        IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(address).ok()?)).to_canonical()
    };
    Some(SocketAddr::new(address, u16::try_from(port).ok()?))
}

/// The peer answered: the three-way handshake is done.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Established {
    /// As in [`Connect`].
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// Local address, known by now.
    #[prost(bytes = "vec", tag = "2")]
    pub local_address: Vec<u8>,
    /// Local port, known by now.
    #[prost(uint32, tag = "3")]
    pub local_port: u32,
}

impl Established {
    /// Returns the local end.
    pub fn local(&self) -> Option<SocketAddr> {
        endpoint(&self.local_address, self.local_port)
    }
}

/// The connection failed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ConnectFailed {
    /// As in [`Connect`].
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// Local address, where one was chosen.
    #[prost(bytes = "vec", tag = "2")]
    pub local_address: Vec<u8>,
    /// Local port, 0 where none was chosen.
    #[prost(uint32, tag = "3")]
    pub local_port: u32,
    /// `sk_err`: a positive errno, 0 when the owner gave up before an answer came.
    #[prost(uint32, tag = "4")]
    pub error: u32,
    /// True if not even a SYN was sent. Either there is no route (`error` is the routing table's
    /// answer), or something before that forbade it (`error` is 0).
    #[prost(bool, tag = "5")]
    pub never_sent: bool,
}

impl ConnectFailed {
    /// Returns the local end.
    pub fn local(&self) -> Option<SocketAddr> {
        endpoint(&self.local_address, self.local_port)
    }
}

/// The owner's side is done sending: it closed or shut down an established connection. The peer may
/// delay the close. The counts are those of that moment.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Shutdown {
    /// As in [`Connect`].
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// As in [`Close`].
    #[prost(uint64, tag = "2")]
    pub bytes_sent: u64,
    /// As in [`Close`].
    #[prost(uint64, tag = "3")]
    pub bytes_received: u64,
}

/// An established connection ended: the socket is closed, or in TIME_WAIT without an owner. Also
/// the close of a listener or UDP socket.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Close {
    /// As in [`Connect`].
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// Payload bytes handed to the network, without retransmissions.
    #[prost(uint64, tag = "2")]
    pub bytes_sent: u64,
    /// Payload bytes received in order.
    #[prost(uint64, tag = "3")]
    pub bytes_received: u64,
    /// `sk_err`: a positive errno, for example ECONNRESET, or 0.
    #[prost(uint32, tag = "4")]
    pub error: u32,
    /// Of UDP: datagrams sent.
    #[prost(uint64, tag = "5")]
    pub datagrams_sent: u64,
    /// Of UDP: datagrams that reached the socket.
    #[prost(uint64, tag = "6")]
    pub datagrams_received: u64,
    /// True if the end itself was lost. The socket is gone at the end of the recording (sock_diag),
    /// so neither time nor traffic is known.
    #[prost(bool, tag = "7")]
    pub time_unknown: bool,
}

/// Final traffic of a UDP peer, or of strangers with a bound socket. It precedes the end of the
/// recording, or makes room for other peers.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Counted {
    /// As in [`Connect`] or [`Listen`].
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// Payload bytes sent.
    #[prost(uint64, tag = "2")]
    pub bytes_sent: u64,
    /// Payload bytes that reached the socket.
    #[prost(uint64, tag = "3")]
    pub bytes_received: u64,
    /// Datagrams sent.
    #[prost(uint64, tag = "4")]
    pub datagrams_sent: u64,
    /// Datagrams that reached the socket.
    #[prost(uint64, tag = "5")]
    pub datagrams_received: u64,
}

/// A process began to listen for TCP connections, or bound a UDP socket.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Listen {
    /// Numbered with the connections of the trace.
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// Local address, 4 or 16 bytes; all zero for every address of the machine.
    #[prost(bytes = "vec", tag = "2")]
    pub local_address: Vec<u8>,
    /// Local port.
    #[prost(uint32, tag = "3")]
    pub local_port: u32,
    /// Of UDP: true if it asked for any port. Clients do that; a server on a random port would have
    /// few clients.
    #[prost(bool, tag = "4")]
    pub any_port: bool,
    /// Inode number of the network namespace; 0 if unknown.
    #[prost(uint32, tag = "5")]
    pub network_namespace: u32,
}

impl Listen {
    /// Returns the local end.
    pub fn local(&self) -> Option<SocketAddr> {
        endpoint(&self.local_address, self.local_port)
    }
}

/// The TCP and UDP sockets of processes that ran when the recording began (sock_diag(7)): listeners
/// and outgoing connections. Those accepted from a listener are left out.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Sockets {
    /// In the order of their numbers.
    #[prost(message, repeated, tag = "1")]
    pub sockets: Vec<SnapshotSocket>,
}

/// An earlier connection.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SnapshotSocket {
    /// As in [`Connect`].
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// Its state.
    #[prost(enumeration = "SocketState", tag = "2")]
    pub state: i32,
    /// Local address, 4 or 16 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub local_address: Vec<u8>,
    /// Local port.
    #[prost(uint32, tag = "4")]
    pub local_port: u32,
    /// Remote address, 4 or 16 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub remote_address: Vec<u8>,
    /// Remote port.
    #[prost(uint32, tag = "6")]
    pub remote_port: u32,
    /// Processes that held it open, in ascending order; the one that asked for it is unknown.
    #[prost(uint32, repeated, tag = "7")]
    pub holders: Vec<u32>,
    /// TCP in older traces, which lack it.
    #[prost(enumeration = "Protocol", tag = "8")]
    pub protocol: i32,
}

impl SnapshotSocket {
    /// Returns the local end.
    pub fn local(&self) -> Option<SocketAddr> {
        endpoint(&self.local_address, self.local_port)
    }

    /// Returns the remote end.
    pub fn remote(&self) -> Option<SocketAddr> {
        endpoint(&self.remote_address, self.remote_port)
    }
}

/// States of an earlier connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum SocketState {
    /// A state of a newer `tracer`, unknown to this one.
    Unknown = 0,
    /// SYN_SENT.
    Connecting = 1,
    /// ESTABLISHED, CLOSE_WAIT.
    Open = 2,
    /// FIN_WAIT1, FIN_WAIT2, CLOSING, LAST_ACK.
    Closing = 3,
    /// LISTEN; of UDP, bound and not connected.
    Listening = 4,
}
