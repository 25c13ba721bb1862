//! Calls of execve(2) and execveat(2) that fail. Each front end notes the arguments at the entry of
//! the call; where the call fails, they are read from the address space, which is still the same.

use agent_tracer_ebpf::{ExecFailed, FAILED_ARGV, FAILED_PAYLOAD, Kind, PATH_LIMIT};
use aya_ebpf::{
    helpers::generated::{bpf_get_current_pid_tgid, bpf_probe_read_user, bpf_probe_read_user_str},
    macros::{kprobe, kretprobe, tracepoint},
    programs::{ProbeContext, RetProbeContext, TracePointContext},
};

use crate::{
    emit,
    maps::{EXEC_CALLS, ExecCall, FAILED_SCRATCH, FailedScratch},
    registers::Registers,
    task,
};

/// Arguments that are read at most.
const ARGUMENTS: u64 = 64;

/// Longest argument, NUL included; a longer one is cut.
const ARGUMENT: u32 = 512;

/// `prototype: long __x64_sys_execve(const struct pt_regs *regs)`, on arm64 `__arm64_sys_execve`
#[kprobe]
pub fn kprobe_execve(context: ProbeContext) -> u32 {
    let registers = Registers::at(Registers::of(&context).argument::<0>());
    begin(
        registers.call_argument::<0>(),
        registers.call_argument::<1>(),
    );
    0
}

/// `prototype: long __x64_sys_execveat(const struct pt_regs *regs)`, likewise
#[kprobe]
pub fn kprobe_execveat(context: ProbeContext) -> u32 {
    let registers = Registers::at(Registers::of(&context).argument::<0>());
    begin(
        registers.call_argument::<1>(),
        registers.call_argument::<2>(),
    );
    0
}

/// Return of the same function.
#[kretprobe]
pub fn kretprobe_execve(context: RetProbeContext) -> u32 {
    emit::count_failure(Kind::ExecFailed, end(Registers::of(&context).result()));
    0
}

/// Return of the same function.
#[kretprobe]
pub fn kretprobe_execveat(context: RetProbeContext) -> u32 {
    emit::count_failure(Kind::ExecFailed, end(Registers::of(&context).result()));
    0
}

/// `syscalls:sys_enter_execve`: the arguments begin at byte 16.
#[tracepoint]
pub fn sys_enter_execve(context: TracePointContext) -> u32 {
    // SAFETY: reads of the context, which the kernel fills in.
    let (filename, argv) = unsafe { (context.read_at(16), context.read_at(24)) };
    begin(filename.unwrap_or(0), argv.unwrap_or(0));
    0
}

/// `syscalls:sys_enter_execveat`: the first argument is a descriptor.
#[tracepoint]
pub fn sys_enter_execveat(context: TracePointContext) -> u32 {
    // SAFETY: as above.
    let (filename, argv) = unsafe { (context.read_at(24), context.read_at(32)) };
    begin(filename.unwrap_or(0), argv.unwrap_or(0));
    0
}

/// `syscalls:sys_exit_execve`: the result is at byte 16.
#[tracepoint]
pub fn sys_exit_execve(context: TracePointContext) -> u32 {
    // SAFETY: as above.
    let result = unsafe { context.read_at::<i64>(16) };
    emit::count_failure(Kind::ExecFailed, result.and_then(end));
    0
}

/// `syscalls:sys_exit_execveat`, likewise.
#[tracepoint]
pub fn sys_exit_execveat(context: TracePointContext) -> u32 {
    // SAFETY: as above.
    let result = unsafe { context.read_at::<i64>(16) };
    emit::count_failure(Kind::ExecFailed, result.and_then(end));
    0
}

#[inline(always)]
fn begin(filename: u64, argv: u64) {
    // SAFETY: takes no arguments.
    let thread = unsafe { bpf_get_current_pid_tgid() };
    let _ = EXEC_CALLS.insert(thread, ExecCall { filename, argv }, 0);
}

#[inline(always)]
fn end(result: i64) -> Result<(), i32> {
    // SAFETY: takes no arguments.
    let thread = unsafe { bpf_get_current_pid_tgid() };
    // SAFETY: only this thread changes its entry.
    let Some(call) = (unsafe { EXEC_CALLS.get(thread) }) else {
        return Ok(());
    };
    let call = *call;
    let _ = EXEC_CALLS.remove(thread);
    if result >= 0 {
        return Ok(());
    }
    let header = task::header(Kind::ExecFailed, task::current())?;
    let scratch = FAILED_SCRATCH.get_ptr_mut(0).ok_or(-2)?;
    let filename = text(scratch, 0, call.filename, PATH_LIMIT as u32);
    // SAFETY: a map value is valid as long as the program runs, and only this program has it.
    unsafe { (&raw mut (*scratch).filename).write_volatile(filename) };
    // SAFETY: as above.
    unsafe { (&raw mut (*scratch).end).write_volatile(filename) };
    let is_cut = arguments(scratch, call.argv);
    // SAFETY: as above.
    let (filename, end) = unsafe {
        (
            (&raw const (*scratch).filename).read_volatile(),
            (&raw const (*scratch).end).read_volatile(),
        )
    };
    let record = ExecFailed {
        header,
        error: 0_i64.wrapping_sub(result) as u32,
        filename: filename as u16,
        argv: end.wrapping_sub(filename) as u16,
        is_cut: u32::from(is_cut),
        padding: 0,
    };
    // SAFETY: as above.
    unsafe { (*scratch).record = record };
    let fixed = size_of::<ExecFailed>() as u32;
    let length = (fixed + end).min(fixed + FAILED_PAYLOAD as u32);
    emit::minor_bytes(Kind::ExecFailed, scratch.cast(), length as usize);
    Ok(())
}

/// Reads the arguments behind the file name, each with its NUL. Returns true if some are missing.
#[inline(always)]
fn arguments(scratch: *mut FailedScratch, argv: u64) -> bool {
    for position in 0..ARGUMENTS {
        let mut argument = 0_u64;
        // SAFETY: the helper writes eight bytes or zeros.
        let failed = unsafe {
            bpf_probe_read_user(
                (&raw mut argument).cast(),
                8,
                (argv + position * 8) as *const _,
            )
        } != 0;
        if failed || argument == 0 {
            return failed;
        }
        // The place lives in the map value, so the verifier sees one state for all steps.
        // SAFETY: a map value is valid as long as the program runs.
        let end = unsafe { (&raw const (*scratch).end).read_volatile() };
        if end >= (PATH_LIMIT + FAILED_ARGV) as u32 {
            return true;
        }
        let length = text(scratch, end, argument, ARGUMENT);
        // SAFETY: as above.
        unsafe { (&raw mut (*scratch).end).write_volatile(end + length) };
        if length == 0 || length == ARGUMENT {
            return true;
        }
    }
    true
}

/// Copies a user string to `offset` of the payload. Returns its length, NUL included; 0 if it
/// cannot be read.
#[inline(always)]
fn text(scratch: *mut FailedScratch, offset: u32, string: u64, limit: u32) -> u32 {
    let offset = offset & (2 * PATH_LIMIT as u32 - 1);
    // SAFETY: the payload has room for the limit behind every offset.
    let length = unsafe {
        let payload = (&raw mut (*scratch).payload).cast::<u8>();
        bpf_probe_read_user_str(
            payload.add(offset as usize).cast(),
            limit,
            string as *const _,
        )
    };
    if length <= 0 {
        return 0;
    }
    (length as u32).min(limit)
}
