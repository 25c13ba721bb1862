//! Releases processes that have ended, and counts them with processes like them that stay.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    mem,
    sync::Arc,
};

use foldhash::fast::RandomState;

use super::{Processes, Sparse};
use crate::{
    event::ProcessId,
    model::{Process, ProcessIndex, StandIns},
};

/// Limit of released processes that are remembered: a late event of one is no lost fork.
const REMEMBERED: usize = 16_384;

/// The processes that were released.
pub(super) struct Released {
    /// Counts by the processes that stand for them.
    alike: BTreeMap<ProcessIndex, usize>,
    /// The last ones, each with the process that stands for it.
    last: HashMap<ProcessId, ProcessIndex, RandomState>,
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
    /// Makes a process anew for a late event of one that was released. Its tree is known, its
    /// program no more.
    pub(super) fn process(
        &self,
        id: ProcessId,
        user: u32,
        list: &Sparse<Process>,
    ) -> Option<Process> {
        let stand_in = list.get(self.last.get(&id)?.position())?;
        Some(Process {
            tree: Arc::clone(&stand_in.tree),
            end: stand_in.end,
            ..Process::new(id, user)
        })
    }

    fn remember(&mut self, id: ProcessId, stand_in: ProcessIndex) {
        if self.order.len() == REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.last.remove(&oldest);
        }
        self.order.push_back(id);
        self.last.insert(id, stand_in);
    }
}

impl Processes {
    /// Returns how many processes one stands for: itself, and those like it that were released.
    pub(in crate::model) fn count(&self, index: ProcessIndex) -> usize {
        self.released.alike.get(&index).map_or(1, |count| 1 + count)
    }

    /// Releases the processes that have a process to stand for them.
    pub(in crate::model) fn release(&mut self, stand_ins: &StandIns) {
        for (index, process) in self.list.iter() {
            let index = super::index_at(index);
            let Some(stand_in) = stand_ins.get(&index) else {
                continue;
            };
            let own = self.released.alike.remove(&index).unwrap_or_default();
            let count = self.released.alike.entry(*stand_in).or_default();
            *count += own + 1;
            self.released.remember(process.id, *stand_in);
        }
        self.by_id.retain(|_, index| !stand_ins.contains_key(index));
        self.by_id.shrink_to(self.by_id.len() * 2);
        let gone: HashSet<usize, RandomState> = stand_ins.keys().map(|it| it.position()).collect();
        self.list.retain(|position| !gone.contains(&position));
        // An earlier stand-in may be gone by now, as a unit gave it another tree.
        let last = mem::take(&mut self.released.last);
        let present = last.into_iter().map(|(id, stand_in)| {
            let stand_in = stand_ins.get(&stand_in).copied().unwrap_or(stand_in);
            (id, stand_in)
        });
        self.released.last = present.collect();
    }
}
