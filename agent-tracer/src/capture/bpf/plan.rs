//! Plans the hooks: which hook provides which fact on this kernel, in order of preference, and why.

use agent_tracer_ebpf::{NO_OFFSET, Settings};

use super::hook::Hook;

/// A fact that a recording needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A process forked.
    Fork,
    /// A process became another program.
    Exec,
    /// A process ended.
    Exit,
    /// A thread changed its name.
    Rename,
    /// A process gets other user ids without an exec.
    Users,
    /// A process was moved to a cgroup, and so to a unit.
    Cgroup,
    /// A process asked for a TCP connection.
    Connect,
    /// The outcome of a connection.
    Outcome,
    /// A process changed a file below a watched root, or one that makes programs run later.
    Files,
    /// The actions of systemd on its units.
    Units,
    /// Pre-existing TCP connections and listeners.
    Earlier,
    /// Pre-existing UDP sockets.
    EarlierDatagrams,
    /// A process called `connect(2)`, even if it sent nothing.
    Attempt,
    /// The reason why a call of `connect(2)` sent nothing.
    Route,
    /// A process listens for TCP connections.
    Listen,
    /// UDP traffic, with processes and peers.
    Datagrams,
    /// A call of execve(2) failed.
    FailedExec,
    /// A process opened an IP socket besides TCP and UDP.
    RawSockets,
    /// A process opened a socket of a family besides IP.
    OtherSockets,
    /// A process sent to a named AF_UNIX socket.
    Unix,
    /// A listener got a connection.
    Inbound,
    /// Names of hosts: the first bytes of connections, answers of DNS servers.
    Names,
}

impl Fact {
    /// The facts of eBPF programs, in the order of their hooks: first those that follow processes,
    /// and a call of `connect(2)` before its outcome.
    pub const HOOKED: [Fact; 18] = [
        Fact::Fork,
        Fact::Exec,
        Fact::Exit,
        Fact::Rename,
        Fact::Users,
        Fact::Cgroup,
        Fact::Attempt,
        Fact::Route,
        Fact::Connect,
        Fact::Outcome,
        Fact::Listen,
        Fact::Inbound,
        Fact::Datagrams,
        Fact::Names,
        Fact::FailedExec,
        Fact::RawSockets,
        Fact::OtherSockets,
        Fact::Unix,
    ];

    /// Names the fact in a word.
    pub fn name(self) -> &'static str {
        match self {
            Fact::Fork => "fork",
            Fact::Exec => "exec",
            Fact::Exit => "exit",
            Fact::Rename => "rename",
            Fact::Users => "users",
            Fact::Cgroup => "cgroup",
            Fact::Connect => "connect",
            Fact::Outcome => "outcome",
            Fact::Files => "files",
            Fact::Units => "units",
            Fact::Earlier => "earlier",
            Fact::EarlierDatagrams => "earlier UDP",
            Fact::Attempt => "attempt",
            Fact::Route => "route",
            Fact::Listen => "listen",
            Fact::Datagrams => "datagrams",
            Fact::Names => "names",
            Fact::FailedExec => "failed exec",
            Fact::RawSockets => "raw sockets",
            Fact::OtherSockets => "other sockets",
            Fact::Unix => "AF_UNIX",
            Fact::Inbound => "inbound",
        }
    }

    /// Describes the fact.
    pub fn describe(self) -> &'static str {
        match self {
            Fact::Fork => "fork",
            Fact::Exec => "exec with arguments, interpreter, working directory",
            Fact::Exit => "exit code or signal",
            Fact::Rename => "process and thread names",
            Fact::Users => "changes of user without an exec",
            Fact::Cgroup => "cgroups and systemd units of processes",
            Fact::Connect => "TCP connect with its owner",
            Fact::Outcome => "TCP outcome, close, byte counts",
            Fact::Files => "who changes files",
            Fact::Units => "what systemd starts, and what for",
            Fact::Earlier => "TCP connections and listeners that were there before",
            Fact::EarlierDatagrams => "UDP sockets that were there before",
            Fact::Attempt => "attempts to connect that send nothing",
            Fact::Route => "why an attempt sends nothing",
            Fact::Listen => "TCP listeners with their owner",
            Fact::Datagrams => "UDP sockets, their peers and datagram counts",
            Fact::Names => "host names: DNS, TLS and HTTP",
            Fact::FailedExec => "execs that fail, with arguments and error",
            Fact::RawSockets => "raw, ICMP and SCTP sockets, with their owner",
            Fact::OtherSockets => "packet sockets and those of other families",
            Fact::Unix => "connections over AF_UNIX to a name",
            Fact::Inbound => "TCP connections that listeners get",
        }
    }

    /// Returns true if a recording without the fact would be useless.
    pub fn is_essential(self) -> bool {
        match self {
            Fact::Fork | Fact::Exec | Fact::Exit => true,
            Fact::Rename
            | Fact::Users
            | Fact::Cgroup
            | Fact::Connect
            | Fact::Outcome
            | Fact::Files
            | Fact::Units
            | Fact::Earlier
            | Fact::EarlierDatagrams
            | Fact::Attempt
            | Fact::Route
            | Fact::Listen
            | Fact::Datagrams
            | Fact::FailedExec
            | Fact::RawSockets
            | Fact::OtherSockets
            | Fact::Unix
            | Fact::Inbound
            | Fact::Names => false,
        }
    }

    /// Says what a recording without the fact does not see, if it is complete all the same.
    pub fn caveat_without(self) -> Option<&'static str> {
        match self {
            Fact::FailedExec => Some(
                "execs that fail are not seen; --failed-execs records them, and slows system calls",
            ),
            Fact::RawSockets => Some("raw, ICMP and SCTP sockets are not seen"),
            Fact::OtherSockets => Some("packet sockets and those of other families are not seen"),
            Fact::Unix => Some("connections over AF_UNIX are not seen"),
            _ => None,
        }
    }

    /// Returns the hooks that provide the fact, best first.
    pub fn hooks(self) -> &'static [Hook] {
        match self {
            Fact::Fork => &[Hook::SchedProcessFork],
            Fact::Exec => &[Hook::SchedProcessExec],
            Fact::Exit => &[Hook::SchedProcessExit],
            Fact::Rename => &[Hook::TaskRename],
            Fact::Users => &[Hook::KprobeCommitCreds],
            Fact::Cgroup => &[Hook::CgroupAttachTask],
            Fact::Connect => &[
                Hook::FentryTcpConnect,
                Hook::KprobeTcpConnect,
                Hook::InetSockSetState,
            ],
            Fact::Outcome | Fact::Listen | Fact::Inbound => &[Hook::InetSockSetState],
            Fact::FailedExec => &[Hook::KprobeExecve, Hook::SyscallExecve],
            Fact::RawSockets => &[Hook::CgroupSockCreate],
            Fact::OtherSockets => &[Hook::KprobeSocketCreate, Hook::CapCapable],
            Fact::Unix => &[Hook::SockSendLength, Hook::KprobeUnixConnect],
            Fact::Attempt => &[Hook::CgroupConnect],
            Fact::Route => &[Hook::FibTableLookup],
            Fact::Datagrams => &[Hook::CgroupDatagrams],
            Fact::Names => &[Hook::CgroupPackets],
            Fact::Files => &[Hook::Fanotify],
            Fact::Units => &[Hook::Systemd],
            Fact::Earlier => &[Hook::SockDiag],
            Fact::EarlierDatagrams => &[Hook::UdpDiag],
        }
    }

    /// Returns true if all struct members that its programs need are known.
    pub fn has_members(self, settings: &Settings) -> bool {
        let task = [
            settings.task_pid,
            settings.task_tgid,
            settings.task_group_leader,
            settings.task_start_boottime,
            settings.task_comm,
        ];
        let own: &[u32] = match self {
            Fact::Fork
            | Fact::Files
            | Fact::Units
            | Fact::Earlier
            | Fact::EarlierDatagrams
            | Fact::Attempt
            | Fact::FailedExec
            | Fact::RawSockets
            | Fact::OtherSockets
            | Fact::Datagrams => &[],
            Fact::Unix => &[
                settings.sock_family,
                settings.unix_sock_peer,
                settings.unix_sock_address,
                settings.unix_address_length,
                settings.unix_address_name,
                settings.sock_socket,
                settings.socket_alloc_inode,
                settings.inode_number,
            ],
            Fact::Route => &[
                settings.fib6_result_type,
                settings.flowi4_destination,
                settings.flowi6_destination,
            ],
            // Without a cookie, bytes have no owner.
            Fact::Names => &[settings.sock_cookie],
            Fact::Exec => &[
                settings.task_mm,
                settings.mm_arg_start,
                settings.mm_arg_end,
                settings.binprm_filename,
            ],
            Fact::Exit => &[
                settings.task_signal,
                settings.signal_live,
                settings.task_exit_code,
            ],
            Fact::Users => &[settings.task_cred, settings.cred_uid, settings.cred_euid],
            Fact::Rename => &[settings.task_mm, settings.mm_arg_end],
            Fact::Cgroup => &[
                settings.cgroup_node,
                settings.kernfs_node_name,
                settings.kernfs_node_parent,
                settings.cgroup_root,
                settings.cgroup_root_hierarchy_id,
                settings.cgroup_root_name,
            ],
            Fact::Connect | Fact::Outcome | Fact::Listen | Fact::Inbound => &[
                settings.sock_family,
                settings.sock_remote_port,
                settings.sock_remote_v4,
                settings.sock_remote_v6,
                settings.sock_protocol,
            ],
        };
        task.iter().chain(own).all(|offset| *offset != NO_OFFSET)
    }
}

/// A hook that could not be used.
#[derive(Clone, Debug)]
pub struct HookFailure {
    /// The hook.
    pub hook: Hook,
    /// The kernel's answer.
    pub error: String,
}

/// The choice for one fact.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The fact.
    pub fact: Fact,
    /// The hook that provides it, if any.
    pub hook: Option<Hook>,
    /// Better hooks that failed, with the reasons.
    pub failures: Vec<HookFailure>,
    /// A blind spot of the hook in use.
    pub caveat: Option<String>,
}

impl Choice {
    /// Makes a choice without a hook.
    pub(super) fn open(fact: Fact) -> Choice {
        Choice {
            fact,
            hook: None,
            failures: Vec::new(),
            caveat: None,
        }
    }

    /// Makes the choice for a fact without an eBPF program.
    pub fn watched(fact: Fact, hook: Hook, started: Result<(), String>) -> Choice {
        match started {
            Ok(()) => Choice {
                fact,
                hook: Some(hook),
                failures: Vec::new(),
                caveat: None,
            },
            Err(error) => Choice {
                fact,
                hook: None,
                failures: vec![HookFailure { hook, error }],
                caveat: None,
            },
        }
    }

    /// Notes the outcome of a source that stands in for the hooks that failed.
    pub(in crate::capture) fn fall_back<T>(
        &mut self,
        hook: Hook,
        started: Result<T, String>,
    ) -> Option<T> {
        match started {
            Ok(started) => {
                self.hook = Some(hook);
                Some(started)
            }
            Err(error) => {
                self.failures.push(HookFailure { hook, error });
                None
            }
        }
    }

    /// Gives the reason for this hook, in a few words.
    pub fn reason(&self) -> String {
        match (self.hook, self.failures.len()) {
            (Some(_), 0) => match &self.caveat {
                Some(caveat) => caveat.clone(),
                None => "first choice".to_owned(),
            },
            (Some(hook), _) => {
                let failed: Vec<String> = self
                    .failures
                    .iter()
                    .map(|failure| failure.hook.to_string())
                    .collect();
                let caveat = if hook == Hook::InetSockSetState {
                    "; the local port is known once the peer has answered"
                } else {
                    ""
                };
                format!("{} not available here{caveat}", failed.join(" and "))
            }
            (None, _) => match &self.caveat {
                Some(caveat) => caveat.clone(),
                None => "no hook works here: this fact will be missing".to_owned(),
            },
        }
    }
}

/// The choices for all facts.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// One for each fact that this machine can have.
    pub choices: Vec<Choice>,
    /// Struct members that this kernel's BTF lacks.
    pub missing_fields: Vec<String>,
    /// True if process ids are those of a PID namespace below the initial one.
    pub inside_pid_namespace: bool,
}
