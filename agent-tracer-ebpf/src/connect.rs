//! Emits connects and listens of TCP sockets with their owners, and the later states of sockets.

use agent_tracer_ebpf::{
    Accept, Connect, Endpoints, Header, Kind, LOST_SOCKETS, Listen, SocketState,
};
use aya_ebpf::{
    EbpfContext,
    helpers::generated::{bpf_get_current_pid_tgid, bpf_ktime_get_boot_ns},
    macros::{fentry, kprobe, raw_tracepoint},
    programs::{FEntryContext, ProbeContext, RawTracePointContext},
};

use crate::{
    datagram::without_process,
    emit,
    kernel::{OUTSIDE, Object, Start},
    maps::{ATTEMPTS, Change, EARLIER_SOCKETS, Known, LAST_CHANGE, SOCKETS, setting},
    registers::Registers,
    task,
};

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const IPPROTO_TCP: u16 = 6;
const TCP_ESTABLISHED: u32 = 1;
const TCP_SYN_SENT: u32 = 2;
const TCP_SYN_RECV: u32 = 3;
const TCP_FIN_WAIT1: u32 = 4;
const TCP_CLOSE: u32 = 7;
const TCP_LAST_ACK: u32 = 9;
const TCP_LISTEN: u32 = 10;

/// Words of `struct sock_common`, with which every socket begins.
const SOCK_COMMON_WORDS: usize = 17;

const BPF_NOEXIST: u64 = 1;
const EEXIST: i32 = -17;

/// No state: no state of the socket was emitted yet.
const NEW: u32 = 0;

const NO_PROCESS: Header = Header {
    boot_ns: 0,
    start_ns: 0,
    kind: 0,
    pid: 0,
    tid: 0,
    user: 0,
};

/// A connection that a process asked for, or a listener. A static, since the compiler fills a
/// value on the stack byte by byte.
static OUTBOUND: Known = Known {
    state: NEW,
    is_inbound: 0,
    closer: NO_PROCESS,
};

/// A connection that a listener got.
static INBOUND: Known = Known {
    state: NEW,
    is_inbound: 1,
    closer: NO_PROCESS,
};

/// An earlier state was lost: under load, some kernels skip tracepoints in interrupts.
const MISSED: i32 = -3;

/// `1 << SOCK_DONE`: the peer's FIN came.
const PEER_IS_DONE: u64 = 1 << 1;

/// `prototype: int tcp_connect(struct sock *sk)`
#[fentry(function = "tcp_connect")]
pub fn fentry_tcp_connect(context: FEntryContext) -> i32 {
    let socket = Object(context.arg::<u64>(0));
    emit::count_failure(Kind::Connect, try_connect(&context, socket));
    0
}

/// `prototype: int tcp_connect(struct sock *sk)`
#[kprobe]
pub fn kprobe_tcp_connect(context: ProbeContext) -> u32 {
    let socket = Object(Registers::of(&context).argument::<0>());
    emit::count_failure(Kind::Connect, try_connect(&context, socket));
    0
}

/// `prototype: (const struct sock *sk, const int oldstate, const int newstate)`
#[raw_tracepoint(tracepoint = "inet_sock_set_state")]
pub fn inet_sock_set_state(context: RawTracePointContext) -> i32 {
    let socket = Object(context.arg::<u64>(0));
    let (from, to) = (context.arg::<u32>(1), context.arg::<u32>(2));
    match to {
        // `connect(2)` sets this state in the context of the process that called it.
        TCP_SYN_SENT if setting!(connect_is_hooked) == 0 => {
            emit::count_failure(Kind::Connect, try_connect(&context, socket));
        }
        // `listen(2)` does so in the context of the process that called it.
        TCP_LISTEN => emit::count_failure(Kind::Listen, try_listen(&context, socket)),
        _ if is_followed(to) => {
            state(socket, from, to);
            if let Some(last) = LAST_CHANGE.get_ptr_mut(0) {
                let socket = socket.0;
                // SAFETY: a per-CPU value; see below for an interrupt in between.
                unsafe { *last = Change { socket, from, to } };
            }
        }
        _ => {}
    }
    0
}

/// Hooks the tracepoint again. The kernel runs a program once at a time on a CPU
/// (`bpf_prog.active`), so one program would lose changes in an interrupt of itself. Each emits the
/// changes that the other cannot. No process connects or listens in an interrupt.
#[raw_tracepoint(tracepoint = "inet_sock_set_state")]
pub fn inet_sock_set_state_in_interrupt(context: RawTracePointContext) -> i32 {
    let socket = Object(context.arg::<u64>(0));
    let (from, to) = (context.arg::<u32>(1), context.arg::<u32>(2));
    if !is_followed(to) {
        return 0;
    }
    if let Some(last) = LAST_CHANGE.get_ptr_mut(0) {
        // SAFETY: a per-CPU value. An interrupt after the first program replaces the note, and
        // this change is looked up again, which emits nothing.
        let last = unsafe { &mut *last };
        let is_done = last.socket == socket.0 && last.from == from && last.to == to;
        last.socket = 0;
        if is_done {
            return 0;
        }
    }
    state(socket, from, to);
    0
}

/// Returns true for states that are emitted: an answer, the two ways to send a FIN, and the end. A
/// socket gets through SYN_RECV when both ends ask at the same time.
#[inline(always)]
fn is_followed(to: u32) -> bool {
    matches!(
        to,
        TCP_SYN_RECV | TCP_ESTABLISHED | TCP_FIN_WAIT1 | TCP_LAST_ACK | TCP_CLOSE
    )
}

#[inline(always)]
fn state(socket: Object, from: u32, to: u32) {
    if to == TCP_ESTABLISHED && from == TCP_SYN_RECV {
        match SOCKETS.insert(socket.0, INBOUND, BPF_NOEXIST) {
            Ok(()) => return emit::count_failure(Kind::Accept, try_accept(socket)),
            Err(EEXIST) => {}
            Err(_) => return emit::lost(LOST_SOCKETS),
        }
    }
    emit::count_failure(Kind::SocketState, try_state(socket, from, to));
}

#[inline(always)]
fn try_connect<C: EbpfContext>(context: &C, socket: Object) -> Result<(), i32> {
    if socket.read::<u16>(setting!(sock_protocol))? != IPPROTO_TCP {
        return Ok(());
    }
    let header = task::header(Kind::Connect, task::current())?;
    let mut endpoints = endpoints(socket)?;
    if setting!(connect_is_hooked) == 0 {
        // The state changes before a port is chosen; what is there is left of an earlier attempt.
        endpoints.local_port = 0;
    }
    // SAFETY: the value is not looked at.
    if unsafe { SOCKETS.get(socket.0) }.is_some() {
        // The end of the previous connection was not emitted.
        emit::lost(Kind::SocketState as u32);
    }
    if SOCKETS.insert(socket.0, OUTBOUND, 0).is_err() {
        emit::lost(LOST_SOCKETS);
        aya_log_ebpf::warn!(context, "connect: the table of sockets is full");
    }
    let record = Connect {
        header,
        socket: socket.0,
        cookie: socket.word(setting!(sock_cookie)),
        endpoints,
    };
    emit::record(Kind::Connect, &record);
    // SAFETY: takes no arguments.
    let _ = ATTEMPTS.remove(unsafe { bpf_get_current_pid_tgid() });
    Ok(())
}

#[inline(always)]
fn try_listen<C: EbpfContext>(context: &C, socket: Object) -> Result<(), i32> {
    if socket.read::<u16>(setting!(sock_protocol))? != IPPROTO_TCP {
        return Ok(());
    }
    // SAFETY: a value of the map, and the socket is locked.
    if unsafe { SOCKETS.get(socket.0) }.is_some_and(|known| known.is_inbound != 0) {
        // The end of the previous connection was not emitted.
        emit::lost(Kind::SocketState as u32);
    }
    let record = Listen {
        header: task::header(Kind::Listen, task::current())?,
        socket: socket.0,
        endpoints: endpoints(socket)?,
    };
    if SOCKETS.insert(socket.0, OUTBOUND, 0).is_err() {
        emit::lost(LOST_SOCKETS);
        aya_log_ebpf::warn!(context, "listen: the table of sockets is full");
    }
    emit::record(Kind::Listen, &record);
    Ok(())
}

/// Emits a connection of a listener.
#[inline(always)]
fn try_accept(socket: Object) -> Result<(), i32> {
    let record = Accept {
        header: without_process(Kind::Accept),
        socket: socket.0,
        endpoints: endpoints(socket)?,
    };
    emit::minor_record(Kind::Accept, &record);
    Ok(())
}

#[inline(always)]
fn try_state(socket: Object, from: u32, to: u32) -> Result<(), i32> {
    if let Some(known) = SOCKETS.get_ptr_mut(socket.0) {
        // SAFETY: a value of the map; each change of a socket's state happens under its lock.
        let known = unsafe { &mut *known };
        return if known.is_inbound == 0 {
            outbound_state(socket, known, from, to)
        } else {
            inbound_state(socket, known, from, to)
        };
    }
    let cookie = socket.word(setting!(sock_cookie));
    if cookie == 0 {
        return Ok(());
    }
    let Some(last) = EARLIER_SOCKETS.get_ptr_mut(cookie) else {
        return Ok(());
    };
    // SAFETY: as above.
    let before = u32::from(unsafe { core::ptr::replace(last, to as u8) });
    if before == to || to == TCP_SYN_RECV {
        return Ok(());
    }
    if to == TCP_CLOSE {
        let _ = EARLIER_SOCKETS.remove(cookie);
    }
    let header = without_process(Kind::SocketState);
    send_state(header, socket, 0, cookie, from, to)
}

/// Follows a connection of a listener. The process that closes it is its owner.
#[inline(always)]
fn inbound_state(socket: Object, known: &mut Known, from: u32, to: u32) -> Result<(), i32> {
    if from == TCP_LISTEN {
        // Its end was lost, and this is another connection.
        let _ = SOCKETS.remove(socket.0);
        return Err(MISSED);
    }
    if to != TCP_CLOSE {
        // close(2) and shutdown(2) send the FIN, in the context of the process that calls.
        if to != TCP_ESTABLISHED
            && let Ok(header) = task::header(Kind::SocketState, task::current())
        {
            known.closer = header;
        }
        return Ok(());
    }
    let mut header = known.closer;
    header.kind = Kind::SocketState as u32;
    // SAFETY: takes no arguments.
    header.boot_ns = unsafe { bpf_ktime_get_boot_ns() };
    let _ = SOCKETS.remove(socket.0);
    send_state(header, socket, socket.0, 0, from, to)
}

#[inline(always)]
fn outbound_state(socket: Object, known: &mut Known, from: u32, to: u32) -> Result<(), i32> {
    let before = core::mem::replace(&mut known.state, to);
    if before == to {
        return Ok(());
    }
    if from == TCP_LISTEN && to == TCP_SYN_RECV {
        // Its end was not emitted, and it now is another connection, which a peer asked for.
        let _ = SOCKETS.remove(socket.0);
        return Err(MISSED);
    }
    if before == NEW && from != TCP_SYN_SENT && from != TCP_LISTEN {
        // The answer to its SYN was not emitted.
        emit::lost(Kind::SocketState as u32);
    }
    if to == TCP_SYN_RECV {
        return Ok(());
    }
    if to == TCP_CLOSE {
        let _ = SOCKETS.remove(socket.0);
    }
    let header = without_process(Kind::SocketState);
    send_state(header, socket, socket.0, 0, from, to)
}

#[inline(always)]
fn send_state(
    header: Header,
    socket: Object,
    address: u64,
    cookie: u64,
    from: u32,
    to: u32,
) -> Result<(), i32> {
    // The ends matter until the connection is established, the amounts from then on.
    let (amounts, ends) = match from {
        _ if to == TCP_ESTABLISHED => (Amounts::default(), endpoints(socket)?),
        TCP_SYN_SENT | TCP_SYN_RECV => (Amounts::default(), endpoints(socket)?),
        _ => (amounts(socket), Endpoints::UNKNOWN),
    };
    let record = SocketState {
        header,
        socket: address,
        cookie,
        bytes_sent: amounts.sent,
        bytes_received: amounts.received,
        error: socket.number(setting!(sock_error)),
        from: from as u16,
        to: to as u16,
        endpoints: ends,
    };
    emit::record(Kind::SocketState, &record);
    Ok(())
}

/// Payload bytes of a connection.
#[derive(Default)]
struct Amounts {
    sent: u64,
    received: u64,
}

#[inline(always)]
fn amounts(socket: Object) -> Amounts {
    let sent = socket.word(setting!(tcp_bytes_sent));
    let again = socket.word(setting!(tcp_bytes_retransmitted));
    // The kernel counts the peer's FIN as a byte.
    let fin = u64::from(socket.word(setting!(sock_flags)) & PEER_IS_DONE != 0);
    let received = socket.word(setting!(tcp_bytes_received));
    Amounts {
        sent: sent.saturating_sub(again),
        received: received.saturating_sub(fin),
    }
}

/// Reads both ends. Most fields are in `struct sock_common`, which one call reads.
#[inline(always)]
fn endpoints(socket: Object) -> Result<Endpoints, i32> {
    let common: Start<SOCK_COMMON_WORDS> = socket.start();
    let family: u16 = common.read(setting!(sock_family));
    let mut endpoints = Endpoints {
        family,
        local_port: u16::from_be(socket.number(setting!(sock_local_port)) as u16),
        remote_port: u16::from_be(common.read(setting!(sock_remote_port))),
        namespace: Object(common.read(setting!(sock_network)))
            .number(setting!(network_namespace_inum)),
        ..Endpoints::UNKNOWN
    };
    match family {
        AF_INET => {
            let local = socket.number(setting!(sock_local_v4));
            let remote: u32 = common.read(setting!(sock_remote_v4));
            endpoints.local[..4].copy_from_slice(&local.to_ne_bytes());
            endpoints.remote[..4].copy_from_slice(&remote.to_ne_bytes());
        }
        AF_INET6 => {
            endpoints.local = address(common.read(setting!(sock_local_v6)));
            endpoints.remote = address(common.read(setting!(sock_remote_v6)));
        }
        _ => return Err(OUTSIDE),
    }
    Ok(endpoints)
}

/// Returns the bytes of an IPv6 address, of which the kernel makes words.
#[inline(always)]
fn address(words: [u32; 4]) -> [u8; 16] {
    // SAFETY: both are sixteen bytes without padding.
    unsafe { core::mem::transmute::<[u32; 4], [u8; 16]>(words) }
}
