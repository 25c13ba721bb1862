//! One program and one hook at a time: loads it, attaches it, and puts what the kernel says against it
//! into words. Which hooks are tried, and what it means when none works, is not known here.

use agent_tracer_ebpf::{OBJECT, Settings};
use aya::{
    Btf, Ebpf, EbpfLoader,
    programs::{FEntry, KProbe, Program, ProgramError, RawTracePoint},
};

use super::{
    load::CaptureError,
    plan::{Choice, Hook, HookFailure},
};

/// Reads the object in, with the settings sealed.
pub(super) fn load(settings: &Settings) -> Result<Ebpf, CaptureError> {
    let words = settings.words();
    EbpfLoader::new()
        .btf(None)
        .override_global("SETTINGS", &words[..], true)
        .load(OBJECT)
        .map_err(|error| CaptureError::NoBpf(chain(&error)))
}

/// Attaches the first of several hooks that works, and notes why those before it did not.
pub(super) fn attach_first(programs: &mut Ebpf, choice: &mut Choice, hooks: &[Hook]) {
    for hook in hooks {
        let attached = match is_left_out(*hook) {
            true => Err("left out by TRACER_WITHOUT_HOOKS".to_owned()),
            false => attach(programs, *hook),
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

/// For tests of one hook where a better one works: `TRACER_WITHOUT_HOOKS` lists program names, with
/// commas. The plan tells it like any other failure.
pub(super) fn is_left_out(hook: Hook) -> bool {
    std::env::var("TRACER_WITHOUT_HOOKS")
        .is_ok_and(|names| names.split(',').any(|name| name == hook.program()))
}

fn attach(programs: &mut Ebpf, hook: Hook) -> Result<(), String> {
    let program = programs
        .program_mut(hook.program())
        .ok_or_else(|| format!("the object has no program {}", hook.program()))?;
    try_attach(program, hook).map_err(|error| first_line(&chain(&error)))
}

fn try_attach(program: &mut Program, hook: Hook) -> Result<(), ProgramError> {
    load_program(program, hook)?;
    match hook {
        Hook::SchedProcessFork
        | Hook::SchedProcessExec
        | Hook::SchedProcessExit
        | Hook::TaskRename
        | Hook::CgroupAttachTask
        | Hook::InetSockSetState => {
            let program: &mut RawTracePoint = program.try_into()?;
            program.attach(hook.program())?;
        }
        Hook::FentryTcpConnect => {
            let program: &mut FEntry = program.try_into()?;
            program.attach()?;
        }
        Hook::KprobeTcpConnect => {
            let program: &mut KProbe = program.try_into()?;
            program.attach("tcp_connect", 0)?;
        }
        // They have no program, and come to nobody's mind here.
        Hook::Fanotify | Hook::Systemd => {}
    }
    Ok(())
}

/// Has the verifier look at a program.
pub(super) fn load_program(program: &mut Program, hook: Hook) -> Result<(), ProgramError> {
    match hook {
        Hook::SchedProcessFork
        | Hook::SchedProcessExec
        | Hook::SchedProcessExit
        | Hook::TaskRename
        | Hook::CgroupAttachTask
        | Hook::InetSockSetState => {
            let program: &mut RawTracePoint = program.try_into()?;
            program.load()
        }
        Hook::FentryTcpConnect => {
            let program: &mut FEntry = program.try_into()?;
            program.load("tcp_connect", &Btf::from_sys_fs()?)
        }
        Hook::KprobeTcpConnect => {
            let program: &mut KProbe = program.try_into()?;
            program.load()
        }
        Hook::Fanotify | Hook::Systemd => Ok(()),
    }
}

/// An error and what caused it, each said once.
fn chain(error: &dyn std::error::Error) -> String {
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

/// A verifier log is thousands of lines; `TRACER_VERIFIER_LOG=1` shows it whole.
fn first_line(text: &str) -> String {
    if std::env::var_os("TRACER_VERIFIER_LOG").is_some() {
        return text.to_owned();
    }
    let line = text.lines().next().unwrap_or_default();
    let line = line.split("Verifier output:").next().unwrap_or(line);
    line.trim_end_matches([' ', '.']).to_owned()
}
