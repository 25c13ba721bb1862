//! Sockets besides TCP and UDP that a process opens, and connections over AF_UNIX.

use agent_tracer_ebpf::{Kind, SocketOpened, UNIX_PATH, UnixConnect};
use aya_ebpf::{
    helpers::generated::{
        bpf_get_current_task_btf, bpf_ktime_get_boot_ns, bpf_probe_read_kernel, bpf_task_pt_regs,
    },
    macros::{cgroup_sock, kprobe, raw_tracepoint},
    programs::{ProbeContext, RawTracePointContext, SockContext},
};

use crate::{
    attempt::{AF_INET, AF_INET6, GO_ON},
    emit,
    kernel::{OUTSIDE, Object},
    maps::{UNIX_SOCKETS, setting},
    registers::Registers,
    task,
};

const AF_UNIX: u32 = 1;
const AF_NETLINK: u32 = 16;
const SOCK_RAW: u32 = 3;
const CAP_NET_RAW: u32 = 13;

/// Time after a send in which others of the same socket are not emitted, in nanoseconds.
const PAUSE: u64 = 200_000_000;

/// The type of a socket without flags (`SOCK_TYPE_MASK`).
const TYPE: u32 = 0xf;

/// `BPF_CGROUP_INET_SOCK_CREATE`: in the context of the process that calls socket(2).
#[cgroup_sock(sock_create)]
pub fn cgroup_sock_create(context: SockContext) -> i32 {
    // SAFETY: the kernel hands over a valid context.
    let (family, form, protocol) = unsafe {
        let socket = context.sock;
        ((*socket).family, (*socket).type_, (*socket).protocol)
    };
    if is_other(form, protocol) {
        emit::count_failure(Kind::SocketOpened, opened(family, form, protocol));
    }
    GO_ON
}

/// `prototype: int security_socket_create(int family, int type, int protocol, int kern)`
#[kprobe]
pub fn kprobe_security_socket_create(context: ProbeContext) -> u32 {
    let registers = Registers::of(&context);
    let family = registers.argument::<0>() as u32;
    if registers.argument::<3>() as u32 == 0 && !is_elsewhere(family) {
        let form = registers.argument::<1>() as u32;
        let done = opened(family, form, registers.argument::<2>() as u32);
        emit::count_failure(Kind::SocketOpened, done);
    }
    0
}

/// `prototype: (const struct cred *cred, struct user_namespace *target_ns, const struct
/// user_namespace *capable_ns, int cap, int ret)`
#[raw_tracepoint(tracepoint = "cap_capable")]
pub fn cap_capable(context: RawTracePointContext) -> i32 {
    if context.arg::<u32>(3) != CAP_NET_RAW {
        return 0;
    }
    // SAFETY: take no arguments, and the current task.
    let registers = unsafe { bpf_task_pt_regs(bpf_get_current_task_btf()) };
    let registers = Registers::at(registers as u64);
    let family = registers.call_argument::<0>() as u32;
    if registers.call() == setting!(socket_call) && !is_elsewhere(family) {
        let form = registers.call_argument::<1>() as u32;
        let protocol = registers.call_argument::<2>() as u32;
        emit::count_failure(Kind::SocketOpened, opened(family, form & TYPE, protocol));
    }
    0
}

/// Returns true for families that other hooks see, and for those without a peer elsewhere.
#[inline(always)]
fn is_elsewhere(family: u32) -> bool {
    family == u32::from(AF_INET)
        || family == u32::from(AF_INET6)
        || family == AF_UNIX
        || family == AF_NETLINK
}

/// Returns true for a socket whose traffic no other hook reports: neither TCP nor UDP.
#[inline(always)]
fn is_other(form: u32, protocol: u32) -> bool {
    // IPPROTO_TCP, IPPROTO_UDP and IPPROTO_MPTCP, which sends over TCP.
    form == SOCK_RAW || (protocol != 6 && protocol != 17 && protocol != 262)
}

#[inline(always)]
fn opened(family: u32, form: u32, protocol: u32) -> Result<(), i32> {
    let record = SocketOpened {
        header: task::header(Kind::SocketOpened, task::current())?,
        family,
        form,
        protocol,
        padding: 0,
    };
    emit::minor_record(Kind::SocketOpened, &record);
    Ok(())
}

/// `prototype: (struct sock *sk, int ret, int flags)`, since Linux 6.3
#[raw_tracepoint(tracepoint = "sock_send_length")]
pub fn sock_send_length(context: RawTracePointContext) -> i32 {
    let socket = Object(context.arg::<u64>(0));
    if socket.number(setting!(sock_family)) & 0xffff == AF_UNIX {
        emit::count_failure(Kind::UnixConnect, try_unix(socket));
    }
    0
}

/// Emits a send to a named peer, unless one was emitted shortly before. The peer of the accepted
/// end has no name.
#[inline(always)]
fn try_unix(socket: Object) -> Result<(), i32> {
    let peer = Object(socket.word(setting!(unix_sock_peer)));
    if peer.0 == 0 {
        return Ok(());
    }
    let address = Object(peer.word(setting!(unix_sock_address)));
    if address.0 == 0 {
        return Ok(());
    }
    let inode = Object(socket.word(setting!(sock_socket)))
        .inner(setting!(socket_alloc_inode))
        .word(setting!(inode_number));
    // SAFETY: takes no arguments.
    let now = unsafe { bpf_ktime_get_boot_ns() };
    // SAFETY: the value is copied at once.
    let last = unsafe { UNIX_SOCKETS.get(inode) }.copied();
    if last.is_some_and(|last| now.wrapping_sub(last) < PAUSE) {
        return Ok(());
    }
    let _ = UNIX_SOCKETS.insert(inode, now, 0);
    // The family precedes the path (`struct sockaddr_un`).
    let length = address
        .number(setting!(unix_address_length))
        .wrapping_sub(2);
    if length == 0 || length > UNIX_PATH as u32 {
        return Err(OUTSIDE);
    }
    let peer_pid = Object(socket.word(setting!(sock_peer_pid)));
    let name = Object(address.0 + u64::from(setting!(unix_address_name)) + 2);
    send_unix(inode, task::number_of(peer_pid).unwrap_or(0), name, length)
}

/// `prototype: int unix_stream_connect(struct socket *sock, struct sockaddr *uaddr, int addr_len,
/// int flags)`
#[kprobe]
pub fn kprobe_unix_stream_connect(context: ProbeContext) -> u32 {
    let registers = Registers::of(&context);
    let (address, length) = (registers.argument::<1>(), registers.argument::<2>() as u32);
    if length > 2 && length - 2 <= UNIX_PATH as u32 {
        let done = send_unix(0, 0, Object(address + 2), length - 2);
        emit::count_failure(Kind::UnixConnect, done);
    }
    0
}

#[inline(always)]
fn send_unix(inode: u64, peer_pid: u32, name: Object, length: u32) -> Result<(), i32> {
    let mut record = UnixConnect {
        header: task::header(Kind::UnixConnect, task::current())?,
        inode,
        peer_pid,
        length,
        path: [0; UNIX_PATH],
    };
    // SAFETY: the helper writes the bytes of the name or zeros.
    unsafe {
        bpf_probe_read_kernel(
            record.path.as_mut_ptr().cast(),
            length & (UNIX_PATH as u32 - 1),
            name.0 as *const _,
        );
    }
    emit::minor_record(Kind::UnixConnect, &record);
    Ok(())
}
