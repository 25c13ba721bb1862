//! Releases processes that have ended, and counts them with processes like them that stay.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use foldhash::fast::RandomState;

use super::{Processes, Sparse};
use crate::{
    event::ProcessId,
    model::{Process, ProcessIndex, StandIns, process::rounded},
};

/// Limit of released processes that are remembered: a late event of one is no lost fork.
const REMEMBERED: usize = 4096;

/// The processes that were released.
pub(super) struct Released {
    /// Counts by the processes that stand for them.
    alike: BTreeMap<ProcessIndex, usize>,
    /// The last ones, each with the process that stands for it.
    last: HashMap<ProcessId, (Process, ProcessIndex), RandomState>,
    order: VecDeque<ProcessId>,
    /// A process without any fact, in place of one that was released by mistake.
    pub(super) unknown: Process,
}

impl Default for Released {
    fn default() -> Released {
        Released {
            alike: BTreeMap::new(),
            last: HashMap::default(),
            order: VecDeque::new(),
            unknown: Process::new(ProcessId::default(), 0),
        }
    }
}

impl Released {
    /// Takes back a process for a late event. Its parent may be released, too.
    pub(super) fn take_back(&mut self, id: ProcessId, list: &Sparse<Process>) -> Option<Process> {
        let of_snapshot = ProcessId {
            start_ns: rounded(id.start_ns),
            ..id
        };
        let found = self.last.remove(&id);
        let (process, stand_in) = found.or_else(|| self.last.remove(&of_snapshot))?;
        self.order.retain(|other| *other != process.id);
        if let Some(count) = self.alike.get_mut(&stand_in) {
            *count -= 1;
        }
        Some(Process {
            parent: process
                .parent
                .filter(|it| list.get(it.position()).is_some()),
            ..process
        })
    }

    fn remember(&mut self, process: Process, stand_in: ProcessIndex) {
        if self.order.len() == REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.last.remove(&oldest);
        }
        self.order.push_back(process.id);
        self.last.insert(process.id, (process, stand_in));
    }
}

impl Processes {
    /// Returns how many processes one stands for: itself, and those like it that were released.
    pub(in crate::model) fn count(&self, index: ProcessIndex) -> usize {
        self.released.alike.get(&index).map_or(1, |count| 1 + count)
    }

    /// Releases the processes that have a process to stand for them.
    pub(in crate::model) fn release(&mut self, stand_ins: &StandIns) {
        for (position, process) in self.list.iter() {
            let index = super::index_at(position);
            let Some(stand_in) = stand_ins.get(&index) else {
                continue;
            };
            let own = self.released.alike.remove(&index).unwrap_or_default();
            *self.released.alike.entry(*stand_in).or_default() += own + 1;
            self.released.remember(process.clone(), *stand_in);
        }
        self.by_id.retain(|index| !stand_ins.contains_key(&index));
        let gone: HashSet<usize, RandomState> = stand_ins.keys().map(|it| it.position()).collect();
        self.list.retain(|position| !gone.contains(&position));
        for process in self.list.iter_mut() {
            // Only distant ancestors are released before their descendants.
            process.parent = process.parent.filter(|it| !gone.contains(&it.position()));
        }
        for (_, stand_in) in self.released.last.values_mut() {
            // An earlier one may be gone by now, as a unit gave it another tree.
            *stand_in = stand_ins.get(stand_in).copied().unwrap_or(*stand_in);
        }
    }
}
