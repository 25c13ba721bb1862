//! Processes: who they are, where they come from, what became of them.

use std::sync::Arc;

use super::{Doubt, Model, activation::ActivationIndex, ledger::Truncation, pool::Pool};
use crate::event::{Event, Exec, Exit, Fork, Identity, ProcessId, Rename, Snapshot};

/// Names remembered of threads of one process; a program that renames itself all the time is cut
/// here, at some 16 KiB. Names that come with an exec are always remembered. A compiler names a thread
/// after each of its 256 units of code, and that is no reason to call a recording incomplete.
const NAMES_LIMIT: usize = 512;

/// Position of a process in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessIndex(pub(super) u32);

impl ProcessIndex {
    /// The position as a number, for tables beside the model.
    pub fn position(self) -> usize {
        self.0 as usize
    }
}

/// How a process became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It ran before the recording.
    Snapshot,
    /// Its fork was seen.
    Fork,
    /// Neither: its fork is missing.
    Unseen,
}

/// Why a process is in its tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// A rule matched; which, in words.
    Rule(Arc<str>),
    /// It was forked by a process of that tree: its name and pid at that time.
    ChildOf(Arc<[u8]>, u32),
    /// It is the recorded command.
    Command,
    /// The recording was asked to follow it.
    Attached,
    /// It ran before the recording and no rule matches.
    RanBefore,
    /// systemd started it; see [`Model::activation`].
    Unit,
    /// cron started it; see [`Model::activation`].
    Job,
    /// Its fork was not seen.
    ForkUnseen,
}

/// One process, in its latest state.
#[derive(Clone, Debug)]
pub struct Process {
    /// Identity, as it was first known.
    pub id: ProcessId,
    /// The process that forked it.
    pub parent: Option<ProcessIndex>,
    /// The number of that process, known even where the process is not; 0 if neither is.
    pub parent_pid: u32,
    /// How it became known.
    pub origin: Origin,
    /// Name of its main thread.
    pub comm: Arc<[u8]>,
    /// Executable, empty for a kernel thread.
    pub exe: Arc<[u8]>,
    /// What the last exec asked for; for a script the script.
    pub filename: Arc<[u8]>,
    /// Arguments of the last exec; until then its parent's.
    pub argv: Arc<[Vec<u8>]>,
    /// Working directory at the last exec.
    pub cwd: Arc<[u8]>,
    /// Effective user id.
    pub user: u32,
    /// User ids it had before.
    pub former_users: Vec<u32>,
    /// Path of its cgroup, in the hierarchy of units; empty where not known.
    pub cgroup: Arc<[u8]>,
    /// systemd unit, where known.
    pub unit: Option<Arc<[u8]>>,
    /// Name of its tree.
    pub tree: Arc<str>,
    /// Why it is in that tree.
    pub because: Because,
    /// What a rule that put it there took for granted.
    pub doubt: Doubt,
    /// Which file its executable is; none where that is not known.
    pub identity: Option<Arc<Identity>>,
    /// Its user when that was found out.
    pub(super) identified_as: u32,
    pub(super) activation: Option<ActivationIndex>,
    /// Whether it has asked for a connection.
    pub(super) has_connected: bool,
    /// Its fork, in nanoseconds since boot, where it was seen.
    pub forked_ns: Option<u64>,
    /// How often it became another program.
    pub execs: u32,
    /// When it last did, nanoseconds since boot.
    pub(super) executed_ns: u64,
    /// When and how it ended.
    pub ended: Option<(u64, Exit)>,
    /// Every name it ever had: comm of any thread, base names of executable, script and `argv[0]`.
    pub names: Vec<Arc<[u8]>>,
}

impl Process {
    /// Whether it ran at the end of the recording.
    pub fn is_running(&self) -> bool {
        self.ended.is_none()
    }

    /// The container that its cgroup is of: what container managers name a cgroup after is 64 hexadecimal
    /// digits, of which twelve are enough to tell containers apart.
    pub fn container(&self) -> Option<&[u8]> {
        const DIGITS: usize = 64;
        const SHOWN: usize = 12;
        self.cgroup
            .split(|byte| !byte.is_ascii_hexdigit())
            .rfind(|part| part.len() == DIGITS)
            .map(|part| &part[..SHOWN])
    }

    fn add_name(&mut self, name: &[u8], pool: &mut Pool) {
        if !name.is_empty() && !self.names.iter().any(|known| **known == *name) {
            // Few have a second one, and vectors grow by four.
            self.names.reserve_exact(1);
            self.names.push(pool.bytes(name));
        }
    }

    fn add_program_names(&mut self, pool: &mut Pool) {
        let comm = Arc::clone(&self.comm);
        let (exe, filename) = (Arc::clone(&self.exe), Arc::clone(&self.filename));
        let argv = Arc::clone(&self.argv);
        self.add_name(&comm, pool);
        self.add_name(base_name(&exe), pool);
        self.add_name(base_name(&filename), pool);
        if let Some(first) = argv.first() {
            self.add_name(base_name(first), pool);
        }
    }

    /// Notes the user that an event shows it with; whether that is a change.
    fn set_user(&mut self, user: u32) -> bool {
        if self.user == user {
            return false;
        }
        if !self.former_users.contains(&self.user) {
            self.former_users.push(self.user);
        }
        self.user = user;
        true
    }
}

/// What follows the last slash.
pub(super) fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// A start time as /proc shows it: in hundredths of a second, rounded down.
pub(super) fn rounded(start_ns: u64) -> u64 {
    const TICK: u64 = 10_000_000;
    start_ns / TICK * TICK
}

impl Model {
    pub(super) fn snapshot(&mut self, snapshot: &Snapshot) {
        let first = self.processes.len();
        for seen in &snapshot.processes {
            let id = ProcessId {
                pid: seen.pid,
                start_ns: seen.start_ns,
            };
            let exe = self.pool.bytes(&seen.exe);
            let mut process = Process {
                id,
                parent: None,
                parent_pid: seen.parent_pid,
                origin: Origin::Snapshot,
                comm: self.pool.bytes(&seen.comm),
                filename: Arc::clone(&exe),
                exe,
                argv: self.pool.arguments(&seen.argv),
                cwd: Arc::default(),
                user: seen.user,
                former_users: Vec::new(),
                unit: unit_of(&seen.cgroup),
                cgroup: self.pool.bytes(&seen.cgroup),
                tree: super::SYSTEM.into(),
                because: Because::RanBefore,
                doubt: Doubt::default(),
                identity: seen.identity.map(|identity| self.pool.identity(identity)),
                identified_as: seen.user,
                activation: None,
                has_connected: false,
                forked_ns: None,
                execs: 0,
                executed_ns: 0,
                ended: None,
                names: Vec::new(),
            };
            process.add_program_names(&mut self.pool);
            self.add(process);
            if seen.truncated {
                self.ledger.truncated(Truncation::Arguments);
            }
        }
        // Only now is every parent there. Lower numbers are not always older.
        for position in first..self.processes.len() {
            let parent_pid = self.processes[position].parent_pid;
            let parent = snapshot
                .processes
                .binary_search_by_key(&parent_pid, |seen| seen.pid)
                .ok()
                .and_then(|found| u32::try_from(first + found).ok())
                .map(ProcessIndex);
            if let (Some(parent), Ok(child)) = (parent, u32::try_from(position)) {
                self.adopt(ProcessIndex(child), parent);
            }
        }
        self.note_units(first);
        self.attribute_snapshot(first);
    }

    pub(super) fn fork(&mut self, event: &Event, fork: &Fork) {
        let parent_id = ProcessId {
            pid: fork.parent_pid,
            start_ns: fork.parent_start_ns,
        };
        let parent = (parent_id.pid != 0).then(|| self.known(parent_id, event.user));
        let mut process = self.unseen(event.process, event.user);
        process.origin = Origin::Fork;
        process.comm = self.pool.bytes(&fork.comm);
        process.forked_ns = Some(event.boot_ns);
        process.parent_pid = fork.parent_pid;
        if let Some(parent) = parent {
            let parent_process = self.process(parent);
            process.parent = Some(parent);
            process.identity.clone_from(&parent_process.identity);
            process.identified_as = parent_process.identified_as;
            process.exe = Arc::clone(&parent_process.exe);
            process.filename = Arc::clone(&parent_process.filename);
            process.argv = Arc::clone(&parent_process.argv);
            process.cwd = Arc::clone(&parent_process.cwd);
            process.unit = parent_process.unit.clone();
            process.cgroup = Arc::clone(&parent_process.cgroup);
            process.activation = parent_process.activation;
            process.tree = Arc::clone(&parent_process.tree);
            process.because =
                Because::ChildOf(Arc::clone(&parent_process.comm), parent_process.id.pid);
        }
        process.add_program_names(&mut self.pool);
        match self.find(event.process) {
            // Forked while the snapshot was taken, which then saw it too.
            Some(index) => {
                self.processes[index.0 as usize].parent = None;
                if let Some(parent) = process.parent {
                    self.adopt(index, parent);
                }
                let seen = &mut self.processes[index.0 as usize];
                seen.parent_pid = process.parent_pid;
                seen.forked_ns = process.forked_ns;
                if !matches!(seen.because, Because::Rule(_)) {
                    seen.tree = process.tree;
                    seen.because = process.because;
                }
                self.by_id.insert(event.process, index);
            }
            None => {
                self.add(process);
            }
        }
    }

    /// Notes the parent of a process, unless it descends from that process: a snapshot is not
    /// taken at one instant, and a trace may be forged. So no lineage is a circle.
    fn adopt(&mut self, child: ProcessIndex, parent: ProcessIndex) {
        let above = |index: &ProcessIndex| self.process(*index).parent;
        if !std::iter::successors(Some(parent), above).any(|index| index == child) {
            self.processes[child.0 as usize].parent = Some(parent);
        }
    }

    pub(super) fn exec(&mut self, event: &Event, exec: &Exec) {
        let index = self.known(event.process, event.user);
        self.note_former_program(index);
        let process = &mut self.processes[index.0 as usize];
        process.comm = self.pool.bytes(&exec.comm);
        process.exe = self.pool.bytes(match exec.exe.is_empty() {
            true => &exec.filename,
            false => &exec.exe,
        });
        process.filename = self.pool.bytes(&exec.filename);
        process.argv = self.pool.arguments(&exec.argv);
        process.cwd = self.pool.bytes(&exec.cwd);
        let identity = exec.identity.map(|identity| self.pool.identity(identity));
        process.identify(identity);
        process.execs += 1;
        process.executed_ns = event.boot_ns;
        process.add_program_names(&mut self.pool);
        if exec.truncated {
            self.ledger.truncated(Truncation::Arguments);
        }
        if exec.path_cut {
            self.ledger.truncated(Truncation::Path);
        }
        self.note_job(index, event, exec);
        self.attribute(index);
        self.note_request(index, event.boot_ns);
    }

    pub(super) fn exit(&mut self, event: &Event, exit: Exit) {
        let index = self.known(event.process, event.user);
        let process = &mut self.processes[index.0 as usize];
        if process.ended.is_none() {
            process.ended = Some((event.boot_ns, exit));
        }
    }

    /// Its parent, the recorder, knows how the command ended even where its exit event was lost.
    pub(super) fn command_is_over(&mut self, boot_ns: u64, status: Option<u32>) {
        if let (Some(index), Some(status)) = (self.command, status) {
            let ended = &mut self.processes[index.0 as usize].ended;
            ended.get_or_insert((boot_ns, Exit { status }));
        }
    }

    pub(super) fn rename(&mut self, event: &Event, rename: &Rename) {
        let index = self.known(event.process, event.user);
        let process = &mut self.processes[index.0 as usize];
        if process.names.len() < NAMES_LIMIT {
            process.add_name(&rename.to, &mut self.pool);
        } else if !process.names.iter().any(|known| **known == *rename.to) {
            self.ledger.truncated(Truncation::Names);
        }
        let process = &mut self.processes[index.0 as usize];
        if rename.tid == process.id.pid {
            process.comm = self.pool.bytes(&rename.to);
        }
    }

    /// The process that an event names, which is made up where it was not known.
    pub(super) fn known(&mut self, id: ProcessId, user: u32) -> ProcessIndex {
        let Some(index) = self.find(id) else {
            let mut process = self.unseen(id, user);
            // Hooks are live before the first event is written down. What started before that and
            // is not in the snapshot ended while it was taken: no fork is missing.
            if self.first_ns.is_some_and(|first| id.start_ns < first) {
                process.because = Because::RanBefore;
            } else {
                self.ledger.unseen_fork();
            }
            return self.add(process);
        };
        self.by_id.entry(id).or_insert(index);
        let process = &mut self.processes[index.0 as usize];
        process.set_user(user);
        index
    }

    fn unseen(&self, id: ProcessId, user: u32) -> Process {
        Process {
            id,
            parent: None,
            parent_pid: 0,
            origin: Origin::Unseen,
            comm: Arc::default(),
            exe: Arc::default(),
            filename: Arc::default(),
            argv: Arc::default(),
            cwd: Arc::default(),
            user,
            former_users: Vec::new(),
            cgroup: Arc::default(),
            unit: None,
            tree: super::SYSTEM.into(),
            because: Because::ForkUnseen,
            doubt: Doubt::default(),
            identity: None,
            identified_as: user,
            activation: None,
            has_connected: false,
            forked_ns: None,
            execs: 0,
            executed_ns: 0,
            ended: None,
            names: Vec::new(),
        }
    }

    fn add(&mut self, process: Process) -> ProcessIndex {
        let index = ProcessIndex(u32::try_from(self.processes.len()).unwrap_or(u32::MAX));
        self.by_id.insert(process.id, index);
        self.processes.push(process);
        index
    }
}

/// The unit that a cgroup path names: its last component that ends like one.
pub(super) fn unit_of(cgroup: &[u8]) -> Option<Arc<[u8]>> {
    cgroup
        .rsplit(|byte| *byte == b'/')
        .find(|part| part.ends_with(b".service") || part.ends_with(b".scope"))
        .map(Arc::from)
}
