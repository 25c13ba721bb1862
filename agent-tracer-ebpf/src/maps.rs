//! Maps that the programs share with the loader: ring buffer, counters, tables and scratch space.

use agent_tracer_ebpf::{
    ATTEMPT_LIMIT, CALL_LIMIT, Cgroup, EXEC_PAYLOAD, Exec, ExecFailed, FAILED_PAYLOAD, Header,
    Identity, LOSS_COUNTERS, PATH_LIMIT, PEER_LIMIT, PeerCount, PeerKey, RING_BYTES, SOCKET_LIMIT,
    SOCKS_LIMIT, Settings, UNIX_LIMIT,
};
use aya_ebpf::{
    macros::map,
    maps::{HashMap, LruHashMap, PerCpuArray, RingBuf},
};

/// The one buffer of all records, so that they are in the order of their events.
#[map]
pub static EVENTS: RingBuf = RingBuf::with_byte_size(RING_BYTES, 0);

/// Records that found the ring buffer full, by kind.
#[map]
pub static LOSSES: PerCpuArray<u64> = PerCpuArray::with_max_entries(LOSS_COUNTERS, 0);

/// Sockets between connect and close, each with the last state that was emitted. State changes of
/// other sockets are ignored.
#[map]
pub static SOCKETS: HashMap<u64, u8> = HashMap::with_max_entries(SOCKET_LIMIT, 0);

/// Pre-existing sockets by cookie (`sk_cookie`), since their kernel addresses are unknown. The
/// loader adds them, with a state of 0. About 64 bytes each, as above.
#[map]
pub static EARLIER_SOCKETS: HashMap<u64, u8> = HashMap::with_max_entries(SOCKET_LIMIT, 0);

/// Connections that listeners got, until they close. The value is the header of the process that
/// closes, which is zero before.
#[map]
pub static ACCEPTED: HashMap<u64, Header> = HashMap::with_max_entries(SOCKET_LIMIT, 0);

/// TCP sockets whose first byte is a version of SOCKS, by cookie.
#[map]
pub static SOCKS_CLIENTS: LruHashMap<u64, u8> = LruHashMap::with_max_entries(SOCKS_LIMIT, 0);

/// AF_UNIX sockets by inode number, with the time of the last send that was emitted.
#[map]
pub static UNIX_SOCKETS: LruHashMap<u64, u64> = LruHashMap::with_max_entries(UNIX_LIMIT, 0);

/// Arguments of a call of execve(2), as addresses in user space.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ExecCall {
    pub filename: u64,
    pub argv: u64,
}

/// Calls of execve(2) under way, by thread. A successful one leaves its entry.
#[map]
pub static EXEC_CALLS: LruHashMap<u64, ExecCall> = LruHashMap::with_max_entries(CALL_LIMIT, 0);

/// A record of a failed exec in the making.
#[repr(C)]
pub struct FailedScratch {
    pub record: ExecFailed,
    pub payload: [u8; FAILED_PAYLOAD],
    /// Notes of the program, not part of the record.
    pub filename: u32,
    pub end: u32,
}

#[map]
pub static FAILED_SCRATCH: PerCpuArray<FailedScratch> = PerCpuArray::with_max_entries(1, 0);

/// The request of a thread inside of `connect(2)`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Asked {
    /// As in `Endpoints`; a mapped address as its IPv4 address.
    pub remote: [u8; 16],
    /// The last answer of the routing table: a positive errno or 0.
    pub error: u32,
}

/// Threads inside of `connect(2)`.
#[map]
pub static ATTEMPTS: HashMap<u64, Asked> = HashMap::with_max_entries(ATTEMPT_LIMIT, 0);

/// Peers of UDP sockets. The loader reads the counts and removes entries of closed sockets.
#[map]
pub static UDP_PEERS: LruHashMap<PeerKey, PeerCount> = LruHashMap::with_max_entries(PEER_LIMIT, 0);

/// An exec record in the making; it is too big for the 512 bytes of stack. Only the exec
/// program uses it, and the kernel never runs that one twice at a time on one CPU.
#[repr(C)]
pub struct ExecScratch {
    pub record: Exec,
    pub identity: Identity,
    pub payload: [u8; EXEC_PAYLOAD],
    /// Notes of the program, not part of the record: see `exec::Note`.
    pub end: u32,
    pub flags: u32,
    pub ahead: u32,
    pub filename: u32,
    pub interpreter: u32,
    pub executable: u32,
}

/// A cgroup record in the making, one for each program that makes them.
#[repr(C)]
pub struct CgroupScratch {
    pub record: Cgroup,
    /// One name more than the limit.
    pub path: [u8; PATH_LIMIT + 256],
    /// End of the path so far; not part of the record.
    pub end: u32,
}

#[map]
pub static CGROUP_SCRATCH: PerCpuArray<CgroupScratch> = PerCpuArray::with_max_entries(2, 0);

#[map]
pub static EXEC_SCRATCH: PerCpuArray<ExecScratch> = PerCpuArray::with_max_entries(1, 0);

/// Filled in by the loader before the programs are loaded; read-only for them.
#[unsafe(no_mangle)]
static SETTINGS: Settings = Settings::UNKNOWN;

/// Reads one of the loader's settings. Volatile, or the compiler would use the placeholder value.
macro_rules! setting {
    ($field:ident) => {
        // SAFETY: a read of a static that nothing writes once the program is loaded.
        unsafe { core::ptr::read_volatile(&raw const (*$crate::maps::settings()).$field) }
    };
}
pub(crate) use setting;

#[inline(always)]
pub fn settings() -> *const Settings {
    &raw const SETTINGS
}
