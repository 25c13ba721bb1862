//! Carries what is alive over to the next segment of a recording: describes it as events, and
//! applies them to the empty model of that segment.

pub(super) mod reason;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Model, ProcessIndex, processes::Processes, units::ActivationIndex};
use crate::event::{Carried, CarriedProcess, Party, ProcessId, Snapshot, Units};

/// Activations that are carried, each with its place among them, from 1.
pub(super) type Activations = BTreeMap<usize, u32>;

/// Time for which a lookup is carried on, nanoseconds: caches of names seldom last longer.
const LOOKUP_LASTS_NS: u64 = 3_600_000_000_000;

impl Model {
    /// Describes what is alive: a snapshot of the processes that run, and all else. Processes in
    /// `gone` count as ended: they are known to be gone, though their end was lost.
    ///
    /// `loaded` has the units that systemd has loaded now, where it reports them.
    pub fn carry(&self, gone: &HashSet<ProcessId>, loaded: Option<&Units>) -> (Snapshot, Carried) {
        let mut running: BTreeMap<u32, ProcessIndex> = BTreeMap::new();
        for (index, process) in self.processes.iter() {
            // The last one with a number: the end of another was lost.
            if process.is_running() && process.id.pid != 0 && !gone.contains(&process.id) {
                running.insert(process.id.pid, index);
            }
        }
        let alive: HashSet<ProcessIndex> = running.values().copied().collect();
        let activations = self.units.carried_activations(&running, &self.processes);
        let mut carried = Carried {
            connections: self.connections.carried(&self.processes),
            listeners: self.listeners.carried(&self.processes),
            units: self
                .units
                .carried_units(&activations, &alive, loaded, &self.processes),
            activations: self.units.carried(&activations, &self.processes),
            scheduled: self.schedule.carried(&self.processes),
            lookups: self.names.carried(
                self.timeline.last_ns().saturating_sub(LOOKUP_LASTS_NS),
                &alive,
                &self.processes,
            ),
            processes: Vec::new(),
        };
        let ended: BTreeSet<ProcessIndex> = parties(&carried)
            .filter_map(|party| self.processes.find(party.id()))
            .filter(|index| !alive.contains(index))
            .collect();
        let place = |index: ProcessIndex| {
            let activation = self.processes[index]
                .activation
                .map(ActivationIndex::position);
            activation.and_then(|at| activations.get(&at).copied())
        };
        let all = running.values().chain(&ended);
        carried.processes = all
            .map(|index| self.processes.carried(*index, place(*index).unwrap_or(0)))
            .collect();
        let snapshot = Snapshot {
            processes: running
                .values()
                .map(|index| self.processes.seen(*index, &alive))
                .collect(),
        };
        (snapshot, carried)
    }

    /// Iterates over the users of the processes that run, with their names where these are known.
    pub fn users_alive(&self) -> BTreeMap<u32, &[u8]> {
        let running = self.processes.iter().map(|(_, process)| process);
        let users = running
            .filter(|process| process.is_running())
            .flat_map(|process| {
                let real = process.real_user.into_iter();
                [process.user]
                    .into_iter()
                    .chain(real)
                    .chain(process.login_user)
            });
        users
            .filter_map(|user| Some((user, self.user_name(user)?)))
            .collect()
    }

    /// Takes over what an earlier segment had. The snapshot is there already.
    pub(super) fn take_over(&mut self, boot_ns: u64, carried: &Carried) {
        let first = self.units.take_over_activations(&carried.activations);
        for process in &carried.processes {
            let activation = first.at(process.activation);
            if let Some(index) = self.processes.take_over(process, activation)
                && reason::is_rule(process)
            {
                // Its doubts follow from the rule and the file.
                self.attribution.attribute(index, &mut self.processes);
            }
        }
        for process in &carried.processes {
            self.processes.take_over_parent(process);
        }
        self.units.take_over(carried, &first, &self.processes);
        self.schedule.take_over(&carried.scheduled, &self.processes);
        self.names.take_over(&carried.lookups, &self.processes);
        self.listeners
            .take_over(&carried.listeners, boot_ns, &self.processes);
        self.connections
            .take_over(&carried.connections, boot_ns, &self.processes);
    }
}

/// Iterates over the processes that something which is carried refers to.
fn parties(carried: &Carried) -> impl Iterator<Item = Party> {
    let owners = carried.connections.iter().filter_map(|it| it.owner);
    let listeners = carried.listeners.iter();
    let holders = listeners.flat_map(|it| it.owner.into_iter().chain(it.holders.iter().copied()));
    let activations = carried.activations.iter().flat_map(|it| {
        let request = it.request.iter().filter_map(|request| request.by);
        request.chain(it.writer.iter().filter_map(|writer| writer.by))
    });
    let scheduled = carried.scheduled.iter();
    let writers = scheduled.filter_map(|it| it.writer.as_ref()?.by);
    owners.chain(holders).chain(activations).chain(writers)
}

impl Party {
    /// Returns the identity.
    pub(super) fn id(self) -> ProcessId {
        ProcessId {
            pid: self.pid,
            start_ns: self.start_ns,
        }
    }

    /// Finds a process that is referred to.
    pub(super) fn find(party: Option<Party>, processes: &Processes) -> Option<ProcessIndex> {
        processes.find(party?.id())
    }

    /// Refers to a process.
    pub(super) fn of(index: ProcessIndex, processes: &Processes) -> Option<Party> {
        Some(Party::from(processes[index].id))
    }
}

impl From<ProcessId> for Party {
    fn from(id: ProcessId) -> Party {
        Party {
            pid: id.pid,
            start_ns: id.start_ns,
        }
    }
}

/// Returns the identity of a carried process.
pub(super) fn id_of(process: &CarriedProcess) -> ProcessId {
    process.id.unwrap_or_default().id()
}
