//! Processes are moved between cgroups: that is how systemd puts a process into its unit.

use agent_tracer_ebpf::{Cgroup, Kind, PATH_LIMIT};
use aya_ebpf::{
    helpers::generated::bpf_probe_read_kernel_str, macros::raw_tracepoint,
    programs::RawTracePointContext,
};

use crate::{
    emit,
    kernel::{OUTSIDE, Object},
    maps::{CGROUP_SCRATCH, setting},
    task,
};

/// `hierarchy_id` of the unified hierarchy (cgroup2).
const UNIFIED: u32 = 0;

/// Name of the hierarchy, without controllers, that systemd keeps its units in on hosts where
/// cgroup2 has not taken over. NUL included.
const SYSTEMD: [u8; 8] = *b"systemd\0";

/// `prototype: (struct cgroup *dst_cgrp, const char *path, struct task_struct *task, bool threadgroup)`
#[raw_tracepoint(tracepoint = "cgroup_attach_task")]
pub fn cgroup_attach_task(context: RawTracePointContext) -> i32 {
    let cgroup = Object(context.arg::<u64>(0));
    let path = context.arg::<u64>(1);
    let task = Object(context.arg::<u64>(2));
    emit::settle(Kind::Cgroup, try_attach(cgroup, path, task));
    0
}

fn try_attach(cgroup: Object, path: u64, task: Object) -> Result<(), i32> {
    let root = cgroup.follow(setting!(cgroup_root))?;
    let hierarchy: u32 = root.read(setting!(cgroup_root_hierarchy_id))?;
    if hierarchy != UNIFIED && root.read::<[u8; 8]>(setting!(cgroup_root_name))? != SYSTEMD {
        return Err(OUTSIDE);
    }
    // Single threads are moved in hierarchies with controllers only; the leader stands for all.
    if task.follow(setting!(task_group_leader))? != task {
        return Err(OUTSIDE);
    }
    let header = task::header(Kind::Cgroup, task)?;
    let scratch = CGROUP_SCRATCH.get_ptr_mut(0).ok_or(-2)?;
    // SAFETY: a map value is valid as long as the program runs, and this one is this program's
    // alone. The helper writes PATH_LIMIT bytes at most, which is what the array has.
    let length = unsafe {
        bpf_probe_read_kernel_str(
            (&raw mut (*scratch).path).cast(),
            PATH_LIMIT as u32,
            path as *const _,
        )
    };
    if length < 0 {
        return Err(length as i32);
    }
    let length = (length as u32).saturating_sub(1) & (PATH_LIMIT as u32 - 1);
    // SAFETY: as above.
    unsafe {
        (*scratch).record = Cgroup {
            header,
            length,
            padding: 0,
        };
    }
    emit::bytes(
        Kind::Cgroup,
        scratch.cast(),
        size_of::<Cgroup>() + length as usize,
    );
    Ok(())
}
