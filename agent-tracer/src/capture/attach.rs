//! One hook at a time: loads its programs, attaches them, and puts what the kernel says against them
//! into words. Which hooks are tried, and what it means when none works, is not known here.

use std::os::fd::OwnedFd;

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

/// Reads the object in, as often as need be.
pub(super) struct Loader<'a> {
    loader: EbpfLoader<'a>,
}

impl<'a> Loader<'a> {
    /// One is enough: each new one of the library's reads all of the kernel's types, unasked.
    pub(super) fn new() -> Loader<'a> {
        let mut loader = EbpfLoader::new();
        loader.btf(None);
        Loader { loader }
    }

    /// Reads it in, with the settings sealed.
    pub(super) fn load(&mut self, settings: &'a [u32]) -> Result<Ebpf, EbpfError> {
        self.loader
            .override_global("SETTINGS", settings, true)
            .map_max_entries("EVENTS", ring_bytes())
            .load(OBJECT)
    }
}

/// What programs are attached to, besides their own names.
pub(super) struct Places {
    /// The number of the function `tcp_connect` among the kernel's types.
    pub(super) tcp_connect: Option<u32>,
    /// The root of the cgroup2 hierarchy, or why it is not to be had.
    pub(super) cgroup: Result<OwnedFd, String>,
}

/// Attaches the first of several hooks that works, and notes why those before it did not.
pub(super) fn attach_first(
    programs: &mut Ebpf,
    choice: &mut Choice,
    hooks: &[Hook],
    places: &Places,
) {
    for hook in hooks {
        let attached = match is_left_out(*hook) {
            true => Err("left out by TRACER_WITHOUT_HOOKS".to_owned()),
            false => attach(programs, *hook, places),
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

/// For tests of one hook where a better one works: `TRACER_WITHOUT_HOOKS` lists names of hooks, with
/// commas. The plan tells it like any other failure.
pub(super) fn is_left_out(hook: Hook) -> bool {
    std::env::var("TRACER_WITHOUT_HOOKS")
        .is_ok_and(|names| names.split(',').any(|name| name == hook.name()))
}

fn attach(programs: &mut Ebpf, hook: Hook, places: &Places) -> Result<(), String> {
    // All are loaded before the first is attached: half a hook would tell half of the truth.
    for name in hook.programs() {
        load_program(program(programs, name)?, places).map_err(|error| briefly(&chain(&error)))?;
    }
    for name in hook.programs() {
        try_attach(program(programs, name)?, name, places)?;
    }
    Ok(())
}

fn program<'a>(programs: &'a mut Ebpf, name: &str) -> Result<&'a mut Program, String> {
    programs
        .program_mut(name)
        .ok_or_else(|| format!("the object has no program {name}"))
}

fn try_attach(program: &mut Program, name: &str, places: &Places) -> Result<(), String> {
    let said = |error: ProgramError| briefly(&chain(&error));
    let cgroup = || places.cgroup.as_ref().map_err(Clone::clone);
    match program {
        Program::RawTracePoint(program) => {
            // Of two programs on one tracepoint, the second has a name that says what it is for.
            let tracepoint = name.strip_suffix("_in_interrupt").unwrap_or(name);
            program.attach(tracepoint).map(|_| ()).map_err(said)
        }
        Program::FEntry(program) => program.attach().map(|_| ()).map_err(said),
        Program::KProbe(program) => program.attach("tcp_connect", 0).map(|_| ()).map_err(said),
        Program::CgroupSockAddr(program) => {
            let cgroup = cgroup()?;
            beside_others(|mode| program.attach(cgroup, mode).map(drop)).map_err(said)
        }
        Program::CgroupSock(program) => {
            let cgroup = cgroup()?;
            beside_others(|mode| program.attach(cgroup, mode).map(drop)).map_err(said)
        }
        Program::CgroupSkb(program) => {
            let cgroup = cgroup()?;
            let direction = program
                .expected_attach_type()
                .ok_or("the object does not say which packets")?;
            beside_others(|mode| program.attach(cgroup, direction, mode).map(drop)).map_err(said)
        }
        _ => Err("a kind of program that is none of ours".to_owned()),
    }
}

/// Attaches a program so that others can be there, too. A link allows that by itself, and no flag that says so; the way from
/// before links, which the library takes where it believes the kernel to be that old, has to be told.
fn beside_others(
    mut attach: impl FnMut(CgroupAttachMode) -> Result<(), ProgramError>,
) -> Result<(), ProgramError> {
    attach(CgroupAttachMode::AllowMultiple).or_else(|_| attach(CgroupAttachMode::Single))
}

/// Has the verifier look at a program.
pub(super) fn load_program(program: &mut Program, places: &Places) -> Result<(), ProgramError> {
    match program {
        Program::FEntry(program) => program.load(
            "tcp_connect",
            &types_with("tcp_connect", places.tcp_connect),
        ),
        Program::RawTracePoint(program) => program.load(),
        Program::KProbe(program) => program.load(),
        Program::CgroupSockAddr(program) => program.load(),
        Program::CgroupSock(program) => program.load(),
        Program::CgroupSkb(program) => program.load(),
        _ => Ok(()),
    }
}

/// What the library wants to look a function up in: types of which only that one is there, with the number
/// that it has in the kernel's. All of them, read by the library, would take as long as everything else.
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

/// An error and what caused it, each said once.
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

/// What the kernel said and, where the verifier had a complaint, that. Its whole log is thousands of lines;
/// `TRACER_VERIFIER_LOG=1` shows it.
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
        let text = "the `BPF_PROG_LOAD` syscall returned Invalid argument (os error 22). Verifier output: \
            0: R1=ctx() R10=fp0\n1: (85) call bpf_probe_read_kernel#113\n\
            unknown func bpf_probe_read_kernel#113\nverification time 20 usec\nstack depth 0\n\
            processed 2 insns (limit 1000000)\n\n";
        assert_eq!(
            briefly(text),
            "the `BPF_PROG_LOAD` syscall returned Invalid argument (os error 22): unknown func bpf_probe_read_kernel#113"
        );
        assert_eq!(
            briefly("it returned that. Verifier output: \n"),
            "it returned that"
        );
        assert_eq!(briefly("this\nand that"), "this");
    }
}
