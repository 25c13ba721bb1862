//! Describes units and activations for the next segment of a recording, and takes them over there.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use super::{Activation, ActivationIndex, Cause, Processes, Request, Units, Writer};
use crate::{
    event::{self, Carried, CarriedActivation, CarriedUnit},
    model::{ProcessIndex, carry::Activations},
};

/// Limit of units that are carried: transient ones with trees of their own may come without end.
const UNITS: usize = 4096;

/// Place of the activations that were taken over, among all.
pub(in crate::model) struct TakenOver {
    first: usize,
    count: usize,
}

impl TakenOver {
    /// Returns the activation at a place, from 1; `None` for 0.
    pub(in crate::model) fn at(&self, place: u32) -> Option<ActivationIndex> {
        let place = (place as usize).checked_sub(1)?;
        (place < self.count).then(|| ActivationIndex::at(self.first + place))
    }
}

impl Units {
    /// Lists the activations that running processes and units with a tree refer to.
    pub(in crate::model) fn carried_activations(
        &self,
        running: &BTreeMap<u32, ProcessIndex>,
        processes: &Processes,
    ) -> Activations {
        let of_processes = running.values();
        let of_processes = of_processes.filter_map(|index| processes[*index].activation);
        let states = self.by_name.values();
        let of_units = states
            .filter(|state| state.tree.is_some())
            .take(UNITS)
            .flat_map(|state| [state.current, state.last])
            .flatten();
        let all: Vec<usize> = of_processes
            .chain(of_units)
            .map(ActivationIndex::position)
            .collect();
        let mut places = Activations::new();
        for position in all {
            places.insert(position, 0);
        }
        for (place, value) in (1..).zip(places.values_mut()) {
            *value = place;
        }
        places
    }

    /// Describes these activations, in their order.
    pub(in crate::model) fn carried(
        &self,
        activations: &Activations,
        processes: &Processes,
    ) -> Vec<CarriedActivation> {
        let all = activations.keys();
        let all = all.filter_map(|position| self.activations.get(*position));
        all.map(|activation| described(activation, processes))
            .collect()
    }

    /// Describes the units that explain a process: those of processes that run, those with a tree,
    /// and new ones. Where systemd reports its units, the last two must be loaded.
    pub(in crate::model) fn carried_units(
        &self,
        activations: &Activations,
        alive: &HashSet<ProcessIndex>,
        loaded: Option<&event::Units>,
        processes: &Processes,
    ) -> Vec<CarriedUnit> {
        let loaded: Option<HashSet<&[u8]>> = loaded.map(|units| {
            units
                .units
                .iter()
                .map(|unit| unit.name.as_slice())
                .collect()
        });
        let is_loaded = |name: &[u8]| loaded.as_ref().is_none_or(|loaded| loaded.contains(name));
        let inhabited: HashSet<&Arc<[u8]>> = alive
            .iter()
            .filter_map(|index| processes[*index].unit.as_ref())
            .collect();
        let place = |index: Option<ActivationIndex>| {
            let found = index.and_then(|index| activations.get(&index.position()));
            found.copied().unwrap_or(0)
        };
        let units = self.by_name.iter();
        let units = units.filter(|(name, state)| {
            let explains = state.tree.is_some() || !state.is_old();
            inhabited.contains(name) || explains && is_loaded(name)
        });
        units
            .take(UNITS)
            .map(|(name, state)| CarriedUnit {
                name: name.to_vec(),
                tree: state.tree.as_deref().unwrap_or_default().to_owned(),
                is_old: state.is_old(),
                aliases: state.aliases.clone(),
                triggered_by: state.triggered_by.clone(),
                pulled_in_by: state.pulled_in_by.clone(),
                file: state.file.clone(),
                current: place(state.current),
                last: place(state.last),
            })
            .collect()
    }

    /// Makes room for activations of an earlier segment. Their causes follow with
    /// [`Units::take_over`], once their processes are here.
    pub(in crate::model) fn take_over_activations(
        &mut self,
        carried: &[CarriedActivation],
    ) -> TakenOver {
        let first = self.activations.len();
        let new = carried.iter().map(|activation| Activation {
            unit: (!activation.unit.is_empty()).then(|| activation.unit.as_slice().into()),
            cause: Cause::Unknown,
            opened_ns: activation.opened_ns,
            has_job: activation.has_job,
        });
        self.activations.extend(new);
        TakenOver {
            first,
            count: carried.len(),
        }
    }

    /// Takes over units and causes from an earlier segment.
    pub(in crate::model) fn take_over(
        &mut self,
        carried: &Carried,
        taken: &TakenOver,
        processes: &Processes,
    ) {
        for (place, activation) in (1..).zip(&carried.activations) {
            let cause = cause_of(activation, processes);
            if let Some(known) = taken.at(place).and_then(|at| self.activation_mut(at)) {
                known.cause = cause;
            }
        }
        for unit in &carried.units {
            let name: Arc<[u8]> = unit.name.as_slice().into();
            let state = self.state_mut(&name);
            // Loaded now does not mean loaded before the first segment.
            state.ran_before = unit.is_old;
            state.was_loaded = unit.is_old;
            state.aliases.clone_from(&unit.aliases);
            state.triggered_by.clone_from(&unit.triggered_by);
            state.pulled_in_by.clone_from(&unit.pulled_in_by);
            state.file.clone_from(&unit.file);
            state.tree = (!unit.tree.is_empty()).then(|| unit.tree.as_str().into());
            state.current = taken.at(unit.current);
            state.last = taken.at(unit.last);
        }
    }
}

fn described(activation: &Activation, processes: &Processes) -> CarriedActivation {
    let (cause, is_again) = match &activation.cause {
        Cause::Again(before) => (&**before, true),
        cause => (cause, false),
    };
    let mut carried = CarriedActivation {
        unit: activation.unit.as_deref().unwrap_or_default().to_vec(),
        opened_ns: activation.opened_ns,
        has_job: activation.has_job,
        is_again,
        ..CarriedActivation::default()
    };
    match cause {
        Cause::Request(request) => carried.request = Some(request.carried(processes)),
        Cause::Trigger(trigger, writer) => {
            carried.trigger = trigger.to_vec();
            carried.writer = writer.as_ref().map(|writer| writer.carried(processes));
        }
        Cause::Written(writer) | Cause::Job(writer) => {
            carried.writer = Some(writer.carried(processes));
        }
        // No cause is one again of one that is itself again.
        Cause::Again(_) | Cause::Unknown => {}
    }
    carried
}

fn cause_of(carried: &CarriedActivation, processes: &Processes) -> Cause {
    let request = carried.request.as_ref();
    let request = request.and_then(|request| Request::taken_over(request, processes));
    let writer = carried.writer.as_ref();
    let writer = writer.and_then(|writer| Writer::taken_over(writer, processes));
    let cause = match (request, writer) {
        (Some(request), _) => Cause::Request(request),
        (None, writer) if !carried.trigger.is_empty() => {
            Cause::Trigger(carried.trigger.as_slice().into(), writer)
        }
        (None, Some(writer)) if carried.unit.is_empty() => Cause::Job(writer),
        (None, Some(writer)) => Cause::Written(writer),
        (None, None) => Cause::Unknown,
    };
    match carried.is_again {
        true => Cause::Again(Arc::new(cause)),
        false => cause,
    }
}
