//! Tracks UDP sockets and their peers until the socket is closed. The kernel side counts their
//! traffic; the counts are fetched once they are final.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
};

use agent_tracer_ebpf::{PEER_LIMIT, PeerKey};

use super::{Owned, PeerCounts, Traffic, fields::Ends};
use crate::event::{Close, Counted, Event, EventKind};

/// The tables.
#[derive(Default)]
pub(super) struct Datagrams {
    /// By number, and so by age.
    peers: BTreeMap<u64, Known>,
    /// The numbers of one socket's peers, the bound end among them.
    by_cookie: HashMap<u64, Vec<u64>>,
    /// Peers with an unknown or incomplete count of traffic.
    uncounted: u64,
}

struct Known {
    key: PeerKey,
    owned: Owned,
}

/// The limit of the kernel side, too.
const LIMIT: usize = PEER_LIMIT as usize;

/// Limit of peers that a datagram is looked up among: a socket can have all of them.
const LAST_PEERS: usize = 64;

impl Datagrams {
    /// Adds a peer of a socket; without one, the bound end. Past the limit, it drops the oldest and
    /// returns that peer's traffic.
    pub(super) fn add(
        &mut self,
        cookie: u64,
        peer: Option<&Ends>,
        owned: Owned,
        boot_ns: u64,
        counts: &dyn PeerCounts,
    ) -> Option<Event> {
        let key = key(cookie, peer.and_then(Ends::remote));
        let mut counted = None;
        if self.peers.len() >= LIMIT
            && let Some((oldest, known)) = self.peers.pop_first()
        {
            self.unlist(known.key.cookie, oldest);
            counted = known.counted(boot_ns, counts);
            self.uncounted += 1;
        }
        self.adopt(key, owned);
        counted
    }

    /// Adds a peer regardless of the limit.
    pub(super) fn adopt(&mut self, key: PeerKey, owned: Owned) {
        self.by_cookie
            .entry(key.cookie)
            .or_default()
            .push(owned.connection);
        self.peers.insert(owned.connection, Known { key, owned });
    }

    /// Returns the owner of a socket: that of its last peer.
    pub(super) fn owner(&self, cookie: u64) -> Option<Owned> {
        let last = self.by_cookie.get(&cookie)?.last()?;
        Some(self.peers.get(last)?.owned)
    }

    /// Returns the owner of a datagram: that of the peer, if it is one of the socket's last ones,
    /// else that of the last peer.
    pub(super) fn owner_of_datagram(&self, peer: &PeerKey) -> Option<Owned> {
        let numbers = self.by_cookie.get(&peer.cookie)?.iter().rev();
        let exact = numbers
            .take(LAST_PEERS)
            .filter_map(|number| self.peers.get(number))
            .find(|known| known.key == *peer);
        match exact {
            Some(known) => Some(known.owned),
            None => self.owner(peer.cookie),
        }
    }

    /// Releases a closed socket. Returns one close for each of its peers.
    pub(super) fn release(
        &mut self,
        cookie: u64,
        boot_ns: u64,
        counts: &mut dyn PeerCounts,
    ) -> Vec<Event> {
        let mut closed = Vec::new();
        for number in self.by_cookie.remove(&cookie).unwrap_or_default() {
            let Some(known) = self.peers.remove(&number) else {
                continue;
            };
            let counted = counts.remove(&known.key).unwrap_or_else(|| {
                // Removed before, to make room for others.
                self.uncounted += 1;
                Traffic::default()
            });
            let close = Close {
                connection: number,
                bytes_sent: counted.sent_bytes,
                bytes_received: counted.received_bytes,
                error: 0,
                datagrams_sent: counted.sent,
                datagrams_received: counted.received,
            };
            closed.push(known.owned.event(boot_ns, EventKind::Close(close)));
        }
        closed
    }

    /// Returns the traffic of all peers.
    pub(super) fn count_all(&mut self, boot_ns: u64, counts: &dyn PeerCounts) -> Vec<Event> {
        let known = self.peers.values();
        let events: Vec<Event> = known
            .filter_map(|known| known.counted(boot_ns, counts))
            .collect();
        self.uncounted += (self.peers.len() - events.len()) as u64;
        events
    }

    /// Returns the number of peers without a complete count, since the last call.
    pub(super) fn take_uncounted(&mut self) -> u64 {
        std::mem::take(&mut self.uncounted)
    }

    fn unlist(&mut self, cookie: u64, number: u64) {
        if let Some(numbers) = self.by_cookie.get_mut(&cookie) {
            numbers.retain(|other| *other != number);
            if numbers.is_empty() {
                self.by_cookie.remove(&cookie);
            }
        }
    }
}

/// Returns the kernel-side key for the traffic between a socket and a peer; without one, that with
/// strangers.
pub(super) fn key(cookie: u64, peer: Option<SocketAddr>) -> PeerKey {
    let mut address = [0; 16];
    match peer.map(|peer| peer.ip().to_canonical()) {
        Some(IpAddr::V4(v4)) => {
            for (to, from) in address.iter_mut().zip(v4.octets()) {
                *to = from;
            }
        }
        Some(IpAddr::V6(v6)) => address = v6.octets(),
        None => {}
    }
    PeerKey {
        cookie,
        address,
        port: peer.map_or(0, |peer| peer.port().into()),
        padding: 0,
    }
}

impl Known {
    /// Returns the traffic of a peer; `None` if it is unknown, as the kernel side had no room.
    fn counted(&self, boot_ns: u64, counts: &dyn PeerCounts) -> Option<Event> {
        let counted = counts.read(&self.key)?;
        let counted = Counted {
            connection: self.owned.connection,
            bytes_sent: counted.sent_bytes,
            bytes_received: counted.received_bytes,
            datagrams_sent: counted.sent,
            datagrams_received: counted.received,
        };
        Some(self.owned.event(boot_ns, EventKind::Counted(counted)))
    }
}
