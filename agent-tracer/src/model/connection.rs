//! TCP connections: who asked for them, what became of them.

use std::net::SocketAddr;

use super::{Model, ProcessIndex};
use crate::event::{
    Close, Connect, ConnectFailed, Established, Event, Shutdown, SocketState, Sockets,
};

/// Where a connection stands.
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
    /// Nobody answered (`ETIMEDOUT`).
    TimedOut,
    /// No way there (`EHOSTUNREACH`, `ENETUNREACH`).
    Unreachable,
    /// Forbidden on this machine (`EPERM`, `EACCES`).
    Blocked,
    /// Given up before an answer came.
    Aborted,
}

impl State {
    /// The name in views and jsonl.
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
#[derive(Clone, Debug)]
pub struct Connection {
    pub(super) position: usize,
    /// Its number in the trace, from 1.
    pub id: u64,
    /// The process that asked for it.
    pub owner: ProcessIndex,
    /// Local end, where known; before the answer the port may be 0.
    pub local: Option<SocketAddr>,
    /// Remote end.
    pub remote: Option<SocketAddr>,
    /// Where it stands.
    pub state: State,
    /// errno of its failure or of its end, 0 if none.
    pub error: u32,
    /// When it was asked for, nanoseconds since boot; when it was first seen, of one that was there before.
    pub started_ns: u64,
    /// Whether it was there before the recording. Its owner is then a process that held it.
    pub was_there_before: bool,
    /// When the peer answered.
    pub established_ns: Option<u64>,
    /// When it failed or was closed.
    pub ended_ns: Option<u64>,
    /// Payload bytes sent and received, known once its owner's side is done sending.
    pub bytes: Option<(u64, u64)>,
}

impl Connection {
    /// Its place in the list of all connections, for tables beside the model.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl Model {
    pub(super) fn connect(&mut self, event: &Event, connect: &Connect) {
        let owner = self.known(event.process, event.user);
        self.by_connection
            .insert(connect.connection, self.connections.len());
        self.connections.push(Connection {
            position: self.connections.len(),
            id: connect.connection,
            owner,
            local: connect.local(),
            remote: connect.remote(),
            state: State::Connecting,
            error: 0,
            started_ns: event.boot_ns,
            was_there_before: false,
            established_ns: None,
            ended_ns: None,
            bytes: None,
        });
    }

    pub(super) fn sockets(&mut self, event: &Event, sockets: &Sockets) {
        for socket in &sockets.sockets {
            let Some(owner) = socket.holders.first().and_then(|pid| self.latest(*pid)) else {
                continue;
            };
            self.by_connection
                .insert(socket.connection, self.connections.len());
            self.connections.push(Connection {
                position: self.connections.len(),
                id: socket.connection,
                owner,
                local: socket.local(),
                remote: socket.remote(),
                state: match socket.state() {
                    SocketState::Connecting => State::Connecting,
                    SocketState::Closing => State::Closing,
                    SocketState::Open | SocketState::Unknown => State::Open,
                },
                error: 0,
                started_ns: event.boot_ns,
                was_there_before: true,
                established_ns: None,
                ended_ns: None,
                bytes: None,
            });
        }
    }

    pub(super) fn established(&mut self, event: &Event, established: &Established) {
        if let Some(connection) = self.connection_mut(established.connection) {
            connection.state = State::Open;
            connection.established_ns = Some(event.boot_ns);
            connection.local = established.local().or(connection.local);
        }
    }

    pub(super) fn connect_failed(&mut self, event: &Event, failed: &ConnectFailed) {
        if let Some(connection) = self.connection_mut(failed.connection) {
            connection.state = State::of_failure(failed.error);
            connection.error = failed.error;
            connection.ended_ns = Some(event.boot_ns);
            if failed.local_port != 0 {
                connection.local = failed.local().or(connection.local);
            }
        }
    }

    pub(super) fn shutdown(&mut self, shutdown: &Shutdown) {
        if let Some(connection) = self.connection_mut(shutdown.connection) {
            connection.state = State::Closing;
            connection.bytes = Some((shutdown.bytes_sent, shutdown.bytes_received));
        }
    }

    pub(super) fn close(&mut self, event: &Event, close: &Close) {
        if let Some(connection) = self.connection_mut(close.connection) {
            connection.state = State::Closed;
            connection.error = close.error;
            connection.ended_ns = Some(event.boot_ns);
            connection.bytes = Some((close.bytes_sent, close.bytes_received));
        }
    }

    /// None for a connection whose connect is missing; the ledger has that loss already.
    fn connection_mut(&mut self, id: u64) -> Option<&mut Connection> {
        let position = *self.by_connection.get(&id)?;
        self.connections.get_mut(position)
    }
}
