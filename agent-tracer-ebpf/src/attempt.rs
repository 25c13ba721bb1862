//! Emits calls of `connect(2)` before a packet is sent, and the answers of the routing table to
//! them. The SYN that may follow is the subject of `connect`. For UDP it notes the peer.

use agent_tracer_ebpf::{Attempt, Endpoints, Kind, NO_OFFSET, PeerCount, Route};
use aya_ebpf::{
    EbpfContext,
    bindings::bpf_sock_addr,
    helpers::generated::{bpf_get_current_pid_tgid, bpf_get_socket_cookie},
    macros::{cgroup_sock_addr, raw_tracepoint},
    programs::{RawTracePointContext, SockAddrContext},
};

use crate::{
    datagram, emit,
    kernel::Object,
    maps::{ATTEMPTS, Asked, setting},
    task,
};

pub const AF_INET: u16 = 2;
pub const AF_INET6: u16 = 10;
const IPPROTO_TCP: u32 = 6;
const IPPROTO_UDP: u32 = 17;
const ENETUNREACH: u32 = 101;

/// The answer of a cgroup program that forbids nothing.
pub const GO_ON: i32 = 1;

/// `BPF_CGROUP_INET4_CONNECT`: in the context of the process that calls.
#[cgroup_sock_addr(connect4)]
pub fn cgroup_connect4(context: SockAddrContext) -> i32 {
    let remote = remote_v4(&context);
    emit::count_failure(Kind::Attempt, try_connect(&context, remote));
    GO_ON
}

/// `BPF_CGROUP_INET6_CONNECT`: in the context of the process that calls. The socket is of IPv6, the
/// address may be a mapped IPv4 address.
#[cgroup_sock_addr(connect6)]
pub fn cgroup_connect6(context: SockAddrContext) -> i32 {
    let remote = remote_v6(&context);
    emit::count_failure(Kind::Attempt, try_connect(&context, remote));
    GO_ON
}

/// `BPF_CGROUP_UDP4_SENDMSG`: a datagram of an unconnected socket, in the context of its sender.
#[cgroup_sock_addr(sendmsg4)]
pub fn cgroup_sendmsg4(context: SockAddrContext) -> i32 {
    let remote = remote_v4(&context);
    is_over();
    emit::count_failure(Kind::Peer, note_peer(&context, &remote));
    GO_ON
}

/// `BPF_CGROUP_UDP6_SENDMSG`, likewise.
#[cgroup_sock_addr(sendmsg6)]
pub fn cgroup_sendmsg6(context: SockAddrContext) -> i32 {
    let remote = remote_v6(&context);
    is_over();
    emit::count_failure(Kind::Peer, note_peer(&context, &remote));
    GO_ON
}

/// `prototype: (u32 tb_id, const struct flowi4 *flp, const struct fib_nh_common *nhc, int err)`
#[raw_tracepoint(tracepoint = "fib_table_lookup")]
pub fn fib_table_lookup(context: RawTracePointContext) -> i32 {
    let flow = Object(context.arg::<u64>(1));
    if let Some((thread, asked)) = attempt() {
        let mut destination = [0_u8; 16];
        if let Ok(address) = flow.read::<[u8; 4]>(setting!(flowi4_destination)) {
            destination[..4].copy_from_slice(&address);
        }
        // Negative errnos; EAGAIN is a table that does not know.
        let error = 0_i32.wrapping_sub(context.arg::<i32>(3)) as u32;
        emit::count_failure(Kind::Route, route(thread, asked, destination, error));
    }
    0
}

/// `prototype: (const struct net *, const struct fib6_result *, struct fib6_table *, flowi6 *flp)`
#[raw_tracepoint(tracepoint = "fib6_table_lookup")]
pub fn fib6_table_lookup(context: RawTracePointContext) -> i32 {
    let (net, result) = (Object(context.arg::<u64>(0)), Object(context.arg::<u64>(1)));
    let flow = Object(context.arg::<u64>(3));
    if let Some((thread, asked)) = attempt() {
        let destination = flow.read(setting!(flowi6_destination)).unwrap_or([0; 16]);
        let error = v6_error(net, result).unwrap_or(0);
        emit::count_failure(Kind::Route, route(thread, asked, destination, error));
    }
    0
}

/// Maps the type of a route to an errno, as `ip6_rt_type_to_error` does.
#[inline(always)]
fn v6_error(net: Object, result: Object) -> Result<u32, i32> {
    const RTN_BLACKHOLE: u32 = 6;
    const RTN_UNREACHABLE: u32 = 7;
    const RTN_PROHIBIT: u32 = 8;
    const RTN_THROW: u32 = 9;
    if setting!(net_fib6_null_entry) != NO_OFFSET {
        let null: u64 = net.read(setting!(net_fib6_null_entry))?;
        if result.read::<u64>(setting!(fib6_result_info))? == null {
            return Ok(ENETUNREACH);
        }
    }
    Ok(match result.read::<u32>(setting!(fib6_result_type))? {
        RTN_BLACKHOLE => 22,
        RTN_UNREACHABLE => 113,
        RTN_PROHIBIT => 13,
        RTN_THROW => 11,
        _ => 0,
    })
}

/// Returns the current thread and its request, if it is inside of `connect(2)`.
#[inline(always)]
fn attempt() -> Option<(u64, Asked)> {
    // SAFETY: takes no arguments.
    let thread = unsafe { bpf_get_current_pid_tgid() };
    // SAFETY: only this thread changes its entry.
    let asked = unsafe { ATTEMPTS.get(thread) }?;
    Some((thread, *asked))
}

/// Emits an answer, unless it is for another destination: an interrupt looks routes up for packets
/// under any thread. No address at all means this machine, under an address of the kernel's choice.
#[inline(always)]
fn route(thread: u64, asked: Asked, destination: [u8; 16], error: u32) -> Result<(), i32> {
    if asked.remote != [0; 16] && asked.remote != destination || error == asked.error {
        return Ok(());
    }
    let _ = ATTEMPTS.insert(thread, Asked { error, ..asked }, 0);
    let record = Route {
        header: task::header(Kind::Route, task::current())?,
        error,
        padding: 0,
    };
    emit::record(Kind::Route, &record);
    Ok(())
}

/// Returns the IPv4 address of a mapped one, and other addresses unchanged.
#[inline(always)]
fn unmapped(address: [u8; 16]) -> [u8; 16] {
    const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
    if address[..12] != MAPPED {
        return address;
    }
    let mut plain = [0; 16];
    plain[..4].copy_from_slice(&address[12..]);
    plain
}

#[inline(always)]
fn try_connect(context: &SockAddrContext, remote: Endpoints) -> Result<(), i32> {
    // SAFETY: the kernel hands over a valid context.
    let protocol = unsafe { (*context.sock_addr).protocol };
    if protocol == IPPROTO_UDP {
        is_over();
        return datagram::note(cookie(context), &remote, PeerCount::CONNECTED);
    }
    if protocol != IPPROTO_TCP {
        return Ok(());
    }
    let record = Attempt {
        header: task::header(Kind::Attempt, task::current())?,
        cookie: cookie(context),
        endpoints: remote,
    };
    emit::record(Kind::Attempt, &record);
    let asked = Asked {
        remote: unmapped(remote.remote),
        error: 0,
    };
    // SAFETY: takes no arguments.
    let _ = ATTEMPTS.insert(unsafe { bpf_get_current_pid_tgid() }, asked, 0);
    Ok(())
}

/// Forgets the thread's attempt: it is in another call, and later answers concern that call.
#[inline(always)]
pub fn is_over() {
    // SAFETY: takes no arguments.
    let thread = unsafe { bpf_get_current_pid_tgid() };
    // A look takes no lock, and most datagrams follow no attempt.
    // SAFETY: the value is not looked at.
    if unsafe { ATTEMPTS.get(thread) }.is_some() {
        let _ = ATTEMPTS.remove(thread);
    }
}

#[inline(always)]
fn note_peer(context: &SockAddrContext, remote: &Endpoints) -> Result<(), i32> {
    datagram::note(cookie(context), remote, PeerCount::NEW)
}

#[inline(always)]
fn cookie(context: &SockAddrContext) -> u64 {
    // SAFETY: the kernel hands over a valid context.
    unsafe { bpf_get_socket_cookie(context.as_ptr()) }
}

#[inline(always)]
fn remote_v4(context: &SockAddrContext) -> Endpoints {
    let asked: *const bpf_sock_addr = context.sock_addr;
    // SAFETY: the kernel hands over a valid context.
    let (address, port) = unsafe { ((*asked).user_ip4, (*asked).user_port) };
    let mut endpoints = Endpoints {
        family: AF_INET,
        local_port: 0,
        remote_port: u16::from_be(port as u16),
        padding: 0,
        local: [0; 16],
        remote: [0; 16],
        namespace: 0,
        padding_end: 0,
    };
    endpoints.remote[..4].copy_from_slice(&address.to_ne_bytes());
    endpoints
}

#[inline(always)]
fn remote_v6(context: &SockAddrContext) -> Endpoints {
    let asked: *const bpf_sock_addr = context.sock_addr;
    let mut remote = [0_u8; 16];
    // One word at a time: the verifier allows no other reads of a context.
    // SAFETY: the kernel hands over a valid context.
    let port = unsafe {
        let words = &raw const (*asked).user_ip6;
        for (word, bytes) in remote.chunks_exact_mut(4).enumerate() {
            let value = core::ptr::read_volatile(words.cast::<u32>().add(word));
            bytes.copy_from_slice(&value.to_ne_bytes());
        }
        (*asked).user_port
    };
    Endpoints {
        family: AF_INET6,
        local_port: 0,
        remote_port: u16::from_be(port as u16),
        padding: 0,
        local: [0; 16],
        remote,
        namespace: 0,
        padding_end: 0,
    }
}
