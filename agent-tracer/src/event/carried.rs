//! Declares what a segment of a long recording knows from the segments before it. What is alive is
//! carried over, with the reasons that its ancestors gave.

use std::net::{IpAddr, SocketAddr};

use super::{SnapshotProcess, SocketState, connection::endpoint};

/// Ends the opening of a later segment: all before it repeats facts of the segment before, as the
/// recorder's model had them after the last event there.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Carried {
    /// Those of the snapshot in its order, then others that ended, and that something refers to.
    #[prost(message, repeated, tag = "1")]
    pub processes: Vec<CarriedProcess>,
    /// Open connections, by number.
    #[prost(message, repeated, tag = "2")]
    pub connections: Vec<CarriedConnection>,
    /// Open listeners, by number.
    #[prost(message, repeated, tag = "3")]
    pub listeners: Vec<CarriedListener>,
    /// Units with a known reason for their processes, by name.
    #[prost(message, repeated, tag = "4")]
    pub units: Vec<CarriedUnit>,
    /// Activations that processes and units refer to, by position.
    #[prost(message, repeated, tag = "5")]
    pub activations: Vec<CarriedActivation>,
    /// Files that run later, with their writers.
    #[prost(message, repeated, tag = "6")]
    pub scheduled: Vec<CarriedJob>,
    /// Lookups of names.
    #[prost(message, repeated, tag = "7")]
    pub lookups: Vec<CarriedLookup>,
}

/// A process by its identity; pid 0 for none.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Party {
    /// Thread group id.
    #[prost(uint32, tag = "1")]
    pub pid: u32,
    /// Start, nanoseconds since boot.
    #[prost(uint64, tag = "2")]
    pub start_ns: u64,
}

/// A process, beyond what a snapshot has of it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CarriedProcess {
    /// The process.
    #[prost(message, optional, tag = "1")]
    pub id: Option<Party>,
    /// Name of its tree.
    #[prost(string, tag = "2")]
    pub tree: String,
    /// Kind of the reason for that tree.
    #[prost(enumeration = "CarriedReason", tag = "3")]
    pub reason: i32,
    /// Of that reason: words of the rule, or the name of a process.
    #[prost(bytes = "vec", tag = "4")]
    pub reason_text: Vec<u8>,
    /// Of that reason: the pid of that process.
    #[prost(uint32, tag = "5")]
    pub reason_pid: u32,
    /// Of that reason: the socket that the process asked over.
    #[prost(bytes = "vec", tag = "6")]
    pub reason_path: Vec<u8>,
    /// The process that forked it, with a start if that runs; pid 0 if unknown.
    #[prost(message, optional, tag = "7")]
    pub parent: Option<Party>,
    /// Path given to its last exec; for a script, the script.
    #[prost(bytes = "vec", tag = "8")]
    pub filename: Vec<u8>,
    /// Working directory at its last exec.
    #[prost(bytes = "vec", tag = "9")]
    pub cwd: Vec<u8>,
    /// All names it ever had.
    #[prost(bytes = "vec", repeated, tag = "10")]
    pub names: Vec<Vec<u8>>,
    /// User ids it had before.
    #[prost(uint32, repeated, tag = "11")]
    pub former_users: Vec<u32>,
    /// Its user at the time of its last exec.
    #[prost(uint32, tag = "12")]
    pub identified_as: u32,
    /// The activation it was started for: its place among the carried ones, from 1; 0 for none.
    #[prost(uint32, tag = "13")]
    pub activation: u32,
    /// True once it asked for a connection.
    #[prost(bool, tag = "14")]
    pub has_connected: bool,
    /// What a snapshot has of a process that ended; absent for one that runs.
    #[prost(message, optional, tag = "15")]
    pub ended: Option<CarriedEnd>,
}

/// A process that ended in an earlier segment.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CarriedEnd {
    /// The process in its last state.
    #[prost(message, optional, tag = "1")]
    pub process: Option<SnapshotProcess>,
    /// Time of its end, nanoseconds since boot.
    #[prost(uint64, tag = "2")]
    pub ended_ns: u64,
    /// As `wait(2)` reports it.
    #[prost(uint32, tag = "3")]
    pub status: u32,
}

/// Kinds of reasons for a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum CarriedReason {
    /// A reason of a newer `tracer`, unknown to this one.
    Unknown = 0,
    /// A rule matches.
    Rule = 1,
    /// A rule matched that no longer does.
    FormerRule = 2,
    /// A process of that tree forked it.
    ChildOf = 3,
    /// It is the recorded command.
    Command = 4,
    /// The recording follows it.
    Attached = 5,
    /// It ran before the first segment.
    RanBefore = 6,
    /// systemd started it.
    Unit = 7,
    /// cron started it.
    Job = 8,
    /// Its parent was asked shortly before the fork.
    Asked = 9,
    /// Its fork is missing.
    ForkUnseen = 10,
    /// Its fork is missing, and a later event named its parent.
    ParentSeenLater = 11,
}

/// A name of an address, with its source.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CarriedName {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The source, as in views.
    #[prost(string, tag = "2")]
    pub source: String,
}

/// An open connection.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CarriedConnection {
    /// Its number, which goes on through all segments.
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// Its transport protocol.
    #[prost(enumeration = "super::Protocol", tag = "2")]
    pub protocol: i32,
    /// Its state.
    #[prost(enumeration = "SocketState", tag = "3")]
    pub state: i32,
    /// Its owner.
    #[prost(message, optional, tag = "4")]
    pub owner: Option<Party>,
    /// Local address, 4 or 16 bytes; empty if unknown.
    #[prost(bytes = "vec", tag = "5")]
    pub local_address: Vec<u8>,
    /// Local port.
    #[prost(uint32, tag = "6")]
    pub local_port: u32,
    /// Remote address, 4 or 16 bytes; empty if unknown.
    #[prost(bytes = "vec", tag = "7")]
    pub remote_address: Vec<u8>,
    /// Remote port.
    #[prost(uint32, tag = "8")]
    pub remote_port: u32,
    /// True if the remote end asked for it.
    #[prost(bool, tag = "9")]
    pub is_inbound: bool,
    /// Inode number of its network namespace; 0 for the recorder's, and if unknown.
    #[prost(uint32, tag = "10")]
    pub network_namespace: u32,
    /// Names of the remote end, the most certain first.
    #[prost(message, repeated, tag = "11")]
    pub names: Vec<CarriedName>,
    /// The host that the remote end, a proxy, was asked for; empty if it is none.
    #[prost(string, tag = "12")]
    pub destination_host: String,
    /// The port of that host.
    #[prost(uint32, tag = "13")]
    pub destination_port: u32,
    /// Names of that host.
    #[prost(message, repeated, tag = "14")]
    pub destination_names: Vec<CarriedName>,
    /// True if the remote end is a SOCKS proxy.
    #[prost(bool, tag = "15")]
    pub is_socks: bool,
    /// The URL that was asked for in clear; empty if unknown.
    #[prost(string, tag = "16")]
    pub url: String,
    /// Status of the first HTTP answer; 0 if unknown.
    #[prost(uint32, tag = "17")]
    pub http_status: u32,
    /// True if there is traffic from when its owner was done sending.
    #[prost(bool, tag = "18")]
    pub has_bytes: bool,
    /// Payload bytes sent until then.
    #[prost(uint64, tag = "19")]
    pub bytes_sent: u64,
    /// Payload bytes received until then.
    #[prost(uint64, tag = "20")]
    pub bytes_received: u64,
}

/// An open listener.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CarriedListener {
    /// As in [`CarriedConnection`].
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// Its protocol.
    #[prost(enumeration = "super::Protocol", tag = "2")]
    pub protocol: i32,
    /// The process that called listen(2) or bind(2).
    #[prost(message, optional, tag = "3")]
    pub owner: Option<Party>,
    /// Processes that held it, the first of them before others.
    #[prost(message, repeated, tag = "4")]
    pub holders: Vec<Party>,
    /// Local address, 4 or 16 bytes; empty if unknown.
    #[prost(bytes = "vec", tag = "5")]
    pub local_address: Vec<u8>,
    /// Local port.
    #[prost(uint32, tag = "6")]
    pub local_port: u32,
    /// Of UDP: true if it asked for any port.
    #[prost(bool, tag = "7")]
    pub any_port: bool,
    /// Inode number of its network namespace; 0 for the recorder's, and if unknown.
    #[prost(uint32, tag = "8")]
    pub network_namespace: u32,
}

/// A unit of systemd.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CarriedUnit {
    /// Its name.
    #[prost(bytes = "vec", tag = "1")]
    pub name: Vec<u8>,
    /// The tree of its processes; empty if it has none of its own.
    #[prost(string, tag = "2")]
    pub tree: String,
    /// True if it ran, or was loaded, when the first segment began.
    #[prost(bool, tag = "3")]
    pub is_old: bool,
    /// Other names.
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub aliases: Vec<Vec<u8>>,
    /// Timers, sockets and path units that start it.
    #[prost(bytes = "vec", repeated, tag = "5")]
    pub triggered_by: Vec<Vec<u8>>,
    /// Units that start this one with them.
    #[prost(bytes = "vec", repeated, tag = "6")]
    pub pulled_in_by: Vec<Vec<u8>>,
    /// Its unit file.
    #[prost(bytes = "vec", tag = "7")]
    pub file: Vec<u8>,
    /// Its current activation, as in [`CarriedProcess`].
    #[prost(uint32, tag = "8")]
    pub current: u32,
    /// Its last activation, likewise.
    #[prost(uint32, tag = "9")]
    pub last: u32,
}

/// The start of processes that PID 1 or cron forked.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CarriedActivation {
    /// The unit; empty for a job of cron.
    #[prost(bytes = "vec", tag = "1")]
    pub unit: Vec<u8>,
    /// Time of its begin, nanoseconds since boot.
    #[prost(uint64, tag = "2")]
    pub opened_ns: u64,
    /// True if systemd reported a job for it.
    #[prost(bool, tag = "3")]
    pub has_job: bool,
    /// True if systemd started it again, after the cause below.
    #[prost(bool, tag = "4")]
    pub is_again: bool,
    /// The request behind it.
    #[prost(message, optional, tag = "5")]
    pub request: Option<CarriedRequest>,
    /// The unit that triggers it; empty if none.
    #[prost(bytes = "vec", tag = "6")]
    pub trigger: Vec<u8>,
    /// The writer of the trigger's, the unit's or the job's file.
    #[prost(message, optional, tag = "7")]
    pub writer: Option<CarriedWriter>,
}

/// A request to systemd.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CarriedRequest {
    /// The process that made it.
    #[prost(message, optional, tag = "1")]
    pub by: Option<Party>,
    /// Its words.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub words: Vec<Vec<u8>>,
    /// The units that it names.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub units: Vec<Vec<u8>>,
    /// Its time, nanoseconds since boot.
    #[prost(uint64, tag = "4")]
    pub asked_ns: u64,
}

/// The writer of a file.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CarriedWriter {
    /// The process.
    #[prost(message, optional, tag = "1")]
    pub by: Option<Party>,
    /// Its name at that time.
    #[prost(bytes = "vec", tag = "2")]
    pub name: Vec<u8>,
    /// The file.
    #[prost(bytes = "vec", tag = "3")]
    pub path: Vec<u8>,
}

/// A unit file, a table of cron or one of its jobs.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CarriedJob {
    /// The digest of a job; empty for a file.
    #[prost(bytes = "vec", tag = "1")]
    pub digest: Vec<u8>,
    /// The writer of the file.
    #[prost(message, optional, tag = "2")]
    pub writer: Option<CarriedWriter>,
}

/// A name that led to an address.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CarriedLookup {
    /// The address, 4 or 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub address: Vec<u8>,
    /// The name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// The process that asked, if it runs.
    #[prost(message, optional, tag = "3")]
    pub asker: Option<Party>,
    /// Time of the answer, nanoseconds since boot.
    #[prost(uint64, tag = "4")]
    pub answered_ns: u64,
}

/// The recorder deleted old segments of its host to keep within a limit.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SegmentsDeleted {
    /// Count of the segments.
    #[prost(uint64, tag = "1")]
    pub count: u64,
    /// Bytes of these files.
    #[prost(uint64, tag = "2")]
    pub bytes: u64,
    /// Names of the files, in the order of their times; at most a hundred.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub names: Vec<Vec<u8>>,
    /// Begin of the oldest one, seconds since 1970.
    #[prost(int64, tag = "4")]
    pub first_s: i64,
    /// Begin of the newest one, likewise.
    #[prost(int64, tag = "5")]
    pub last_s: i64,
    /// The limit that was exceeded, in words.
    #[prost(string, tag = "6")]
    pub limit: String,
}

impl CarriedConnection {
    /// Returns the local end, or `None` where it is unknown.
    pub fn local(&self) -> Option<SocketAddr> {
        endpoint(&self.local_address, self.local_port)
    }

    /// Returns the remote end, or `None` where it is unknown.
    pub fn remote(&self) -> Option<SocketAddr> {
        endpoint(&self.remote_address, self.remote_port)
    }
}

impl CarriedListener {
    /// Returns the local end, or `None` where it is unknown.
    pub fn local(&self) -> Option<SocketAddr> {
        endpoint(&self.local_address, self.local_port)
    }
}

impl CarriedLookup {
    /// Returns the address, or `None` where the bytes are none.
    pub fn ip(&self) -> Option<IpAddr> {
        endpoint(&self.address, 0).map(|end| end.ip())
    }
}
