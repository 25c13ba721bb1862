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
pub use file::{File, FileAction, JOB_DIGEST_BYTES};
pub use identity::{Identity, View};
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

/// What can happen. A new kind gets the next free tag; a tag is never used again.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum EventKind {
    /// A process came to be.
    #[prost(message, tag = "10")]
    Fork(Fork),
    /// A process became another program.
    #[prost(message, tag = "11")]
    Exec(Exec),
    /// The last thread of a process ended.
    #[prost(message, tag = "12")]
    Exit(Exit),
    /// A thread changed its comm.
    #[prost(message, tag = "13")]
    Rename(Rename),
    /// A process asked for a connection.
    #[prost(message, tag = "14")]
    Connect(Connect),
    /// The peer answered.
    #[prost(message, tag = "15")]
    Established(Established),
    /// The connection never came to be.
    #[prost(message, tag = "16")]
    ConnectFailed(ConnectFailed),
    /// An established connection ended.
    #[prost(message, tag = "17")]
    Close(Close),
    /// The processes that ran when the recording began.
    #[prost(message, tag = "18")]
    Snapshot(Snapshot),
    /// What a user id is called.
    #[prost(message, tag = "19")]
    UserNamed(UserNamed),
    /// The recorded command is about to run, in the process that this event names.
    #[prost(message, tag = "20")]
    CommandStarted(CommandStarted),
    /// The recorded command ended; its descendants may go on.
    #[prost(message, tag = "21")]
    CommandEnded(CommandEnded),
    /// Events that happened and are not in the trace.
    #[prost(message, tag = "22")]
    Lost(Lost),
    /// A line that the kernel programs logged: something they could not do.
    #[prost(message, tag = "23")]
    KernelLog(KernelLog),
    /// The recording ended well.
    #[prost(message, tag = "24")]
    End(End),
    /// The owner's side of a connection is done sending.
    #[prost(message, tag = "25")]
    Shutdown(Shutdown),
    /// A process was moved to a cgroup.
    #[prost(message, tag = "26")]
    Cgroup(Cgroup),
    /// The units that systemd had loaded when the recording began.
    #[prost(message, tag = "27")]
    Units(Units),
    /// Something happened to a unit.
    #[prost(message, tag = "28")]
    Unit(Unit),
    /// A process changed a file.
    #[prost(message, tag = "29")]
    File(File),
    /// The recording was asked to follow a unit.
    #[prost(message, tag = "30")]
    UnitFollowed(UnitFollowed),
    /// TCP sockets that were there before.
    #[prost(message, tag = "31")]
    Sockets(Sockets),
    /// What an address is called.
    #[prost(message, tag = "32")]
    AddressTagged(AddressTagged),
    /// A process began to listen for TCP connections.
    #[prost(message, tag = "33")]
    Listen(Listen),
    /// A process bound a UDP socket.
    #[prost(message, tag = "34")]
    Bind(Listen),
    /// How many datagrams went to and fro.
    #[prost(message, tag = "35")]
    Counted(Counted),
    /// A DNS server answered.
    #[prost(message, tag = "36")]
    Dns(Dns),
    /// A client began a TLS handshake.
    #[prost(message, tag = "37")]
    TlsHello(TlsHello),
    /// A client sent an HTTP request.
    #[prost(message, tag = "38")]
    HttpRequest(HttpRequest),
    /// /etc/hosts, as it stood.
    #[prost(message, tag = "39")]
    Hosts(Hosts),
    /// Something that was seen and made no sense.
    #[prost(message, tag = "40")]
    Unreadable(Unreadable),
    /// What differs on the machine between the start and the end of the recording.
    #[prost(message, tag = "41")]
    Compared(Compared),
    /// Which files differ.
    #[prost(message, tag = "42")]
    FilesCompared(FilesCompared),
}

impl EventKind {
    /// The name of the kind in filters and in jsonl.
    pub fn name(&self) -> &'static str {
        match self {
            EventKind::Fork(_) => "fork",
            EventKind::Exec(_) => "exec",
            EventKind::Exit(_) => "exit",
            EventKind::Rename(_) => "rename",
            EventKind::Connect(_) => "connect",
            EventKind::Established(_) => "established",
            EventKind::ConnectFailed(_) => "connect_failed",
            EventKind::Close(_) => "close",
            EventKind::Snapshot(_) => "snapshot",
            EventKind::UserNamed(_) => "user_named",
            EventKind::CommandStarted(_) => "command_started",
            EventKind::CommandEnded(_) => "command_ended",
            EventKind::Lost(_) => "lost",
            EventKind::KernelLog(_) => "kernel_log",
            EventKind::End(_) => "end",
            EventKind::Shutdown(_) => "shutdown",
            EventKind::Cgroup(_) => "cgroup",
            EventKind::Units(_) => "units",
            EventKind::Unit(_) => "unit",
            EventKind::File(_) => "file",
            EventKind::UnitFollowed(_) => "unit_followed",
            EventKind::Sockets(_) => "sockets",
            EventKind::AddressTagged(_) => "address_tagged",
            EventKind::Listen(_) => "listen",
            EventKind::Bind(_) => "bind",
            EventKind::Counted(_) => "counted",
            EventKind::Dns(_) => "dns",
            EventKind::TlsHello(_) => "tls_hello",
            EventKind::HttpRequest(_) => "http_request",
            EventKind::Hosts(_) => "hosts",
            EventKind::Unreadable(_) => "unreadable",
            EventKind::Compared(_) => "compared",
            EventKind::FilesCompared(_) => "files_compared",
        }
    }

    /// The connections that it is about.
    pub fn connections(&self) -> impl Iterator<Item = u64> {
        let several: &[SnapshotSocket] = if let EventKind::Sockets(sockets) = self {
            &sockets.sockets
        } else {
            &[]
        };
        let several = several.iter().map(|socket| socket.connection);
        self.connection().into_iter().chain(several)
    }

    /// The one connection that it is about.
    fn connection(&self) -> Option<u64> {
        match self {
            EventKind::Connect(connect) => Some(connect.connection),
            EventKind::Established(established) => Some(established.connection),
            EventKind::ConnectFailed(failed) => Some(failed.connection),
            EventKind::Shutdown(shutdown) => Some(shutdown.connection),
            EventKind::Close(close) => Some(close.connection),
            EventKind::Listen(listen) | EventKind::Bind(listen) => Some(listen.connection),
            EventKind::Counted(counted) => Some(counted.connection),
            EventKind::Dns(dns) => Some(dns.connection),
            EventKind::TlsHello(hello) => Some(hello.connection),
            EventKind::HttpRequest(request) => Some(request.connection),
            EventKind::Unreadable(unreadable) => Some(unreadable.connection),
            EventKind::Fork(_)
            | EventKind::Exec(_)
            | EventKind::Exit(_)
            | EventKind::Rename(_)
            | EventKind::Cgroup(_)
            | EventKind::Snapshot(_)
            | EventKind::UserNamed(_)
            | EventKind::CommandStarted(_)
            | EventKind::CommandEnded(_)
            | EventKind::Lost(_)
            | EventKind::KernelLog(_)
            | EventKind::End(_)
            | EventKind::Units(_)
            | EventKind::Unit(_)
            | EventKind::File(_)
            | EventKind::UnitFollowed(_)
            | EventKind::Sockets(_)
            | EventKind::Hosts(_)
            | EventKind::Compared(_)
            | EventKind::FilesCompared(_)
            | EventKind::AddressTagged(_) => None,
        }
    }

    /// Every name that [`EventKind::name`] gives.
    pub const NAMES: [&'static str; 33] = [
        "fork",
        "exec",
        "exit",
        "rename",
        "cgroup",
        "connect",
        "established",
        "connect_failed",
        "shutdown",
        "close",
        "listen",
        "bind",
        "counted",
        "dns",
        "tls_hello",
        "http_request",
        "unreadable",
        "unit",
        "file",
        "snapshot",
        "units",
        "sockets",
        "hosts",
        "compared",
        "files_compared",
        "address_tagged",
        "user_named",
        "command_started",
        "command_ended",
        "unit_followed",
        "lost",
        "kernel_log",
        "end",
    ];
}
