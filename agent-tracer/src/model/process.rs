//! Describes a process: identity, origin, program, tree and end.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, LazyLock},
};

use foldhash::fast::RandomState;

use super::{Doubt, SYSTEM, pool::Pool, units::ActivationIndex};
use crate::event::{Exit, Identity, Lineage, ProcessId};

/// Limit of names kept for the threads of one process, at some 16 KiB. Names that come with an exec
/// are always kept.
///
/// A compiler names a thread after each of its 256 units of code. It stays below the limit, so its
/// recording counts as complete.
pub(super) const NAMES_LIMIT: usize = 512;

/// Name of the tree that a process is in at first, made once.
static FIRST_TREE: LazyLock<Arc<str>> = LazyLock::new(|| SYSTEM.into());

/// An unknown program, made once.
static NO_PROGRAM: LazyLock<Arc<Program>> = LazyLock::new(Arc::default);

/// No arguments, made once.
static NO_ARGUMENTS: LazyLock<Arc<[Vec<u8>]>> = LazyLock::new(Arc::default);

/// Position of a process in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessIndex(pub(super) u32);

impl ProcessIndex {
    /// Returns the position as a number, for tables beside the model.
    pub fn position(self) -> usize {
        self.0 as usize
    }
}

/// The processes that stand for others, by those that they stand for.
pub(super) type StandIns = HashMap<ProcessIndex, ProcessIndex, RandomState>;

/// First sources of facts about a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The snapshot: it is pre-existing.
    Snapshot,
    /// Its fork event.
    Fork,
    /// Another event: its fork is missing.
    Unseen,
}

/// Reasons for the tree of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// A rule matched: the rule in words.
    Rule(Arc<str>),
    /// A process of that tree forked it: name at that time, and pid.
    ChildOf(Arc<[u8]>, u32),
    /// It is the recorded command.
    Command,
    /// The recording follows it.
    Attached,
    /// It is pre-existing, and no rule matches.
    RanBefore,
    /// systemd started it; see [`super::Model::activation`].
    Unit,
    /// cron started it; see [`super::Model::activation`].
    Job,
    /// Its parent, a daemon, was asked over AF_UNIX shortly before the fork; inferred.
    Asked(Box<Asker>),
    /// Its fork is missing.
    ForkUnseen,
    /// Its fork was not seen, but a later event named its parent: name and pid.
    ParentSeenLater(Arc<[u8]>, u32),
    /// A rule matched that no longer does; which, in words.
    FormerRule(Arc<str>),
}

/// A process that asked a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Its name at that time.
    pub name: Arc<[u8]>,
    /// Its process id.
    pub pid: u32,
    /// Name of the socket.
    pub path: Arc<[u8]>,
}

/// Privilege that an exec gained from its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gain {
    /// Real user of the caller.
    pub from: u32,
    /// Effective user under the new program.
    pub to: u32,
    /// Capabilities from the file (`security.capability`), as a set of bits; 0 for setuid.
    pub capabilities: u64,
    /// Executable of the same process before the exec.
    pub caller: Arc<[u8]>,
}

impl Because {
    /// Names the parent, as it is now, as the reason.
    pub(super) fn child_of(parent: &Process) -> Because {
        Because::ChildOf(Arc::clone(&parent.comm), parent.id.pid)
    }
}

/// Facts that a fork inherits, and that an exec or a move to another cgroup replaces. Processes
/// share them; a [`Process`] derefs to its own.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Executable, empty for a kernel thread.
    pub exe: Arc<[u8]>,
    /// Path given to the last exec; for a script, the script.
    pub filename: Arc<[u8]>,
    /// Working directory at the last exec.
    pub cwd: Arc<[u8]>,
    /// Root directory at its last exec, where it is not the recorder's and known.
    pub root_directory: Arc<[u8]>,
    /// Identity of the file of its executable, if known.
    pub identity: Option<Arc<Identity>>,
    /// Path of its cgroup, in the hierarchy of units; empty if unknown.
    pub cgroup: Arc<[u8]>,
    /// systemd unit, if known.
    pub unit: Option<Arc<[u8]>>,
}

/// One process, in its latest state. A trace has hundreds of thousands.
#[derive(Clone, Debug)]
pub struct Process {
    /// Identity, as first known.
    pub id: ProcessId,
    pub(super) program: Arc<Program>,
    /// Arguments of the last exec; until then its parent's. Seldom the same for two processes of a
    /// program, which share all else about it.
    pub argv: Arc<[Vec<u8>]>,
    /// Name of its main thread.
    pub comm: Arc<[u8]>,
    /// Name of its tree.
    pub tree: Arc<str>,
    /// Reason for that tree.
    pub because: Because,
    /// All names it ever had: comm of any thread; base names of executable, script and `argv[0]`.
    pub names: Arc<[Arc<[u8]>]>,
    /// The process that forked it.
    pub parent: Option<ProcessIndex>,
    /// Number of that process, which can be known without the process; 0 if unknown.
    pub parent_pid: u32,
    /// Effective user id.
    pub user: u32,
    /// Real user id, where an event has it.
    pub real_user: Option<u32>,
    /// Login user id (`/proc/PID/loginuid`), where one is set and an event has it.
    pub login_user: Option<u32>,
    /// User ids it had before.
    pub former_users: Box<[u32]>,
    /// Privilege that the last exec gained.
    pub gain: Option<Box<Gain>>,
    /// Its user at the time of its identity.
    pub(super) identified_as: u32,
    /// Unproved assumptions of the rule behind that tree.
    pub doubt: Doubt,
    pub(super) activation: Option<ActivationIndex>,
    /// Time of its fork, nanoseconds since boot, if known.
    pub forked_ns: Option<u64>,
    /// Time of the last exec, nanoseconds since boot.
    pub(super) executed_ns: u64,
    /// Count of its execs.
    pub execs: u32,
    /// Time and status of its end.
    pub(super) end: Option<(u64, u32)>,
    /// The first source of facts about it.
    pub origin: Origin,
    /// True once it asked for a connection.
    pub(super) has_connected: bool,
}

impl Deref for Process {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.program
    }
}

/// Returns the id of the container of a cgroup. Container managers name a cgroup after an id of 64
/// hexadecimal digits.
pub fn container_of(cgroup: &[u8]) -> Option<&str> {
    const DIGITS: usize = 64;
    if cgroup.len() < DIGITS {
        return None;
    }
    let id = cgroup
        .split(|byte| !byte.is_ascii_hexdigit())
        .rfind(|part| part.len() == DIGITS)?;
    std::str::from_utf8(id).ok()
}

impl Process {
    /// Makes a process with an identity and a user, and no other known fact.
    pub(super) fn new(id: ProcessId, user: u32) -> Process {
        Process {
            id,
            program: Arc::clone(&NO_PROGRAM),
            argv: Arc::clone(&NO_ARGUMENTS),
            comm: Arc::default(),
            tree: Arc::clone(&FIRST_TREE),
            because: Because::ForkUnseen,
            names: Arc::default(),
            parent: None,
            parent_pid: 0,
            user,
            real_user: None,
            login_user: None,
            former_users: Box::default(),
            gain: None,
            identified_as: user,
            doubt: Doubt::default(),
            activation: None,
            forked_ns: None,
            executed_ns: 0,
            execs: 0,
            end: None,
            origin: Origin::Unseen,
            has_connected: false,
        }
    }

    /// Makes a process as a copy of the one that forks it, with the same program, place, tree and
    /// users behind its own.
    pub(super) fn forked(id: ProcessId, user: u32, index: ProcessIndex, from: &Process) -> Process {
        let mut process = Process::new(id, user);
        process.inherit(index, from);
        Process {
            parent_pid: from.id.pid,
            origin: Origin::Fork,
            comm: Arc::clone(&from.comm),
            real_user: from.real_user,
            login_user: from.login_user,
            ..process
        }
    }

    /// Takes over the program, the place and the tree of the process that forked it.
    pub(super) fn inherit(&mut self, index: ProcessIndex, parent: &Process) {
        self.parent = Some(index);
        self.program = Arc::clone(&parent.program);
        self.argv = Arc::clone(&parent.argv);
        self.identified_as = parent.identified_as;
        self.activation = parent.activation;
        self.tree = Arc::clone(&parent.tree);
        self.because = Because::child_of(parent);
    }

    /// Returns time and status of its end.
    pub fn ended(&self) -> Option<(u64, Exit)> {
        let (boot_ns, status) = self.end?;
        Some((boot_ns, Exit::of(status)))
    }

    /// True if a rule put it into its tree.
    pub(super) fn is_ruled(&self) -> bool {
        matches!(self.because, Because::Rule(_) | Because::FormerRule(_))
    }

    /// Returns the time of its last exec, nanoseconds since boot, if an exec was seen.
    pub fn executed_ns(&self) -> Option<u64> {
        (self.execs > 0).then_some(self.executed_ns)
    }

    /// True if it ran at the end of the recording.
    pub fn is_running(&self) -> bool {
        self.end.is_none()
    }

    /// Returns the id of its container, cut to twelve digits.
    pub fn container(&self) -> Option<&[u8]> {
        const SHOWN: usize = 12;
        self.container_id().map(|id| &id[..SHOWN])
    }

    /// Returns the id of its container.
    pub fn container_id(&self) -> Option<&[u8]> {
        container_of(&self.cgroup).map(str::as_bytes)
    }

    pub(super) fn add_name(&mut self, name: &[u8], pool: &mut Pool) {
        pool.add_names(&mut self.names, [name]);
    }

    pub(super) fn add_program_names(&mut self, pool: &mut Pool) {
        let Program { exe, filename, .. } = &*self.program;
        pool.add_program_names(&mut self.names, [&self.comm, exe, filename]);
        if let Some(first) = self.argv.first() {
            pool.add_names(&mut self.names, [base_name(first)]);
        }
    }

    /// Sets the cgroup. Returns `true` if the unit changed.
    pub(super) fn set_cgroup(&mut self, path: &[u8]) -> bool {
        if *self.cgroup == *path {
            return false;
        }
        let unit = unit_of(path);
        let is_other = self.unit != unit;
        self.program = Arc::new(Program {
            cgroup: path.into(),
            unit,
            ..Program::clone(&self.program)
        });
        is_other
    }

    /// Sets the user, and keeps the former one. Returns `true` if it is another one.
    pub(super) fn set_user(&mut self, user: u32) -> bool {
        if self.user == user {
            return false;
        }
        if !self.former_users.contains(&self.user) {
            let former = self.former_users.iter().chain([&self.user]);
            self.former_users = former.copied().collect();
        }
        self.user = user;
        // Most changes are of both users, and not every event has the real one.
        self.real_user = None;
        true
    }

    /// Notes the users that an event has.
    pub(super) fn note_users(&mut self, lineage: &Lineage) {
        self.real_user = Some(lineage.real_user);
        self.login_user = lineage.login_user.or(self.login_user);
    }

    /// True if its fork was not seen, and nothing else has named its parent.
    pub(super) fn lacks_parent(&self) -> bool {
        self.origin == Origin::Unseen && self.parent.is_none()
    }
}

/// Returns the part behind the last slash.
pub(super) fn base_name(path: &[u8]) -> &[u8] {
    let end = memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1);
    path.get(end..).unwrap_or_default()
}

/// Rounds a start time down to hundredths of a second, as /proc does.
pub(super) fn rounded(start_ns: u64) -> u64 {
    const TICK: u64 = 10_000_000;
    start_ns / TICK * TICK
}

/// Returns the unit of a cgroup path: the last component with the suffix of a unit.
pub(super) fn unit_of(cgroup: &[u8]) -> Option<Arc<[u8]>> {
    cgroup
        .rsplit(|byte| *byte == b'/')
        .find(|part| part.ends_with(b".service") || part.ends_with(b".scope"))
        .map(Arc::from)
}
