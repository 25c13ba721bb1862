//! Events of the recording itself: its phases, its losses, its end.

/// The recorded command is about to run. The event's process is the one that will run it.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct CommandStarted {
    /// True if it ran before the recording began (`--pid`).
    #[prost(bool, tag = "1")]
    pub attached: bool,
}

/// A unit to follow (`--unit`): the present processes of its cgroup, and all that join it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct UnitFollowed {
    /// Its name, such as `omid.service`.
    #[prost(bytes = "vec", tag = "1")]
    pub unit: Vec<u8>,
}

/// The recorded command ended; its descendants may go on.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct CommandEnded {
    /// As `wait(2)` reports it.
    #[prost(uint32, tag = "1")]
    pub status: u32,
    /// True if the status is known: only its parent learns that of a process.
    #[prost(bool, tag = "2")]
    pub status_known: bool,
}

/// Events that happened, but are missing in the trace.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Lost {
    /// Kind of the events, or `sockets` for connections whose outcome will be missed.
    #[prost(string, tag = "1")]
    pub what: String,
    /// Count since the last event of this kind.
    #[prost(uint64, tag = "2")]
    pub count: u64,
}

/// A line that the kernel programs logged.
#[derive(Clone, PartialEq, prost::Message)]
pub struct KernelLog {
    /// The line.
    #[prost(string, tag = "1")]
    pub line: String,
}

/// The recording ended properly.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct End {
    /// The reason.
    #[prost(enumeration = "EndReason", tag = "1")]
    pub reason: i32,
}

/// Reasons for the end of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum EndReason {
    /// A reason of a newer `tracer`, unknown to this one.
    Unknown = 0,
    /// The command ended, and the time of `--linger` passed.
    CommandEnded = 1,
    /// The time of `--for` passed.
    TimeOver = 2,
    /// A signal asked for the end.
    Interrupted = 3,
    /// The recording goes on in the next segment.
    Rotated = 4,
}

impl EndReason {
    /// Returns the reason in words.
    pub fn describe(self) -> &'static str {
        match self {
            EndReason::Unknown => "unknown",
            EndReason::CommandEnded => "command ended",
            EndReason::TimeOver => "time over",
            EndReason::Interrupted => "interrupted",
            EndReason::Rotated => "continued in the next segment",
        }
    }
}
