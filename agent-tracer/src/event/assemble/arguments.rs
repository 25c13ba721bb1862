//! Joins the parts of one argv, which the kernel programs emit ahead of the exec.

use std::collections::HashMap;

use agent_tracer_ebpf as wire;

/// Parts of argv by thread, until the exec record comes; with the time of the exec, which all its
/// parts share.
#[derive(Default)]
pub(super) struct Arguments(HashMap<u32, (u64, Vec<u8>)>);

impl Arguments {
    /// Appends a part to those of the thread. A part behind a gap is left out.
    pub(super) fn add(&mut self, tid: u32, exec_ns: u64, offset: usize, part: &[u8]) {
        let (boot_ns, whole) = self.0.entry(tid).or_default();
        // Parts of another exec: its record was lost.
        if *boot_ns != exec_ns {
            *boot_ns = exec_ns;
            whole.clear();
        }
        if offset == whole.len() && offset + part.len() <= wire::ARGV_LIMIT {
            whole.extend_from_slice(part);
        }
    }

    /// Takes the joined parts of an exec, and appends the part of its own record. `ahead` is their
    /// length as emitted: after a lost part, only the arguments before it are certain.
    pub(super) fn take(&mut self, tid: u32, exec_ns: u64, ahead: usize, last: &[u8]) -> Vec<u8> {
        let mut whole = match self.0.remove(&tid) {
            Some((at, whole)) if at == exec_ns => whole,
            Some(_) | None => Vec::new(),
        };
        if whole.len() == ahead {
            whole.extend_from_slice(last);
        } else {
            whole.truncate(ahead);
        }
        whole
    }

    /// Removes the parts of a thread that has ended.
    pub(super) fn forget(&mut self, tid: u32) {
        self.0.remove(&tid);
    }
}
