//! Reads requests to systemd from command lines: calls of systemctl(1), systemd-run(1) and clients
//! of its D-Bus interface. It does not check whether systemd complied.

mod link;

use std::sync::Arc;

pub(super) use link::asked_for_link;

use super::{Process, ProcessIndex, Programs, process::base_name, processes::Processes};
use crate::event::{CarriedRequest, Party};

/// A call of systemctl or the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The process that made it.
    pub by: ProcessIndex,
    /// Its process id.
    pub pid: u32,
    /// The words of the request, such as `systemctl restart omid`.
    pub words: Arc<[Vec<u8>]>,
    /// The units, each with its suffix.
    units: Vec<Vec<u8>>,
    /// Time of that exec.
    pub(super) asked_ns: u64,
}

/// Longest delay of a job after the end of the process that asked for it: D-Bus and a busy machine
/// take that long. `--no-block` is such a case, too.
const AFTERWARDS: u64 = 500_000_000;

/// Suffixes of unit names. A name without any is a service.
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

/// Programs whose calls are requests, where root owns them: any program may have such a name.
const CLIENTS: [&[u8]; 5] = [
    b"systemctl",
    b"systemd-run",
    b"busctl",
    b"dbus-send",
    b"gdbus",
];

/// Verbs that stop a unit and start it.
const RESTARTS: [&[u8]; 6] = [
    b"restart",
    b"try-restart",
    b"condrestart",
    b"reload-or-restart",
    b"try-reload-or-restart",
    b"force-reload",
];

/// Options of systemctl with a value in the next word.
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
    /// Reads the request that a new program makes of systemd, if it makes one.
    pub(super) fn of(by: ProcessIndex, process: &Process, asked_ns: u64) -> Option<Request> {
        if !process.is_system_program(&CLIENTS) {
            return None;
        }
        let units = match base_name(&process.exe) {
            b"systemctl" => systemctl(&process.argv),
            b"systemd-run" => systemd_run(&process.argv),
            b"busctl" | b"dbus-send" | b"gdbus" => bus_call(&process.argv),
            _ => return None,
        };
        (!units.is_empty()).then(|| Request {
            by,
            pid: process.id.pid,
            words: Arc::clone(&process.argv),
            units,
            asked_ns,
        })
    }

    /// Describes it for the next segment.
    pub(super) fn carried(&self, processes: &Processes) -> CarriedRequest {
        CarriedRequest {
            by: Party::of(self.by, processes),
            words: self.words.to_vec(),
            units: self.units.clone(),
            asked_ns: self.asked_ns,
        }
    }

    /// Takes it over from an earlier segment; `None` without its process.
    pub(super) fn taken_over(carried: &CarriedRequest, processes: &Processes) -> Option<Request> {
        let by = Party::find(carried.by, processes)?;
        Some(Request {
            by,
            pid: processes[by].id.pid,
            words: carried.words.as_slice().into(),
            units: carried.units.clone(),
            asked_ns: carried.asked_ns,
        })
    }

    /// Checks whether it names one of these units. With `by_stem`, a timer, socket or path unit of
    /// the same stem counts, too: no source says then which unit triggers which.
    pub(super) fn names(&self, names: &[&[u8]], by_stem: bool) -> bool {
        let is = |asked: &[u8], name: &[u8]| match by_stem {
            true => starts(asked, name),
            false => is_named(asked, name),
        };
        self.units
            .iter()
            .any(|asked| names.iter().any(|name| is(asked, name)))
    }

    /// Checks whether it asks for a restart: systemd stops the unit and starts it in one job.
    pub(super) fn restarts(&self) -> bool {
        self.words.iter().any(|word| RESTARTS.contains(&&**word))
    }

    /// Checks whether it was in progress at a time.
    pub(super) fn is_open_at(&self, boot_ns: u64, by: &Process) -> bool {
        // Events of several sources are not ordered to the microsecond.
        self.asked_ns <= boot_ns + AFTERWARDS
            && by
                .ended()
                .is_none_or(|(ended_ns, _)| ended_ns.saturating_add(AFTERWARDS) >= boot_ns)
    }
}

/// Returns the last process that asked systemd to stop or disable a unit. Disabling makes no
/// job that systemd would report, and the process changes the files itself.
pub(super) fn last_to_turn_off(unit: &[u8], processes: &Processes) -> Option<ProcessIndex> {
    let is_asking = |process: &Process| {
        process.is_system_program(Programs::Units.names()) && turns_off(&process.argv, unit)
    };
    let mut last_first = processes.iter().rev();
    let found = last_first.find(|(_, process)| is_asking(process));
    found.map(|(index, _)| index)
}

/// Checks whether a request for one unit starts another: the same, or that of a timer, socket or
/// path.
fn starts(asked: &[u8], unit: &[u8]) -> bool {
    let stem = |name: &[u8], suffix: &[u8]| name.strip_suffix(suffix).map(<[u8]>::to_vec);
    is_named(asked, unit)
        || [b".timer".as_slice(), b".socket", b".path"]
            .into_iter()
            .any(|suffix| {
                stem(asked, suffix).is_some_and(|stem_of| Some(stem_of) == stem(unit, b".service"))
            })
}

/// Compares a name, or `run-*` for one that systemd-run chose.
fn is_named(asked: &[u8], unit: &[u8]) -> bool {
    match asked.strip_suffix(b"*") {
        Some(prefix) => unit.starts_with(prefix),
        None => asked == unit,
    }
}

/// Returns the words of a call of systemctl(1) without options, and whether `--now` is given.
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

/// Returns the units that a call of systemctl(1) starts or stops: stop commands, too, run in a
/// unit's cgroup.
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

/// Checks whether a call of systemctl(1) stops or disables a unit.
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

/// Returns the unit that a call of systemd-run(1) makes. A generated name begins with `run-`.
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

/// Returns the units in a method call to systemd, such as `busctl call … StartUnit ss x.service
/// replace`.
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
