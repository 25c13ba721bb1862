//! Tracks connections and UDP peers: owner, outcome, and the names of the remote end.

mod carried;
mod list;
mod traits;

use std::{net::SocketAddr, ops::Deref, sync::Arc};

use super::{ProcessIndex, fold::Alike, numbered::Number};
use crate::event::SocketState;

pub(super) use list::Connections;
pub use traits::Traits;

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

    /// Returns the state of a pre-existing connection.
    fn of_socket(state: SocketState) -> State {
        match state {
            SocketState::Connecting => State::Connecting,
            SocketState::Closing => State::Closing,
            SocketState::Open | SocketState::Listening | SocketState::Unknown => State::Open,
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
///
/// A recording has millions: it keeps what differs from one to the next, and its traits are shared.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its number in the trace, from 1.
    pub id: u64,
    /// Time of the request, nanoseconds since boot; of an earlier connection, the time of its first
    /// sight.
    pub started_ns: u64,
    established_ns: u64,
    ended_ns: u64,
    sent: u64,
    received: u64,
    datagrams: Option<Box<(u64, u64)>>,
    traits: Arc<Traits>,
    position: u32,
    /// The process that asked for it.
    pub owner: ProcessIndex,
    local_port: u16,
    /// Later connections like it that a recording has ended and released.
    pub(super) alike: Option<Box<Alike>>,
    /// Its state.
    pub state: State,
    known: Known,
}

/// Flags for the values that a connection has.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    is_established: bool,
    is_ended: bool,
    has_bytes: bool,
    /// True if its owner has closed it, so the owner is no guess.
    is_closed_by_owner: bool,
}

impl Deref for Connection {
    type Target = Traits;

    fn deref(&self) -> &Traits {
        &self.traits
    }
}

impl Number for Connection {
    fn number(&self) -> u64 {
        self.id
    }
}

impl Connection {
    /// Its place among all connections, for tables beside the model.
    pub fn position(&self) -> usize {
        self.position as usize
    }

    /// Returns the traits that it shares with others.
    pub fn traits(&self) -> &Arc<Traits> {
        &self.traits
    }

    /// Returns the local end, where known; before the answer the port may be 0.
    pub fn local(&self) -> Option<SocketAddr> {
        let address = self.traits.local?;
        Some(SocketAddr::new(address, self.local_port))
    }

    /// Returns the time of the peer's answer, nanoseconds since boot.
    pub fn established_ns(&self) -> Option<u64> {
        self.known.is_established.then_some(self.established_ns)
    }

    /// Returns the time of its failure or close, nanoseconds since boot.
    pub fn ended_ns(&self) -> Option<u64> {
        self.known.is_ended.then_some(self.ended_ns)
    }

    /// Returns the payload bytes sent and received, known once its owner's side is done sending.
    pub fn bytes(&self) -> Option<(u64, u64)> {
        self.known.has_bytes.then_some((self.sent, self.received))
    }

    /// Returns the datagrams of UDP sent and received, known once the socket is closed or the
    /// recording over.
    pub fn datagrams(&self) -> Option<(u64, u64)> {
        self.datagrams.as_deref().copied()
    }

    /// Returns how many connections it stands for: itself, and later ones like it that a recording
    /// has released.
    pub fn count(&self) -> u64 {
        1 + self.alike.as_ref().map_or(0, |alike| alike.count)
    }

    /// Returns the payload bytes sent and received by all connections that it stands for, as far as
    /// they are known.
    pub fn sums(&self) -> (u64, u64) {
        let (sent, received) = self.bytes().unwrap_or_default();
        let alike = self.alike.as_ref().map_or((0, 0), |alike| alike.bytes);
        (
            sent.saturating_add(alike.0),
            received.saturating_add(alike.1),
        )
    }

    /// True if its owner has closed it, so the owner is no guess.
    pub(super) fn is_closed_by_owner(&self) -> bool {
        self.known.is_closed_by_owner
    }

    fn new(id: u64, owner: ProcessIndex, started_ns: u64, traits: Arc<Traits>) -> Connection {
        Connection {
            id,
            started_ns,
            established_ns: 0,
            ended_ns: 0,
            sent: 0,
            received: 0,
            datagrams: None,
            traits,
            position: 0,
            owner,
            local_port: 0,
            alike: None,
            state: State::Connecting,
            known: Known::default(),
        }
    }

    fn with_local(self, local: Option<SocketAddr>) -> Connection {
        Connection {
            local_port: local.map_or(0, |local| local.port()),
            ..self
        }
    }

    fn set_established(&mut self, boot_ns: u64) {
        self.established_ns = boot_ns;
        self.known.is_established = true;
    }

    fn set_ended(&mut self, boot_ns: u64) {
        self.ended_ns = boot_ns;
        self.known.is_ended = true;
    }

    fn set_bytes(&mut self, sent: u64, received: u64) {
        (self.sent, self.received) = (sent, received);
        self.known.has_bytes = true;
    }
}
