//! Counts the processes, connections and lookups of a recording.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use super::{ConnectionGroup, Picture};
use crate::model::{Connection, Model, State};

/// The numbers of the shown part of a recording. Bystanders are counted apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// From the first event to the last, nanoseconds.
    pub duration_ns: u64,
    /// Trees of the processes.
    pub trees: usize,
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
    /// The numbers of the system's tree beside a recorded command.
    pub bystanders: Bystanders,
}

/// The numbers of the system's tree beside a recorded command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bystanders {
    /// Processes.
    pub processes: usize,
    /// Connections.
    pub connections: usize,
    /// Listeners.
    pub listeners: usize,
}

/// Counts what is shown, given its destinations.
pub fn totals(model: &Model, picture: &Picture<'_>, destinations: &[ConnectionGroup]) -> Totals {
    let (first, last) = model.span();
    let mut totals = Totals {
        duration_ns: last.saturating_sub(first),
        ..Totals::default()
    };
    let is_bystander = |index| picture.is_bystander(model, &model.process(index).tree);
    let mut trees: HashSet<&str, RandomState> = HashSet::default();
    for (index, process) in picture.shown_processes(model) {
        if is_bystander(index) {
            totals.bystanders.processes += 1;
            continue;
        }
        totals.processes += 1;
        totals.ran_before += usize::from(process.forked_ns.is_none());
        trees.insert(&*process.tree);
    }
    totals.trees = trees.len();
    for connection in picture.connections.iter() {
        if is_bystander(connection.owner) {
            totals.bystanders.connections += 1;
            continue;
        }
        totals.connections += 1;
        totals.failed += usize::from(has_failed(connection));
    }
    for listener in &picture.listeners {
        let mut parties = listener.holders.iter().chain([&listener.owner]);
        match parties.all(|index| is_bystander(*index)) {
            true => totals.bystanders.listeners += 1,
            false => totals.listeners += 1,
        }
    }
    let is_recorded = |group: &&ConnectionGroup| {
        let owners = &group.owners;
        owners.iter().any(|owner| !is_bystander(*owner))
    };
    let places = destinations.iter().filter(is_recorded);
    totals.destinations = places.clone().count();
    let hosts = places.flat_map(|group| &group.destinations);
    let hosts: HashSet<_> = hosts.map(|destination| &destination.host).collect();
    totals.hosts = hosts.len();
    let lookups = picture.failed_lookups();
    let lookups = lookups.filter(|lookup| !lookup.party().is_some_and(is_bystander));
    totals.failed_lookups = lookups.count();
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
