//! Tracks TCP sockets between connect or listen and close. A change of state happens under any
//! process; the socket's owner is found here. It also tracks calls of `connect(2)` that may not
//! send anything.

use std::collections::{BTreeMap, HashMap};

use super::{
    Owned,
    fields::{Ends, Fields},
};
use crate::event::{
    Close, ConnectFailed, Established, Event, EventKind, ProcessId, Protocol, Shutdown,
};

const TCP_ESTABLISHED: u16 = 1;
const TCP_SYN_SENT: u16 = 2;
const TCP_SYN_RECV: u16 = 3;
const TCP_CLOSE: u16 = 7;
const EAGAIN: u32 = 11;
const ENETUNREACH: u32 = 101;

/// The tables.
#[derive(Default)]
pub(super) struct Sockets {
    /// By the address of the socket, with its cookie.
    by_address: HashMap<u64, (u64, Owned)>,
    by_cookie: HashMap<u64, Owned>,
    /// Earlier sockets, by cookie.
    earlier: HashMap<u64, Owned>,
    /// The last attempt of each thread, until its fate is known.
    attempts: BTreeMap<u32, Attempt>,
}

/// A call of `connect(2)`.
pub(super) struct Attempt {
    pub(super) boot_ns: u64,
    pub(super) process: ProcessId,
    pub(super) user: u32,
    pub(super) cookie: u64,
    pub(super) ends: Ends,
    /// The answer of the routing table.
    pub(super) error: u32,
}

impl Attempt {
    /// Turns an attempt that sent nothing into a failed connection.
    pub(super) fn fail(self, owned: Owned) -> [Event; 2] {
        let connect = self.ends.connect(owned.connection, Protocol::Tcp);
        let failed = ConnectFailed {
            connection: owned.connection,
            local_address: Vec::new(),
            local_port: 0,
            // No table has a route.
            error: match self.error {
                EAGAIN => ENETUNREACH,
                error => error,
            },
            never_sent: true,
        };
        [
            owned.event(self.boot_ns, EventKind::Connect(connect)),
            owned.event(self.boot_ns, EventKind::ConnectFailed(failed)),
        ]
    }
}

impl Sockets {
    pub(super) fn adopt(&mut self, cookie: u64, owned: Owned) {
        self.earlier.insert(cookie, owned);
    }

    pub(super) fn connect(&mut self, socket: u64, cookie: u64, owned: Owned) {
        if let Some((former, _)) = self.by_address.insert(socket, (cookie, owned)) {
            self.by_cookie.remove(&former);
        }
        if cookie != 0 {
            self.by_cookie.insert(cookie, owned);
        }
    }

    /// Returns the cookies of the sockets that are here, by number of the connection or listener; 0
    /// where a cookie is not known.
    pub(super) fn cookies(&self) -> BTreeMap<u64, u64> {
        let known = self.by_address.values().copied();
        let earlier = self.earlier.iter().map(|(cookie, owned)| (*cookie, *owned));
        let all = known.chain(earlier);
        all.map(|(cookie, owned)| (owned.connection, cookie))
            .collect()
    }

    /// Returns the owner of a connected socket.
    pub(super) fn owner(&self, cookie: u64) -> Option<Owned> {
        let found = self.by_cookie.get(&cookie);
        found.or_else(|| self.earlier.get(&cookie)).copied()
    }

    /// Notes a call of `connect(2)`. A previous attempt of the thread that is still here has sent
    /// nothing.
    pub(super) fn attempt(&mut self, thread: u32, attempt: Attempt) -> Option<Attempt> {
        self.attempts.insert(thread, attempt)
    }

    /// Notes a SYN of a thread. Returns its pending attempt from another socket.
    pub(super) fn attempt_went_out(&mut self, thread: u32, cookie: u64) -> Option<Attempt> {
        // Without cgroup programs no cookie was made; then there is no attempt here either.
        let is_own = |attempt: &Attempt| attempt.cookie == cookie;
        let former = self.attempts.remove(&thread);
        if former.as_ref().is_some_and(is_own) {
            return None;
        }
        // With TCP Fast Open, the SYN goes out with the first bytes, which another thread may
        // write.
        self.attempts.retain(|_, attempt| !is_own(attempt));
        former
    }

    /// Notes an answer of the routing table to a thread. It concerns the last attempt, or the
    /// thread's actions after that attempt failed. After a table without a route the next one is
    /// asked; any other error ends the call.
    pub(super) fn route(&mut self, thread: u32, error: u32) {
        if let Some(attempt) = self.attempts.get_mut(&thread)
            && matches!(attempt.error, 0 | EAGAIN | ENETUNREACH)
        {
            attempt.error = error;
        }
    }

    pub(super) fn attempts_before(&mut self, boot_ns: u64) -> Vec<Attempt> {
        let old: Vec<u32> = self
            .attempts
            .iter()
            .filter(|(_, attempt)| attempt.boot_ns < boot_ns)
            .map(|(thread, _)| *thread)
            .collect();
        old.iter()
            .filter_map(|thread| self.attempts.remove(thread))
            .collect()
    }

    /// Derives an event from a change of state; `None` for a socket without an owner.
    pub(super) fn change(&mut self, change: &Change) -> Option<Event> {
        let owned = match (change.cookie, change.to) {
            (0, TCP_CLOSE) => self
                .by_address
                .remove(&change.socket)
                .map(|(cookie, owned)| {
                    self.by_cookie.remove(&cookie);
                    owned
                }),
            (0, _) => self.by_address.get(&change.socket).map(|(_, owned)| *owned),
            (cookie, TCP_CLOSE) => self.earlier.remove(&cookie),
            (cookie, _) => self.earlier.get(&cookie).copied(),
        }?;
        let owned = match change.closer {
            // Inbound: the listener's holder may have given it to another process.
            Some((process, user)) => Owned {
                process,
                user,
                ..owned
            },
            None => owned,
        };
        Some(owned.event(change.boot_ns, change.kind(owned.connection)))
    }
}

/// A change of a socket's state.
pub(super) struct Change {
    boot_ns: u64,
    /// Of an inbound connection: the process that closed it, and its user.
    closer: Option<(ProcessId, u32)>,
    socket: u64,
    cookie: u64,
    bytes_sent: u64,
    bytes_received: u64,
    error: u32,
    from: u16,
    to: u16,
    ends: Ends,
}

impl Change {
    pub(super) fn read(
        boot_ns: u64,
        process: ProcessId,
        user: u32,
        fields: &mut Fields<'_>,
    ) -> Option<Change> {
        Some(Change {
            boot_ns,
            closer: (process.pid != 0).then_some((process, user)),
            socket: fields.u64()?,
            cookie: fields.u64()?,
            bytes_sent: fields.u64()?,
            bytes_received: fields.u64()?,
            error: fields.u32()?,
            from: fields.u16()?,
            to: fields.u16()?,
            ends: fields.endpoints()?,
        })
    }

    fn kind(&self, connection: u64) -> EventKind {
        let local_address = self.ends.local.clone();
        let local_port = self.ends.local_port;
        match (self.from, self.to) {
            (TCP_SYN_SENT | TCP_SYN_RECV, TCP_CLOSE) => EventKind::ConnectFailed(ConnectFailed {
                connection,
                local_address,
                local_port,
                error: self.error,
                never_sent: false,
            }),
            (_, TCP_CLOSE) => EventKind::Close(Close {
                connection,
                bytes_sent: self.bytes_sent,
                bytes_received: self.bytes_received,
                error: self.error,
                ..Close::default()
            }),
            (_, TCP_ESTABLISHED) => EventKind::Established(Established {
                connection,
                local_address,
                local_port,
            }),
            (_, _) => EventKind::Shutdown(Shutdown {
                connection,
                bytes_sent: self.bytes_sent,
                bytes_received: self.bytes_received,
            }),
        }
    }
}
