//! Declares the records of UDP sockets and their peers, and the table of their traffic.

use super::{Endpoints, Header};

/// The first datagram from a UDP socket to a peer: cgroup `connect4/6` and `sendmsg4/6` have the
/// process, `cgroup_skb` egress the datagram. The map `UDP_PEERS` counts those that follow, see
/// [`PeerCount`].
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Peer {
    /// The process that connected the socket to the peer or began to send to it.
    pub header: Header,
    /// `sk_cookie`.
    pub cookie: u64,
    /// Both ends.
    pub endpoints: Endpoints,
    /// 1 where the peer wrote first, to a bound socket.
    pub inbound: u32,
    /// 1 where the socket was connected to the peer.
    pub connected: u32,
}

/// A process bound a UDP socket: cgroup `post_bind4` and `post_bind6`. The map `UDP_PEERS` counts
/// datagrams of strangers under a peer of zeros.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Bind {
    /// The process.
    pub header: Header,
    /// `sk_cookie`.
    pub cookie: u64,
    /// The local end.
    pub endpoints: Endpoints,
    /// 1 where it asked for any port.
    pub any_port: u32,
    /// Always 0.
    pub padding: u32,
}

/// A UDP socket is gone: cgroup `sock_release`. The process that closed it may not be its owner.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Released {
    /// Only the time is set.
    pub header: Header,
    /// `sk_cookie`.
    pub cookie: u64,
}

/// Key of the maps `UDP_PEERS` and `ASKED_PEERS`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct PeerKey {
    /// `sk_cookie`.
    pub cookie: u64,
    /// Remote address, network byte order. IPv4 addresses are in the first four bytes; zeros stand
    /// for all strangers.
    pub address: [u8; 16],
    /// Remote port, host byte order.
    pub port: u32,
    /// Always 0.
    pub padding: u32,
}

impl PeerKey {
    /// Returns the key as words, for the loader.
    pub fn words(self) -> [u64; 4] {
        let [low, high] = [0, 8].map(|from| {
            let mut half = [0; 8];
            half.copy_from_slice(&self.address[from..from + 8]);
            u64::from_ne_bytes(half)
        });
        let mut port = [0; 8];
        port[..4].copy_from_slice(&self.port.to_ne_bytes());
        [self.cookie, low, high, u64::from_ne_bytes(port)]
    }
}

/// Value of both maps: the process and its traffic.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct PeerCount {
    /// The process that talks to the peer.
    pub header: Header,
    /// Datagrams sent.
    pub sent: u64,
    /// Their payload bytes.
    pub sent_bytes: u64,
    /// Datagrams that reached the socket.
    pub received: u64,
    /// Their payload bytes.
    pub received_bytes: u64,
    /// [`PeerCount::NEW`] and the others.
    pub state: u64,
    /// Inode number of the network namespace of the process; 0 if unknown.
    pub namespace: u64,
}

impl PeerCount {
    /// Nothing was sent so far; only in `ASKED_PEERS`.
    pub const NEW: u64 = 0;
    /// A [`Peer`] or [`Bind`] record was sent.
    pub const EMITTED: u64 = 1;
    /// It wrote first, to a bound socket. Datagrams to it are answers, and count for the socket.
    pub const STRANGER: u64 = 2;
    /// A socket that is about to be bound to any port; only in `ASKED_PEERS`.
    pub const ANY_PORT: u64 = 3;
    /// As [`PeerCount::NEW`], of a socket that was connected to the peer.
    pub const CONNECTED: u64 = 4;

    /// A peer of a pre-existing socket as words, for the loader.
    pub const EMITTED_WORDS: [u64; size_of::<PeerCount>() / 8] =
        [0, 0, 0, 0, 0, 0, 0, 0, PeerCount::EMITTED, 0];
}

/// The counts of a [`PeerCount`], for the loader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Datagrams sent.
    pub sent: u64,
    /// Their payload bytes.
    pub sent_bytes: u64,
    /// Datagrams that reached the socket.
    pub received: u64,
    /// Their payload bytes.
    pub received_bytes: u64,
}

impl Traffic {
    /// Extracts the counts from a [`PeerCount`] in words.
    pub fn from_words(words: [u64; size_of::<PeerCount>() / 8]) -> Traffic {
        let [_, _, _, _, sent, sent_bytes, received, received_bytes, ..] = words;
        Traffic {
            sent,
            sent_bytes,
            received,
            received_bytes,
        }
    }
}
