//! Events that happened and did not arrive, as the kernel side counts them. It knows nothing of
//! what arrived.

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

/// The counters of the kernel side, and how far they were reported.
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

    /// Reports what was lost since the last call.
    pub(super) fn report(&mut self, mut lost: impl FnMut(&str, u64)) {
        for (counter, reported) in (0u32..).zip(&mut self.reported) {
            let Ok(values) = self.counters.get(&counter, 0) else {
                continue;
            };
            let total = values.iter().copied().fold(0, u64::saturating_add);
            let name = match Kind::from_number(counter) {
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
                Some(Kind::Payload) => "first bytes of a connection, or DNS answer",
                None if counter == LOST_PEERS => "uncounted UDP peer",
                None if counter == LOST_SOCKETS => "untracked connection",
                None => continue,
            };
            lost(name, total.saturating_sub(*reported));
            *reported = total;
        }
        for attached in &mut self.programs {
            let total = recursion_misses(&attached.program).unwrap_or(attached.reported);
            let name = format!("{} (the hook was busy)", attached.hook);
            lost(&name, total.saturating_sub(attached.reported));
            attached.reported = total;
        }
    }
}

/// Whether it does no harm that the kernel skips a program of the hook.
fn may_be_busy(hook: Hook) -> bool {
    match hook {
        // Of its two programs one runs, always.
        Hook::InetSockSetState => true,
        // A lookup in an interrupt is none that a process asked for.
        Hook::FibTableLookup => true,
        _ => false,
    }
}

/// How often the kernel skipped a program because it was running on that CPU already: an
/// interrupt in the middle of it led to the same hook. Since Linux 5.12, see
/// `bpf_prog_show_fdinfo` in the kernel.
fn recursion_misses(program: &OwnedFd) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", program.as_raw_fd())).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("recursion_misses:"))?;
    line.trim().parse().ok()
}
