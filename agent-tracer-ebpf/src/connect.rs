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
    kernel::{OUTSIDE, Object},
    maps::{ACCEPTED, ATTEMPTS, EARLIER_SOCKETS, SOCKETS, setting},
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

const BPF_NOEXIST: u64 = 1;
const EEXIST: i32 = -17;

/// No state: no state of the socket was emitted yet.
const NEW: u32 = 0;

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
    if let Some(socket) = context.arg::<u64>(0) {
        emit::count_failure(Kind::Connect, try_connect(&context, Object(socket)));
    }
    0
}

/// `prototype: (const struct sock *sk, const int oldstate, const int newstate)`
#[raw_tracepoint(tracepoint = "inet_sock_set_state")]
pub fn inet_sock_set_state(context: RawTracePointContext) -> i32 {
    let socket = Object(context.arg::<u64>(0));
    match context.arg::<u32>(2) {
        // `connect(2)` sets this state in the context of the process that called it.
        TCP_SYN_SENT if setting!(connect_is_hooked) == 0 => {
            emit::count_failure(Kind::Connect, try_connect(&context, socket));
        }
        // `listen(2)` does so in the context of the process that called it.
        TCP_LISTEN => emit::count_failure(Kind::Listen, try_listen(&context, socket)),
        to => state(socket, context.arg::<u32>(1), to),
    }
    0
}

/// Hooks the tracepoint again. The kernel runs a program once at a time on a CPU
/// (`bpf_prog.active`), so one program would lose changes in an interrupt of itself. Each emits the
/// changes that the other cannot. No process connects or listens in an interrupt.
#[raw_tracepoint(tracepoint = "inet_sock_set_state")]
pub fn inet_sock_set_state_in_interrupt(context: RawTracePointContext) -> i32 {
    let socket = Object(context.arg::<u64>(0));
    state(socket, context.arg::<u32>(1), context.arg::<u32>(2));
    0
}

#[inline(always)]
fn state(socket: Object, from: u32, to: u32) {
    match to {
        TCP_ESTABLISHED if from == TCP_SYN_RECV => {
            // SAFETY: the value is not looked at.
            if unsafe { SOCKETS.get(socket.0) }.is_none() {
                emit::count_failure(Kind::Accept, try_accept(socket));
                return;
            }
        }
        // Through SYN_RECV when both ends ask at the same time; sockets that were asked only are
        // not in the table.
        TCP_SYN_RECV | TCP_ESTABLISHED => {}
        // The two ways to send a FIN, and the end.
        TCP_FIN_WAIT1 | TCP_LAST_ACK | TCP_CLOSE => {}
        _ => return,
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
    forget_accepted(socket);
    // SAFETY: the value is not looked at.
    if unsafe { SOCKETS.get(socket.0) }.is_some() {
        // The end of the previous connection was not emitted.
        emit::lost(Kind::SocketState as u32);
    }
    if SOCKETS.insert(socket.0, NEW as u8, 0).is_err() {
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
    forget_accepted(socket);
    let record = Listen {
        header: task::header(Kind::Listen, task::current())?,
        socket: socket.0,
        endpoints: endpoints(socket)?,
    };
    if SOCKETS.insert(socket.0, NEW as u8, 0).is_err() {
        emit::lost(LOST_SOCKETS);
        aya_log_ebpf::warn!(context, "listen: the table of sockets is full");
    }
    emit::record(Kind::Listen, &record);
    Ok(())
}

/// Notes a connection of a listener. Of the two programs on the hook, the first one emits it.
#[inline(always)]
fn try_accept(socket: Object) -> Result<(), i32> {
    let header = without_process(Kind::Accept);
    let mut none = header;
    none.boot_ns = 0;
    match ACCEPTED.insert(socket.0, none, BPF_NOEXIST) {
        Ok(()) => {}
        Err(EEXIST) => return Ok(()),
        Err(_) => {
            emit::lost(LOST_SOCKETS);
            return Ok(());
        }
    }
    let record = Accept {
        header,
        socket: socket.0,
        endpoints: endpoints(socket)?,
    };
    emit::minor_record(Kind::Accept, &record);
    Ok(())
}

/// Drops an inbound connection whose end was lost: its address is that of another socket by now.
#[inline(always)]
fn forget_accepted(socket: Object) {
    // SAFETY: the value is not looked at.
    if unsafe { ACCEPTED.get(socket.0) }.is_some() {
        let _ = ACCEPTED.remove(socket.0);
        emit::lost(Kind::SocketState as u32);
    }
}

/// Follows a connection of a listener. The process that closes it is its owner.
#[inline(always)]
fn accepted_state(socket: Object, closer: *mut Header, from: u32, to: u32) -> Result<(), i32> {
    if from == TCP_LISTEN {
        // Its end was lost, and this is another connection.
        let _ = ACCEPTED.remove(socket.0);
        return Err(MISSED);
    }
    if to != TCP_CLOSE {
        // close(2) and shutdown(2) send the FIN, in the context of the process that calls.
        if let Ok(header) = task::header(Kind::SocketState, task::current()) {
            // SAFETY: a value of the map; the socket is locked.
            unsafe { *closer = header };
        }
        return Ok(());
    }
    // SAFETY: as above.
    let mut header = unsafe { *closer };
    // SAFETY: takes no arguments.
    header.boot_ns = unsafe { bpf_ktime_get_boot_ns() };
    let _ = ACCEPTED.remove(socket.0);
    send_state(header, socket, socket.0, 0, from, to)
}

#[inline(always)]
fn try_state(socket: Object, from: u32, to: u32) -> Result<(), i32> {
    if let Some(closer) = ACCEPTED.get_ptr_mut(socket.0) {
        return accepted_state(socket, closer, from, to);
    }
    let (mut address, mut cookie) = (socket.0, 0);
    let mut last = SOCKETS.get_ptr_mut(socket.0);
    if last.is_none() {
        address = 0;
        cookie = socket.word(setting!(sock_cookie));
        if cookie != 0 {
            last = EARLIER_SOCKETS.get_ptr_mut(cookie);
        }
    }
    let Some(last) = last else { return Ok(()) };
    // SAFETY: a value of the map; each change of a socket's state happens under its lock.
    let before = u32::from(unsafe { core::ptr::replace(last, to as u8) });
    if before == to {
        return Ok(());
    }
    if cookie == 0 {
        if from == TCP_LISTEN && to == TCP_SYN_RECV {
            // Its end was not emitted, and it now is another connection, which a peer asked for.
            let _ = SOCKETS.remove(address);
            return Err(MISSED);
        }
        if before == NEW && from != TCP_SYN_SENT && from != TCP_LISTEN {
            // The answer to its SYN was not emitted.
            emit::lost(Kind::SocketState as u32);
        }
    }
    if to == TCP_SYN_RECV {
        return Ok(());
    }
    if to == TCP_CLOSE {
        let _ = match cookie {
            0 => SOCKETS.remove(address),
            cookie => EARLIER_SOCKETS.remove(cookie),
        };
    }
    send_state(
        without_process(Kind::SocketState),
        socket,
        address,
        cookie,
        from,
        to,
    )
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
    let sent: u64 = socket.read(setting!(tcp_bytes_sent)).unwrap_or(0);
    let again: u64 = socket.read(setting!(tcp_bytes_retransmitted)).unwrap_or(0);
    let flags: u64 = socket.read(setting!(sock_flags)).unwrap_or(0);
    // The kernel counts the peer's FIN as a byte.
    let fin = u64::from(flags & PEER_IS_DONE != 0);
    let received: u64 = socket.read(setting!(tcp_bytes_received)).unwrap_or(0);
    let record = SocketState {
        header,
        socket: address,
        cookie,
        bytes_sent: sent.saturating_sub(again),
        bytes_received: received.saturating_sub(fin),
        error: socket.read(setting!(sock_error))?,
        from: from as u16,
        to: to as u16,
        endpoints: endpoints(socket)?,
    };
    emit::record(Kind::SocketState, &record);
    Ok(())
}

#[inline(always)]
fn endpoints(socket: Object) -> Result<Endpoints, i32> {
    let family: u16 = socket.read(setting!(sock_family))?;
    let mut endpoints = Endpoints {
        family,
        local_port: u16::from_be(socket.read(setting!(sock_local_port))?),
        remote_port: u16::from_be(socket.read(setting!(sock_remote_port))?),
        padding: 0,
        local: [0; 16],
        remote: [0; 16],
        namespace: Object(socket.word(setting!(sock_network)))
            .number(setting!(network_namespace_inum)),
        padding_end: 0,
    };
    match family {
        AF_INET => {
            let local: [u8; 4] = socket.read(setting!(sock_local_v4))?;
            let remote: [u8; 4] = socket.read(setting!(sock_remote_v4))?;
            endpoints.local[..4].copy_from_slice(&local);
            endpoints.remote[..4].copy_from_slice(&remote);
        }
        AF_INET6 => {
            endpoints.local = socket.read(setting!(sock_local_v6))?;
            endpoints.remote = socket.read(setting!(sock_remote_v6))?;
        }
        _ => return Err(OUTSIDE),
    }
    Ok(endpoints)
}
