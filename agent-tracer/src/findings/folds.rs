//! Folds equal siblings of a tree, such as the sixty greps of a script.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::model::{Model, Process, ProcessIndex};

/// Siblings that are shown as one line. The first stands for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Siblings {
    /// In the order of their starts; not empty.
    pub all: Vec<ProcessIndex>,
}

impl Siblings {
    /// Wraps one process.
    pub fn one(index: ProcessIndex) -> Siblings {
        Siblings { all: vec![index] }
    }
}

/// Processes that may be folded.
pub struct Folds<'a> {
    model: &'a Model,
    /// True for a process with a fact of its own, by position.
    notable: Vec<bool>,
}

/// Facts that equal siblings have in common.
type Key<'a> = (&'a [u8], u32, &'a str);

impl<'a> Folds<'a> {
    /// Finds the processes with a fact of their own, which are not folded: a child, a connection, a
    /// listener, another socket, a gain of privilege or an unusual program.
    pub fn new(model: &'a Model) -> Folds<'a> {
        let parents = model.processes().filter_map(|(_, process)| process.parent);
        let connections = model.connections().iter();
        let listeners = model.listeners().iter();
        let holders = listeners.flat_map(|one| one.holders.iter().chain([&one.owner]).copied());
        let others = model.other_sockets().map(|socket| socket.process);
        let unusual = model.unusual_programs().map(|program| program.process);
        let all = parents
            .chain(holders)
            .chain(connections.map(|connection| connection.owner))
            .chain(others)
            .chain(unusual);
        let mut notable = vec![false; model.process_positions()];
        for index in all {
            if let Some(is_notable) = notable.get_mut(index.position()) {
                *is_notable = true;
            }
        }
        Folds { model, notable }
    }

    /// Joins equal siblings at the place of the first: same name, user and tree, and an exit
    /// without a signal. Others stay by themselves.
    pub fn of(&self, siblings: &[ProcessIndex]) -> Vec<Siblings> {
        let mut places: HashMap<Key<'_>, usize, RandomState> = HashMap::default();
        let mut folded: Vec<Siblings> = Vec::new();
        for index in siblings {
            let process = self.model.process(*index);
            if self.is_plain(*index, process) {
                let key = (&*process.comm, process.user, &*process.tree);
                let place = *places.entry(key).or_insert(folded.len());
                if let Some(equal) = folded.get_mut(place) {
                    equal.all.push(*index);
                    continue;
                }
            }
            folded.push(Siblings::one(*index));
        }
        folded
    }

    fn is_plain(&self, index: ProcessIndex, process: &Process) -> bool {
        let is_exited = process
            .ended()
            .is_some_and(|(_, exit)| exit.signal().is_none());
        let is_notable = self.notable.get(index.position());
        is_exited && process.gain.is_none() && !is_notable.copied().unwrap_or(false)
    }
}
