//! The event vocabulary: everything that can be in a trace. It neither stores nor interprets events.
//!
//! Whatever is not deterministic is an event: what the kernel said, but also which
//! processes ran before, what a user id was called, when the command ended, what was lost.
//! The picture is then a function of the events alone. Each kind is a protobuf message, so
//! that old readers skip what they do not know and new readers read old traces.

#[cfg(feature = "capture")]
mod assemble;
mod changed;
mod connection;
mod file;
mod identity;
mod kind;
mod naming;
mod process;
mod recording;
mod tagged;
mod unit;

use std::fmt;

#[cfg(feature = "capture")]
pub use assemble::{Assembler, Malformed, Payload, Seen, Told};
pub use changed::{Compared, Difference, FileDifference, FileState, FilesCompared, Subject};
pub use connection::{
    Close, Connect, ConnectFailed, Counted, Established, Listen, Protocol, Shutdown,
    SnapshotSocket, SocketState, Sockets,
};
pub use file::{FileAction, FileEvent, JOB_DIGEST_BYTES};
pub use identity::{Identity, View};
pub use kind::{EventKind, KindGroup, KindRow};
pub use naming::{Dns, DnsAnswer, Hosts, HostsEntry, HttpRequest, TlsHello, Unreadable};
pub use process::{Cgroup, Exec, Exit, Fork, Rename, Snapshot, SnapshotProcess, UserNamed};
pub use recording::{CommandEnded, CommandStarted, End, EndReason, KernelLog, Lost, UnitFollowed};
pub use tagged::{AddressTag, AddressTagged};
pub use unit::{LoadedUnit, Unit, UnitAction, Units};

/// Identity of a process. Process ids are reused, start times are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId {
    /// Thread group id in the recorder's PID namespace; 0 where an event has no process.
    pub pid: u32,
    /// Nanoseconds from boot to its start (`task_struct.start_boottime` of its leader).
    /// From /proc it is known to a hundredth of a second only.
    pub start_ns: u64,
}

impl fmt::Display for ProcessId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.pid)
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Nanoseconds since boot, suspend included (`CLOCK_BOOTTIME`).
    pub boot_ns: u64,
    /// The process it is about: for a fork the child, for a connection its owner.
    pub process: ProcessId,
    /// Effective user id of that process at that time.
    pub user: u32,
    /// What happened.
    pub kind: EventKind,
}

impl Event {
    /// An event that is about no process.
    pub fn of_recording(boot_ns: u64, kind: EventKind) -> Event {
        Event {
            boot_ns,
            process: ProcessId::default(),
            user: 0,
            kind,
        }
    }
}
