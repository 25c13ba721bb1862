//! Events of processes: begin, change and end.

use super::Identity;

/// A process came to be (`sched_process_fork`). The event's process is the child.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Fork {
    /// The process that called fork; 0 if outside the recorder's PID namespace.
    #[prost(uint32, tag = "1")]
    pub parent_pid: u32,
    /// Start of that process, nanoseconds since boot.
    #[prost(uint64, tag = "2")]
    pub parent_start_ns: u64,
    /// The child's comm.
    #[prost(bytes = "vec", tag = "3")]
    pub comm: Vec<u8>,
}

/// Parent and users of a process at the time of an event (`real_parent`, `cred`, `loginuid`).
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Lineage {
    /// Thread group id of the parent; 0 outside of the recorder's PID namespace.
    #[prost(uint32, tag = "1")]
    pub parent_pid: u32,
    /// When the parent started, in nanoseconds since boot.
    #[prost(uint64, tag = "2")]
    pub parent_start_ns: u64,
    /// Real user id.
    #[prost(uint32, tag = "3")]
    pub real_user: u32,
    /// Login user id (`/proc/PID/loginuid`), where one is set.
    #[prost(uint32, optional, tag = "4")]
    pub login_user: Option<u32>,
}

/// A process became another program (`sched_process_exec`).
#[derive(Clone, PartialEq, prost::Message)]
pub struct Exec {
    /// Path given to execve (`linux_binprm.filename`); for a script, the script.
    #[prost(bytes = "vec", tag = "1")]
    pub filename: Vec<u8>,
    /// Interpreter (`linux_binprm.interp`); for other programs, the same path.
    #[prost(bytes = "vec", tag = "2")]
    pub interpreter: Vec<u8>,
    /// The resolved executable, relative to the root directory of the process.
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
    /// True if arguments are missing at the end.
    #[prost(bool, tag = "7")]
    pub truncated: bool,
    /// The comm that the kernel gave to the process.
    #[prost(bytes = "vec", tag = "8")]
    pub comm: Vec<u8>,
    /// The thread that called exec, if not the leader, by its number in the initial PID namespace;
    /// else 0.
    #[prost(uint32, tag = "9")]
    pub former_tid: u32,
    /// True if the beginning of `exe` or `cwd` is missing: the path has too many components.
    #[prost(bool, tag = "10")]
    pub path_cut: bool,
    /// The file behind the executable, and the view that its path belongs to.
    #[prost(message, optional, boxed, tag = "11")]
    pub identity: Option<Box<Identity>>,
    /// Parent and users under the new program.
    #[prost(message, optional, boxed, tag = "12")]
    pub lineage: Option<Box<Lineage>>,
    /// Capabilities that the file gave (`cred.cap_permitted` without the ambient ones), as bits.
    #[prost(uint64, tag = "13")]
    pub capabilities: u64,
    /// The root directory (`/proc/PID/root`, soon after the exec), where it is not the recorder's
    /// and could be read. A container's is its own mount, which reads as `/` and is left out.
    #[prost(bytes = "vec", tag = "14")]
    pub root_directory: Vec<u8>,
}

/// A call of execve(2) or execveat(2) failed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExecFailed {
    /// The file name of the call; empty if it could not be read.
    #[prost(bytes = "vec", tag = "1")]
    pub filename: Vec<u8>,
    /// The arguments, as far as captured: 64 of them, 511 bytes each, some 3,500 together.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub argv: Vec<Vec<u8>>,
    /// Set when arguments are missing or cut.
    #[prost(bool, tag = "3")]
    pub truncated: bool,
    /// errno.
    #[prost(uint32, tag = "4")]
    pub error: u32,
}

/// The last thread of a process ended (`sched_process_exit`).
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Exit {
    /// As `wait(2)` reports it.
    #[prost(uint32, tag = "1")]
    pub status: u32,
    /// Parent and users at the end.
    #[prost(message, optional, tag = "2")]
    pub lineage: Option<Lineage>,
}

impl Exit {
    /// An exit with this status, of a process whose lineage is not known.
    pub fn of(status: u32) -> Exit {
        Exit {
            status,
            lineage: None,
        }
    }

    /// Returns the signal that ended the process, if any.
    pub fn signal(&self) -> Option<u32> {
        match self.status & 0x7f {
            0 => None,
            signal => Some(signal),
        }
    }

    /// Returns the exit code; meaningless after a signal.
    pub fn code(&self) -> u32 {
        (self.status >> 8) & 0xff
    }
}

/// A thread changed its comm (`task_rename`).
#[derive(Clone, PartialEq, prost::Message)]
pub struct Rename {
    /// The thread; the leader if equal to the pid.
    #[prost(uint32, tag = "1")]
    pub tid: u32,
    /// Before.
    #[prost(bytes = "vec", tag = "2")]
    pub from: Vec<u8>,
    /// After.
    #[prost(bytes = "vec", tag = "3")]
    pub to: Vec<u8>,
    /// Parent and users of the process.
    #[prost(message, optional, tag = "4")]
    pub lineage: Option<Lineage>,
}

/// A process was moved to a cgroup (`cgroup_attach_task`). Children begin in the cgroup of their
/// parent. The hierarchy is the unified one, or systemd's on a host without it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Cgroup {
    /// The path from the root of the hierarchy.
    #[prost(bytes = "vec", tag = "1")]
    pub path: Vec<u8>,
}

/// A process got other user ids without an exec (`commit_creds`). The user of the event is the new
/// effective one.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct UserChanged {
    /// Real user id.
    #[prost(uint32, tag = "1")]
    pub real_user: u32,
    /// Set when /proc showed it at the end of the recording: the time of the change is unknown.
    #[prost(bool, tag = "2")]
    pub at_end: bool,
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
    /// Path of its cgroup, as in [`Cgroup`].
    #[prost(bytes = "vec", tag = "8")]
    pub cgroup: Vec<u8>,
    /// True if arguments are missing at the end.
    #[prost(bool, tag = "9")]
    pub truncated: bool,
    /// The file behind the executable, and the view that its path belongs to; absent for a kernel
    /// thread.
    #[prost(message, optional, tag = "10")]
    pub identity: Option<Identity>,
    /// Real user id.
    #[prost(uint32, optional, tag = "11")]
    pub real_user: Option<u32>,
    /// Login user id, where one is set.
    #[prost(uint32, optional, tag = "12")]
    pub login_user: Option<u32>,
    /// The root directory, as in [`Exec`].
    #[prost(bytes = "vec", tag = "13")]
    pub root_directory: Vec<u8>,
}

/// The name of a container, as a file of its manager has it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ContainerNamed {
    /// Its id: 64 hexadecimal digits.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Its name; empty if unknown.
    #[prost(bytes = "vec", tag = "2")]
    pub name: Vec<u8>,
    /// Its image; empty if unknown.
    #[prost(bytes = "vec", tag = "3")]
    pub image: Vec<u8>,
    /// The manager whose file it is.
    #[prost(string, tag = "4")]
    pub manager: String,
}

/// The name of a user id, as of the first process with that user.
#[derive(Clone, PartialEq, prost::Message)]
pub struct UserNamed {
    /// The id.
    #[prost(uint32, tag = "1")]
    pub user: u32,
    /// The name.
    #[prost(bytes = "vec", tag = "2")]
    pub name: Vec<u8>,
}
