//! Keeps the processes of a recording, with their identities and their lineage.

mod carried;
mod identities;
mod released;

use std::{
    iter,
    ops::{Index, IndexMut, Range},
    sync::Arc,
};

use super::{
    Because, Ledger, Origin, Process, ProcessIndex, Program,
    ledger::Truncation,
    pool::Pool,
    process::{Gain, NAMES_LIMIT, unit_of},
    sparse::Sparse,
};
use crate::event::{
    Event, Exec, Exit, Fork, Lineage, ProcessId, Rename, Snapshot, SnapshotProcess,
};
use identities::Identities;
use released::Released;

/// Positions of processes in a row.
pub(super) type Indices = iter::Map<Range<usize>, fn(usize) -> ProcessIndex>;

/// All processes, in the order in which they became known.
#[derive(Default)]
pub(super) struct Processes {
    list: Sparse<Process>,
    by_id: Identities,
    pool: Pool,
    /// Process id of the recorder.
    recorder: u32,
    released: Released,
}

impl Index<ProcessIndex> for Processes {
    type Output = Process;

    fn index(&self, index: ProcessIndex) -> &Process {
        let found = self.list.get(index.position());
        debug_assert!(found.is_some(), "{index:?} is released");
        found.unwrap_or(&self.released.unknown)
    }
}

impl IndexMut<ProcessIndex> for Processes {
    fn index_mut(&mut self, index: ProcessIndex) -> &mut Process {
        let found = self.list.get_mut(index.position());
        debug_assert!(found.is_some(), "{index:?} is released");
        found.unwrap_or(&mut self.released.unknown)
    }
}

impl Processes {
    /// Sets the process id of the recorder.
    pub(super) fn set_recorder(&mut self, pid: u32) {
        self.recorder = pid;
    }

    /// True if it is the recorder itself, as the snapshot has it.
    pub(super) fn is_recorder(&self, index: ProcessIndex) -> bool {
        let process = &self[index];
        process.origin == Origin::Snapshot && process.id.pid == self.recorder
    }

    /// True if it is the first process of the recorder's PID namespace. In a container that can be
    /// the recorder itself, which starts no units.
    pub(super) fn is_first(&self, pid: u32) -> bool {
        pid == 1 && self.recorder != 1
    }

    /// Returns the count of processes, without those that were released.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns the number behind the last position.
    pub(super) fn positions(&self) -> usize {
        self.list.end()
    }

    /// Iterates over all processes.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (ProcessIndex, &Process)> {
        let all = self.list.iter();
        all.map(|(position, process)| (index_at(position), process))
    }

    /// Iterates over the last processes that became known, the newest first.
    pub(super) fn newest(&self, count: usize) -> impl Iterator<Item = (ProcessIndex, &Process)> {
        let first = self.positions().saturating_sub(count);
        let newest = self.iter().rev();
        newest.take_while(move |(index, _)| index.position() >= first)
    }

    /// Iterates over all processes, to change them.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Process> {
        self.list.iter_mut()
    }

    /// Returns the positions of all processes.
    pub(super) fn indices(&self) -> Vec<ProcessIndex> {
        self.iter().map(|(index, _)| index).collect()
    }

    fn indices_from(&self, first: usize) -> Indices {
        (first..self.positions()).map(index_at as fn(usize) -> ProcessIndex)
    }

    /// Finds the process with an identity.
    pub(super) fn find(&self, id: ProcessId) -> Option<ProcessIndex> {
        (id.pid != 0).then(|| self.by_id.find(id)).flatten()
    }

    /// Finds the last process that had a number.
    pub(super) fn latest(&self, pid: u32) -> Option<ProcessIndex> {
        let mut newest = self.iter().rev();
        let found = newest.find(|(_, process)| process.id.pid == pid);
        found.map(|(index, _)| index)
    }

    /// Iterates over the ancestors of a process, the parent first. No lineage is a circle.
    pub(super) fn ancestors(&self, index: ProcessIndex) -> impl Iterator<Item = ProcessIndex> {
        iter::successors(self[index].parent, |above| self[*above].parent)
    }

    /// Returns the process of an event, which is made up where it was unknown. Also returns `true`
    /// if it has another user than before.
    pub(super) fn known(
        &mut self,
        id: ProcessId,
        user: u32,
        first_ns: u64,
        ledger: &mut Ledger,
    ) -> (ProcessIndex, bool) {
        if let Some(index) = self.by_id.get_again(id).filter(|_| id.pid != 0) {
            let has_changed = self[index].set_user(user);
            return (index, has_changed);
        }
        let Some(index) = self.find(id) else {
            if let Some(process) = self.released.take_back(id, &self.list) {
                let index = self.add(process);
                self.by_id.insert(id, index);
                let has_changed = self[index].set_user(user);
                return (index, has_changed);
            }
            let mut process = Process::new(id, user);
            // Hooks are live before the first event is written. A process that started before
            // that and is not in the snapshot ended while it was taken: no fork is missing.
            let is_old = id.start_ns < first_ns;
            if is_old {
                process.because = Because::RanBefore;
            }
            let index = self.add(process);
            if !is_old {
                ledger.unseen_fork(index);
            }
            return (index, false);
        };
        self.by_id.insert(id, index);
        let has_changed = self[index].set_user(user);
        (index, has_changed)
    }

    /// Notes users and, where its fork was not seen, the parent that an event names.
    pub(super) fn note_lineage(&mut self, index: ProcessIndex, lineage: &Lineage) {
        self[index].note_users(lineage);
        if !self[index].lacks_parent() {
            return;
        }
        self[index].parent_pid = lineage.parent_pid;
        let parent = self.find(ProcessId {
            pid: lineage.parent_pid,
            start_ns: lineage.parent_start_ns,
        });
        let Some(parent) = parent else { return };
        if parent == index || self.ancestors(parent).any(|above| above == index) {
            return;
        }
        let above = self[parent].clone();
        let process = &mut self[index];
        let is_open = matches!(process.because, Because::ForkUnseen);
        process.parent = Some(parent);
        if is_open {
            // Until its first exec it is a copy of its parent.
            if process.execs == 0 {
                process.inherit(parent, &above);
            }
            process.tree = Arc::clone(&above.tree);
            process.because = Because::ParentSeenLater(above.comm, above.id.pid);
        }
    }

    /// Adds the processes of a snapshot, and returns their positions.
    pub(super) fn snapshot(&mut self, snapshot: &Snapshot, ledger: &mut Ledger) -> Indices {
        let first = self.positions();
        for seen in &snapshot.processes {
            let process = self.process_of(seen);
            self.add(process);
            if seen.truncated {
                ledger.truncated(Truncation::Arguments);
            }
        }
        // Only now is every parent there. Lower numbers are not always older.
        for child in self.indices_from(first) {
            let parent_pid = self[child].parent_pid;
            let parent = snapshot
                .processes
                .binary_search_by_key(&parent_pid, |seen| seen.pid);
            if let Ok(found) = parent {
                self.adopt(child, index_at(first + found));
            }
        }
        self.indices_from(first)
    }

    fn process_of(&mut self, seen: &SnapshotProcess) -> Process {
        let id = ProcessId {
            pid: seen.pid,
            start_ns: seen.start_ns,
        };
        let exe = self.pool.bytes(&seen.exe);
        let program = Program {
            filename: Arc::clone(&exe),
            exe,
            cwd: Arc::default(),
            root_directory: self.pool.bytes(&seen.root_directory),
            identity: seen.identity.map(|identity| self.pool.identity(identity)),
            unit: unit_of(&seen.cgroup),
            cgroup: self.pool.bytes(&seen.cgroup),
        };
        let mut process = Process {
            parent_pid: seen.parent_pid,
            origin: Origin::Snapshot,
            comm: self.pool.bytes(&seen.comm),
            program: Arc::new(program),
            argv: self.pool.arguments(&seen.argv),
            because: Because::RanBefore,
            real_user: seen.real_user,
            login_user: seen.login_user,
            ..Process::new(id, seen.user)
        };
        process.add_program_names(&mut self.pool);
        process
    }

    /// Adds a process that was forked, and returns its position.
    pub(super) fn fork(
        &mut self,
        event: &Event,
        fork: &Fork,
        first_ns: u64,
        ledger: &mut Ledger,
    ) -> ProcessIndex {
        let parent_id = ProcessId {
            pid: fork.parent_pid,
            start_ns: fork.parent_start_ns,
        };
        let parent =
            (parent_id.pid != 0).then(|| self.known(parent_id, event.user, first_ns, ledger).0);
        let mut process = match parent {
            Some(parent) => Process::forked(event.process, event.user, parent, &self[parent]),
            None => Process {
                origin: Origin::Fork,
                ..Process::new(event.process, event.user)
            },
        };
        process.comm = self.pool.like(&process.comm, &fork.comm);
        process.forked_ns = Some(event.boot_ns);
        process.parent_pid = fork.parent_pid;
        process.add_program_names(&mut self.pool);
        let Some(index) = self.find(event.process) else {
            return self.add(process);
        };
        // Forked while the snapshot was taken, which has it too.
        self[index].parent = None;
        if let Some(parent) = process.parent {
            self.adopt(index, parent);
        }
        let seen = &mut self[index];
        seen.parent_pid = process.parent_pid;
        seen.forked_ns = process.forked_ns;
        if !seen.is_ruled() {
            seen.tree = process.tree;
            seen.because = process.because;
        }
        self.by_id.insert(event.process, index);
        index
    }

    /// Sets the parent of a process, unless the parent descends from that process.
    ///
    /// That would be possible: a snapshot is not taken at one instant, and a trace may be forged.
    fn adopt(&mut self, child: ProcessIndex, parent: ProcessIndex) {
        if parent != child && !self.ancestors(parent).any(|above| above == child) {
            self[child].parent = Some(parent);
        }
    }

    /// Replaces the program of a process.
    pub(super) fn exec(
        &mut self,
        index: ProcessIndex,
        boot_ns: u64,
        exec: &Exec,
        ledger: &mut Ledger,
    ) {
        let Some(process) = self.list.get_mut(index.position()) else {
            return;
        };
        process.gain = gain(process, exec).map(Box::new);
        process.comm = self.pool.like(&process.comm, &exec.comm);
        let before = &process.program;
        let pool = &mut self.pool;
        let filename = pool.like(&before.filename, &exec.filename);
        let identity = exec.identity.as_deref();
        let program = Program {
            exe: match exec.exe.is_empty() || exec.exe == exec.filename {
                true => Arc::clone(&filename),
                false => pool.like(&before.exe, &exec.exe),
            },
            filename,
            cwd: pool.like(&before.cwd, &exec.cwd),
            root_directory: pool.like(&before.root_directory, &exec.root_directory),
            identity: identity.map(|identity| pool.identity(*identity)),
            cgroup: Arc::clone(&before.cgroup),
            unit: before.unit.clone(),
        };
        process.program = pool.program(program);
        process.argv = pool.arguments(&exec.argv);
        process.identified_as = process.user;
        process.execs += 1;
        process.executed_ns = boot_ns;
        process.add_program_names(&mut self.pool);
        if exec.truncated {
            ledger.truncated(Truncation::Arguments);
        }
        if exec.path_cut {
            ledger.truncated(Truncation::Path);
        }
    }

    /// Ends a process, unless its end is known already.
    pub(super) fn end(&mut self, index: ProcessIndex, boot_ns: u64, exit: Exit) {
        self[index].end.get_or_insert((boot_ns, exit.status));
    }

    /// Gives a thread of a process a new name.
    pub(super) fn rename(&mut self, index: ProcessIndex, rename: &Rename, ledger: &mut Ledger) {
        let Some(process) = self.list.get_mut(index.position()) else {
            return;
        };
        if process.names.len() < NAMES_LIMIT {
            process.add_name(&rename.to, &mut self.pool);
        } else if !process.names.iter().any(|known| **known == *rename.to) {
            ledger.truncated(Truncation::Names);
        }
        if rename.tid == process.id.pid {
            process.comm = self.pool.bytes(&rename.to);
        }
    }

    fn add(&mut self, process: Process) -> ProcessIndex {
        let id = process.id;
        let index = index_at(self.list.push(process));
        self.by_id.insert(id, index);
        index
    }
}

/// Finds the privilege that an exec gains, while the process still has its former program.
fn gain(process: &Process, exec: &Exec) -> Option<Gain> {
    const SET_USER: u32 = 0o4000;
    let (lineage, file) = (exec.lineage.as_ref()?, exec.identity.as_ref()?);
    let from = lineage.real_user;
    let is_set_user = file.mode & SET_USER != 0 && file.owner == process.user;
    let has_gained = is_set_user && from != process.user || exec.capabilities != 0 && from != 0;
    has_gained.then(|| Gain {
        from,
        to: process.user,
        capabilities: if is_set_user { 0 } else { exec.capabilities },
        caller: Arc::clone(&process.exe),
    })
}

fn index_at(position: usize) -> ProcessIndex {
    ProcessIndex(u32::try_from(position).unwrap_or(u32::MAX))
}
