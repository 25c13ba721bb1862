//! Tracks UDP sockets and their peers until the socket is closed. The kernel side counts their
//! traffic; the counts are fetched once they are final.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
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
    by_cookie: HashMap<u64, BTreeSet<u64>>,
    /// Peers with an unknown or incomplete count of traffic.
    uncounted: u64,
    /// The next peer to look at for silence.
    next: u64,
}

struct Known {
    key: PeerKey,
    owned: Owned,
    /// True if its entry may go while its socket is open: the next datagram makes a new one.
    may_return: bool,
    /// Its traffic at the last look, with the time of that.
    looked: Option<(u64, Traffic)>,
}

/// The limit of the kernel side, too.
const LIMIT: usize = PEER_LIMIT as usize;

/// Count of peers up to which silent ones stay. A machine seldom has so many at a time.
const SPARED: usize = 8 * 1024;

/// Count of peers from which on the oldest go, silent or not: room is needed for new ones.
const CROWDED: usize = LIMIT / 2;

/// Time without a datagram after which a peer is silent. Answers seldom take as long.
const SILENT_NS: u64 = 5_000_000_000;

/// Peers that are looked at in one call. Each look is a system call of half a microsecond.
const LOOKS: usize = 2048;

/// Limit of peers that a datagram is looked up among: a socket can have all of them.
const LAST_PEERS: usize = 64;

impl Datagrams {
    /// Adds a peer of a socket; without one, the bound end. Past the limit, it drops the oldest and
    /// returns that peer's traffic. The entry of a peer that `may_return` may go before its socket.
    pub(super) fn add(
        &mut self,
        cookie: u64,
        peer: Option<&Ends>,
        owned: Owned,
        may_return: bool,
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
        self.insert(key, owned, may_return);
        counted
    }

    /// Adds a pre-existing peer or socket regardless of the limit.
    pub(super) fn adopt(&mut self, key: PeerKey, owned: Owned) {
        self.insert(key, owned, false);
    }

    fn insert(&mut self, key: PeerKey, owned: Owned, may_return: bool) {
        let numbers = self.by_cookie.entry(key.cookie).or_default();
        numbers.insert(owned.connection);
        let known = Known {
            key,
            owned,
            may_return,
            looked: None,
        };
        self.peers.insert(owned.connection, known);
    }

    /// Removes some of the peers that are silent, where there are many, and returns their closes.
    /// Their counts are complete: a later datagram makes another entry, with a number of its own.
    pub(super) fn close_silent(&mut self, boot_ns: u64, counts: &mut dyn PeerCounts) -> Vec<Event> {
        if self.peers.len() <= SPARED {
            return Vec::new();
        }
        let mut excess = self.peers.len().saturating_sub(CROWDED);
        let mut gone = Vec::new();
        let mut last = None;
        for (number, known) in self.peers.range_mut(self.next..).take(LOOKS.max(excess)) {
            last = Some(*number);
            if !known.may_return {
                continue;
            }
            if excess > 0 {
                excess -= 1;
                gone.push(*number);
            } else if known.is_silent(boot_ns, counts) {
                gone.push(*number);
            }
        }
        // Behind the newest it begins anew with the oldest.
        self.next = last.map_or(0, |last| last + 1);
        gone.into_iter()
            .filter_map(|number| {
                let known = self.peers.remove(&number)?;
                self.unlist(known.key.cookie, number);
                Some(self.close(known.owned, &known.key, boot_ns, counts))
            })
            .collect()
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
            closed.push(self.close(known.owned, &known.key, boot_ns, counts));
        }
        closed
    }

    fn close(
        &mut self,
        owned: Owned,
        key: &PeerKey,
        boot_ns: u64,
        counts: &mut dyn PeerCounts,
    ) -> Event {
        let counted = counts.remove(key).unwrap_or_else(|| {
            // The kernel side had no room for it.
            self.uncounted += 1;
            Traffic::default()
        });
        let close = Close {
            connection: owned.connection,
            bytes_sent: counted.sent_bytes,
            bytes_received: counted.received_bytes,
            error: 0,
            datagrams_sent: counted.sent,
            datagrams_received: counted.received,
            time_unknown: false,
        };
        owned.event(boot_ns, EventKind::Close(close))
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
            numbers.remove(&number);
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
    /// Checks whether nothing was sent or received since a look that was long enough ago.
    fn is_silent(&mut self, boot_ns: u64, counts: &dyn PeerCounts) -> bool {
        if let Some((looked_ns, _)) = self.looked
            && boot_ns.saturating_sub(looked_ns) < SILENT_NS
        {
            return false;
        }
        let traffic = counts.read(&self.key).unwrap_or_default();
        let before = self.looked.replace((boot_ns, traffic));
        before.is_some_and(|(_, before)| before == traffic)
    }

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
