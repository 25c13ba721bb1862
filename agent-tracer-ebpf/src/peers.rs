//! UDP: sockets that are bound, the peers that they have, and how much went to and fro.

use super::{Endpoints, Header};

/// The first datagram from a UDP socket to a peer: cgroup `connect4/6` and `sendmsg4/6` know who, `cgroup_skb`
/// egress sees it. Those that follow are counted in the map `UDP_PEERS` (see [`PeerCount`]).
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Peer {
    /// The process that connected the socket to the peer or began to send to it.
    pub header: Header,
    /// `sk_cookie`.
    pub cookie: u64,
    /// Both ends.
    pub endpoints: Endpoints,
}

/// A process bound a UDP socket: cgroup `post_bind4` and `post_bind6`. Datagrams of strangers are counted in the map
/// `UDP_PEERS` under a peer of zeros.
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

/// A UDP socket is gone: cgroup `sock_release`. Whoever closed it last need not be its owner.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Released {
    /// Only the time is set.
    pub header: Header,
    /// `sk_cookie`.
    pub cookie: u64,
}

/// Key of the map `UDP_PEERS`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct PeerKey {
    /// `sk_cookie`.
    pub cookie: u64,
    /// Remote address, network byte order. IPv4 addresses are in the first four bytes; zeros stand for all
    /// that nothing was sent to.
    pub address: [u8; 16],
    /// Remote port, host byte order.
    pub port: u32,
    /// Always 0.
    pub padding: u32,
}

impl PeerKey {
    /// The key as the loader hands it over.
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

/// Value of the map `UDP_PEERS`: who and how much.
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
}

impl PeerCount {
    /// Nothing was sent so far.
    pub const NEW: u64 = 0;
    /// A [`Peer`] or [`Bind`] record was sent.
    pub const TOLD: u64 = 1;
    /// It wrote first, to a socket that is bound: what is sent to it is an answer, and counts with that.
    pub const STRANGER: u64 = 2;
    /// A socket that is about to be bound to any port.
    pub const ANY_PORT: u64 = 3;

    /// A peer of a socket that was there before the recording, as the loader hands it over.
    pub const TOLD_WORDS: [u64; size_of::<PeerCount>() / 8] =
        [0, 0, 0, 0, 0, 0, 0, 0, PeerCount::TOLD];
}

/// What the loader reads of a [`PeerCount`].
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
    /// Out of a [`PeerCount`] as the loader gets it.
    pub fn from_words(words: [u64; size_of::<PeerCount>() / 8]) -> Traffic {
        let [_, _, _, _, sent, sent_bytes, received, received_bytes, _] = words;
        Traffic {
            sent,
            sent_bytes,
            received,
            received_bytes,
        }
    }
}
