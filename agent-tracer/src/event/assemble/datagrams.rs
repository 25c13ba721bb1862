//! UDP sockets and their peers, until the socket is gone. How much went to and fro the kernel side counts; it is asked
//! once nothing more is to come.

use std::collections::{BTreeMap, HashMap};

use agent_tracer_ebpf::{PEER_LIMIT, PeerKey};

use super::{Owned, TakeCount, Told, Traffic, fields::Ends};
use crate::event::{Close, Counted, EventKind};

/// The tables.
#[derive(Default)]
pub(super) struct Datagrams {
    /// By number, and so by age.
    peers: BTreeMap<u64, Known>,
    /// The numbers of one socket's peers, the bound end among them.
    by_cookie: HashMap<u64, Vec<u64>>,
    /// Peers of which it is not known how much went to and fro, or how much in the end.
    uncounted: u64,
}

struct Known {
    key: PeerKey,
    owned: Owned,
}

/// As many as the kernel side counts.
const LIMIT: usize = PEER_LIMIT as usize;

impl Datagrams {
    /// A peer of a socket; without one, the end that it is bound to. Where there are too many, the oldest is counted and forgotten.
    pub(super) fn add(
        &mut self,
        cookie: u64,
        peer: Option<&Ends>,
        owned: Owned,
        boot_ns: u64,
        count: TakeCount<'_>,
        tell: &mut dyn FnMut(Told),
    ) {
        let mut key = PeerKey {
            cookie,
            address: [0; 16],
            port: 0,
            padding: 0,
        };
        if let Some(ends) = peer {
            for (to, from) in key.address.iter_mut().zip(&ends.remote) {
                *to = *from;
            }
            key.port = ends.remote_port;
        }
        if self.peers.len() >= LIMIT
            && let Some((oldest, known)) = self.peers.pop_first()
        {
            self.unlist(known.key.cookie, oldest);
            known.told(boot_ns, count, tell);
            self.uncounted += 1;
        }
        self.by_cookie
            .entry(cookie)
            .or_default()
            .push(owned.connection);
        self.peers.insert(owned.connection, Known { key, owned });
    }

    /// Whose a socket is that an answer came to: the last of its peers is the one that was asked.
    pub(super) fn owner(&self, cookie: u64) -> Option<Owned> {
        let last = self.by_cookie.get(&cookie)?.last()?;
        Some(self.peers.get(last)?.owned)
    }

    /// The socket is gone.
    pub(super) fn release(
        &mut self,
        cookie: u64,
        boot_ns: u64,
        count: TakeCount<'_>,
        tell: &mut dyn FnMut(Told),
    ) {
        for number in self.by_cookie.remove(&cookie).unwrap_or_default() {
            let Some(known) = self.peers.remove(&number) else {
                continue;
            };
            let counted = count(&known.key, true).unwrap_or_else(|| {
                // It had made room for others.
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
            tell(Told::Event(
                known.owned.event(boot_ns, EventKind::Close(close)),
            ));
        }
    }

    /// Counts all of them.
    pub(super) fn count_all(
        &mut self,
        boot_ns: u64,
        count: TakeCount<'_>,
        tell: &mut dyn FnMut(Told),
    ) {
        for known in self.peers.values() {
            self.uncounted += u64::from(!known.told(boot_ns, count, tell));
        }
    }

    /// How many peers were not counted to their end, since the last call.
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

impl Known {
    /// False where the kernel side had no room for it any more, and nothing is known.
    fn told(&self, boot_ns: u64, count: TakeCount<'_>, tell: &mut dyn FnMut(Told)) -> bool {
        let Some(counted) = count(&self.key, false) else {
            return false;
        };
        let counted = Counted {
            connection: self.owned.connection,
            bytes_sent: counted.sent_bytes,
            bytes_received: counted.received_bytes,
            datagrams_sent: counted.sent,
            datagrams_received: counted.received,
        };
        tell(Told::Event(
            self.owned.event(boot_ns, EventKind::Counted(counted)),
        ));
        true
    }
}
