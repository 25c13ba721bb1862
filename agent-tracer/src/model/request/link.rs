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

/// Finds the client that asked for a link at a time: the last that names the unit, or else the only
/// one. A unit brings links of other names along (`Also=`, `Alias=`).
pub(in crate::model) fn asked_for_link(
    path: &[u8],
    boot_ns: u64,
    processes: &Processes,
) -> Option<ProcessIndex> {
    let unit = base_name(path);
    let mut open = processes.iter().rev().filter(|(_, process)| {
        let is_open = process
            .ended()
            .is_none_or(|(ended_ns, _)| ended_ns.saturating_add(AFTERWARDS) >= boot_ns);
        is_open && asks_for_links(process)
    });
    let (first, last) = open.next()?;
    let mut others = Vec::new();
    if names(&last.argv, unit) {
        return Some(first);
    }
    for (index, process) in open {
        if names(&process.argv, unit) {
            return Some(index);
        }
        others.push(index);
    }
    others.is_empty().then_some(first)
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
