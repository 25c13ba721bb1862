//! What is known of a unit. Which processes are in it is not kept here: they know their unit.

use std::sync::Arc;

use super::{Activation, Model, Request, activation::ActivationIndex};
use crate::event::{Unit, UnitAction};

/// A unit started or ended.
#[derive(Clone, Debug)]
pub struct UnitTurn {
    /// The unit.
    pub unit: Arc<[u8]>,
    /// What happened to it; never that a job was queued, or that it was described.
    pub action: UnitAction,
    /// When, nanoseconds since boot.
    pub boot_ns: u64,
    /// Who asked for it, where that can be concluded.
    pub request: Option<Request>,
    /// Of a start: what it is the start of.
    pub(super) activation: Option<ActivationIndex>,
}

impl Model {
    /// Every start and end of a unit, in their order. Where systemd tells nothing, those starts are here that show in the
    /// cgroups of processes, and no ends.
    pub fn unit_turns(&self) -> &[UnitTurn] {
        &self.unit_turns
    }

    /// What is behind the start of a unit.
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
    /// systemd had it loaded then: it ran, or something that did referred to it.
    pub(super) was_loaded: bool,
    /// Other names.
    pub(super) aliases: Vec<Vec<u8>>,
    /// Timers, sockets and path units that start it.
    pub(super) triggered_by: Vec<Vec<u8>>,
    /// Units whose start starts it.
    pub(super) pulled_in_by: Vec<Vec<u8>>,
    /// Its unit file.
    pub(super) file: Vec<u8>,
    /// The type of the job that systemd has for it, as far as told.
    pub(super) job: String,
    /// The tree that its processes make, where it has one of its own.
    pub(super) tree: Option<Arc<str>>,
    /// The activation that its next process belongs to.
    pub(super) current: Option<ActivationIndex>,
    /// The last one, over or not.
    pub(super) last: Option<ActivationIndex>,
    /// Whoever asked for the job that it has.
    pub(super) pending: Option<Request>,
    /// Whoever asked for what the last event told.
    pub(super) reported: Option<Request>,
}

impl UnitLife {
    /// Whether it was there before anybody could have asked for it.
    pub(super) fn is_old(&self) -> bool {
        self.ran_before || self.was_loaded
    }

    /// Takes in what systemd says of it. What it does not say, because the unit is gone already, stays.
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

/// The name of a unit's own tree.
pub(super) fn own_tree(unit: &[u8]) -> Arc<str> {
    String::from_utf8_lossy(unit).into()
}
