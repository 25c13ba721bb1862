//! Events of processes: they come, change and go.

use super::Identity;

/// A process came to be (`sched_process_fork`). The event's process is the child.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Fork {
    /// The process that called fork; 0 when it is outside of the recorder's PID namespace.
    #[prost(uint32, tag = "1")]
    pub parent_pid: u32,
    /// When that process started, in nanoseconds since boot.
    #[prost(uint64, tag = "2")]
    pub parent_start_ns: u64,
    /// The child's comm.
    #[prost(bytes = "vec", tag = "3")]
    pub comm: Vec<u8>,
}

/// A process became another program (`sched_process_exec`).
#[derive(Clone, PartialEq, prost::Message)]
pub struct Exec {
    /// What was asked for: `linux_binprm.filename`, for a script the script.
    #[prost(bytes = "vec", tag = "1")]
    pub filename: Vec<u8>,
    /// What runs it: `linux_binprm.interp`, the same as the file name unless that is a script.
    #[prost(bytes = "vec", tag = "2")]
    pub interpreter: Vec<u8>,
    /// The executable, resolved, as seen from the root directory of the process.
    #[prost(bytes = "vec", tag = "3")]
    pub exe: Vec<u8>,
    /// The working directory, likewise.
    #[prost(bytes = "vec", tag = "4")]
    pub cwd: Vec<u8>,
    /// The arguments, as far as captured.
    #[prost(bytes = "vec", repeated, tag = "5")]
    pub argv: Vec<Vec<u8>>,
    /// Size of all arguments with their NULs, captured or not.
    #[prost(uint64, tag = "6")]
    pub argv_bytes: u64,
    /// Whether arguments are missing at the end.
    #[prost(bool, tag = "7")]
    pub truncated: bool,
    /// The comm that the kernel gave to the process.
    #[prost(bytes = "vec", tag = "8")]
    pub comm: Vec<u8>,
    /// The thread that called exec where that was not the leader, as numbered in the initial PID
    /// namespace; else 0.
    #[prost(uint32, tag = "9")]
    pub former_tid: u32,
    /// Whether `exe` or `cwd` lack their beginning, being nested deeper than is walked.
    #[prost(bool, tag = "10")]
    pub path_cut: bool,
    /// Which file the executable is, and whose view its path is of.
    #[prost(message, optional, tag = "11")]
    pub identity: Option<Identity>,
}

/// The last thread of a process ended (`sched_process_exit`).
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Exit {
    /// As `wait(2)` reports it.
    #[prost(uint32, tag = "1")]
    pub status: u32,
}

impl Exit {
    /// The signal that ended the process, if one did.
    pub fn signal(&self) -> Option<u32> {
        match self.status & 0x7f {
            0 => None,
            signal => Some(signal),
        }
    }

    /// The exit code; meaningless where [`Exit::signal`] is something.
    pub fn code(&self) -> u32 {
        (self.status >> 8) & 0xff
    }
}

/// A thread changed its comm (`task_rename`).
#[derive(Clone, PartialEq, prost::Message)]
pub struct Rename {
    /// The thread; the process itself where it equals the pid.
    #[prost(uint32, tag = "1")]
    pub tid: u32,
    /// Before.
    #[prost(bytes = "vec", tag = "2")]
    pub from: Vec<u8>,
    /// After.
    #[prost(bytes = "vec", tag = "3")]
    pub to: Vec<u8>,
}

/// A process was moved to a cgroup (`cgroup_attach_task`) of the unified hierarchy, or of systemd's on a
/// host without one. Children begin in the cgroup of their parent.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Cgroup {
    /// From the root of the hierarchy.
    #[prost(bytes = "vec", tag = "1")]
    pub path: Vec<u8>,
}

/// The processes that ran when the recording began, read from /proc once the hooks were live.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Snapshot {
    /// In ascending order of pid.
    #[prost(message, repeated, tag = "1")]
    pub processes: Vec<SnapshotProcess>,
}

/// A process as /proc shows it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SnapshotProcess {
    /// Thread group id.
    #[prost(uint32, tag = "1")]
    pub pid: u32,
    /// Start, nanoseconds since boot, a multiple of 10 ms.
    #[prost(uint64, tag = "2")]
    pub start_ns: u64,
    /// Its parent at that time.
    #[prost(uint32, tag = "3")]
    pub parent_pid: u32,
    /// Effective user id.
    #[prost(uint32, tag = "4")]
    pub user: u32,
    /// `/proc/PID/comm`
    #[prost(bytes = "vec", tag = "5")]
    pub comm: Vec<u8>,
    /// `/proc/PID/exe`, empty for a kernel thread.
    #[prost(bytes = "vec", tag = "6")]
    pub exe: Vec<u8>,
    /// `/proc/PID/cmdline`, at most 128 KiB of it.
    #[prost(bytes = "vec", repeated, tag = "7")]
    pub argv: Vec<Vec<u8>>,
    /// Its path in the cgroup2 hierarchy, or in systemd's on a host without one.
    #[prost(bytes = "vec", tag = "8")]
    pub cgroup: Vec<u8>,
    /// Whether arguments are missing at the end.
    #[prost(bool, tag = "9")]
    pub truncated: bool,
    /// Which file the executable is, and whose view its path is of; none for a kernel thread.
    #[prost(message, optional, tag = "10")]
    pub identity: Option<Identity>,
}

/// What a user id is called, as of the first process that had it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct UserNamed {
    /// The id.
    #[prost(uint32, tag = "1")]
    pub user: u32,
    /// The name.
    #[prost(bytes = "vec", tag = "2")]
    pub name: Vec<u8>,
}
