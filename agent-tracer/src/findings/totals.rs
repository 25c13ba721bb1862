//! Counts the processes, connections and lookups of a recording.

use std::collections::HashSet;

use super::{ConnectionGroup, Picture};
use crate::model::{Connection, Model, State};

/// The numbers of the shown part of a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// From the first event to the last, nanoseconds.
    pub duration_ns: u64,
    /// Processes.
    pub processes: usize,
    /// Processes that ran before.
    pub ran_before: usize,
    /// Connections.
    pub connections: usize,
    /// Connections that failed.
    pub failed: usize,
    /// Hosts that connections went to.
    pub hosts: usize,
    /// Hosts and ports that connections went to.
    pub destinations: usize,
    /// Listeners.
    pub listeners: usize,
    /// Lookups of names that failed.
    pub failed_lookups: usize,
}

/// Counts what is shown, given its destinations.
pub fn totals(model: &Model, picture: &Picture<'_>, destinations: &[ConnectionGroup]) -> Totals {
    let (first, last) = model.span();
    let mut totals = Totals {
        duration_ns: last.saturating_sub(first),
        connections: picture.connections.len(),
        destinations: destinations.len(),
        listeners: picture.listeners.len(),
        ..Totals::default()
    };
    for (_, process) in picture.shown_processes(model) {
        totals.processes += 1;
        totals.ran_before += usize::from(process.forked_ns.is_none());
    }
    let connections = picture.connections.iter();
    totals.failed = connections
        .filter(|connection| has_failed(connection))
        .count();
    let places = destinations.iter().flat_map(|group| &group.destinations);
    let hosts: HashSet<_> = places.map(|destination| &destination.host).collect();
    totals.hosts = hosts.len();
    totals.failed_lookups = picture.failed_lookups().count();
    totals
}

/// Returns true for an attempt to connect that failed.
pub fn has_failed(connection: &Connection) -> bool {
    match connection.state {
        State::Refused
        | State::TimedOut
        | State::Unreachable
        | State::Blocked
        | State::Aborted
        | State::Failed => true,
        State::Connecting | State::Open | State::Closing | State::Closed => false,
    }
}
