//! The kernel-to-user ABI of `tracer`: the records that the eBPF programs put into the
//! ring buffer and the settings that the loader puts into them. It holds no logic.
//!
//! All integers are fixed-width and in host byte order, padding is explicit, and every
//! size is asserted, so that both sides read the same bytes. The records are never
//! written to disk: user space turns them into events first.
#![no_std]

mod identity;
mod limits;
mod peers;
mod settings;

pub use identity::Identity;
pub use limits::*;
pub use peers::{Bind, Peer, PeerCount, PeerKey, Released, Traffic};
pub use settings::Settings;

/// The compiled programs, as committed (see the manifest beside it).
#[cfg(not(target_arch = "bpf"))]
pub static OBJECT: &[u8] = &{
    #[repr(C, align(8))]
    struct Aligned<T: ?Sized>(T);
    static ALIGNED: &Aligned<[u8]> = &Aligned(*include_bytes!("../object/tracer.bpf.o"));
    &ALIGNED.0
};

/// An offset that this kernel's BTF lacks. The facts that need it are left out.
pub const NO_OFFSET: u32 = u32::MAX;

/// The kind of a record. Its number is also the index of its counter in the map of losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Kind {
    /// [`Fork`]
    Fork = 1,
    /// [`Arguments`]
    Arguments = 2,
    /// [`Exec`]
    Exec = 3,
    /// [`Exit`]
    Exit = 4,
    /// [`Rename`]
    Rename = 5,
    /// [`Connect`]
    Connect = 6,
    /// [`SocketState`]
    SocketState = 7,
    /// [`Cgroup`]
    Cgroup = 8,
    /// [`Attempt`]
    Attempt = 9,
    /// [`Route`]
    Route = 10,
    /// [`Listen`]
    Listen = 11,
    /// [`Peer`]
    Peer = 12,
    /// [`Bind`]
    Bind = 13,
    /// [`Released`]
    Released = 14,
    /// [`Payload`]
    Payload = 15,
    /// [`Credentials`]
    Credentials = 16,
    /// [`ExecFailed`]
    ExecFailed = 17,
    /// [`SocketOpened`]
    SocketOpened = 18,
    /// [`Accept`]
    Accept = 19,
    /// [`UnixConnect`]
    UnixConnect = 20,
}

impl Kind {
    /// Every kind, in the order of its number.
    pub const ALL: [Kind; 20] = [
        Kind::Fork,
        Kind::Arguments,
        Kind::Exec,
        Kind::Exit,
        Kind::Rename,
        Kind::Connect,
        Kind::SocketState,
        Kind::Cgroup,
        Kind::Attempt,
        Kind::Route,
        Kind::Listen,
        Kind::Peer,
        Kind::Bind,
        Kind::Released,
        Kind::Payload,
        Kind::Credentials,
        Kind::ExecFailed,
        Kind::SocketOpened,
        Kind::Accept,
        Kind::UnixConnect,
    ];

    /// Returns the kind with this number.
    pub fn from_number(number: u32) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u32 == number)
    }
}

/// Entries of the map of losses: [`LOST_SOCKETS`], one a [`Kind`], then [`LOST_PEERS`].
pub const LOSS_COUNTERS: u32 = 2 + Kind::ALL.len() as u32;

/// Counter of UDP peers that the table had no room for.
pub const LOST_PEERS: u32 = 1 + Kind::ALL.len() as u32;

/// Counter of connections whose outcome will be missed because the table of sockets was full.
/// No kind has its number.
pub const LOST_SOCKETS: u32 = 0;

/// The beginning of every record.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Header {
    /// Nanoseconds since boot, suspend included (`bpf_ktime_get_boot_ns`).
    pub boot_ns: u64,
    /// Start of the process, same clock (`task_struct.group_leader.start_boottime`).
    pub start_ns: u64,
    /// A [`Kind`].
    pub kind: u32,
    /// Thread group id, as numbered in the PID namespace of the loader; 0 in a record without a
    /// process.
    pub pid: u32,
    /// Thread id, numbered likewise.
    pub tid: u32,
    /// Effective user id (`cred.euid`) in the initial user namespace.
    pub user: u32,
}

/// A process came to be: raw tracepoint `sched_process_fork`. The header is the child's.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Fork {
    /// The child.
    pub header: Header,
    /// Start of the process that called fork.
    pub parent_start_ns: u64,
    /// The process that called fork; 0 when it is outside of the loader's PID namespace.
    pub parent_pid: u32,
    /// Always 0.
    pub padding: u32,
    /// The child's comm, as of now its parent thread's.
    pub comm: [u8; COMM_BYTES],
}

/// Parent and users of a process. Records of processes whose fork may be missing carry it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Lineage {
    /// Start of the parent (`real_parent`), same clock as in the header; 0 if unknown.
    pub parent_start_ns: u64,
    /// Thread group id of the parent; 0 outside of the loader's PID namespace.
    pub parent_pid: u32,
    /// Real user id (`cred.uid`).
    pub real_user: u32,
    /// Login user id (`task_struct.loginuid`); [`NO_USER`] if unset or unknown.
    pub login_user: u32,
    /// Always 0.
    pub padding: u32,
}

/// A process gets other user ids: `commit_creds`. The user of the header is the new effective one.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Credentials {
    /// The process, which is the current one.
    pub header: Header,
    /// Its lineage, with the new real user id.
    pub lineage: Lineage,
}

/// A call of execve(2) or execveat(2) failed. After the fixed part come the file name and the
/// arguments, each with its NUL.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ExecFailed {
    /// The process that called.
    pub header: Header,
    /// A positive errno.
    pub error: u32,
    /// Length of the file name, NUL included; 0 if it cannot be read.
    pub filename: u16,
    /// Length of the arguments.
    pub argv: u16,
    /// 1 where arguments are missing or cut.
    pub is_cut: u32,
    /// Always 0.
    pub padding: u32,
}

/// A process opened a socket whose traffic no other record is about: cgroup `sock_create`,
/// `security_socket_create`, or `cap_capable` within socket(2).
#[derive(Clone, Copy)]
#[repr(C)]
pub struct SocketOpened {
    /// The process.
    pub header: Header,
    /// `AF_INET` and the others.
    pub family: u32,
    /// `SOCK_RAW` and the others.
    pub form: u32,
    /// Of an IP socket the protocol number.
    pub protocol: u32,
    /// Always 0.
    pub padding: u32,
}

/// A listener got a connection: `inet_sock_set_state` from SYN_RECV to ESTABLISHED. The header
/// names no process: this happens in an interrupt.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Accept {
    /// Only the time is set.
    pub header: Header,
    /// Address of the `struct sock`, as in [`Connect`].
    pub socket: u64,
    /// Both ends.
    pub endpoints: Endpoints,
}

/// A process sent to a named AF_UNIX socket, for the first time in 200 ms: raw tracepoint
/// `sock_send_length`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct UnixConnect {
    /// The process that sent.
    pub header: Header,
    /// Inode number of its socket.
    pub inode: u64,
    /// The process that called listen(2), as its own number; 0 if unknown.
    pub peer_pid: u32,
    /// Length of the name.
    pub length: u32,
    /// The name (`sun_path`). One in the abstract namespace begins with a NUL.
    pub path: [u8; UNIX_PATH],
}

/// A user id that is not set, as the kernel writes it.
pub const NO_USER: u32 = u32::MAX;

/// Part of the argv of the [`Exec`] record of the same thread that follows; `length` bytes of it
/// follow the fixed part.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Arguments {
    /// The process that calls exec.
    pub header: Header,
    /// Position of the bytes in the argv area.
    pub offset: u32,
    /// Count of the bytes that follow.
    pub length: u32,
}

/// A process became another program: raw tracepoint `sched_process_exec`.
/// After the fixed part come, without separators: an [`Identity`], file name, interpreter,
/// executable, directory, argv.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Exec {
    /// The process, already under its new program.
    pub header: Header,
    /// Size of the argv area (`mm->arg_end - mm->arg_start`), all of it.
    pub argv_bytes: u32,
    /// argv bytes that were sent ahead in [`Arguments`] records.
    pub argv_ahead: u32,
    /// Thread that called exec where it was not the leader, as numbered in the initial PID
    /// namespace; else 0.
    pub former_tid: u32,
    /// [`Exec::UNREADABLE_ARGV`] and the others.
    pub flags: u32,
    /// Length of `linux_binprm.filename`.
    pub filename: u16,
    /// Length of `linux_binprm.interp`.
    pub interpreter: u16,
    /// Length of the path of `mm->exe_file`: names from the leaf up, each with a NUL.
    pub executable: u16,
    /// Length of the path of `fs->pwd`, likewise.
    pub directory: u16,
    /// Length of the argv bytes in this record.
    pub argv: u16,
    /// Always 0.
    pub padding: [u16; 3],
    /// Permitted capabilities that are not ambient: those that the file gives.
    pub capabilities: u64,
    /// Parent and users.
    pub lineage: Lineage,
    /// The comm that the kernel gave to the process.
    pub comm: [u8; COMM_BYTES],
}

impl Exec {
    /// Some argv pages could not be read.
    pub const UNREADABLE_ARGV: u32 = 1;
    /// The path of the executable is deeper than was walked.
    pub const CUT_EXECUTABLE: u32 = 2;
    /// The path of the working directory is deeper than was walked.
    pub const CUT_DIRECTORY: u32 = 4;
}

/// The last thread of a process ended: raw tracepoint `sched_process_exit`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Exit {
    /// The process.
    pub header: Header,
    /// As `wait(2)` reports it: signal in the low 7 bits, exit code in bits 8 to 15.
    pub status: u32,
    /// Always 0.
    pub padding: u32,
    /// Parent and users.
    pub lineage: Lineage,
}

/// A thread changed its comm, other than by exec: raw tracepoint `task_rename`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Rename {
    /// The thread.
    pub header: Header,
    /// Before.
    pub from: [u8; COMM_BYTES],
    /// After.
    pub to: [u8; COMM_BYTES],
    /// Parent and users.
    pub lineage: Lineage,
}

/// A process is in another cgroup: raw tracepoint `cgroup_attach_task`, or `sched_process_fork` of
/// a child with `CLONE_INTO_CGROUP`.
///
/// The cgroup is of the unified hierarchy, or of systemd's own. The header is that of the process;
/// another process may have moved it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Cgroup {
    /// The process.
    pub header: Header,
    /// Length of the path that follows: names from the leaf up, each with a NUL.
    pub length: u32,
    /// 1 where the names at the top are missing.
    pub cut: u32,
}

/// Both ends of a socket. IPv4 addresses are in the first four bytes.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Endpoints {
    /// `AF_INET` or `AF_INET6`.
    pub family: u16,
    /// Local port, host byte order; 0 while none is chosen.
    pub local_port: u16,
    /// Remote port, host byte order.
    pub remote_port: u16,
    /// Always 0.
    pub padding: u16,
    /// Local address, network byte order.
    pub local: [u8; 16],
    /// Remote address, network byte order.
    pub remote: [u8; 16],
    /// Inode number of the network namespace; 0 if unknown.
    pub namespace: u32,
    /// Always 0.
    pub padding_end: u32,
}

impl Endpoints {
    /// Ends that are not read.
    pub const UNKNOWN: Endpoints = Endpoints {
        family: 0,
        local_port: 0,
        remote_port: 0,
        padding: 0,
        local: [0; 16],
        remote: [0; 16],
        namespace: 0,
        padding_end: 0,
    };
}

/// A process asked for a TCP connection: `tcp_connect`, or `inet_sock_set_state` to SYN_SENT.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Connect {
    /// The process that owns the connection.
    pub header: Header,
    /// Address of the `struct sock`: tells connections apart while they last. It never
    /// leaves the tool.
    pub socket: u64,
    /// `sk_cookie`; 0 where nothing has asked for it.
    pub cookie: u64,
    /// Both ends.
    pub endpoints: Endpoints,
}

/// A process calls `connect(2)` for TCP: cgroup `connect4` and `connect6`. No SYN was sent unless a
/// [`Connect`] with the same cookie follows.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Attempt {
    /// The process that calls.
    pub header: Header,
    /// `sk_cookie`.
    pub cookie: u64,
    /// The remote end; the local one is not known.
    pub endpoints: Endpoints,
}

/// Answer of the routing table to a thread inside of `connect(2)`: raw tracepoints
/// `fib_table_lookup` and `fib6_table_lookup`. The last one counts. A thread without an error has
/// none.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Route {
    /// The thread.
    pub header: Header,
    /// A positive errno, or 0 where there is a route after all.
    pub error: u32,
    /// Always 0.
    pub padding: u32,
}

/// A process began to listen for TCP connections: `inet_sock_set_state` to LISTEN.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Listen {
    /// The process.
    pub header: Header,
    /// Address of the `struct sock`, as in [`Connect`].
    pub socket: u64,
    /// The local end.
    pub endpoints: Endpoints,
}

/// Bytes of a connection: the first of a client, or an answer of a DNS or HTTP server.
/// `cgroup_skb`, under any current task. The bytes follow; the record may be longer than they are.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Payload {
    /// Only the time is set.
    pub header: Header,
    /// `sk_cookie`.
    pub cookie: u64,
    /// Their position in the stream of that direction, or in the datagram.
    pub offset: u64,
    /// Count of the bytes that follow.
    pub length: u32,
    /// [`Payload::SENT`] and the others.
    pub flags: u32,
    /// Of a datagram the remote address, as in [`PeerKey`]; else zeros.
    pub remote: [u8; 16],
    /// Its port, host byte order.
    pub remote_port: u32,
    /// Always 0.
    pub padding: u32,
}

impl Payload {
    /// By the owner of the socket; else received.
    pub const SENT: u32 = 1;
    /// A datagram, else part of a stream.
    pub const DATAGRAM: u32 = 2;
    /// The last bytes of the datagram.
    pub const LAST: u32 = 4;
    /// The first answer to a client that may be one of HTTP.
    pub const ANSWER: u32 = 8;
}

/// A socket of a [`Connect`], or one that the loader named, changed its state: raw tracepoint
/// `inet_sock_set_state`. Any task may be the current one, so the header has no process.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct SocketState {
    /// Only the time is set.
    pub header: Header,
    /// Address of the `struct sock`; 0 for a pre-existing one.
    pub socket: u64,
    /// `sk_cookie` of a pre-existing one, else 0.
    pub cookie: u64,
    /// Payload bytes handed to the network, without retransmissions (`bytes_sent - bytes_retrans`).
    /// Amounts are read once a connection was established, and are 0 before.
    pub bytes_sent: u64,
    /// Payload bytes received in order (`tcp_sock.bytes_received`, without the FIN).
    pub bytes_received: u64,
    /// `sk_err`, a positive errno or 0.
    pub error: u32,
    /// State before (`TCP_SYN_SENT` is 2).
    pub from: u16,
    /// State after: `TCP_ESTABLISHED` is 1, `TCP_FIN_WAIT1` 4, `TCP_CLOSE` 7, `TCP_LAST_ACK` 9.
    pub to: u16,
    /// Both ends, until the connection was established; unknown afterwards.
    pub endpoints: Endpoints,
}

const _: () = {
    assert!(size_of::<Header>() == 32);
    assert!(size_of::<Fork>() == 64);
    assert!(size_of::<Arguments>() == 40);
    assert!(size_of::<Exec>() == 112);
    assert!(size_of::<Exit>() == 64);
    assert!(size_of::<Rename>() == 88);
    assert!(size_of::<Credentials>() == 56);
    assert!(size_of::<ExecFailed>() == 48);
    assert!(size_of::<SocketOpened>() == 48);
    assert!(size_of::<Accept>() == 88);
    assert!(size_of::<UnixConnect>() == 176);
    assert!(size_of::<Cgroup>() == 40);
    assert!(size_of::<Endpoints>() == 48);
    assert!(size_of::<Connect>() == 96);
    assert!(size_of::<Attempt>() == 88);
    assert!(size_of::<Route>() == 40);
    assert!(size_of::<Listen>() == 88);
    assert!(size_of::<Peer>() == 96);
    assert!(size_of::<Bind>() == 96);
    assert!(size_of::<Released>() == 40);
    assert!(size_of::<Payload>() == 80);
    assert!(size_of::<PeerKey>() == 32);
    assert!(size_of::<PeerCount>() == 80);
    assert!(size_of::<SocketState>() == 120);
    assert!(size_of::<Exec>() + size_of::<Identity>() + EXEC_PAYLOAD <= 32 * 1024);
};
