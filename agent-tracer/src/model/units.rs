//! Keeps the units of systemd: their latest state, the requests for them, and the processes that
//! systemd starts for them. A link between a process and a request is inferred.
//!
//! systemd moves a process that it starts into the cgroup of the unit.

mod activation;
mod carried;
mod causes;
mod events;
mod state;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

pub use activation::{Activation, Cause};

pub(super) use activation::ActivationIndex;

use super::{
    Because, Process, ProcessIndex, Request, SYSTEM,
    processes::{Indices, Processes},
    schedule::Schedule,
    schedule::Writer,
};
use crate::event::{self, UnitAction};
use activation::is_newer;
use state::UnitState;

/// A unit started or ended.
#[derive(Clone, Debug)]
pub struct UnitTransition {
    /// The unit.
    pub unit: Arc<[u8]>,
    /// The action; never a queued job or a description.
    pub action: UnitAction,
    /// Its time, nanoseconds since boot.
    pub boot_ns: u64,
    /// The request behind it, if it can be inferred.
    pub request: Option<Request>,
    /// Of a start: the activation that began.
    activation: Option<ActivationIndex>,
}

/// All units that the trace has a fact about.
#[derive(Default)]
pub(super) struct Units {
    by_name: BTreeMap<Arc<[u8]>, UnitState>,
    activations: Vec<Activation>,
    /// In the order of their times.
    requests: Vec<Request>,
    transitions: Vec<UnitTransition>,
    /// True if systemd itself reports its jobs.
    are_reported: bool,
    /// The unit that the recording follows.
    followed: Option<Arc<[u8]>>,
}

impl Units {
    pub(super) fn transitions(&self) -> &[UnitTransition] {
        &self.transitions
    }

    pub(super) fn activation_of(&self, process: &Process) -> Option<&Activation> {
        self.activation(process.activation?)
    }

    pub(super) fn activation_at(&self, transition: &UnitTransition) -> Option<&Activation> {
        self.activation(transition.activation?)
    }

    /// Iterates over the processes that are referred to.
    pub(super) fn parties(&self) -> impl Iterator<Item = ProcessIndex> {
        let states = self.by_name.values();
        let of_units = states.flat_map(|state| [&state.pending, &state.reported, &state.served]);
        let of_transitions = self.transitions.iter().map(|it| &it.request);
        let requests = of_units.chain(of_transitions).flatten();
        let requests = requests.chain(&self.requests).map(|request| request.by);
        let causes = self.activations.iter().filter_map(|it| it.cause.party());
        requests.chain(causes)
    }

    /// Forgets requests of processes that ended before a time, where systemd reports its jobs:
    /// those come shortly after their requests.
    pub(super) fn release_before(&mut self, before_ns: u64, processes: &Processes) {
        if self.are_reported {
            self.requests.retain(|request| {
                let ended = processes[request.by].ended();
                ended.is_none_or(|(ended_ns, _)| ended_ns >= before_ns)
            });
        }
    }

    fn activation(&self, index: ActivationIndex) -> Option<&Activation> {
        self.activations.get(index.position())
    }

    fn activation_mut(&mut self, index: ActivationIndex) -> Option<&mut Activation> {
        self.activations.get_mut(index.position())
    }

    /// Returns the request behind the last event of a unit.
    pub(super) fn request(&self, unit: &[u8]) -> Option<&Request> {
        self.by_name.get(unit)?.reported.as_ref()
    }

    pub(super) fn contains(&self, unit: &[u8]) -> bool {
        self.by_name.contains_key(unit)
    }

    fn state_mut(&mut self, unit: &Arc<[u8]>) -> &mut UnitState {
        self.by_name.entry(Arc::clone(unit)).or_default()
    }

    /// Notes the units that had processes in the snapshot.
    pub(super) fn note_snapshot(&mut self, new: Indices, processes: &Processes) {
        for unit in new.filter_map(|index| processes[index].unit.as_ref()) {
            self.state_mut(unit).ran_before = true;
        }
    }

    /// Notes the units that systemd had loaded when the recording began.
    pub(super) fn note_loaded(&mut self, units: &event::Units) {
        self.are_reported = true;
        for loaded in &units.units {
            let unit = loaded.name.as_slice().into();
            self.by_name.entry(unit).or_default().was_loaded = true;
        }
    }

    /// Notes the request that a new program makes of systemd, if it makes one.
    pub(super) fn note_request(&mut self, index: ProcessIndex, process: &Process, boot_ns: u64) {
        self.requests.extend(Request::of(index, process, boot_ns));
    }

    /// Puts a process that systemd moved into the cgroup of a unit into the unit's activation.
    pub(super) fn enter(
        &mut self,
        index: ProcessIndex,
        unit: &Arc<[u8]>,
        boot_ns: u64,
        processes: &mut Processes,
        schedule: &Schedule,
    ) {
        let request = self.unserved_request_for(unit, boot_ns, processes);
        let current = self.by_name.get(unit).and_then(|state| state.current);
        let is_current = |activation: &Activation| !is_newer(request.as_ref(), activation);
        let activation = match current {
            // The one before, unless there is a newer request.
            Some(current) if self.activation(current).is_some_and(is_current) => current,
            Some(_) | None => {
                let cause = self.cause_of(unit, request, schedule);
                self.activate(unit, cause, boot_ns, false)
            }
        };
        self.give_tree(unit, boot_ns, processes, schedule);
        let is_followed = self.followed.as_ref() == Some(unit);
        let process = &mut processes[index];
        if let Some(tree) = self.by_name.get(unit).and_then(|state| state.tree.as_ref()) {
            // An agent that no rule knows gets a tree all the same.
            process.tree = Arc::clone(tree);
        }
        process.because = match is_followed {
            true => Because::Attached,
            false => Because::Unit,
        };
        process.activation = Some(activation);
    }

    /// Puts a process of cron into the tree of the process that wrote its job.
    pub(super) fn start_job(
        &mut self,
        index: ProcessIndex,
        writer: Writer,
        boot_ns: u64,
        processes: &mut Processes,
    ) {
        let tree = Arc::clone(&processes[writer.by].tree);
        let activation = self.push_activation(Activation {
            unit: None,
            cause: Cause::Job(writer),
            opened_ns: boot_ns,
            has_job: false,
        });
        let process = &mut processes[index];
        process.activation = Some(activation);
        process.tree = tree;
        process.because = Because::Job;
    }

    fn activate(
        &mut self,
        unit: &Arc<[u8]>,
        cause: Cause,
        opened_ns: u64,
        has_job: bool,
    ) -> ActivationIndex {
        let index = self.push_activation(Activation {
            unit: Some(Arc::clone(unit)),
            cause,
            opened_ns,
            has_job,
        });
        let state = self.state_mut(unit);
        state.current = Some(index);
        state.last = Some(index);
        if !self.are_reported {
            self.push_transition(unit, UnitAction::Started, opened_ns);
        }
        index
    }

    fn push_activation(&mut self, activation: Activation) -> ActivationIndex {
        let index = ActivationIndex::at(self.activations.len());
        self.activations.push(activation);
        index
    }

    fn push_transition(&mut self, unit: &Arc<[u8]>, action: UnitAction, boot_ns: u64) {
        let is_start = matches!(action, UnitAction::Started | UnitAction::Restarted);
        let latest = self.by_name.get(unit).and_then(UnitState::latest);
        self.transitions.push(UnitTransition {
            unit: Arc::clone(unit),
            action,
            boot_ns,
            request: self.request(unit).cloned(),
            activation: latest.filter(|_| is_start),
        });
    }

    /// Gives a new unit a tree of its own, with the processes that run in it already.
    fn give_tree(
        &mut self,
        unit: &Arc<[u8]>,
        boot_ns: u64,
        processes: &mut Processes,
        schedule: &Schedule,
    ) {
        let Some(state) = self.by_name.get(unit) else {
            return;
        };
        if state.tree.is_some() || !unit.ends_with(b".service") || state.is_old() {
            return;
        }
        let is_wanted = || {
            self.request_for(unit, boot_ns, processes)
                .is_some_and(|request| *processes[request.by].tree != *SYSTEM)
        };
        let is_new = !self.are_reported || self.writer_of(unit, schedule).is_some() || is_wanted();
        if !is_new {
            return;
        }
        let tree = own_tree(unit);
        self.state_mut(unit).tree = Some(Arc::clone(&tree));
        let is_of_it: Vec<bool> = self
            .activations
            .iter()
            .map(|activation| activation.unit.as_ref() == Some(unit))
            .collect();
        for process in processes.iter_mut() {
            let runs_in_it = process
                .activation
                .is_some_and(|index| is_of_it.get(index.position()) == Some(&true));
            if runs_in_it && *process.tree == *SYSTEM && !process.is_ruled() {
                process.tree = Arc::clone(&tree);
            }
        }
    }

    /// Follows a unit, for a recording of that unit: its processes so far, and later ones.
    pub(super) fn follow(&mut self, unit: &[u8], processes: &mut Processes) {
        let unit: Arc<[u8]> = unit.into();
        let tree = own_tree(&unit);
        for process in processes.iter_mut() {
            if process.unit.as_ref() == Some(&unit) && !process.is_ruled() {
                process.tree = Arc::clone(&tree);
                process.because = Because::Attached;
            }
        }
        self.state_mut(&unit).tree = Some(tree);
        self.followed = Some(unit);
    }
}

/// Returns the name of a unit's own tree.
fn own_tree(unit: &[u8]) -> Arc<str> {
    String::from_utf8_lossy(unit).into()
}
