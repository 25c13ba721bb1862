//! Emits execs: a process becomes another program.

use agent_tracer_ebpf::{
    ARGV_CHUNK, ARGV_INLINE, ARGV_LIMIT, Arguments, EXEC_PAYLOAD, Exec, Identity, Kind, PATH_LIMIT,
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
    program, task,
};

/// `prototype: (struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)`
#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub fn sched_process_exec(context: RawTracePointContext) -> i32 {
    let task = Object(context.arg::<u64>(0));
    let former_tid = context.arg::<u32>(1);
    let binary = Object(context.arg::<u64>(2));
    let done = try_exec(task, former_tid, binary);
    if let Err(error) = done
        && error != OUTSIDE
    {
        warn!(&context, "exec: cannot read the task: error {}", error);
    }
    emit::count_failure(Kind::Exec, done);
    0
}

/// Passes values between parts of the program through the scratch space. The verifier knows nothing
/// about a map value, so all paths to one point arrive there in the same state. With registers,
/// the verifier of Linux 6.1 went through 842,000 instructions, and allows a million. Newer kernels
/// need fewer.
fn try_exec(task: Object, former_tid: u32, binary: Object) -> Result<(), i32> {
    let header = task::header(Kind::Exec, task)?;
    // By now the thread has the number of its group; the argument is its former number.
    let former_tid = match task.read::<u32>(setting!(task_pid))? {
        same if same == former_tid => 0,
        _ => former_tid,
    };
    let scratch = EXEC_SCRATCH.get_ptr_mut(0).ok_or(-2)?;
    let mm = task.follow(setting!(task_mm))?;
    let arguments_start: u64 = mm.read(setting!(mm_arg_start))?;
    let arguments_end: u64 = mm.read(setting!(mm_arg_end))?;
    let argv_bytes = arguments_end.saturating_sub(arguments_start) as u32;
    // SAFETY: a map value is valid as long as the program runs, and only this program uses it.
    let (payload, notes) = unsafe {
        (&raw mut (*scratch).flags).write_volatile(0);
        ((&raw mut (*scratch).payload).cast::<u8>(), Notes(scratch))
    };

    let mut header_ahead = header;
    header_ahead.kind = Kind::Arguments as u32;
    send_ahead(notes, header_ahead, arguments_start, argv_bytes);

    notes.put(
        Note::Filename,
        text(payload, 0, binary.word(setting!(binprm_filename))),
    );
    let filename = notes.get(Note::Filename) & (PATH_LIMIT as u32 - 1);
    let interpreter = text(payload, filename, binary.word(setting!(binprm_interp)));
    notes.put(Note::Interpreter, interpreter);
    let interpreter = notes.get(Note::Interpreter) & (PATH_LIMIT as u32 - 1);
    notes.put(Note::End, filename + interpreter);
    write_places(payload, notes, task, mm);
    let fs = Object(task.word(setting!(task_fs)));
    let file = Object(mm.word(setting!(mm_exe_file)));
    let identity = program::identify(task, fs, file);
    // SAFETY: as above. Only now, since parts of argv that go ahead use the same space.
    unsafe { (&raw mut (*scratch).identity).write(identity) };

    let after_texts = filename + interpreter;
    let after_paths = notes.get(Note::End);
    if after_paths < after_texts {
        return Err(-3);
    }
    let ahead = notes.get(Note::Ahead);
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
        notes.flag(Exec::UNREADABLE_ARGV);
        inline = 0;
    }

    let executable = notes.get(Note::Executable) as u16;
    let lineage = task::lineage(task);
    let record = Exec {
        header,
        argv_bytes,
        argv_ahead: ahead,
        former_tid,
        flags: notes.get(Note::Flags),
        filename: filename as u16,
        interpreter: interpreter as u16,
        executable,
        directory: (position - after_texts) as u16 - executable,
        argv: inline as u16,
        padding: [0; 3],
        capabilities: task::file_capabilities(task),
        lineage,
        comm: task.read(setting!(task_comm))?,
    };
    // SAFETY: as above.
    unsafe { (*scratch).record = record };
    let fixed = size_of::<Exec>() + size_of::<Identity>();
    let length = (fixed as u32 + position + inline).min((fixed + EXEC_PAYLOAD) as u32);
    emit::bytes(Kind::Exec, scratch.cast(), length as usize);
    Ok(())
}

/// Numbers in the scratch space, behind the record in the making.
#[derive(Clone, Copy)]
struct Notes(*mut ExecScratch);

#[derive(Clone, Copy)]
enum Note {
    /// End of the payload so far.
    End,
    /// [`Exec::UNREADABLE_ARGV`] and the others.
    Flags,
    /// argv bytes sent ahead.
    Ahead,
    /// Length of the file name.
    Filename,
    /// Length of the interpreter's path.
    Interpreter,
    /// Length of the executable's path.
    Executable,
}

impl Notes {
    #[inline(always)]
    fn place(self, note: Note) -> *mut u32 {
        // SAFETY: places within a map value, which is valid as long as the program runs.
        unsafe {
            match note {
                Note::End => &raw mut (*self.0).end,
                Note::Flags => &raw mut (*self.0).flags,
                Note::Ahead => &raw mut (*self.0).ahead,
                Note::Filename => &raw mut (*self.0).filename,
                Note::Interpreter => &raw mut (*self.0).interpreter,
                Note::Executable => &raw mut (*self.0).executable,
            }
        }
    }

    #[inline(always)]
    fn put(self, note: Note, value: u32) {
        // SAFETY: as above; volatile, or the compiler would keep it in a register.
        unsafe { self.place(note).write_volatile(value) }
    }

    #[inline(always)]
    fn get(self, note: Note) -> u32 {
        // SAFETY: as above.
        unsafe { self.place(note).read_volatile() }
    }

    #[inline(always)]
    fn flag(self, flag: u32) {
        self.put(Note::Flags, self.get(Note::Flags) | flag);
    }
}

/// Emits the part of a long argv that does not fit into the exec record, in whole chunks. Notes the
/// number of its bytes.
#[inline(always)]
fn send_ahead(notes: Notes, header: agent_tracer_ebpf::Header, start: u64, argv_bytes: u32) {
    let wanted = argv_bytes.min(ARGV_LIMIT as u32);
    let chunk = notes.0.cast::<u8>();
    notes.put(Note::Ahead, 0);
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
            notes.flag(Exec::UNREADABLE_ARGV);
            break;
        }
        emit::bytes(
            Kind::Arguments,
            chunk,
            size_of::<Arguments>() + length as usize,
        );
        notes.put(Note::Ahead, offset + length);
    }
}

/// Copies a NUL-terminated kernel string to `payload + offset`. Returns its length without NUL.
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
fn write_places(payload: *mut u8, notes: Notes, task: Object, mm: Object) {
    const LIMIT: u32 = 4 * PATH_LIMIT as u32;
    let fs = Object(task.word(setting!(task_fs)));
    let root = Place::read(fs.inner(setting!(fs_root)));
    let file = Object(mm.word(setting!(mm_exe_file)));
    let executable = Place::read(file.inner(setting!(file_path)));
    let directory = Place::read(fs.inner(setting!(fs_pwd)));
    let end = notes.place(Note::End);
    let start = notes.get(Note::End);
    if !path::walk::<LIMIT>(payload, end, executable, root) {
        notes.flag(Exec::CUT_EXECUTABLE);
    }
    notes.put(Note::Executable, notes.get(Note::End) - start);
    if !path::walk::<LIMIT>(payload, end, directory, root) {
        notes.flag(Exec::CUT_DIRECTORY);
    }
}
