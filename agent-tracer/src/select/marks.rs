//! Notes what matching events concern, while a trace is read.

use super::Filter;
use crate::{
    event::{Event, EventKind},
    model::{Model, ProcessIndex},
};

/// Marks the owners of matching events while a trace is read.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    pub(super) processes: Vec<bool>,
    pub(super) connections: Vec<bool>,
    pub(super) listeners: Vec<bool>,
    pub(super) unit_transitions: Vec<bool>,
}

impl Marks {
    /// Notes an event that was just applied to the model.
    pub fn note(&mut self, filter: &Filter, model: &Model, start_ns: u64, event: &Event) {
        if !filter.asks_for_events() {
            return;
        }
        let is_wanted = filter.wants_event(model, start_ns, event);
        // The entries that this event added.
        self.unit_transitions
            .resize(model.unit_transitions().len(), is_wanted);
        if !is_wanted {
            return;
        }
        if let Some(index) = model.find(event.process) {
            mark(&mut self.processes, index.position());
        }
        for listener in event.kind.connections().filter_map(|id| model.listener(id)) {
            mark(&mut self.listeners, listener.position());
        }
        for connection in event
            .kind
            .connections()
            .filter_map(|id| model.connection(id))
        {
            // Only some of the connections of an event may be selected.
            if filter.wants_remote_of(model, connection) {
                mark(&mut self.connections, connection.position());
                mark(&mut self.processes, connection.owner.position());
            }
        }
    }
}

fn mark(marks: &mut Vec<bool>, position: usize) {
    if marks.len() <= position {
        marks.resize(position + 1, false);
    }
    marks[position] = true;
}

/// The last event of each process that meets the conditions on events, noted while a trace is read.
#[derive(Debug, Default)]
pub struct LastEvents {
    pub(super) by_process: Vec<u64>,
    pub(super) without_process: u64,
}

impl LastEvents {
    /// Notes an event that was just applied to the model, with its number.
    pub fn note(
        &mut self,
        filter: &Filter,
        model: &Model,
        start_ns: u64,
        sequence: u64,
        event: &Event,
    ) {
        if !filter.wants_event(model, start_ns, event) {
            return;
        }
        let Some(index) = model.find(event.process) else {
            self.without_process = sequence;
            return;
        };
        let parent = parent_at_fork(model, index, event);
        for index in [index].into_iter().chain(parent) {
            let position = index.position();
            if self.by_process.len() <= position {
                self.by_process.resize(position + 1, 0);
            }
            self.by_process[position] = sequence;
        }
    }
}

/// Returns the parent of a process whose fork is the event.
pub(super) fn parent_at_fork(
    model: &Model,
    index: ProcessIndex,
    event: &Event,
) -> Option<ProcessIndex> {
    let is_fork = matches!(event.kind, EventKind::Fork(_));
    model.process(index).parent.filter(|_| is_fork)
}

/// Returns true if the entry at a position is marked.
pub(super) fn is_marked(marks: &[bool], position: usize) -> bool {
    marks.get(position).copied().unwrap_or(false)
}
