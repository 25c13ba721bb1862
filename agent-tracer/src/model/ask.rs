//! Links children of a daemon to the process that asked the daemon over AF_UNIX. The link is
//! inferred: the daemon was asked shortly before it forked.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use foldhash::fast::RandomState;

use super::{Because, ProcessIndex, SYSTEM, process::Asker, processes::Processes};

/// Longest time between a request and a fork on its behalf, in nanoseconds.
const SHORTLY: u64 = 500_000_000;

/// Requests that are remembered for each daemon.
const REMEMBERED: usize = 16;

/// A request to a daemon.
#[derive(Clone, Debug)]
struct Ask {
    /// The process at the beginning of the chain: a daemon may ask another one for its client.
    by: ProcessIndex,
    /// The name of the socket at the beginning of the chain.
    path: Arc<[u8]>,
    boot_ns: u64,
}

/// The latest requests, by daemon.
#[derive(Default)]
pub(super) struct Asks {
    by_daemon: HashMap<ProcessIndex, VecDeque<Ask>, RandomState>,
    /// Daemons by process id, as found: the last process with a number is searched for.
    daemons: HashMap<u32, ProcessIndex, RandomState>,
}

impl Asks {
    /// Finds the daemon with a process id; 0 is none.
    pub(super) fn daemon(&mut self, pid: u32, processes: &Processes) -> Option<ProcessIndex> {
        if pid == 0 {
            return None;
        }
        if let Some(known) = self.daemons.get(&pid)
            && processes[*known].is_running()
        {
            return Some(*known);
        }
        let found = processes.latest(pid)?;
        self.daemons.insert(pid, found);
        Some(found)
    }

    /// Forgets requests before a time, and daemons that have ended.
    pub(super) fn release_before(&mut self, before_ns: u64, processes: &Processes) {
        self.daemons
            .retain(|_, daemon| processes[*daemon].is_running());
        self.by_daemon.retain(|daemon, asks| {
            asks.retain(|ask| ask.boot_ns >= before_ns);
            !asks.is_empty() && processes[*daemon].is_running()
        });
    }

    /// Iterates over the processes that are referred to.
    pub(super) fn parties(&self) -> impl Iterator<Item = ProcessIndex> {
        let asks = self.by_daemon.values().flatten();
        asks.map(|ask| ask.by)
    }

    /// Notes a request.
    pub(super) fn note(
        &mut self,
        by: ProcessIndex,
        daemon: ProcessIndex,
        path: Arc<[u8]>,
        boot_ns: u64,
        processes: &Processes,
    ) {
        let ask = match *processes[by].tree == *SYSTEM {
            true => match self.behind(by, boot_ns, processes) {
                Some(first) => Ask { boot_ns, ..first },
                None => return,
            },
            false => Ask { by, path, boot_ns },
        };
        let asks = self.by_daemon.entry(daemon).or_default();
        if asks.len() == REMEMBERED {
            asks.pop_front();
        }
        asks.push_back(ask);
    }

    /// Puts a new child of a daemon into the tree of the process that asked the daemon.
    pub(super) fn fork(&self, child: ProcessIndex, boot_ns: u64, processes: &mut Processes) {
        let Some(parent) = processes[child].parent else {
            return;
        };
        if *processes[parent].tree != *SYSTEM || processes.is_manager(parent) {
            return;
        }
        let Some(ask) = self.behind(parent, boot_ns, processes) else {
            return;
        };
        let asker = &processes[ask.by];
        let tree = Arc::clone(&asker.tree);
        let because = Because::Asked(Box::new(Asker {
            name: Arc::clone(&asker.comm),
            pid: asker.id.pid,
            path: ask.path,
        }));
        let process = &mut processes[child];
        process.tree = tree;
        process.because = because;
    }

    /// Finds the process behind a lookup of a daemon such as a resolver.
    pub(super) fn client_of(
        &self,
        daemon: ProcessIndex,
        boot_ns: u64,
        processes: &Processes,
    ) -> Option<ProcessIndex> {
        if *processes[daemon].tree != *SYSTEM {
            return None;
        }
        Some(self.behind(daemon, boot_ns, processes)?.by)
    }

    /// Finds the request behind what a daemon does at a time: the last one, if no other tree has
    /// asked as well.
    fn behind(&self, daemon: ProcessIndex, boot_ns: u64, processes: &Processes) -> Option<Ask> {
        let asks = self.by_daemon.get(&daemon)?;
        let recent = || {
            asks.iter()
                .rev()
                .filter(|ask| ask.boot_ns.saturating_add(SHORTLY) >= boot_ns)
        };
        let last = recent().next()?;
        let tree = &processes[last.by].tree;
        let is_sole = recent().all(|ask| processes[ask.by].tree == *tree);
        is_sole.then(|| last.clone())
    }
}
