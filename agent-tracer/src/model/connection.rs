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
    ended_ns: u64,
    sent: u64,
    received: u64,
    rare: Option<Box<Rare>>,
    traits: Arc<Traits>,
    position: u32,
    /// The process that asked for it.
    pub owner: ProcessIndex,
    /// Time until it was established, or [`LATE`].
    answer_ns: u32,
    local_port: u16,
    /// Its state.
    pub state: State,
    known: Known,
}

/// A time until the answer that is among the rare facts: four seconds and more.
const LATE: u32 = u32::MAX;

/// Facts that few connections have.
#[derive(Clone, Debug, Default)]
struct Rare {
    /// Datagrams of UDP sent and received.
    datagrams: Option<(u64, u64)>,
    /// Later connections like it that a recording has ended and released.
    alike: Option<Box<Alike>>,
    /// Time of a late answer.
    established_ns: u64,
}

/// Flags for the values that a connection has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known(u8);

impl Known {
    const ESTABLISHED: Known = Known(1);
    const ENDED: Known = Known(2);
    const BYTES: Known = Known(4);
    /// Set if its owner has closed it, so the owner is no guess.
    const CLOSED_BY_OWNER: Known = Known(8);

    fn has(self, flag: Known) -> bool {
        self.0 & flag.0 != 0
    }

    fn set(&mut self, flag: Known) {
        self.0 |= flag.0;
    }
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
        let late = self.rare.as_ref().map_or(0, |rare| rare.established_ns);
        let established_ns = match self.answer_ns {
            LATE => late,
            soon => self.started_ns + u64::from(soon),
        };
        self.known.has(Known::ESTABLISHED).then_some(established_ns)
    }

    /// Returns the time of its failure or close, nanoseconds since boot.
    pub fn ended_ns(&self) -> Option<u64> {
        self.known.has(Known::ENDED).then_some(self.ended_ns)
    }

    /// Returns the payload bytes sent and received, known once its owner's side is done sending.
    pub fn bytes(&self) -> Option<(u64, u64)> {
        self.known
            .has(Known::BYTES)
            .then_some((self.sent, self.received))
    }

    /// Returns the datagrams of UDP sent and received, known once the socket is closed or the
    /// recording over.
    pub fn datagrams(&self) -> Option<(u64, u64)> {
        self.rare.as_ref()?.datagrams
    }

    /// Returns how many connections it stands for: itself, and later ones like it that a recording
    /// has released.
    pub fn count(&self) -> u64 {
        1 + self.alike().map_or(0, |alike| alike.count)
    }

    /// Returns the payload bytes sent and received by all connections that it stands for, as far as
    /// they are known.
    pub fn sums(&self) -> (u64, u64) {
        let (sent, received) = self.bytes().unwrap_or_default();
        let alike = self.alike().map_or((0, 0), |alike| alike.bytes);
        (
            sent.saturating_add(alike.0),
            received.saturating_add(alike.1),
        )
    }

    /// True if its owner has closed it, so the owner is no guess.
    pub(super) fn is_closed_by_owner(&self) -> bool {
        self.known.has(Known::CLOSED_BY_OWNER)
    }

    fn alike(&self) -> Option<&Alike> {
        self.rare.as_ref()?.alike.as_deref()
    }

    /// Returns the later connections like it, to add others.
    pub(super) fn alike_mut(&mut self) -> &mut Alike {
        let rare = self.rare.get_or_insert_default();
        rare.alike.get_or_insert_default()
    }

    fn new(id: u64, owner: ProcessIndex, started_ns: u64, traits: Arc<Traits>) -> Connection {
        Connection {
            id,
            started_ns,
            ended_ns: 0,
            sent: 0,
            received: 0,
            rare: None,
            traits,
            position: 0,
            owner,
            answer_ns: 0,
            local_port: 0,
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
        let answer_ns = boot_ns.checked_sub(self.started_ns);
        let answer_ns = answer_ns.and_then(|answer_ns| u32::try_from(answer_ns).ok());
        self.answer_ns = answer_ns.unwrap_or(LATE);
        if self.answer_ns == LATE {
            self.rare.get_or_insert_default().established_ns = boot_ns;
        }
        self.known.set(Known::ESTABLISHED);
    }

    fn set_ended(&mut self, boot_ns: u64) {
        self.ended_ns = boot_ns;
        self.known.set(Known::ENDED);
    }

    fn set_bytes(&mut self, sent: u64, received: u64) {
        (self.sent, self.received) = (sent, received);
        self.known.set(Known::BYTES);
    }

    fn set_datagrams(&mut self, datagrams: (u64, u64)) {
        self.rare.get_or_insert_default().datagrams = Some(datagrams);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Protocol;

    #[test]
    fn a_connection_is_small_and_knows_late_answers() {
        assert_eq!(size_of::<Connection>(), 72);
        let traits = Arc::new(Traits::new(Protocol::Tcp));
        let mut connection = Connection::new(1, ProcessIndex(0), 1_000_000_000, traits);
        assert_eq!(connection.established_ns(), None);
        let late = 1_000_000_000 + u64::from(LATE);
        // The last one is before the request: only a forged trace has it.
        for boot_ns in [1_000_000_000, 1_000_000_007, late - 1, late, u64::MAX, 5] {
            connection.set_established(boot_ns);
            assert_eq!(connection.established_ns(), Some(boot_ns));
        }
    }
}
