//! Finds processes by pid and start.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::ProcessIndex;
use crate::{event::ProcessId, model::process::rounded};

/// Positions of processes by identity. A process of the snapshot has two identities once an event
/// has its exact start.
#[derive(Default)]
pub(super) struct Identities {
    /// Those with an exact start.
    exact: HashMap<ProcessId, ProcessIndex, RandomState>,
    /// Those with a start as /proc gives it: few, so a process that is new is mostly not looked for
    /// in a large table again.
    rounded: HashMap<ProcessId, ProcessIndex, RandomState>,
    /// The last one that was looked up or added: several events in a row are of one process.
    last: Option<(ProcessId, ProcessIndex)>,
}

impl Identities {
    /// Finds the process with exactly this identity.
    pub(super) fn get(&self, id: ProcessId) -> Option<ProcessIndex> {
        match self.last {
            Some((last, index)) if last == id => Some(index),
            Some(_) | None => self.table(id).get(&id).copied(),
        }
    }

    /// Finds the process with exactly this identity, which will soon be asked for again.
    pub(super) fn get_again(&mut self, id: ProcessId) -> Option<ProcessIndex> {
        let found = self.get(id)?;
        self.last = Some((id, found));
        Some(found)
    }

    /// Finds the process with this identity, or with the start that /proc gives for it.
    pub(super) fn find(&self, id: ProcessId) -> Option<ProcessIndex> {
        self.get(id).or_else(|| {
            let of_proc = ProcessId {
                start_ns: rounded(id.start_ns),
                ..id
            };
            // Only /proc gives such a start: to processes of the snapshot, and to a command whose
            // fork was lost.
            self.rounded.get(&of_proc).copied()
        })
    }

    /// Gives an identity to a process. Another process may have had it.
    pub(super) fn insert(&mut self, id: ProcessId, index: ProcessIndex) {
        self.last = Some((id, index));
        match is_rounded(id) {
            true => self.rounded.insert(id, index),
            false => self.exact.insert(id, index),
        };
    }

    /// Keeps the processes for which `keep` returns true.
    pub(super) fn retain(&mut self, keep: impl Fn(ProcessIndex) -> bool) {
        self.last = None;
        for table in [&mut self.exact, &mut self.rounded] {
            table.retain(|_, index| keep(*index));
            table.shrink_to(table.len() * 2);
        }
    }

    fn table(&self, id: ProcessId) -> &HashMap<ProcessId, ProcessIndex, RandomState> {
        match is_rounded(id) {
            true => &self.rounded,
            false => &self.exact,
        }
    }
}

fn is_rounded(id: ProcessId) -> bool {
    rounded(id.start_ns) == id.start_ns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_start_leads_to_the_one_of_proc() {
        let at = |start_ns| ProcessId { pid: 7, start_ns };
        let mut all = Identities::default();
        all.insert(at(20_000_000), ProcessIndex(0));
        assert_eq!(all.find(at(29_999_999)), Some(ProcessIndex(0)));
        assert_eq!(all.get(at(29_999_999)), None);
        assert_eq!(all.find(at(30_000_000)), None);
        all.insert(at(29_999_999), ProcessIndex(1));
        assert_eq!(all.find(at(29_999_999)), Some(ProcessIndex(1)));
        assert_eq!(all.find(at(20_000_001)), Some(ProcessIndex(0)));
        all.insert(at(29_999_999), ProcessIndex(2));
        assert_eq!(all.get_again(at(29_999_999)), Some(ProcessIndex(2)));
        all.retain(|index| index == ProcessIndex(0));
        assert_eq!(all.get(at(29_999_999)), None);
        assert_eq!(all.get_again(at(20_000_000)), Some(ProcessIndex(0)));
    }
}
