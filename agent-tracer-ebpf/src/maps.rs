//! Maps that the programs share with the loader: ring buffer, counters, tables and scratch space.

use agent_tracer_ebpf::{
    ATTEMPT_LIMIT, Cgroup, EXEC_PAYLOAD, Exec, Identity, LOSS_COUNTERS, PATH_LIMIT, PEER_LIMIT,
    PeerCount, PeerKey, RING_BYTES, SOCKET_LIMIT, Settings,
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
