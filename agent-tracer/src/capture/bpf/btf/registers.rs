//! Finds the places of registers in the kernel's `struct pt_regs`. Their names differ between
//! processors, and so do the numbers of system calls.

use agent_tracer_ebpf::{NO_OFFSET, Settings};
use nix::libc;

use super::Search;

/// Returns settings with the places of registers alone.
pub(super) fn find(search: &mut Search<'_>) -> Settings {
    let [first, second, third, fourth] = arguments(search);
    Settings {
        registers_first: first,
        registers_second: second,
        registers_third: third,
        registers_fourth: fourth,
        registers_result: search.offset("pt_regs", RESULT),
        registers_call: search.offset("pt_regs", CALL),
        registers_call_first: search.offset("pt_regs", CALL_FIRST),
        socket_call: u32::try_from(libc::SYS_socket).unwrap_or(NO_OFFSET),
        ..Settings::UNKNOWN
    }
}

/// The register of a function's result.
#[cfg(target_arch = "x86_64")]
const RESULT: &str = "ax";
/// The number of the system call.
#[cfg(target_arch = "x86_64")]
const CALL: &str = "orig_ax";
/// The first argument of the system call.
#[cfg(target_arch = "x86_64")]
const CALL_FIRST: &str = "di";

/// The first of all registers, and of a function's result.
#[cfg(target_arch = "aarch64")]
const RESULT: &str = "regs";
/// The number of the system call.
#[cfg(target_arch = "aarch64")]
const CALL: &str = "syscallno";
/// The first argument of the system call, whose register gets the result.
#[cfg(target_arch = "aarch64")]
const CALL_FIRST: &str = "orig_x0";

#[cfg(target_arch = "x86_64")]
fn arguments(search: &mut Search<'_>) -> [u32; 4] {
    ["di", "si", "dx", "cx"].map(|name| search.offset("pt_regs", name))
}

/// Registers are an array there.
#[cfg(target_arch = "aarch64")]
fn arguments(search: &mut Search<'_>) -> [u32; 4] {
    const BYTES: u32 = 8;
    let start = search.offset("pt_regs", RESULT);
    [0, 1, 2, 3].map(|number| match start {
        NO_OFFSET => NO_OFFSET,
        start => start + BYTES * number,
    })
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!(
    "recording is for x86_64 and aarch64; without the feature `capture`, traces are read anywhere"
);
