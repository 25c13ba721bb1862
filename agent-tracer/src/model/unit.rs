//! Holds the known facts about a unit. Its processes refer to it themselves.

use std::sync::Arc;

use super::{Activation, Model, Request, activation::ActivationIndex};
use crate::event::{Unit, UnitAction};

/// A unit started or ended.
#[derive(Clone, Debug)]
pub struct UnitTurn {
    /// The unit.
    pub unit: Arc<[u8]>,
    /// The action; never a queued job or a description.
    pub action: UnitAction,
    /// Its time, nanoseconds since boot.
    pub boot_ns: u64,
    /// The request behind it, if it can be inferred.
    pub request: Option<Request>,
    /// Of a start: the activation that began.
    pub(super) activation: Option<ActivationIndex>,
}

impl Model {
    /// Returns every start and end of a unit, in order. Without reports from systemd, only starts
    /// are known, from the cgroups of processes.
    pub fn unit_turns(&self) -> &[UnitTurn] {
        &self.unit_turns
    }

    /// Returns the activation behind a unit's start.
    pub fn activation_of(&self, turn: &UnitTurn) -> Option<&Activation> {
        self.activation_at(turn.activation?)
    }

    pub(super) fn note_turn(&mut self, unit: &Arc<[u8]>, action: UnitAction, boot_ns: u64) {
        let is_start = matches!(action, UnitAction::Started | UnitAction::Restarted);
        let life = self.units.get(unit);
        let activation = life.and_then(|life| life.current.or(life.last));
        self.unit_turns.push(UnitTurn {
            unit: Arc::clone(unit),
            action,
            boot_ns,
            request: self.requester(unit).cloned(),
            activation: activation.filter(|_| is_start),
        });
    }
}

/// One unit, in its latest state.
#[derive(Clone, Debug, Default)]
pub(super) struct UnitLife {
    /// It had processes when the recording began.
    pub(super) ran_before: bool,
    /// systemd had it loaded then: it ran, or an active unit referred to it.
    pub(super) was_loaded: bool,
    /// Other names.
    pub(super) aliases: Vec<Vec<u8>>,
    /// Timers, sockets and path units that start it.
    pub(super) triggered_by: Vec<Vec<u8>>,
    /// Units that start this one with them.
    pub(super) pulled_in_by: Vec<Vec<u8>>,
    /// Its unit file.
    pub(super) file: Vec<u8>,
    /// The type of its current job, as far as reported.
    pub(super) job: String,
    /// The tree of its processes, if it has its own.
    pub(super) tree: Option<Arc<str>>,
    /// The activation that its next process belongs to.
    pub(super) current: Option<ActivationIndex>,
    /// The last one, over or not.
    pub(super) last: Option<ActivationIndex>,
    /// The request behind its current job.
    pub(super) pending: Option<Request>,
    /// The request behind the last reported event.
    pub(super) reported: Option<Request>,
}

impl UnitLife {
    /// Checks whether it existed before any recorded request could concern it.
    pub(super) fn is_old(&self) -> bool {
        self.ran_before || self.was_loaded
    }

    /// Merges a description by systemd. Facts that it lacks, because the unit is unloaded already,
    /// stay.
    pub(super) fn describe(&mut self, unit: &Unit) {
        self.job.clone_from(&unit.job);
        for (own, reported) in [
            (&mut self.aliases, &unit.aliases),
            (&mut self.triggered_by, &unit.triggered_by),
            (&mut self.pulled_in_by, &unit.pulled_in_by),
        ] {
            for name in reported {
                if !own.contains(name) {
                    own.push(name.clone());
                }
            }
        }
        if !unit.file.is_empty() {
            self.file.clone_from(&unit.file);
        }
    }
}

/// Returns the name of a unit's own tree.
pub(super) fn own_tree(unit: &[u8]) -> Arc<str> {
    String::from_utf8_lossy(unit).into()
}
