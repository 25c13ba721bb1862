//! Daemons that systemd starts: their parent is PID 1, and the only link to whoever asked for them is a
//! `systemctl start UNIT` seen before, and the unit whose cgroup the new process is put into.
//! The link is a conclusion, so it is always said to be one. It looks at events alone: what systemd's
//! own files say, such as aliases of a unit, it does not know.

use std::{collections::BTreeSet, sync::Arc};

use super::{Because, Model, Process, ProcessIndex, ledger::Truncation, process::base_name};
use crate::event::{Cgroup, Event};

/// Why a unit runs, as far as can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// The unit.
    pub unit: Arc<[u8]>,
    /// Whoever asked for it, if anyone was seen to.
    pub request: Option<Request>,
}

/// A call of systemctl or systemd-run.
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
}

/// What was asked of systemd so far.
#[derive(Debug, Default)]
pub(super) struct Requests {
    requests: Vec<Request>,
    /// Units that ran when the recording began. A unit that is not among them is new.
    ran_before: BTreeSet<Arc<[u8]>>,
}

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

impl Model {
    /// Remembers which units ran before anything was asked for.
    pub(super) fn note_units(&mut self, first: usize) {
        let units = self.processes[first..]
            .iter()
            .filter_map(|process| process.unit.clone());
        self.activation.ran_before.extend(units);
    }

    /// Remembers what a new program asks of systemd.
    pub(super) fn note_request(&mut self, index: ProcessIndex) {
        let process = self.process(index);
        let units = match base_name(&process.exe) {
            b"systemctl" => systemctl(&process.argv),
            b"systemd-run" => systemd_run(&process.argv),
            _ => return,
        };
        if units.is_empty() {
            return;
        }
        self.activation.requests.push(Request {
            by: index,
            pid: process.id.pid,
            words: Arc::clone(&process.argv),
            units,
        });
    }

    pub(super) fn cgroup(&mut self, event: &Event, cgroup: &Cgroup) {
        let index = self.known(event.process, event.user);
        if !cgroup.path.starts_with(b"/") {
            self.ledger.truncated(Truncation::Path);
        }
        let unit = super::process::unit_of(&cgroup.path);
        let process = &mut self.processes[index.position()];
        if process.unit == unit {
            return;
        }
        process.unit.clone_from(&unit);
        // systemd moves into their units what it forks itself. Others move too, sessions of su(1) for
        // one, and stay what they are by lineage.
        if let Some(unit) = unit
            && self.is_of_manager(index)
        {
            self.activate(index, unit);
        }
        self.attribute(index);
    }

    fn is_of_manager(&self, index: ProcessIndex) -> bool {
        let process = self.process(index);
        process.parent_pid == 1
            || process.parent.is_some_and(|parent| {
                matches!(
                    base_name(&self.process(parent).exe),
                    b"systemd" | b"systemd-executor"
                )
            })
    }

    fn activate(&mut self, index: ProcessIndex, unit: Arc<[u8]>) {
        let asked = |request: &&Request| request.units.iter().any(|asked| starts(asked, &unit));
        let request = self.activation.requests.iter().rev().find(asked).cloned();
        let is_new = !self.activation.ran_before.contains(&unit);
        let process = &mut self.processes[index.position()];
        if is_new && unit.ends_with(b".service") {
            // An agent that no rule knows is sorted all the same.
            process.tree = String::from_utf8_lossy(&unit).into();
        }
        let activation = Arc::new(Activation { unit, request });
        process.because = Because::Unit;
        process.activation = Some(activation);
    }
}

/// Whether a request for one unit starts another: the same, or that of a timer, socket or path.
fn starts(asked: &[u8], unit: &[u8]) -> bool {
    let stem = |name: &[u8], suffix: &[u8]| name.strip_suffix(suffix).map(<[u8]>::to_vec);
    if let Some(prefix) = asked.strip_suffix(b"*") {
        return unit.starts_with(prefix);
    }
    asked == unit
        || [b".timer".as_slice(), b".socket", b".path"]
            .into_iter()
            .any(|suffix| {
                stem(asked, suffix).is_some_and(|stem_of| Some(stem_of) == stem(unit, b".service"))
            })
}

/// The units that a call of systemctl(1) starts.
fn systemctl(argv: &[Vec<u8>]) -> Vec<Vec<u8>> {
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
    let Some((verb, units)) = plain.split_first() else {
        return Vec::new();
    };
    let starts = match *verb {
        b"start"
        | b"restart"
        | b"try-restart"
        | b"reload-or-restart"
        | b"isolate"
        | b"try-reload-or-restart"
        | b"condrestart" => true,
        b"enable" | b"reenable" | b"preset" => now,
        _ => false,
    };
    if !starts {
        return Vec::new();
    }
    units
        .iter()
        .map(|unit| whole_name(base_name(unit)))
        .collect()
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

fn whole_name(name: &[u8]) -> Vec<u8> {
    if SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) {
        name.to_vec()
    } else {
        [name, b".service"].concat()
    }
}

impl Process {
    /// The unit that it was started in, and on whose request; also of what descends from that.
    pub fn activation(&self) -> Option<&Activation> {
        self.activation.as_deref()
    }
}

#[cfg(test)]
mod tests;
