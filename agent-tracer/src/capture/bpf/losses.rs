//! Reads the counts of lost events from the kernel side.

use std::{
    fs,
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use agent_tracer_ebpf::{Kind, LOSS_COUNTERS, LOST_PEERS, LOST_SOCKETS};
use aya::{
    Ebpf,
    maps::{MapData, PerCpuArray},
};

use super::hook::Hook;
use crate::event::Lost;

/// The counters of the kernel side, with the values that were reported last.
pub(super) struct Losses {
    counters: PerCpuArray<MapData, u64>,
    reported: Vec<u64>,
    programs: Vec<Attached>,
}

struct Attached {
    hook: Hook,
    program: OwnedFd,
    reported: u64,
}

impl Losses {
    /// Watches the counters and the programs of the hooks in use.
    pub(super) fn new(
        counters: PerCpuArray<MapData, u64>,
        programs: &Ebpf,
        hooks: impl Iterator<Item = Hook>,
    ) -> Losses {
        let mut watched: Vec<Attached> = Vec::new();
        for hook in hooks {
            if watched.iter().any(|known| known.hook == hook) {
                continue;
            }
            if may_be_busy(hook) {
                continue;
            }
            for name in hook.programs() {
                let program = programs
                    .program(name)
                    .and_then(|program| program.fd().ok()?.as_fd().try_clone_to_owned().ok());
                if let Some(program) = program {
                    watched.push(Attached {
                        hook,
                        program,
                        reported: 0,
                    });
                }
            }
        }
        Losses {
            counters,
            reported: vec![0; LOSS_COUNTERS as usize],
            programs: watched,
        }
    }

    /// Returns the losses since the last call.
    pub(super) fn take(&mut self) -> Vec<Lost> {
        let mut losses = Vec::new();
        for (counter, reported) in (0u32..).zip(&mut self.reported) {
            let Ok(values) = self.counters.get(&counter, 0) else {
                continue;
            };
            let total = values.iter().copied().fold(0, u64::saturating_add);
            let Some(name) = name(counter) else {
                continue;
            };
            losses.extend(lost(name, total.saturating_sub(*reported)));
            *reported = total;
        }
        for attached in &mut self.programs {
            let total = recursion_misses(&attached.program).unwrap_or(attached.reported);
            let name = format!("{} (the hook was busy)", attached.hook);
            losses.extend(lost(&name, total.saturating_sub(attached.reported)));
            attached.reported = total;
        }
        losses
    }
}

/// Makes a loss, unless nothing was lost.
pub(super) fn lost(what: &str, count: u64) -> Option<Lost> {
    (count > 0).then(|| Lost {
        what: what.to_owned(),
        count,
    })
}

/// Names what a counter of the kernel side counts.
fn name(counter: u32) -> Option<&'static str> {
    Some(match Kind::from_number(counter) {
        Some(Kind::Fork) => "fork",
        Some(Kind::Arguments) => "argv part",
        Some(Kind::Exec) => "exec",
        Some(Kind::Exit) => "exit",
        Some(Kind::Rename) => "rename",
        Some(Kind::Connect) => "connect",
        Some(Kind::SocketState) => "connection outcome",
        Some(Kind::Cgroup) => "cgroup",
        Some(Kind::Attempt) => "attempt to connect",
        Some(Kind::Route) => "answer of the routing table",
        Some(Kind::Listen) => "listen",
        Some(Kind::Peer) => "first datagram to a peer",
        Some(Kind::Bind) => "bind",
        Some(Kind::Released) => "end of a UDP socket",
        Some(Kind::ExecFailed) => "failed exec",
        Some(Kind::SocketOpened) => "socket",
        Some(Kind::Accept) => "inbound connection",
        Some(Kind::UnixConnect) => "connection over AF_UNIX",
        Some(Kind::Credentials) => "change of user",
        Some(Kind::Payload) => "first bytes of a connection, or DNS answer",
        None if counter == LOST_PEERS => "uncounted UDP peer",
        None if counter == LOST_SOCKETS => "untracked connection",
        None => return None,
    })
}

/// Returns true if the kernel may skip a program of the hook without a loss.
fn may_be_busy(hook: Hook) -> bool {
    match hook {
        // One of its two programs always runs.
        Hook::InetSockSetState => true,
        // A lookup in an interrupt is not on behalf of a process.
        Hook::FibTableLookup => true,
        // A check in an interrupt is not of a system call.
        Hook::CapCapable => true,
        _ => false,
    }
}

/// Reads how often the kernel skipped a program that was already running on the CPU.
///
/// An interrupt in the middle of the program led to the same hook. Kernels count that since
/// Linux 5.12, see their `bpf_prog_show_fdinfo`.
fn recursion_misses(program: &OwnedFd) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", program.as_raw_fd())).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("recursion_misses:"))?;
    line.trim().parse().ok()
}
