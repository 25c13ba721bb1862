//! What processes ask of systemd, read from their command lines: calls of systemctl(1), systemd-run(1) and
//! clients of its D-Bus interface. Whether systemd did it is not looked at.

use std::sync::Arc;

use super::{Model, Process, ProcessIndex, process::base_name};

/// A call of systemctl or the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The process that made it.
    pub by: ProcessIndex,
    /// Its process id.
    pub pid: u32,
    /// What was asked for, such as `systemctl restart omid`.
    pub words: Arc<[Vec<u8>]>,
    /// The units, each with its suffix.
    units: Vec<Vec<u8>>,
    /// When it became that program.
    pub(super) asked_ns: u64,
}

/// How long after the end of the one that asked, a job may still be its doing: what D-Bus and a busy machine
/// take to tell. `--no-block` is such a case, too.
const AFTERWARDS: u64 = 500_000_000;

/// Ends of the names of units. What has none of them is a service.
const SUFFIXES: [&[u8]; 11] = [
    b".service",
    b".socket",
    b".device",
    b".mount",
    b".automount",
    b".swap",
    b".target",
    b".path",
    b".timer",
    b".slice",
    b".scope",
];

/// Programs whose calls are requests, where they are root's: anything else may be called so.
const CLIENTS: [&[u8]; 5] = [
    b"systemctl",
    b"systemd-run",
    b"busctl",
    b"dbus-send",
    b"gdbus",
];

/// Options of systemctl whose value is the next word.
const VALUED: [&[u8]; 16] = [
    b"-t",
    b"-p",
    b"-P",
    b"-H",
    b"-M",
    b"-n",
    b"-o",
    b"-s",
    b"--type",
    b"--property",
    b"--host",
    b"--machine",
    b"--lines",
    b"--output",
    b"--signal",
    b"--job-mode",
];

impl Request {
    /// Whether it names one of these units; `by_stem` also a timer, socket or path unit that is called like one,
    /// where nobody says what triggers what.
    pub(super) fn names(&self, names: &[&[u8]], by_stem: bool) -> bool {
        let is = |asked: &[u8], name: &[u8]| match by_stem {
            true => starts(asked, name),
            false => is_named(asked, name),
        };
        self.units
            .iter()
            .any(|asked| names.iter().any(|name| is(asked, name)))
    }

    /// Whether it was being made at that time.
    pub(super) fn is_open_at(&self, boot_ns: u64, by: &Process) -> bool {
        // Events of several sources are not told in the order of their times to the microsecond.
        self.asked_ns <= boot_ns + AFTERWARDS
            && by
                .ended
                .is_none_or(|(ended_ns, _)| ended_ns.saturating_add(AFTERWARDS) >= boot_ns)
    }
}

impl Model {
    /// Remembers what a new program asks of systemd.
    pub(super) fn note_request(&mut self, index: ProcessIndex, boot_ns: u64) {
        let process = self.process(index);
        if !process.is_system_program(&CLIENTS) {
            return;
        }
        let units = match base_name(&process.exe) {
            b"systemctl" => systemctl(&process.argv),
            b"systemd-run" => systemd_run(&process.argv),
            b"busctl" | b"dbus-send" | b"gdbus" => bus_call(&process.argv),
            _ => return,
        };
        if units.is_empty() {
            return;
        }
        self.requests.push(Request {
            by: index,
            pid: process.id.pid,
            words: Arc::clone(&process.argv),
            units,
            asked_ns: boot_ns,
        });
    }

    /// The last process that asked systemd to stop a unit, or to start it no more. Of the second there is no job that
    /// systemd would tell of, and the files of it are its own doing.
    pub fn asked_to_turn_off(&self, unit: &[u8]) -> Option<ProcessIndex> {
        let is_asking = |process: &Process| {
            process.is_system_program(&[b"systemctl"]) && turns_off(&process.argv, unit)
        };
        let asking = self.processes().filter(|(_, process)| is_asking(process));
        asking.last().map(|(index, _)| index)
    }
}

/// Whether a request for one unit starts another: the same, or that of a timer, socket or path.
fn starts(asked: &[u8], unit: &[u8]) -> bool {
    let stem = |name: &[u8], suffix: &[u8]| name.strip_suffix(suffix).map(<[u8]>::to_vec);
    is_named(asked, unit)
        || [b".timer".as_slice(), b".socket", b".path"]
            .into_iter()
            .any(|suffix| {
                stem(asked, suffix).is_some_and(|stem_of| Some(stem_of) == stem(unit, b".service"))
            })
}

/// A name, or `run-*` for one that systemd-run chose.
fn is_named(asked: &[u8], unit: &[u8]) -> bool {
    match asked.strip_suffix(b"*") {
        Some(prefix) => unit.starts_with(prefix),
        None => asked == unit,
    }
}

/// The words of a call of systemctl(1) that are no options, and whether `--now` is among those that are.
fn plain(argv: &[Vec<u8>]) -> (Vec<&[u8]>, bool) {
    let mut words = argv.iter().skip(1);
    let mut plain: Vec<&[u8]> = Vec::new();
    let mut now = false;
    while let Some(word) = words.next() {
        if VALUED.contains(&word.as_slice()) {
            words.next();
        } else if word == b"--now" {
            now = true;
        } else if !word.starts_with(b"-") {
            plain.push(word);
        }
    }
    (plain, now)
}

/// The units that a call of systemctl(1) starts, or stops: also what stops a unit has processes in its cgroup.
fn systemctl(argv: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let (plain, now) = plain(argv);
    let Some((verb, units)) = plain.split_first() else {
        return Vec::new();
    };
    let has_jobs = match *verb {
        b"start"
        | b"stop"
        | b"restart"
        | b"try-restart"
        | b"condrestart"
        | b"reload"
        | b"reload-or-restart"
        | b"try-reload-or-restart"
        | b"force-reload"
        | b"isolate" => true,
        b"enable" | b"reenable" | b"preset" | b"disable" | b"mask" => now,
        _ => false,
    };
    if !has_jobs {
        return Vec::new();
    }
    units
        .iter()
        .map(|unit| whole_name(base_name(unit)))
        .collect()
}

/// Whether a call of systemctl(1) stops a unit, or keeps it from being started.
fn turns_off(argv: &[Vec<u8>], unit: &[u8]) -> bool {
    let (plain, _) = plain(argv);
    plain.split_first().is_some_and(|(verb, units)| {
        let is_end = matches!(*verb, b"stop" | b"kill" | b"disable" | b"mask");
        is_end
            && units
                .iter()
                .any(|asked| whole_name(base_name(asked)) == unit)
    })
}

/// The unit that a call of systemd-run(1) makes; one that it has to name itself begins with `run-`.
fn systemd_run(argv: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut words = argv.iter().skip(1);
    while let Some(word) = words.next() {
        if let Some(name) = word
            .strip_prefix(b"--unit=")
            .or_else(|| word.strip_prefix(b"-u"))
        {
            let next = || words.clone().next().cloned().unwrap_or_default();
            let name = if name.is_empty() {
                next()
            } else {
                name.to_vec()
            };
            return vec![whole_name(&name)];
        }
        if word == b"--unit" {
            return words
                .next()
                .map(|name| whole_name(name))
                .into_iter()
                .collect();
        }
        if !word.starts_with(b"-") {
            break;
        }
    }
    vec![b"run-*".to_vec()]
}

fn is_unit(name: &[u8]) -> bool {
    SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

fn whole_name(name: &[u8]) -> Vec<u8> {
    if is_unit(name) {
        name.to_vec()
    } else {
        [name, b".service"].concat()
    }
}

/// The units in a call of a method of systemd's, such as `busctl call … StartUnit ss x.service replace`.
fn bus_call(argv: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let is_method = |word: &Vec<u8>| {
        let method = word.rsplit(|byte| *byte == b'.').next().unwrap_or(word);
        method.ends_with(b"Unit") || method.ends_with(b"UnitWithFlags")
    };
    if !argv.iter().any(is_method) {
        return Vec::new();
    }
    argv.iter()
        .skip(1)
        .map(|word| word.strip_prefix(b"string:").unwrap_or(word))
        .filter(|word| is_unit(word) && !word.contains(&b'/'))
        .map(<[u8]>::to_vec)
        .collect()
}

#[cfg(test)]
mod tests;
