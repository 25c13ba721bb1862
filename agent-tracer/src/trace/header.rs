//! Declares the first message of a trace: place, time and circumstances of the recording. The
//! recorder fills it in.

use sha2::{Digest, Sha256};

/// Circumstances of a recording.
///
/// All facts are from before the first event; later facts are events.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Header {
    /// Version of the tool that recorded, for example `0.1.0`.
    #[prost(string, tag = "1")]
    pub tool_version: String,
    /// `uname -r`
    #[prost(string, tag = "2")]
    pub kernel_release: String,
    /// `uname -v`
    #[prost(string, tag = "3")]
    pub kernel_version: String,
    /// `uname -m`
    #[prost(string, tag = "4")]
    pub arch: String,
    /// `uname -n`
    #[prost(string, tag = "5")]
    pub hostname: String,
    /// `/proc/sys/kernel/random/boot_id`: times since boot of two traces compare only if it is
    /// the same.
    #[prost(string, tag = "6")]
    pub boot_id: String,
    /// `CLOCK_REALTIME` minus `CLOCK_BOOTTIME` at the start, nanoseconds: the time since 1970 minus
    /// the time since boot.
    #[prost(int64, tag = "7")]
    pub clock_offset_ns: i64,
    /// `CLOCK_BOOTTIME` at the start, nanoseconds.
    #[prost(uint64, tag = "8")]
    pub start_boot_ns: u64,
    /// The recorded command, secrets masked; empty unless `mode` is [`Mode::Command`].
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub command: Vec<Vec<u8>>,
    /// The target of the recording.
    #[prost(enumeration = "Mode", tag = "10")]
    pub mode: i32,
    /// The process of [`Mode::Pid`], else 0.
    #[prost(uint32, tag = "11")]
    pub target_pid: u32,
    /// Every fact that a recorder can provide, in order, with its hook.
    #[prost(message, repeated, tag = "12")]
    pub plan: Vec<PlanEntry>,
    /// The attribution rules of the recording, so that a replay elsewhere gives the same trees.
    #[prost(message, repeated, tag = "13")]
    pub rules: Vec<RuleSource>,
    /// Process id of the recorder itself.
    #[prost(uint32, tag = "14")]
    pub recorder_pid: u32,
    /// Inode number of the PID namespace of all process ids.
    #[prost(uint64, tag = "15")]
    pub pid_namespace: u64,
    /// Count of CPUs that could run programs.
    #[prost(uint32, tag = "16")]
    pub cpus: u32,
    /// Size of the ring buffer between kernel and recorder, bytes.
    #[prost(uint64, tag = "17")]
    pub ring_bytes: u64,
    /// The lists of tags for addresses.
    #[prost(message, repeated, tag = "18")]
    pub tag_lists: Vec<TagList>,
    /// Inode number of the recorder's network namespace. Older traces lack it.
    #[prost(uint32, tag = "19")]
    pub network_namespace: u32,
    /// Number of this segment in a recording of several, from 1; 0 for a recording of one trace.
    #[prost(uint32, tag = "20")]
    pub segment: u32,
    /// `CLOCK_BOOTTIME` at the start of the first segment, nanoseconds.
    #[prost(uint64, tag = "21")]
    pub first_segment_ns: u64,
    /// True if secrets are unmasked. Older traces lack the field, and masked them.
    #[prost(bool, tag = "30")]
    pub unredacted: bool,
}

impl Header {
    /// Computes the id of the recording, the same on every machine. It is a UUID (version 8) from
    /// the SHA-256 of boot id and start time.
    pub fn recording_id(&self) -> String {
        self.id_of(self.start_boot_ns)
    }

    /// Computes the id of the first segment, of a recording of several.
    pub fn first_segment_id(&self) -> Option<String> {
        (self.segment > 0).then(|| self.id_of(self.first_segment_ns))
    }

    fn id_of(&self, start_boot_ns: u64) -> String {
        let mut hash = Sha256::new();
        hash.update(self.boot_id.as_bytes());
        hash.update([0]);
        hash.update(start_boot_ns.to_be_bytes());
        let mut id: u128 = 0;
        for byte in hash.finalize().iter().take(16) {
            id = id << 8 | u128::from(*byte);
        }
        // Version 8, variant 1, as of RFC 9562.
        id = id & !(0xf << 76) | 8 << 76;
        id = id & !(0b11 << 62) | 0b10 << 62;
        let part = |shift: u32, bits: u32| id >> shift & ((1 << bits) - 1);
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            part(96, 32),
            part(80, 16),
            part(64, 16),
            part(48, 16),
            part(0, 48)
        )
    }
}

/// A list of prefixes that a cloud publishes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TagList {
    /// The cloud.
    #[prost(string, tag = "1")]
    pub cloud: String,
    /// The list's own edition; empty if not given.
    #[prost(string, tag = "2")]
    pub version: String,
}

/// Kinds of targets of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum Mode {
    /// A mode of a newer `tracer`, unknown to this one.
    Unknown = 0,
    /// A command, from before its start.
    Command = 1,
    /// The whole system, until a signal or a limit of time.
    System = 2,
    /// A pre-existing process.
    Pid = 3,
    /// A systemd unit.
    Unit = 4,
}

impl Mode {
    /// Returns the name in jsonl.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Command => "command",
            Mode::System => "system",
            Mode::Pid => "pid",
            Mode::Unit => "unit",
            Mode::Unknown => "unknown",
        }
    }
}

/// A fact, and the hook that provides it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PlanEntry {
    /// The fact, for example `exec`.
    #[prost(string, tag = "1")]
    pub fact: String,
    /// The hook in use, for example `raw_tp sched_process_exec`; empty if the trace lacks the fact.
    #[prost(string, tag = "2")]
    pub hook: String,
    /// The reason for this hook, or for none.
    #[prost(string, tag = "3")]
    pub reason: String,
    /// The preferred hooks that failed, one line each, with the error.
    #[prost(string, repeated, tag = "4")]
    pub failures: Vec<String>,
    /// The blind spot of the hook in use; empty if there is none.
    #[prost(string, tag = "5")]
    pub caveat: String,
}

/// A file of attribution rules, at the time of the recording.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RuleSource {
    /// Its path, or the name of a built-in one.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its content, TOML.
    #[prost(string, tag = "2")]
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::Header;

    #[test]
    fn an_id_is_a_uuid_of_boot_and_start() {
        let header = |boot_id: &str, start_boot_ns| Header {
            boot_id: boot_id.to_owned(),
            start_boot_ns,
            ..Header::default()
        };
        let id = header("a", 1).recording_id();
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes().get(14), Some(&b'8'));
        assert!(matches!(
            id.as_bytes().get(19),
            Some(b'8' | b'9' | b'a' | b'b')
        ));
        assert_eq!(id, header("a", 1).recording_id());
        assert_ne!(id, header("b", 1).recording_id());
        assert_ne!(id, header("a", 2).recording_id());
    }
}
