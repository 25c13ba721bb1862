//! Collects sockets besides TCP and UDP.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use indexmap::IndexMap;

use super::ProcessIndex;
use crate::event::SocketOpened;

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

    /// Forgets those of other processes.
    pub(super) fn retain(&mut self, kept: &HashSet<ProcessIndex, RandomState>) {
        self.others
            .retain(|(process, ..), _| kept.contains(process));
    }

    pub(super) fn opened(&mut self, process: ProcessIndex, opened: &SocketOpened) {
        let key = (process, opened.family, opened.form, opened.protocol);
        *self.others.entry(key).or_default() += 1;
    }
}
