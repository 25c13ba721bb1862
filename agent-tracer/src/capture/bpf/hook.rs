//! Names the places where the kernel reports events, as users know them, and the requirements of
//! each. Their use and order are the plan's.

use std::fmt;

/// A place in the kernel where a program can be attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Raw tracepoint.
    SchedProcessFork,
    /// Raw tracepoint.
    SchedProcessExec,
    /// Raw tracepoint.
    SchedProcessExit,
    /// Raw tracepoint.
    TaskRename,
    /// Entry of the function, through a breakpoint.
    KprobeCommitCreds,
    /// Entry and return of the system calls, through breakpoints.
    KprobeExecve,
    /// Tracepoints of the system calls. They slow every system call of the machine.
    SyscallExecve,
    /// cgroup program `sock_create`.
    CgroupSockCreate,
    /// Entry of the function, through a breakpoint.
    KprobeSocketCreate,
    /// Raw tracepoint, since Linux 6.14.
    CapCapable,
    /// Raw tracepoint, since Linux 6.3.
    SockSendLength,
    /// Entry of the function, through a breakpoint.
    KprobeUnixConnect,
    /// No eBPF program: /proc at the end of the recording.
    ProcAtEnd,
    /// No eBPF program: the process events connector, over netlink.
    ProcessConnector,
    /// Raw tracepoint.
    CgroupAttachTask,
    /// Entry of the function, through a BPF trampoline.
    FentryTcpConnect,
    /// Entry of the function, through a breakpoint.
    KprobeTcpConnect,
    /// Raw tracepoint.
    InetSockSetState,
    /// cgroup programs `connect4` and `connect6`.
    CgroupConnect,
    /// Raw tracepoints of both routing tables.
    FibTableLookup,
    /// cgroup programs `bind`, `post_bind`, `sendmsg` and `sock_release`.
    CgroupDatagrams,
    /// cgroup programs for packets that leave and arrive.
    CgroupPackets,
    /// No eBPF program: marks on directories.
    Fanotify,
    /// No eBPF program: systemd's interface on the D-Bus system bus.
    Systemd,
    /// No eBPF program: one question over netlink, about TCP.
    SockDiag,
    /// No eBPF program: one question over netlink, about UDP.
    UdpDiag,
}

impl Hook {
    /// Returns the name that `TRACER_WITHOUT_HOOKS` uses.
    pub fn name(self) -> &'static str {
        match self {
            Hook::CgroupConnect => "cgroup_connect",
            Hook::FibTableLookup => "fib_table_lookup",
            Hook::CgroupDatagrams => "cgroup_datagrams",
            Hook::CgroupPackets => "cgroup_packets",
            Hook::SchedProcessFork => "sched_process_fork",
            Hook::SchedProcessExec => "sched_process_exec",
            Hook::SchedProcessExit => "sched_process_exit",
            Hook::TaskRename => "task_rename",
            Hook::KprobeCommitCreds => "kprobe_commit_creds",
            Hook::ProcessConnector => "process_connector",
            Hook::KprobeExecve => "kprobe_execve",
            Hook::SyscallExecve => "syscall_execve",
            Hook::CgroupSockCreate => "cgroup_sock_create",
            Hook::KprobeSocketCreate => "kprobe_socket_create",
            Hook::CapCapable => "cap_capable",
            Hook::SockSendLength => "sock_send_length",
            Hook::KprobeUnixConnect => "kprobe_unix_connect",
            Hook::ProcAtEnd => "proc_at_end",
            Hook::CgroupAttachTask => "cgroup_attach_task",
            Hook::FentryTcpConnect => "fentry_tcp_connect",
            Hook::KprobeTcpConnect => "kprobe_tcp_connect",
            Hook::InetSockSetState => "inet_sock_set_state",
            Hook::Fanotify => "fanotify",
            Hook::Systemd => "systemd",
            Hook::SockDiag => "sock_diag",
            Hook::UdpDiag => "udp_diag",
        }
    }

    /// Its programs in the object; all of them are attached, or none.
    pub fn programs(self) -> &'static [&'static str] {
        match self {
            Hook::SchedProcessFork => &["sched_process_fork"],
            Hook::SchedProcessExec => &["sched_process_exec"],
            Hook::SchedProcessExit => &["sched_process_exit"],
            Hook::TaskRename => &["task_rename"],
            Hook::KprobeCommitCreds => &["kprobe_commit_creds"],
            Hook::KprobeExecve => &[
                "kretprobe_execve",
                "kretprobe_execveat",
                "kprobe_execve",
                "kprobe_execveat",
            ],
            Hook::SyscallExecve => &[
                "sys_exit_execve",
                "sys_exit_execveat",
                "sys_enter_execve",
                "sys_enter_execveat",
            ],
            Hook::CgroupSockCreate => &["cgroup_sock_create"],
            Hook::KprobeSocketCreate => &["kprobe_security_socket_create"],
            Hook::CapCapable => &["cap_capable"],
            Hook::SockSendLength => &["sock_send_length"],
            Hook::KprobeUnixConnect => &["kprobe_unix_stream_connect"],
            Hook::CgroupAttachTask => &["cgroup_attach_task"],
            Hook::FentryTcpConnect => &["fentry_tcp_connect"],
            Hook::KprobeTcpConnect => &["kprobe_tcp_connect"],
            Hook::InetSockSetState => &["inet_sock_set_state", "inet_sock_set_state_in_interrupt"],
            Hook::CgroupConnect => &["cgroup_connect4", "cgroup_connect6"],
            Hook::FibTableLookup => &["fib_table_lookup", "fib6_table_lookup"],
            Hook::CgroupDatagrams => &[
                "cgroup_sendmsg4",
                "cgroup_sendmsg6",
                "cgroup_bind4",
                "cgroup_bind6",
                "cgroup_post_bind4",
                "cgroup_post_bind6",
                "cgroup_sock_release",
            ],
            Hook::CgroupPackets => &["cgroup_egress", "cgroup_ingress"],
            Hook::Fanotify
            | Hook::Systemd
            | Hook::SockDiag
            | Hook::UdpDiag
            | Hook::ProcAtEnd
            | Hook::ProcessConnector => &[],
        }
    }

    /// True if the verifier takes long for one of its programs.
    pub(super) fn is_long(self) -> bool {
        matches!(
            self,
            Hook::SchedProcessExec | Hook::InetSockSetState | Hook::CgroupPackets
        )
    }

    /// Checks for the name of the hook in `TRACER_WITHOUT_HOOKS`, a list with commas. Tests use it
    /// to reach a hook behind a better one; the plan reports it like any failure.
    pub(in crate::capture) fn is_left_out(self) -> bool {
        std::env::var("TRACER_WITHOUT_HOOKS")
            .is_ok_and(|names| names.split(',').any(|name| name == self.name()))
    }

    /// Advises on how a kernel gets this hook.
    pub fn remedy(self) -> &'static str {
        match self {
            Hook::FentryTcpConnect => {
                "needs CONFIG_FUNCTION_TRACER and CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS, and a \
                 kernel policy that lets BPF attach to functions"
            }
            Hook::KprobeTcpConnect
            | Hook::KprobeCommitCreds
            | Hook::KprobeExecve
            | Hook::KprobeSocketCreate
            | Hook::KprobeUnixConnect => "needs CONFIG_KPROBES",
            Hook::SyscallExecve => {
                "needs CONFIG_FTRACE_SYSCALLS, tracefs (`mount -t tracefs none \
                 /sys/kernel/tracing`) and `tracer record --failed-execs`"
            }
            Hook::CapCapable => "needs Linux 6.14 or newer",
            Hook::SockSendLength => "needs Linux 6.3 or newer",
            Hook::ProcAtEnd => "needs /proc",
            Hook::ProcessConnector => {
                "needs CONFIG_PROC_EVENTS, and the initial PID and network namespaces"
            }
            Hook::SockDiag => "needs CONFIG_INET_DIAG (`modprobe tcp_diag`)",
            Hook::UdpDiag => "needs CONFIG_INET_UDP_DIAG (`modprobe udp_diag`)",
            Hook::Fanotify => "needs Linux 5.9 or newer with CONFIG_FANOTIFY, and CAP_SYS_ADMIN",
            Hook::CgroupConnect
            | Hook::CgroupDatagrams
            | Hook::CgroupSockCreate
            | Hook::CgroupPackets => "needs CONFIG_CGROUP_BPF and a cgroup2 hierarchy",
            Hook::FibTableLookup => {
                "needs CONFIG_BPF_EVENTS and IPv6 in the kernel or its module loaded"
            }
            Hook::Systemd if cfg!(not(feature = "units")) => {
                "needs a build with the feature `units`, as the packages are"
            }
            Hook::Systemd => {
                "needs the D-Bus system bus (package dbus), /run/dbus/system_bus_socket"
            }
            Hook::SchedProcessFork
            | Hook::SchedProcessExec
            | Hook::SchedProcessExit
            | Hook::TaskRename
            | Hook::CgroupAttachTask
            | Hook::InetSockSetState => "needs Linux 5.8 or newer with CONFIG_BPF_EVENTS",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Hook::SchedProcessFork => "raw_tp sched_process_fork",
            Hook::SchedProcessExec => "raw_tp sched_process_exec",
            Hook::SchedProcessExit => "raw_tp sched_process_exit",
            Hook::TaskRename => "raw_tp task_rename",
            Hook::KprobeCommitCreds => "kprobe commit_creds",
            Hook::ProcessConnector => "netlink process connector",
            Hook::KprobeExecve => "kprobe execve",
            Hook::SyscallExecve => "tracepoint sys_exit_execve",
            Hook::CgroupSockCreate => "cgroup sock_create",
            Hook::KprobeSocketCreate => "kprobe security_socket_create",
            Hook::CapCapable => "raw_tp cap_capable",
            Hook::SockSendLength => "raw_tp sock_send_length",
            Hook::KprobeUnixConnect => "kprobe unix_stream_connect",
            Hook::ProcAtEnd => "/proc at the end",
            Hook::CgroupAttachTask => "raw_tp cgroup_attach_task",
            Hook::FentryTcpConnect => "fentry tcp_connect",
            Hook::KprobeTcpConnect => "kprobe tcp_connect",
            Hook::InetSockSetState => "raw_tp inet_sock_set_state",
            Hook::CgroupConnect => "cgroup connect4/6",
            Hook::FibTableLookup => "raw_tp fib_table_lookup",
            Hook::CgroupDatagrams => "cgroup bind/sendmsg/sock_release",
            Hook::CgroupPackets => "cgroup_skb",
            Hook::Fanotify => "fanotify",
            Hook::Systemd => "D-Bus systemd1",
            Hook::SockDiag => "netlink sock_diag",
            Hook::UdpDiag => "netlink udp_diag",
        })
    }
}
