//! Holds the known facts about one unit. Its processes refer to it themselves.

use std::sync::Arc;

use super::{ActivationIndex, Request};
use crate::event::Unit;

/// One unit, in its latest state.
#[derive(Clone, Debug, Default)]
pub(super) struct UnitState {
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
    /// The last request that systemd made a job for. It makes one job for a request, so a later one
    /// has another cause.
    pub(super) served: Option<Request>,
}

impl UnitState {
    /// Returns its current activation, or the last one where that is over.
    pub(super) fn latest(&self) -> Option<ActivationIndex> {
        self.current.or(self.last)
    }

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
