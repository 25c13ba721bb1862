//! A process becomes another program.

use agent_tracer_ebpf::{
    ARGV_CHUNK, ARGV_INLINE, ARGV_LIMIT, Arguments, EXEC_PAYLOAD, Exec, Kind, PATH_LIMIT,
};
use aya_ebpf::{
    helpers::generated::{bpf_probe_read_kernel_str, bpf_probe_read_user},
    macros::raw_tracepoint,
    programs::RawTracePointContext,
};
use aya_log_ebpf::warn;

use crate::{
    emit,
    kernel::{OUTSIDE, Object},
    maps::{EXEC_SCRATCH, ExecScratch, setting},
    path::{self, Place},
    task,
};

/// `prototype: (struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)`
#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub fn sched_process_exec(context: RawTracePointContext) -> i32 {
    let task = Object(context.arg::<u64>(0));
    let former_tid = context.arg::<u32>(1);
    let program = Object(context.arg::<u64>(2));
    let done = try_exec(task, former_tid, program);
    if let Err(error) = done
        && error != OUTSIDE
    {
        warn!(&context, "exec: cannot read the task: error {}", error);
    }
    emit::settle(Kind::Exec, done);
    0
}

fn try_exec(task: Object, former_tid: u32, program: Object) -> Result<(), i32> {
    let header = task::header(Kind::Exec, task)?;
    // By now the thread has the number of its group; the kernel tells the one that it had.
    let former_tid = match task.read::<u32>(setting!(task_pid))? {
        same if same == former_tid => 0,
        _ => former_tid,
    };
    let scratch = EXEC_SCRATCH.get_ptr_mut(0).ok_or(-2)?;
    // SAFETY: a map value is valid as long as the program runs.
    let (payload, end) = unsafe {
        (
            (&raw mut (*scratch).payload).cast::<u8>(),
            &raw mut (*scratch).end,
        )
    };
    let mm = task.follow(setting!(task_mm))?;
    let arguments_start: u64 = mm.read(setting!(mm_arg_start))?;
    let arguments_end: u64 = mm.read(setting!(mm_arg_end))?;
    let argv_bytes = arguments_end.saturating_sub(arguments_start) as u32;
    let mut flags = 0;

    let mut header_ahead = header;
    header_ahead.kind = Kind::Arguments as u32;
    let ahead = send_ahead(
        scratch,
        header_ahead,
        arguments_start,
        argv_bytes,
        &mut flags,
    );

    let filename = text(payload, 0, program.read(setting!(binprm_filename))?);
    let interpreter = text(payload, filename, program.read(setting!(binprm_interp))?);
    let after_texts = filename + interpreter;
    // SAFETY: the scratch space is this program's alone.
    unsafe { end.write_volatile(after_texts) };
    write_places(payload, end, task, mm, &mut flags);
    // SAFETY: as above. The executable's part was noted where the walk of the directory began.
    let (after_paths, executable) = unsafe {
        (
            end.read_volatile(),
            (&raw const (*scratch).record.executable).read_volatile(),
        )
    };
    if after_paths < after_texts {
        return Err(-3);
    }

    let mut inline = argv_bytes.saturating_sub(ahead).min(ARGV_INLINE as u32);
    if ahead >= ARGV_LIMIT as u32 {
        inline = 0;
    }
    let position = after_paths & (4 * PATH_LIMIT as u32 - 1);
    // SAFETY: the position is below 4 * PATH_LIMIT and the length at most ARGV_INLINE, which
    // together is the size of the payload.
    let failed = unsafe {
        bpf_probe_read_user(
            payload.add(position as usize).cast(),
            inline,
            (arguments_start + u64::from(ahead)) as *const _,
        )
    } != 0;
    if failed {
        flags |= Exec::UNREADABLE_ARGV;
        inline = 0;
    }

    let record = Exec {
        header,
        argv_bytes,
        argv_ahead: ahead,
        former_tid,
        flags,
        filename: filename as u16,
        interpreter: interpreter as u16,
        executable,
        directory: (position - after_texts) as u16 - executable,
        argv: inline as u16,
        padding: [0; 3],
        comm: task.read(setting!(task_comm))?,
    };
    // SAFETY: as above.
    unsafe { (*scratch).record = record };
    let length = (size_of::<Exec>() as u32 + position + inline)
        .min((size_of::<Exec>() + EXEC_PAYLOAD) as u32);
    emit::bytes(Kind::Exec, scratch.cast(), length as usize);
    Ok(())
}

/// Sends what of a long argv does not fit into the exec record, whole chunks of it, and
/// returns how many bytes that was.
#[inline(always)]
fn send_ahead(
    scratch: *mut ExecScratch,
    header: agent_tracer_ebpf::Header,
    start: u64,
    argv_bytes: u32,
    flags: &mut u32,
) -> u32 {
    let wanted = argv_bytes.min(ARGV_LIMIT as u32);
    // SAFETY: a map value is valid as long as the program runs. The count is kept there for
    // the same reason as the end of a path.
    let (chunk, sent) = unsafe { (scratch.cast::<u8>(), &raw mut (*scratch).end) };
    // SAFETY: as above.
    unsafe { sent.write_volatile(0) };
    for part in 0..(ARGV_LIMIT / ARGV_CHUNK) as u32 {
        let offset = part * ARGV_CHUNK as u32;
        let left = wanted.saturating_sub(offset);
        if left <= ARGV_INLINE as u32 {
            break;
        }
        let length = left.min(ARGV_CHUNK as u32);
        // SAFETY: fixed part and chunk together are smaller than the scratch space.
        let failed = unsafe {
            chunk.cast::<Arguments>().write(Arguments {
                header,
                offset,
                length,
            });
            bpf_probe_read_user(
                chunk.add(size_of::<Arguments>()).cast(),
                length,
                (start + u64::from(offset)) as *const _,
            )
        } != 0;
        if failed {
            *flags |= Exec::UNREADABLE_ARGV;
            break;
        }
        emit::bytes(
            Kind::Arguments,
            chunk,
            size_of::<Arguments>() + length as usize,
        );
        // SAFETY: as above.
        unsafe { sent.write_volatile(offset + length) };
    }
    // SAFETY: as above.
    unsafe { sent.read_volatile() }
}

/// Copies a NUL-terminated kernel string to `payload + offset`; the length without NUL.
#[inline(always)]
fn text(payload: *mut u8, offset: u32, string: u64) -> u32 {
    // SAFETY: the offset is at most PATH_LIMIT, and three times PATH_LIMIT bytes follow it.
    let length = unsafe {
        bpf_probe_read_kernel_str(
            payload
                .add((offset & (2 * PATH_LIMIT as u32 - 1)) as usize)
                .cast(),
            PATH_LIMIT as u32,
            string as *const _,
        )
    };
    if length <= 1 {
        0
    } else {
        (length as u32 - 1) & (PATH_LIMIT as u32 - 1)
    }
}

/// Writes the paths of the executable and of the working directory behind `end`.
#[inline(always)]
fn write_places(payload: *mut u8, end: *mut u32, task: Object, mm: Object, flags: &mut u32) {
    const LIMIT: u32 = 4 * PATH_LIMIT as u32;
    let fs = task.follow(setting!(task_fs));
    let root = fs.and_then(|fs| Place::read(fs.inner(setting!(fs_root))));
    let executable = mm
        .follow(setting!(mm_exe_file))
        .and_then(|file| Place::read(file.inner(setting!(file_path))));
    let directory = fs.and_then(|fs| Place::read(fs.inner(setting!(fs_pwd))));
    // SAFETY: both point into the scratch space, of which `payload` and `end` are parts.
    let length = unsafe {
        let scratch = payload
            .sub(core::mem::offset_of!(ExecScratch, payload))
            .cast::<ExecScratch>();
        &raw mut (*scratch).record.executable
    };
    // SAFETY: as above.
    let start = unsafe { end.read_volatile() };
    let whole = match (executable, root) {
        (Ok(place), Ok(root)) => path::walk::<LIMIT>(payload, end, place, root),
        (_, _) => false,
    };
    if !whole {
        *flags |= Exec::CUT_EXECUTABLE;
    }
    // SAFETY: as above.
    unsafe { length.write_volatile((end.read_volatile() - start) as u16) };
    let whole = match (directory, root) {
        (Ok(place), Ok(root)) => path::walk::<LIMIT>(payload, end, place, root),
        (_, _) => false,
    };
    if !whole {
        *flags |= Exec::CUT_DIRECTORY;
    }
}
