//! Processes: who they are, where they come from, what became of them.

use std::sync::Arc;

use super::{Doubt, SYSTEM, pool::Pool, units::ActivationIndex};
use crate::event::{Exit, Identity, ProcessId};

/// Names remembered of threads of one process; a program that renames itself all the time is cut
/// here, at some 16 KiB. Names that come with an exec are always remembered. A compiler names a thread
/// after each of its 256 units of code, and that is no reason to call a recording incomplete.
pub(super) const NAMES_LIMIT: usize = 512;

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

impl Because {
    /// Names the parent, as it is now, as the reason.
    pub(super) fn child_of(parent: &Process) -> Because {
        Because::ChildOf(Arc::clone(&parent.comm), parent.id.pid)
    }
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
    /// Makes a process that nothing is known about but its identity and user.
    pub(super) fn new(id: ProcessId, user: u32) -> Process {
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
            tree: SYSTEM.into(),
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

    /// Takes over the program, the place and the tree of the process that forked it.
    pub(super) fn inherit(&mut self, index: ProcessIndex, parent: &Process) {
        self.parent = Some(index);
        self.identity.clone_from(&parent.identity);
        self.identified_as = parent.identified_as;
        self.exe = Arc::clone(&parent.exe);
        self.filename = Arc::clone(&parent.filename);
        self.argv = Arc::clone(&parent.argv);
        self.cwd = Arc::clone(&parent.cwd);
        self.unit.clone_from(&parent.unit);
        self.cgroup = Arc::clone(&parent.cgroup);
        self.activation = parent.activation;
        self.tree = Arc::clone(&parent.tree);
        self.because = Because::child_of(parent);
    }

    /// True if a rule put it into its tree.
    pub(super) fn is_ruled(&self) -> bool {
        matches!(self.because, Because::Rule(_))
    }

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

    pub(super) fn add_name(&mut self, name: &[u8], pool: &mut Pool) {
        if !name.is_empty() && !self.names.iter().any(|known| **known == *name) {
            // Few have a second one, and vectors grow by four.
            self.names.reserve_exact(1);
            self.names.push(pool.bytes(name));
        }
    }

    pub(super) fn add_program_names(&mut self, pool: &mut Pool) {
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

    /// Sets the cgroup. Returns `true` if that is of another unit than before.
    pub(super) fn set_cgroup(&mut self, path: &[u8]) -> bool {
        if *self.cgroup == *path {
            return false;
        }
        self.cgroup = path.into();
        let unit = unit_of(path);
        let is_other = self.unit != unit;
        self.unit = unit;
        is_other
    }

    /// Sets the user that an event shows it with.
    pub(super) fn set_user(&mut self, user: u32) {
        if self.user == user {
            return;
        }
        if !self.former_users.contains(&self.user) {
            self.former_users.push(self.user);
        }
        self.user = user;
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

/// The unit that a cgroup path names: its last component that ends like one.
pub(super) fn unit_of(cgroup: &[u8]) -> Option<Arc<[u8]>> {
    cgroup
        .rsplit(|byte| *byte == b'/')
        .find(|part| part.ends_with(b".service") || part.ends_with(b".scope"))
        .map(Arc::from)
}
