//! Events of TCP connections. Attempt, outcome and close are three facts, and the last two
//! happen while anyone may be running: the owner is the one who asked for the connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A process asked for a connection.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Connect {
    /// Tells connections of one trace apart; counts from 1.
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
}

impl Connect {
    /// The local end, or nothing where the bytes are no address.
    pub fn local(&self) -> Option<SocketAddr> {
        endpoint(&self.local_address, self.local_port)
    }

    /// The remote end, or nothing where the bytes are no address.
    pub fn remote(&self) -> Option<SocketAddr> {
        endpoint(&self.remote_address, self.remote_port)
    }
}

/// An IPv4 address mapped into IPv6 is shown as what it is on the network.
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
    /// The local end.
    pub fn local(&self) -> Option<SocketAddr> {
        endpoint(&self.local_address, self.local_port)
    }
}

/// The connection never came to be.
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
}

impl ConnectFailed {
    /// The local end.
    pub fn local(&self) -> Option<SocketAddr> {
        endpoint(&self.local_address, self.local_port)
    }
}

/// The owner's side is done sending: it closed or shut down an established connection, whose end the
/// peer may still hold up. The counts are those of that moment.
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

/// An established connection ended: the socket is closed, or in TIME_WAIT without an owner.
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
}

/// The TCP sockets of processes that ran when the recording began (sock_diag(7)), but for those that were
/// accepted from a listener: connections that go out, or may.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Sockets {
    /// In the order of their numbers.
    #[prost(message, repeated, tag = "1")]
    pub sockets: Vec<SnapshotSocket>,
}

/// A connection that was there before.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SnapshotSocket {
    /// As in [`Connect`].
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// Where it stood.
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
    /// Processes that held it open, in ascending order; who of them asked for it nobody knows any more.
    #[prost(uint32, repeated, tag = "7")]
    pub holders: Vec<u32>,
}

impl SnapshotSocket {
    /// The local end.
    pub fn local(&self) -> Option<SocketAddr> {
        endpoint(&self.local_address, self.local_port)
    }

    /// The remote end.
    pub fn remote(&self) -> Option<SocketAddr> {
        endpoint(&self.remote_address, self.remote_port)
    }
}

/// Where a connection stood that was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum SocketState {
    /// A newer `tracer` had a state that this one does not know.
    Unknown = 0,
    /// SYN_SENT.
    Connecting = 1,
    /// ESTABLISHED, CLOSE_WAIT.
    Open = 2,
    /// FIN_WAIT1, FIN_WAIT2, CLOSING, LAST_ACK.
    Closing = 3,
}
