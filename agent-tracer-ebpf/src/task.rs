//! Emits forks, exits and changes of names.

use agent_tracer_ebpf::{
    COMM_BYTES, Credentials, Exit, Fork, Header, Kind, Lineage, NO_OFFSET, NO_USER, Rename,
};
use aya_ebpf::{
    helpers::generated::{bpf_get_current_task, bpf_ktime_get_boot_ns},
    macros::{kprobe, raw_tracepoint},
    programs::{ProbeContext, RawTracePointContext},
};

use crate::{
    cgroup, emit,
    kernel::{OUTSIDE, Object},
    maps::setting,
    registers::Registers,
};

/// `SIGNAL_GROUP_EXIT`: `group_exit_code` holds the status of the whole group.
const SIGNAL_GROUP_EXIT: u32 = 4;

/// Limit of nested PID namespaces (`MAX_PID_NS_LEVEL`).
const PID_NAMESPACE_LEVELS: u32 = 32;

/// `prototype: (struct task_struct *parent, struct task_struct *child)`
#[raw_tracepoint(tracepoint = "sched_process_fork")]
pub fn sched_process_fork(context: RawTracePointContext) -> i32 {
    emit::count_failure(
        Kind::Fork,
        try_fork(Object(context.arg::<u64>(0)), Object(context.arg::<u64>(1))),
    );
    0
}

fn try_fork(parent: Object, child: Object) -> Result<(), i32> {
    let thread: u32 = child.read(setting!(task_pid))?;
    let group: u32 = child.read(setting!(task_tgid))?;
    if thread != group {
        return Ok(());
    }
    let header = header(Kind::Fork, child)?;
    let leader = parent.follow(setting!(task_group_leader))?;
    let record = Fork {
        header,
        parent_start_ns: leader.read(setting!(task_start_boottime))?,
        parent_pid: number(leader, setting!(task_tgid)).unwrap_or(0),
        padding: 0,
        comm: child.read(setting!(task_comm))?,
    };
    emit::record(Kind::Fork, &record);
    if setting!(task_cgroups) != NO_OFFSET {
        emit::count_failure(Kind::Cgroup, cgroup::born_elsewhere(parent, child));
    }
    Ok(())
}

/// `prototype: (struct task_struct *task)`, since 6.16 also `bool group_dead`
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn sched_process_exit(context: RawTracePointContext) -> i32 {
    emit::count_failure(Kind::Exit, try_exit(Object(context.arg::<u64>(0))));
    0
}

fn try_exit(task: Object) -> Result<(), i32> {
    let signal = task.follow(setting!(task_signal))?;
    // `do_exit` counts the thread out before the tracepoint, so the last one sees zero. Two
    // threads that end at the same time may both see it; user space keeps the first.
    if signal.read::<i32>(setting!(signal_live))? > 0 {
        return Ok(());
    }
    let status = if signal.read::<u32>(setting!(signal_flags))? & SIGNAL_GROUP_EXIT != 0 {
        signal.read::<u32>(setting!(signal_group_exit_code))?
    } else {
        task.follow(setting!(task_group_leader))?
            .read::<u32>(setting!(task_exit_code))?
    };
    let record = Exit {
        header: header(Kind::Exit, task)?,
        status,
        padding: 0,
        lineage: lineage(task),
    };
    emit::record(Kind::Exit, &record);
    Ok(())
}

/// `prototype: (struct task_struct *task, const char *comm)`
#[raw_tracepoint(tracepoint = "task_rename")]
pub fn task_rename(context: RawTracePointContext) -> i32 {
    emit::count_failure(
        Kind::Rename,
        try_rename(Object(context.arg::<u64>(0)), Object(context.arg::<u64>(1))),
    );
    0
}

fn try_rename(task: Object, to: Object) -> Result<(), i32> {
    // exec renames too, after it has put a fresh mm in place and before that has arguments.
    // The exec record carries that name already.
    if let Ok(mm) = task.follow(setting!(task_mm))
        && mm.read::<u64>(setting!(mm_arg_end))? == 0
    {
        return Ok(());
    }
    let mut record = Rename {
        header: header(Kind::Rename, task)?,
        from: task.read(setting!(task_comm))?,
        to: [0; COMM_BYTES],
        lineage: lineage(task),
    };
    // The new name may be a shorter buffer than a comm: read as a string.
    // SAFETY: the helper writes at most COMM_BYTES and reports a fault as an error.
    unsafe {
        aya_ebpf::helpers::generated::bpf_probe_read_kernel_str(
            record.to.as_mut_ptr().cast(),
            COMM_BYTES as u32,
            to.0 as *const _,
        );
    }
    if record.from != record.to {
        emit::minor_record(Kind::Rename, &record);
    }
    Ok(())
}

/// Returns the inode number of a task's network namespace; 0 if unknown. Its sockets are there,
/// unless it has moved since.
#[inline(always)]
pub fn network_namespace(task: Object) -> u32 {
    let namespaces = Object(task.word(setting!(task_nsproxy)));
    let network = Object(namespaces.word(setting!(nsproxy_network_namespace)));
    network.number(setting!(network_namespace_inum))
}

/// `prototype: int commit_creds(struct cred *new)`
#[kprobe]
pub fn kprobe_commit_creds(context: ProbeContext) -> u32 {
    let new = Object(Registers::of(&context).argument::<0>());
    emit::count_failure(Kind::Credentials, try_credentials(new));
    0
}

fn try_credentials(new: Object) -> Result<(), i32> {
    let task = current();
    // Other threads have credentials of their own; ps(1) shows those of the leader.
    if task.read::<u32>(setting!(task_pid))? != task.read::<u32>(setting!(task_tgid))? {
        return Ok(());
    }
    let mut header = header(Kind::Credentials, task)?;
    let mut lineage = lineage(task);
    let real_user: u32 = new.read(setting!(cred_uid))?;
    let user: u32 = new.read(setting!(cred_euid))?;
    if real_user != lineage.real_user || user != header.user {
        header.user = user;
        lineage.real_user = real_user;
        emit::minor_record(Kind::Credentials, &Credentials { header, lineage });
    }
    Ok(())
}

/// Makes the header of a record about `task`. Fails for a task outside of the loader's PID
/// namespace: the loader does not follow it.
#[inline(always)]
pub fn header(kind: Kind, task: Object) -> Result<Header, i32> {
    let leader = task.follow(setting!(task_group_leader))?;
    let user = match task.follow(setting!(task_cred)) {
        Ok(cred) => cred.read(setting!(cred_euid))?,
        Err(_) => 0,
    };
    Ok(Header {
        // SAFETY: takes no arguments.
        boot_ns: unsafe { bpf_ktime_get_boot_ns() },
        start_ns: leader.read(setting!(task_start_boottime))?,
        kind: kind as u32,
        pid: number(leader, setting!(task_tgid))?,
        tid: number(task, setting!(task_pid))?,
        user,
    })
}

/// Reads parent and users of a task. All reads are without a branch, for older verifiers.
#[inline(always)]
pub fn lineage(task: Object) -> Lineage {
    let parent = Object(task.word(setting!(task_real_parent)));
    let leader = Object(parent.word(setting!(task_group_leader)));
    let credentials = Object(task.word(setting!(task_cred)));
    let login_user = match setting!(task_login_user) {
        NO_OFFSET => NO_USER,
        offset => task.number(offset),
    };
    Lineage {
        parent_start_ns: leader.word(setting!(task_start_boottime)),
        parent_pid: number(leader, setting!(task_tgid)).unwrap_or(0),
        real_user: credentials.number(setting!(cred_uid)),
        login_user,
        padding: 0,
    }
}

/// Reads the permitted capabilities of a task without the ambient ones.
#[inline(always)]
pub fn file_capabilities(task: Object) -> u64 {
    let credentials = Object(task.word(setting!(task_cred)));
    let ambient = credentials.word(setting!(cred_ambient));
    credentials.word(setting!(cred_permitted)) & !ambient
}

/// Returns the current task.
#[inline(always)]
pub fn current() -> Object {
    // SAFETY: takes no arguments.
    Object(unsafe { bpf_get_current_task() })
}

/// Returns the number of a task in the loader's PID namespace. For the initial namespace, it is in
/// `field`.
#[inline(always)]
fn number(task: Object, field: u32) -> Result<u32, i32> {
    let namespace = setting!(pid_namespace);
    if namespace == 0 || setting!(task_thread_pid) == NO_OFFSET {
        return task.read(field);
    }
    number_within(task.follow(setting!(task_thread_pid))?, namespace)
}

/// The number that a `struct pid` has in the loader's PID namespace.
#[inline(always)]
pub fn number_of(pid: Object) -> Result<u32, i32> {
    match setting!(pid_namespace) {
        // The initial namespace has the first number.
        0 => pid.inner(setting!(pid_numbers)).read(setting!(upid_nr)),
        namespace => number_within(pid, namespace),
    }
}

#[inline(always)]
fn number_within(pid: Object, namespace: u32) -> Result<u32, i32> {
    let deepest: u32 = pid.read(setting!(pid_level))?;
    let mut entry = pid.inner(setting!(pid_numbers));
    for level in 0..PID_NAMESPACE_LEVELS {
        if level > deepest {
            break;
        }
        let inode: u32 = entry
            .follow(setting!(upid_ns))?
            .read(setting!(pid_namespace_inum))?;
        if inode == namespace {
            return entry.read(setting!(upid_nr));
        }
        entry = entry.inner(setting!(upid_size));
    }
    Err(OUTSIDE)
}
