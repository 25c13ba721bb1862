//! Emits binds of UDP sockets and the first datagram to each peer, and counts the traffic with
//! each peer.

use agent_tracer_ebpf::{
    Bind, Endpoints, Header, Kind, LOST_PEERS, Peer, PeerCount, PeerKey, Released,
};
use aya_ebpf::{
    EbpfContext,
    helpers::generated::{bpf_get_socket_cookie, bpf_ktime_get_boot_ns},
    macros::{cgroup_sock, cgroup_sock_addr},
    programs::{SockAddrContext, SockContext},
};

use crate::{
    attempt::{self, AF_INET, AF_INET6, GO_ON},
    emit,
    maps::{ASKED_PEERS, UDP_PEERS},
    task,
};

const IPPROTO_UDP: u32 = 17;
const BPF_NOEXIST: u64 = 1;
const EEXIST: i32 = -17;

/// `BPF_CGROUP_INET4_BIND`: in the context of the process that calls `bind(2)`.
#[cgroup_sock_addr(bind4)]
pub fn cgroup_bind4(context: SockAddrContext) -> i32 {
    emit::count_failure(Kind::Bind, note_any_port(&context));
    GO_ON
}

/// `BPF_CGROUP_INET6_BIND`, likewise.
#[cgroup_sock_addr(bind6)]
pub fn cgroup_bind6(context: SockAddrContext) -> i32 {
    emit::count_failure(Kind::Bind, note_any_port(&context));
    GO_ON
}

/// `BPF_CGROUP_INET4_POST_BIND`: in the context of the process that called `bind(2)`.
#[cgroup_sock(post_bind4)]
pub fn cgroup_post_bind4(context: SockContext) -> i32 {
    // SAFETY: the kernel hands over a valid context.
    let address = unsafe { (*context.sock).src_ip4 };
    let mut local = [0; 16];
    local[..4].copy_from_slice(&address.to_ne_bytes());
    emit::count_failure(Kind::Bind, try_bind(&context, AF_INET, local));
    GO_ON
}

/// `BPF_CGROUP_INET6_POST_BIND`, likewise.
#[cgroup_sock(post_bind6)]
pub fn cgroup_post_bind6(context: SockContext) -> i32 {
    let mut local = [0_u8; 16];
    // One word at a time: the verifier allows no other reads of a context.
    // SAFETY: the kernel hands over a valid context.
    unsafe {
        let words = &raw const (*context.sock).src_ip6;
        for (word, bytes) in local.chunks_exact_mut(4).enumerate() {
            let value = core::ptr::read_volatile(words.cast::<u32>().add(word));
            bytes.copy_from_slice(&value.to_ne_bytes());
        }
    }
    emit::count_failure(Kind::Bind, try_bind(&context, AF_INET6, local));
    GO_ON
}

/// `BPF_CGROUP_INET_SOCK_RELEASE`: the last descriptor of a socket was closed.
#[cgroup_sock(sock_release)]
pub fn cgroup_sock_release(context: SockContext) -> i32 {
    // SAFETY: the kernel hands over a valid context.
    if unsafe { (*context.sock).protocol } == IPPROTO_UDP {
        let record = Released {
            header: without_process(Kind::Released),
            cookie: cookie(&context),
        };
        emit::record(Kind::Released, &record);
    }
    GO_ON
}

#[inline(always)]
fn try_bind(context: &SockContext, family: u16, local: [u8; 16]) -> Result<(), i32> {
    // SAFETY: the kernel hands over a valid context.
    let (protocol, port) = unsafe { ((*context.sock).protocol, (*context.sock).src_port) };
    if protocol != IPPROTO_UDP {
        return Ok(());
    }
    let header = task::header(Kind::Bind, task::current())?;
    let cookie = cookie(context);
    let own = bound(cookie);
    // SAFETY: the value is not looked at.
    let any_port = unsafe { ASKED_PEERS.get(own) }.is_some();
    if any_port {
        let _ = ASKED_PEERS.remove(own);
    }
    if let Err(error) = UDP_PEERS.insert(own, count(header, PeerCount::EMITTED), BPF_NOEXIST)
        && error != EEXIST
    {
        emit::lost(LOST_PEERS);
    }
    let record = Bind {
        header,
        cookie,
        endpoints: Endpoints {
            family,
            local_port: port as u16,
            remote_port: 0,
            padding: 0,
            local,
            remote: [0; 16],
            namespace: task::network_namespace(task::current()),
            padding_end: 0,
        },
        any_port: u32::from(any_port),
        padding: 0,
    };
    emit::record(Kind::Bind, &record);
    Ok(())
}

/// Notes a bind of a UDP socket to any port. After the bind, that choice is no longer visible.
#[inline(always)]
fn note_any_port(context: &SockAddrContext) -> Result<(), i32> {
    attempt::is_over();
    // SAFETY: the kernel hands over a valid context.
    let (protocol, port) = unsafe {
        (
            (*context.sock_addr).protocol,
            (*context.sock_addr).user_port,
        )
    };
    if protocol == IPPROTO_UDP && port == 0 {
        // SAFETY: as above.
        let cookie = unsafe { bpf_get_socket_cookie(context.as_ptr()) };
        let header = task::header(Kind::Bind, task::current())?;
        let _ = ASKED_PEERS.insert(bound(cookie), count(header, PeerCount::ANY_PORT), 0);
    }
    Ok(())
}

#[inline(always)]
fn cookie(context: &SockContext) -> u64 {
    // SAFETY: the kernel hands over a valid context.
    unsafe { bpf_get_socket_cookie(context.as_ptr()) }
}

/// Notes that the current process may send to `remote`. The record waits for the first datagram:
/// the C library connects sockets to all known addresses, only to find their routes. `state` is
/// that of a peer without a datagram.
#[inline(always)]
pub fn note(cookie: u64, remote: &Endpoints, state: u64) -> Result<(), i32> {
    if remote.remote_port == 0 {
        return Ok(());
    }
    let key = key(cookie, as_sent(remote), remote.remote_port);
    // SAFETY: the value is not looked at.
    if unsafe { UDP_PEERS.get(key) }.is_none() {
        let header = task::header(Kind::Peer, task::current())?;
        let _ = ASKED_PEERS.insert(key, count(header, state), 0);
    }
    Ok(())
}

/// Returns the address in the packet: IPv4 for a mapped address, this machine's for none.
#[inline(always)]
fn as_sent(remote: &Endpoints) -> [u8; 16] {
    const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
    let mut address = [0; 16];
    if remote.family == AF_INET6 {
        if remote.remote[..12] == MAPPED {
            address[..4].copy_from_slice(&remote.remote[12..]);
        } else {
            address = remote.remote;
            if address == [0; 16] {
                address[15] = 1;
            }
        }
    } else {
        address[..4].copy_from_slice(&remote.remote[..4]);
        if address == [0; 16] {
            address[0] = 127;
            address[3] = 1;
        }
    }
    address
}

#[inline(always)]
pub fn key(cookie: u64, address: [u8; 16], port: u16) -> PeerKey {
    PeerKey {
        cookie,
        address,
        port: u32::from(port),
        padding: 0,
    }
}

/// Returns a peer of the current process without traffic.
#[inline(always)]
fn count(header: Header, state: u64) -> PeerCount {
    PeerCount {
        header,
        sent: 0,
        sent_bytes: 0,
        received: 0,
        received_bytes: 0,
        state,
        namespace: u64::from(task::network_namespace(task::current())),
    }
}

/// Counts datagrams that leave. Returns the count before them; `None` for an unknown peer. Answers
/// to strangers count for the socket that they wrote to, and are no first datagrams.
#[inline(always)]
pub fn sent(key: PeerKey, endpoints: &Endpoints, count: u64, bytes: u64) -> Option<u64> {
    let Some(peer) = UDP_PEERS.get_ptr_mut(key) else {
        return first_sent(key, endpoints, count, bytes);
    };
    // SAFETY: the value stays where it is while the program runs.
    let (state, before) = unsafe { ((*peer).state, (*peer).sent) };
    if state == PeerCount::STRANGER {
        if let Some(own) = UDP_PEERS.get_ptr_mut(bound(key.cookie)) {
            // SAFETY: as above.
            unsafe { out(own, count, bytes) };
        }
        // SAFETY: as above.
        unsafe { out(peer, count, bytes) };
        return Some(u64::MAX);
    }
    // SAFETY: as above.
    unsafe { out(peer, count, bytes) };
    Some(before)
}

/// Counts and emits the first datagrams to a peer that a process asked for.
#[inline(always)]
fn first_sent(key: PeerKey, endpoints: &Endpoints, count: u64, bytes: u64) -> Option<u64> {
    // SAFETY: the value is copied at once.
    let mut first = *unsafe { ASKED_PEERS.get(key) }?;
    let state = first.state;
    first.state = PeerCount::EMITTED;
    first.sent = count;
    first.sent_bytes = bytes;
    match UDP_PEERS.insert(key, first, BPF_NOEXIST) {
        Ok(()) => {}
        Err(EEXIST) => {
            // Another CPU was faster.
            let peer = UDP_PEERS.get_ptr_mut(key)?;
            // SAFETY: the value stays where it is while the program runs.
            unsafe { out(peer, count, bytes) };
            return Some(count);
        }
        Err(_) => emit::lost(LOST_PEERS),
    }
    let mut header = first.header;
    // SAFETY: takes no arguments.
    header.boot_ns = unsafe { bpf_ktime_get_boot_ns() };
    let record = Peer {
        header,
        cookie: key.cookie,
        endpoints: Endpoints {
            namespace: first.namespace as u32,
            ..*endpoints
        },
        inbound: 0,
        connected: u32::from(state == PeerCount::CONNECTED),
    };
    // A peer without its record would stay in the map; the next datagram tries again.
    let _ = match emit::record(Kind::Peer, &record) {
        true => ASKED_PEERS.remove(key),
        false => UDP_PEERS.remove(key),
    };
    Some(0)
}

/// Counts datagrams that arrive: for the peer that they come from and, if that is a stranger, for
/// the bound socket as well. The first of a stranger is emitted.
#[inline(always)]
pub fn received(key: PeerKey, endpoints: &Endpoints, count: u64, bytes: u64) {
    let peer = UDP_PEERS.get_ptr_mut(key);
    if let Some(peer) = peer {
        // SAFETY: the value stays where it is while the program runs.
        unsafe { back(peer, count, bytes) };
        // SAFETY: as above.
        if unsafe { (*peer).state } != PeerCount::STRANGER {
            return;
        }
    }
    let Some(own) = UDP_PEERS.get_ptr_mut(bound(key.cookie)) else {
        return;
    };
    // SAFETY: as above.
    let (header, namespace) = unsafe {
        back(own, count, bytes);
        ((*own).header, (*own).namespace)
    };
    if peer.is_some() {
        return;
    }
    let first = PeerCount {
        header,
        sent: 0,
        sent_bytes: 0,
        received: count,
        received_bytes: bytes,
        state: PeerCount::STRANGER,
        namespace,
    };
    match UDP_PEERS.insert(key, first, BPF_NOEXIST) {
        Ok(()) => {}
        // Another CPU was faster.
        Err(EEXIST) => return,
        Err(_) => {
            emit::lost(LOST_PEERS);
            return;
        }
    }
    let mut header = header;
    // SAFETY: takes no arguments.
    header.boot_ns = unsafe { bpf_ktime_get_boot_ns() };
    header.kind = Kind::Peer as u32;
    let record = Peer {
        header,
        cookie: key.cookie,
        endpoints: Endpoints {
            namespace: namespace as u32,
            ..*endpoints
        },
        inbound: 1,
        connected: 0,
    };
    if !emit::minor_record(Kind::Peer, &record) {
        let _ = UDP_PEERS.remove(key);
    }
}

/// Returns the key of a socket's bound end.
#[inline(always)]
fn bound(cookie: u64) -> PeerKey {
    key(cookie, [0; 16], 0)
}

#[inline(always)]
unsafe fn out(peer: *mut PeerCount, count: u64, bytes: u64) {
    // SAFETY: the caller hands over a map's value.
    unsafe {
        add(&raw mut (*peer).sent, count);
        add(&raw mut (*peer).sent_bytes, bytes);
    }
}

#[inline(always)]
unsafe fn back(peer: *mut PeerCount, count: u64, bytes: u64) {
    // SAFETY: the caller hands over a map's value.
    unsafe {
        add(&raw mut (*peer).received, count);
        add(&raw mut (*peer).received_bytes, bytes);
    }
}

/// Adds atomically: two CPUs may count for one peer at the same time.
#[inline(always)]
unsafe fn add(counter: *mut u64, count: u64) {
    // Rust's own atomics want more of a target than this one has.
    // SAFETY: the caller hands over a counter of a map's value, which nothing else borrows.
    unsafe {
        core::arch::asm!(
            "lock *(u64 *)({counter} + 0) += {count}",
            counter = in(reg) counter,
            count = in(reg) count,
        );
    }
}

/// Returns the header of a record without a process.
#[inline(always)]
pub fn without_process(kind: Kind) -> Header {
    Header {
        // SAFETY: takes no arguments.
        boot_ns: unsafe { bpf_ktime_get_boot_ns() },
        start_ns: 0,
        kind: kind as u32,
        pid: 0,
        tid: 0,
        user: 0,
    }
}
