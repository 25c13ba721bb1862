//! Applies filters to everything that a report shows.

use super::still_running;
use crate::{
    model::{
        Connection, FailedExec, Listener, Model, NameLookup, Process, ProcessIndex, UnitTransition,
    },
    select::{Filter, Marks, Selection},
};

/// The connections that filters leave. A recording has millions, so all of them are not listed
/// again.
pub struct ShownConnections<'a> {
    /// All of the model, if no filter leaves one out; else none.
    all: &'a [Connection],
    /// Those that are left of others.
    some: Vec<&'a Connection>,
}

impl<'a> ShownConnections<'a> {
    /// Leaves out none.
    pub fn all_of(model: &'a Model) -> ShownConnections<'a> {
        ShownConnections {
            all: model.connections(),
            some: Vec::new(),
        }
    }

    fn of(model: &'a Model, selection: &Selection) -> ShownConnections<'a> {
        if selection.is_everything() {
            return ShownConnections::all_of(model);
        }
        let connections = model.connections().iter();
        ShownConnections {
            all: &[],
            some: connections
                .filter(|connection| selection.shows_connection(connection))
                .collect(),
        }
    }

    /// Iterates over them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &'a Connection> + use<'a, '_> {
        self.all.iter().chain(self.some.iter().copied())
    }

    /// Returns their number.
    pub fn len(&self) -> usize {
        self.all.len() + self.some.len()
    }

    /// Returns true if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The part of a model that filters leave.
pub struct Picture<'a> {
    /// True if nothing is left out.
    pub is_everything: bool,
    /// True if all that filters do is leave something out.
    pub selects_nothing: bool,
    /// True for each process that is shown, by position.
    pub processes: Vec<bool>,
    /// In their order.
    pub connections: ShownConnections<'a>,
    /// In their order, without ends of clients.
    pub listeners: Vec<&'a Listener>,
    /// In their order; also those that did not fail.
    pub lookups: Vec<&'a NameLookup>,
    /// In their order.
    pub unit_transitions: Vec<&'a UnitTransition>,
}

impl<'a> Picture<'a> {
    /// Applies a selection.
    pub fn of(model: &'a Model, selection: &Selection) -> Picture<'a> {
        let listeners = model.listeners().iter();
        let lookups = model.lookups();
        let transitions = model.unit_transitions().iter().enumerate();
        Picture {
            is_everything: selection.is_everything(),
            selects_nothing: selection.selects_nothing(),
            processes: model.mark_processes(|index, _| selection.shows_process(index)),
            connections: ShownConnections::of(model, selection),
            listeners: listeners
                .filter(|listener| selection.shows_server(listener))
                .collect(),
            lookups: lookups
                .filter(|lookup| selection.shows_lookup(lookup))
                .collect(),
            unit_transitions: transitions
                .filter(|(position, transition)| {
                    selection.shows_unit_transition(*position, transition)
                })
                .map(|(_, transition)| transition)
                .collect(),
        }
    }

    /// Shows all of a model.
    pub fn whole(model: &'a Model) -> Picture<'a> {
        let everything = Selection::new(Filter::default(), Marks::default(), model);
        Picture::of(model, &everything)
    }

    /// Lists the lookups that are shown and failed.
    pub fn failed_lookups(&self) -> impl Iterator<Item = &'a NameLookup> {
        let lookups = self.lookups.iter().copied();
        lookups.filter(|lookup| lookup.has_failed())
    }

    /// Lists the execs that are shown and failed for good. Without a filter, those of the
    /// background are left out.
    pub fn failed_execs(&self, model: &'a Model) -> impl Iterator<Item = &'a FailedExec> {
        let failed = model.failed_execs().filter(|failed| !failed.was_found);
        failed.filter(|failed| self.concerns(model, failed.process))
    }

    /// Lists the processes that are shown and whose last exec gained privilege. Without a filter,
    /// those of the background are left out.
    pub fn gains(&self, model: &'a Model) -> impl Iterator<Item = (ProcessIndex, &'a Process)> {
        let gained = model
            .processes()
            .filter(|(_, process)| process.gain.is_some());
        gained.filter(|(index, _)| self.concerns(model, *index))
    }

    /// Lists the inbound connections that are shown.
    pub fn inbound(&self) -> impl Iterator<Item = &'a Connection> {
        let connections = self.connections.iter();
        connections.filter(|connection| connection.is_inbound)
    }

    /// Returns true for the system's tree beside a recorded command, unless a filter chose it.
    pub fn is_bystander(&self, model: &Model, tree: &str) -> bool {
        self.selects_nothing && model.is_background(tree)
    }

    pub(super) fn concerns(&self, model: &Model, index: ProcessIndex) -> bool {
        self.shows(index) && !self.is_bystander(model, &model.process(index).tree)
    }

    /// Lists the processes that are shown, were started by a recorded tree and still run.
    pub fn still_running(&self, model: &Model) -> Vec<ProcessIndex> {
        let running = still_running(model).map(|(index, _)| index);
        running.filter(|index| self.shows(*index)).collect()
    }

    /// Returns true if a process is shown.
    pub fn shows(&self, index: ProcessIndex) -> bool {
        let shown = self.processes.get(index.position());
        shown.copied().unwrap_or(false)
    }

    /// Lists the processes that are shown.
    pub fn shown_processes<'m>(
        &self,
        model: &'m Model,
    ) -> impl Iterator<Item = (ProcessIndex, &'m Process)> {
        model.processes().filter(|(index, _)| self.shows(*index))
    }
}
