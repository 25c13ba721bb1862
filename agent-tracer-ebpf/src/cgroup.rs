//! Emits moves of processes to other cgroups. That is how systemd puts a process into its unit.

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

/// Limit of names in a path. systemd nests at most ten deep; nested containers may go deeper.
const STEPS: usize = 24;

/// `NAME_MAX` and its NUL.
const NAME_BYTES: u32 = 256;

/// Selects a scratch space: a program and the one that interrupts it each have their own.
#[derive(Clone, Copy)]
pub enum Of {
    Attach = 0,
    Fork = 1,
}

/// `prototype: (struct cgroup *dst_cgrp, const char *, struct task_struct *task, bool threadgroup)`
#[raw_tracepoint(tracepoint = "cgroup_attach_task")]
pub fn cgroup_attach_task(context: RawTracePointContext) -> i32 {
    let cgroup = Object(context.arg::<u64>(0));
    let task = Object(context.arg::<u64>(2));
    emit::count_failure(Kind::Cgroup, try_attach(cgroup, task));
    0
}

fn try_attach(cgroup: Object, task: Object) -> Result<(), i32> {
    let root = cgroup.follow(setting!(cgroup_root))?;
    let hierarchy: u32 = root.read(setting!(cgroup_root_hierarchy_id))?;
    if hierarchy != UNIFIED && root.read::<[u8; 8]>(setting!(cgroup_root_name))? != SYSTEMD {
        return Err(OUTSIDE);
    }
    // Single threads are moved in hierarchies with controllers only; the leader stands for all.
    if task.follow(setting!(task_group_leader))? != task {
        return Err(OUTSIDE);
    }
    send(cgroup, task, Of::Attach)
}

/// Emits the cgroup of a child that differs from its parent's. Only in the unified hierarchy can a
/// process be born into another cgroup.
#[inline(always)]
pub fn born_elsewhere(parent: Object, child: Object) -> Result<(), i32> {
    let own = child.follow(setting!(task_cgroups))?;
    let inherited = parent.follow(setting!(task_cgroups))?;
    if own == inherited {
        return Ok(());
    }
    let cgroup = own.follow(setting!(css_set_unified))?;
    if cgroup == inherited.follow(setting!(css_set_unified))? {
        return Ok(());
    }
    send(cgroup, child, Of::Fork)
}

#[inline(always)]
fn send(cgroup: Object, task: Object, of: Of) -> Result<(), i32> {
    const LIMIT: u32 = PATH_LIMIT as u32;
    let header = task::header(Kind::Cgroup, task)?;
    let scratch = CGROUP_SCRATCH.get_ptr_mut(of as u32).ok_or(-2)?;
    // SAFETY: a map value is valid as long as the program runs. It holds the end of the path,
    // rather than a register, for the reason given at `path::walk`.
    let (path, end) = unsafe {
        (
            (&raw mut (*scratch).path).cast::<u8>(),
            &raw mut (*scratch).end,
        )
    };
    // SAFETY: as above.
    unsafe { end.write_volatile(0) };
    let mut cut = 1;
    let mut node = cgroup.follow(setting!(cgroup_node))?;
    for _ in 0..STEPS {
        let parent = node.word(setting!(kernfs_node_parent));
        if parent == 0 {
            // The root, whose name is no part of the path.
            cut = 0;
            break;
        }
        // SAFETY: as above.
        let position = unsafe { end.read_volatile() };
        if position >= LIMIT {
            break;
        }
        let name = node.word(setting!(kernfs_node_name));
        // SAFETY: the position is below LIMIT, and the array has NAME_BYTES after that.
        let length = unsafe {
            bpf_probe_read_kernel_str(
                path.add((position & (LIMIT - 1)) as usize).cast(),
                NAME_BYTES,
                name as *const _,
            )
        };
        let next = position + ((length as u32) & (NAME_BYTES * 2 - 1));
        if length <= 1 || next >= LIMIT {
            break;
        }
        // SAFETY: as above.
        unsafe { end.write_volatile(next) };
        node = Object(parent);
    }
    // SAFETY: as above.
    let length = unsafe { end.read_volatile() } & (LIMIT - 1);
    // SAFETY: as above.
    unsafe {
        (*scratch).record = Cgroup {
            header,
            length,
            cut,
        };
    }
    emit::bytes(
        Kind::Cgroup,
        scratch.cast(),
        size_of::<Cgroup>() + length as usize,
    );
    Ok(())
}
