//! Maps that the programs share with the loader: ring buffer, counters, tables and scratch space.

use agent_tracer_ebpf::{
    ASKED_LIMIT, ATTEMPT_LIMIT, CALL_LIMIT, CLIENT_LIMIT, Cgroup, EARLIER_LIMIT, EXEC_PAYLOAD,
    Exec, ExecFailed, FAILED_PAYLOAD, Header, Identity, LOSS_COUNTERS, PATH_LIMIT, PEER_LIMIT,
    PeerCount, PeerKey, RING_BYTES, SOCKET_LIMIT, Settings, UNIX_LIMIT,
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

/// Facts about a socket between connect and close.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Known {
    /// The last state that was emitted.
    pub state: u32,
    /// 1 for a connection that a listener got, else 0.
    pub is_inbound: u32,
    /// Of such a connection the process that closes it; zeros before.
    pub closer: Header,
}

/// Sockets between connect and close, by address. State changes of other sockets are ignored. One
/// table for both directions: each lookup misses the cache.
#[map]
pub static SOCKETS: HashMap<u64, Known> = HashMap::with_max_entries(SOCKET_LIMIT, 0);

/// Pre-existing sockets by cookie (`sk_cookie`), since their kernel addresses are unknown. The
/// loader adds them, with a state of 0.
#[map]
pub static EARLIER_SOCKETS: HashMap<u64, u8> = HashMap::with_max_entries(EARLIER_LIMIT, 0);

/// The change of state that the first program on the hook has seen to its end. The second program
/// skips it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Change {
    pub socket: u64,
    pub from: u32,
    pub to: u32,
}

#[map]
pub static LAST_CHANGE: PerCpuArray<Change> = PerCpuArray::with_max_entries(1, 0);

/// TCP sockets whose first byte is of SOCKS or HTTP, by cookie, with that byte.
#[map]
pub static CLIENTS: LruHashMap<u64, u8> = LruHashMap::with_max_entries(CLIENT_LIMIT, 0);

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

/// Allocates an entry when it is made, not all of them at the start.
const BPF_F_NO_PREALLOC: u32 = 1;

/// Peers of UDP sockets with their traffic. The loader reads the counts, and removes entries of
/// closed sockets and of silent peers. No entry replaces another, so no count is lost silently.
#[map]
pub static UDP_PEERS: HashMap<PeerKey, PeerCount> =
    HashMap::with_max_entries(PEER_LIMIT, BPF_F_NO_PREALLOC);

/// Peers without a datagram so far, and sockets in the middle of a bind to any port. Most of them
/// never get one, and nothing removes those: the C library only looks for routes.
#[map]
pub static ASKED_PEERS: LruHashMap<PeerKey, PeerCount> =
    LruHashMap::with_max_entries(ASKED_LIMIT, 0);

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
