//! Attaches one hook at a time: loads its programs, attaches them, and words the kernel's
//! objections. The order of hooks, and the meaning of a failure, are the plan's.

use std::{os::fd::OwnedFd, sync::Mutex, thread};

use agent_tracer_ebpf::OBJECT;
use aya::{
    Btf, Ebpf, EbpfError, EbpfLoader,
    programs::{CgroupAttachMode, Program, ProgramError},
};
use aya_obj::btf::{BtfType, Func, FuncLinkage};

use super::{
    hook::Hook,
    plan::{Choice, HookFailure},
    ring::ring_bytes,
};

/// Threads that load programs at the same time, at most.
const THREADS: usize = 4;

/// Loads the object, as often as needed.
pub(super) struct Loader<'a> {
    loader: EbpfLoader<'a>,
}

impl<'a> Loader<'a> {
    /// Makes the only loader needed: each new one makes the library read all of the kernel's types
    /// again.
    pub(super) fn new() -> Loader<'a> {
        let mut loader = EbpfLoader::new();
        loader.btf(None);
        Loader { loader }
    }

    /// Loads the programs, with the settings sealed.
    pub(super) fn load(&mut self, settings: &'a [u32]) -> Result<Ebpf, EbpfError> {
        self.loader
            .override_global("SETTINGS", settings, true)
            .map_max_entries("EVENTS", ring_bytes())
            .load(OBJECT)
    }
}

/// Targets of programs, besides the functions that their names imply.
pub(super) struct Targets {
    /// The number of the function `tcp_connect` among the kernel's types.
    pub(super) tcp_connect: Option<u32>,
    /// The root of the cgroup2 hierarchy, or the reason for its absence.
    pub(super) cgroup: Result<OwnedFd, String>,
}

/// Loads the programs of hooks on several threads, the longest first. Attaching a hook loads again
/// what the kernel refuses here, and then has the reason.
pub(super) fn load_ahead(programs: &mut Ebpf, hooks: &[Hook], targets: &Targets) {
    let mut names: Vec<&str> = Vec::new();
    let (long, short): (Vec<Hook>, Vec<Hook>) = hooks.iter().partition(|hook| hook.is_long());
    for hook in long.into_iter().chain(short) {
        names.extend(hook.programs());
    }
    let place = |name: &str| names.iter().position(|known| *known == name);
    let mut wanted: Vec<(usize, &mut Program)> = programs
        .programs_mut()
        .filter_map(|(name, program)| Some((place(name)?, program)))
        .filter(|(_, program)| program.fd().is_err())
        .collect();
    wanted.sort_by_key(|(place, _)| *place);
    let count = thread::available_parallelism().map_or(1, usize::from);
    let wanted = Mutex::new(wanted.into_iter());
    let next = || wanted.lock().ok()?.next();
    let load = || {
        while let Some((_, program)) = next() {
            let _ = load_program(program, targets);
        }
    };
    thread::scope(|scope| {
        for _ in 1..count.min(THREADS) {
            let thread = thread::Builder::new().name("tracer".to_owned());
            // Without a thread, this one loads them all.
            let _ = thread.spawn_scoped(scope, load);
        }
        load();
    });
}

/// Attaches the first of several hooks that works, and notes why those before it did not.
pub(super) fn attach_first(
    programs: &mut Ebpf,
    choice: &mut Choice,
    hooks: &[Hook],
    targets: &Targets,
) {
    for hook in hooks {
        let attached = match hook.is_left_out() {
            true => Err("left out by TRACER_WITHOUT_HOOKS".to_owned()),
            false => attach(programs, *hook, targets),
        };
        match attached {
            Ok(()) => {
                choice.hook = Some(*hook);
                return;
            }
            Err(error) => choice.failures.push(HookFailure { hook: *hook, error }),
        }
    }
}

fn attach(programs: &mut Ebpf, hook: Hook, targets: &Targets) -> Result<(), String> {
    // All are loaded before the first is attached: half a hook would report half of the truth.
    for name in hook.programs() {
        let program = program(programs, name)?;
        if program.fd().is_err() {
            load_program(program, targets).map_err(|error| briefly(&chain(&error)))?;
        }
    }
    for name in hook.programs() {
        try_attach(program(programs, name)?, name, targets)?;
    }
    Ok(())
}

fn program<'a>(programs: &'a mut Ebpf, name: &str) -> Result<&'a mut Program, String> {
    programs
        .program_mut(name)
        .ok_or_else(|| format!("the object has no program {name}"))
}

fn try_attach(program: &mut Program, name: &str, targets: &Targets) -> Result<(), String> {
    let said = |error: ProgramError| briefly(&chain(&error));
    let cgroup = || targets.cgroup.as_ref().map_err(Clone::clone);
    match program {
        Program::RawTracePoint(program) => {
            // The name of the second program on one tracepoint has a suffix for its purpose.
            let tracepoint = name.strip_suffix("_in_interrupt").unwrap_or(name);
            program.attach(tracepoint).map(|_| ()).map_err(said)
        }
        Program::FEntry(program) => program.attach().map(|_| ()).map_err(said),
        Program::TracePoint(program) => program.attach("syscalls", name).map(|_| ()).map_err(said),
        Program::KProbe(program) => program.attach(function(name), 0).map(|_| ()).map_err(said),
        Program::CgroupSockAddr(program) => {
            let cgroup = cgroup()?;
            allowing_others(|mode| program.attach(cgroup, mode).map(drop)).map_err(said)
        }
        Program::CgroupSock(program) => {
            let cgroup = cgroup()?;
            allowing_others(|mode| program.attach(cgroup, mode).map(drop)).map_err(said)
        }
        Program::CgroupSkb(program) => {
            let cgroup = cgroup()?;
            let direction = program
                .expected_attach_type()
                .ok_or("the object has no direction of packets")?;
            allowing_others(|mode| program.attach(cgroup, direction, mode).map(drop)).map_err(said)
        }
        _ => Err("the kind of the program is unknown".to_owned()),
    }
}

/// Returns the function that a probe is for. The system calls have a prefix by architecture.
fn function(program: &str) -> &str {
    let name = program
        .strip_prefix("kprobe_")
        .or_else(|| program.strip_prefix("kretprobe_"));
    match name.unwrap_or(program) {
        "execve" => EXECVE,
        "execveat" => EXECVEAT,
        name => name,
    }
}

#[cfg(not(target_arch = "aarch64"))]
const EXECVE: &str = "__x64_sys_execve";
#[cfg(not(target_arch = "aarch64"))]
const EXECVEAT: &str = "__x64_sys_execveat";
#[cfg(target_arch = "aarch64")]
const EXECVE: &str = "__arm64_sys_execve";
#[cfg(target_arch = "aarch64")]
const EXECVEAT: &str = "__arm64_sys_execveat";

/// Attaches a program in a way that lets others attach, too. A link allows that by itself and
/// refuses the flag; the older method needs the flag. The library takes the older method where it
/// believes the kernel to be that old.
fn allowing_others(
    mut attach: impl FnMut(CgroupAttachMode) -> Result<(), ProgramError>,
) -> Result<(), ProgramError> {
    attach(CgroupAttachMode::AllowMultiple).or_else(|_| attach(CgroupAttachMode::Single))
}

/// Makes the verifier check a program.
pub(super) fn load_program(program: &mut Program, targets: &Targets) -> Result<(), ProgramError> {
    match program {
        Program::FEntry(program) => program.load(
            "tcp_connect",
            &types_with("tcp_connect", targets.tcp_connect),
        ),
        Program::RawTracePoint(program) => program.load(),
        Program::KProbe(program) => program.load(),
        Program::TracePoint(program) => program.load(),
        Program::CgroupSockAddr(program) => program.load(),
        Program::CgroupSock(program) => program.load(),
        Program::CgroupSkb(program) => program.load(),
        _ => Ok(()),
    }
}

/// Makes types with one function in them, at its number in the kernel's types: the library looks it
/// up there. Reading all of the kernel's types would take as long as everything else.
fn types_with(function: &str, number: Option<u32>) -> Btf {
    let mut types = Btf::new();
    if let Some(number) = number {
        for _ in 1..number {
            types.add_type(BtfType::Unknown);
        }
        let name = types.add_string(function);
        types.add_type(BtfType::Func(Func::new(name, 0, FuncLinkage::Global)));
    }
    types
}

/// Joins an error and its causes, each once.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// Shortens the kernel's answer to its first line and the verifier's complaint, if any. The whole
/// log is thousands of lines; `TRACER_VERIFIER_LOG=1` shows it.
fn briefly(text: &str) -> String {
    if std::env::var_os("TRACER_VERIFIER_LOG").is_some() {
        return text.to_owned();
    }
    let (answer, log) = text.split_once("Verifier output:").unwrap_or((text, ""));
    let answer = answer.lines().next().unwrap_or_default();
    let answer = answer.trim_end_matches([' ', '.']);
    // It ends with the complaint, and then statistics.
    let statistics = ["processed ", "verification time ", "stack depth "];
    let complaint = log
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty() && !statistics.iter().any(|begin| line.starts_with(begin)));
    match complaint {
        Some(complaint) => format!("{answer}: {complaint}"),
        None => answer.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::briefly;

    #[test]
    fn the_verifier_is_quoted_with_its_complaint() {
        let text = "the `BPF_PROG_LOAD` syscall returned Invalid argument (os error 22). Verifier \
            output: \
            0: R1=ctx() R10=fp0\n1: (85) call bpf_probe_read_kernel#113\n\
            unknown func bpf_probe_read_kernel#113\nverification time 20 usec\nstack depth 0\n\
            processed 2 insns (limit 1000000)\n\n";
        assert_eq!(
            briefly(text),
            "the `BPF_PROG_LOAD` syscall returned Invalid argument (os error 22): unknown func \
             bpf_probe_read_kernel#113"
        );
        assert_eq!(
            briefly("it returned that. Verifier output: \n"),
            "it returned that"
        );
        assert_eq!(briefly("this\nand that"), "this");
    }
}
