//! Finds the process behind a link that enables a unit: the service manager makes and removes links
//! when a client asks over D-Bus.

use super::{AFTERWARDS, CLIENTS, plain, whole_name};
use crate::model::{Process, ProcessIndex, process::base_name, processes::Processes};

/// Verbs of systemctl(1) that make or remove links.
const VERBS: [&[u8]; 12] = [
    b"enable",
    b"disable",
    b"reenable",
    b"preset",
    b"preset-all",
    b"mask",
    b"unmask",
    b"link",
    b"revert",
    b"add-wants",
    b"add-requires",
    b"set-default",
];

/// Longest delay of a link after the end of the client that names its unit. The kernel gives
/// changes of files no time, so on a busy machine theirs is late.
const NAMED_AFTERWARDS: u64 = 10_000_000_000;

/// Finds the client that asked for a link at a time: the last that names the unit, or else the only
/// one. A unit brings links of other names along (`Also=`, `Alias=`).
pub(in crate::model) fn asked_for_link(
    path: &[u8],
    boot_ns: u64,
    processes: &Processes,
) -> Option<ProcessIndex> {
    let unit = base_name(path);
    let mut others = Vec::new();
    for (index, process) in processes.iter().rev() {
        let ended_ns = process.ended().map(|(ended_ns, _)| ended_ns);
        let is_within =
            |delay| ended_ns.is_none_or(|ended_ns| ended_ns.saturating_add(delay) >= boot_ns);
        if !is_within(NAMED_AFTERWARDS) || !asks_for_links(process) {
            continue;
        }
        if names(&process.argv, unit) {
            return Some(index);
        }
        if is_within(AFTERWARDS) {
            others.push(index);
        }
    }
    match others[..] {
        [only] => Some(only),
        _ => None,
    }
}

fn asks_for_links(process: &Process) -> bool {
    if !process.is_system_program(&CLIENTS) {
        return false;
    }
    match base_name(&process.exe) {
        b"systemctl" => {
            let (plain, _) = plain(&process.argv);
            plain.first().is_some_and(|verb| VERBS.contains(verb))
        }
        b"busctl" | b"dbus-send" | b"gdbus" => {
            let method = memchr::memmem::Finder::new(b"UnitFile");
            process.argv.iter().any(|word| method.find(word).is_some())
        }
        _ => false,
    }
}

/// Checks whether a command line names a unit, also in a list such as `['x.service']`.
fn names(argv: &[Vec<u8>], unit: &[u8]) -> bool {
    let is_in_list = |word: &Vec<u8>| {
        let parts = word.split(|byte| !is_of_name(*byte));
        parts.into_iter().any(|part| part == unit)
    };
    argv.iter()
        .skip(1)
        .any(|word| whole_name(base_name(word)) == unit || is_in_list(word))
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.@\\".contains(&byte)
}
