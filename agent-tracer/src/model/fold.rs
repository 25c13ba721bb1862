//! Releases what has ended, so that a recording holds what is alive. Its summary stays the same,
//! and the details are in its trace. A reader of a trace releases nothing: it has views of all.

mod connections;
mod processes;
#[cfg(test)]
mod tests;

pub(super) use connections::Alike;

use super::Model;
use crate::event::ProcessId;

/// Count of connections, listeners or processes from which on a pass over them is worth it.
const LEAST: usize = 4096;

/// Time for which an ended connection stays: its file, or its last bytes, may be reported later.
const CONNECTION_STAYS_NS: u64 = 2_000_000_000;

/// Time for which an ended process stays: its last files are reported later.
const PROCESS_STAYS_NS: u64 = 5_000_000_000;

/// Counts of what the last passes left.
#[derive(Default)]
pub(super) struct Fold {
    connections: usize,
    listeners: usize,
    processes: usize,
}

impl Model {
    /// Releases ended connections and processes where there are many. The processes of `authors`
    /// stay: they are needed later.
    pub fn fold(&mut self, authors: impl Iterator<Item = ProcessId>) {
        let count = self.connections.as_slice().len();
        if count >= LEAST.max(self.fold.connections * 2) {
            self.fold_connections(CONNECTION_STAYS_NS);
        }
        let count = self.listeners.as_slice().len();
        if count >= LEAST.max(self.fold.listeners * 2) {
            let before_ns = self.timeline.last_ns().saturating_sub(CONNECTION_STAYS_NS);
            self.listeners.release_ended(before_ns);
            self.fold.listeners = self.listeners.as_slice().len();
        }
        let count = self.processes.len();
        if count >= LEAST.max(self.fold.processes * 2) {
            self.release_processes(PROCESS_STAYS_NS, authors);
        }
    }
}
