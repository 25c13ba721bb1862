//! Declares the events: everything that can be in a trace. It neither stores nor interprets them.
//!
//! Every fact that is not deterministic is an event: records of the kernel, pre-existing processes,
//! names of users, the end of the command, losses. So a view is a function of the events alone.
//!
//! Each kind is a protobuf message. Old readers skip unknown kinds, and new readers read old
//! traces.

#[cfg(feature = "capture")]
mod assemble;
mod carried;
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
pub use assemble::{Assembler, Decoded, Identified, Malformed, Payload, PeerCounts, Seen};
pub use carried::{
    Carried, CarriedActivation, CarriedConnection, CarriedEnd, CarriedJob, CarriedListener,
    CarriedLookup, CarriedName, CarriedProcess, CarriedReason, CarriedRequest, CarriedUnit,
    CarriedWriter, Party, SegmentsDeleted,
};
pub use changed::{
    Author, Compared, Difference, ElsewhereFile, Existence, FileDifference, FileState,
    FilesCompared, FilesElsewhere, FoldedDirectory, PackageOrigin, Subject,
};
pub use connection::{
    Close, Connect, ConnectFailed, Counted, Established, Held, Inbound, Listen, Protocol, Shutdown,
    SnapshotSocket, SocketOpened, SocketState, Sockets, UnixConnect,
};
pub use file::{FileAction, FileEvent, FileHashed, FileIdentity, JOB_DIGEST_BYTES, NativeCode};
pub use identity::{Identity, View};
pub use kind::{EventKind, KindGroup, KindRow};
pub use naming::{
    Dns, DnsAnswer, Hosts, HostsEntry, HttpAnswer, HttpRequest, TlsHello, Unreadable,
};
pub use process::{
    Cgroup, ContainerNamed, Exec, ExecFailed, Exit, Fork, Lineage, Rename, Snapshot,
    SnapshotProcess, UserChanged, UserNamed,
};
pub use recording::{CommandEnded, CommandStarted, End, EndReason, KernelLog, Lost, UnitFollowed};
pub use tagged::{AddressTag, AddressTagged};
pub use unit::{LoadedUnit, Unit, UnitAction, Units};

/// Identity of a process. The system reuses process ids, but not with the same start time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId {
    /// Thread group id in the recorder's PID namespace; 0 for an event without a process.
    pub pid: u32,
    /// Nanoseconds from boot to its start (`task_struct.start_boottime` of its leader). /proc gives
    /// it in hundredths of a second only.
    pub start_ns: u64,
}

impl fmt::Display for ProcessId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.pid)
    }
}

/// One fact with its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Nanoseconds since boot, suspend included (`CLOCK_BOOTTIME`).
    pub boot_ns: u64,
    /// The process of the event: of a fork the child, of a connection its owner.
    pub process: ProcessId,
    /// Effective user id of that process at that time.
    pub user: u32,
    /// The fact.
    pub kind: EventKind,
}

impl Event {
    /// Makes an event without a process.
    pub fn of_recording(boot_ns: u64, kind: EventKind) -> Event {
        Event {
            boot_ns,
            process: ProcessId::default(),
            user: 0,
            kind,
        }
    }
}
