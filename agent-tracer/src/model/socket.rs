//! Collects sockets besides TCP and UDP.

use indexmap::IndexMap;

use super::{ProcessIndex, StandIns};
use crate::event::SocketOpened;

/// Limit of the entries that a recording keeps of processes that have ended.
const COUNTED: usize = 4096;

/// Sockets of one kind that a process opened. Their traffic is not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherSocket {
    /// The process.
    pub process: ProcessIndex,
    /// `AF_INET` and the others (socket(2)).
    pub family: u32,
    /// `SOCK_RAW` and the others.
    pub form: u32,
    /// Protocol number.
    pub protocol: u32,
    /// Count of sockets.
    pub count: u64,
}

/// All of them, in the order of their first.
#[derive(Default)]
pub(super) struct OtherSockets {
    others: IndexMap<(ProcessIndex, u32, u32, u32), u64>,
}

impl OtherSockets {
    pub(super) fn others(&self) -> impl Iterator<Item = OtherSocket> {
        let all = self.others.iter();
        all.map(|((process, family, form, protocol), count)| OtherSocket {
            process: *process,
            family: *family,
            form: *form,
            protocol: *protocol,
            count: *count,
        })
    }

    /// Iterates over the processes that a summary names, or counts.
    pub(super) fn parties(&self) -> impl Iterator<Item = ProcessIndex> {
        self.others
            .keys()
            .map(|(process, ..)| *process)
            .take(COUNTED)
    }

    /// Forgets those of released processes.
    pub(super) fn release(&mut self, stand_ins: &StandIns) {
        self.others
            .retain(|(process, ..), _| !stand_ins.contains_key(process));
    }

    pub(super) fn opened(&mut self, process: ProcessIndex, opened: &SocketOpened) {
        let key = (process, opened.family, opened.form, opened.protocol);
        *self.others.entry(key).or_default() += 1;
    }
}
