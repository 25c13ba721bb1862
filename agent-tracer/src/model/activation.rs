//! Processes that their lineage does not explain: systemd forks them for a unit, cron for a job. What links them to
//! whoever is behind it is a conclusion, and so is always said to be one.
//!
//! systemd puts what it starts into the cgroup of the unit. Who asked for the unit is the process that ran
//! `systemctl start` and the like while systemd made the job; else a timer, socket or path unit that triggers it,
//! and then whoever wrote that; else, if the unit is back by itself, whoever asked for it before.

mod unit_events;

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Because, Model, Process, ProcessIndex, Request, SYSTEM,
    ledger::Truncation,
    schedule::Writer,
    unit::{UnitLife, own_tree},
};
use crate::event::{Cgroup, Event, UnitAction, Units};

/// Why processes run that nobody but PID 1 or cron forked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// The unit; none for a job of cron.
    pub unit: Option<Arc<[u8]>>,
    /// What is behind it.
    pub cause: Cause,
    /// When it began, nanoseconds since boot.
    pub(super) opened_ns: u64,
    /// Whether systemd told of a job for it.
    pub(super) has_job: bool,
}

/// What is behind an activation, as far as can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// systemd, for reasons of its own.
    Unknown,
    /// A process asked for it.
    Request(Request),
    /// A timer, socket or path unit that triggers it, and who wrote that during the recording.
    Trigger(Arc<[u8]>, Option<Writer>),
    /// systemd started it again, after this.
    Again(Arc<Cause>),
    /// Its unit file was written during the recording, and something that systemd does on its own, such as a
    /// dependency, did the rest.
    Written(Writer),
    /// cron ran a job of a table, or a script, that was written during the recording.
    Job(Writer),
}

impl Cause {
    /// The request that is behind it in the end.
    pub fn request(&self) -> Option<&Request> {
        match self {
            Cause::Request(request) => Some(request),
            Cause::Again(before) => before.request(),
            Cause::Unknown | Cause::Trigger(..) | Cause::Written(_) | Cause::Job(_) => None,
        }
    }
}

/// Position of an activation in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivationIndex(u32);

/// How long after the first process of a unit the job that started it may be told of.
const JOB_IS_LATE: u64 = 5_000_000_000;

/// Units that are looked through for one that pulls another in.
const PULLERS: usize = 64;

impl Model {
    /// The unit or job that a process was started for, and on whose request; also of what descends from that.
    pub fn activation(&self, process: &Process) -> Option<&Activation> {
        self.activation_at(process.activation?)
    }

    pub(super) fn activation_at(
        &self,
        ActivationIndex(position): ActivationIndex,
    ) -> Option<&Activation> {
        self.activations.get(position as usize)
    }

    /// Who asked for what happens to a unit, as of its last event.
    pub fn requester(&self, unit: &[u8]) -> Option<&Request> {
        self.units.get(unit)?.reported.as_ref()
    }

    /// Whether a unit of this name was ever heard of.
    pub fn has_unit(&self, unit: &[u8]) -> bool {
        self.units.contains_key(unit)
    }

    /// Remembers which units ran before anything was asked for.
    pub(super) fn note_units(&mut self, first: usize) {
        for position in first..self.processes.len() {
            if let Some(unit) = self.processes[position].unit.clone() {
                self.units.entry(unit).or_default().ran_before = true;
            }
        }
    }

    pub(super) fn units(&mut self, units: &Units) {
        self.systemd_tells = true;
        for loaded in &units.units {
            let life = self.units.entry(loaded.name.as_slice().into());
            let life = life.or_default();
            life.was_loaded = true;
        }
    }

    pub(super) fn cgroup(&mut self, event: &Event, cgroup: &Cgroup) {
        let index = self.known(event.process, event.user);
        if !cgroup.path.starts_with(b"/") {
            self.ledger.truncated(Truncation::Path);
        }
        let unit = super::process::unit_of(&cgroup.path);
        let process = &mut self.processes[index.position()];
        if *process.cgroup == *cgroup.path {
            return;
        }
        process.cgroup = cgroup.path.as_slice().into();
        if process.unit == unit {
            return;
        }
        process.unit.clone_from(&unit);
        // systemd moves into their units what it forks itself. Others move too, sessions of su(1) for
        // one, and stay what they are by lineage.
        if let Some(unit) = unit
            && self.is_of_manager(index)
        {
            self.enter(index, &unit, event.boot_ns);
        }
        self.attribute(index);
    }

    /// A process of systemd's comes into the cgroup of a unit.
    fn enter(&mut self, index: ProcessIndex, unit: &Arc<[u8]>, boot_ns: u64) {
        let request = self.request_for(unit, boot_ns);
        let current = self.units.get(unit).and_then(|life| life.current);
        let activation = match current {
            // The one before, unless something newer was asked for since.
            Some(ActivationIndex(position))
                if !is_newer(request.as_ref(), &self.activations[position as usize]) =>
            {
                ActivationIndex(position)
            }
            Some(_) | None => {
                let cause = self.cause_of(unit, request);
                self.open(unit, cause, boot_ns, false)
            }
        };
        self.settle_tree(unit, boot_ns);
        let followed = self.followed.as_ref() == Some(unit);
        let tree = self.units.get(unit).and_then(|life| life.tree.clone());
        let process = &mut self.processes[index.position()];
        if let Some(tree) = tree {
            // An agent that no rule knows is sorted all the same.
            process.tree = tree;
        }
        process.because = if followed {
            Because::Attached
        } else {
            Because::Unit
        };
        process.activation = Some(activation);
    }

    fn open(
        &mut self,
        unit: &Arc<[u8]>,
        cause: Cause,
        opened_ns: u64,
        has_job: bool,
    ) -> ActivationIndex {
        let index = self.add_activation(Activation {
            unit: Some(Arc::clone(unit)),
            cause,
            opened_ns,
            has_job,
        });
        let life = self.units.entry(Arc::clone(unit)).or_default();
        life.current = Some(index);
        life.last = Some(index);
        if !self.systemd_tells {
            self.note_turn(unit, UnitAction::Started, opened_ns);
        }
        index
    }

    pub(super) fn add_activation(&mut self, activation: Activation) -> ActivationIndex {
        let index = ActivationIndex(u32::try_from(self.activations.len()).unwrap_or(u32::MAX));
        self.activations.push(activation);
        index
    }

    /// The request that a job for a unit at that time is the doing of: one that names the unit before one that
    /// names what pulls it in, and of equals the last.
    fn request_for(&self, unit: &[u8], boot_ns: u64) -> Option<Request> {
        let find = |names: &[&[u8]]| {
            let is_it = |request: &&Request| {
                request.names(names, !self.systemd_tells)
                    // Where systemd tells of its jobs, one that was queued and is done later is told of in time.
                    && (!self.systemd_tells || request.is_open_at(boot_ns, self.process(request.by)))
            };
            self.requests.iter().rev().find(is_it)
        };
        let direct = self.names_of(unit);
        if let Some(request) = find(&direct) {
            return Some(request.clone());
        }
        let mut names = direct;
        let mut looked_at = 0;
        while looked_at < names.len() && names.len() < PULLERS {
            if let Some(life) = self.units.get(names[looked_at]) {
                for name in life.pulled_in_by.iter().chain(&life.aliases) {
                    if !names.contains(&name.as_slice()) {
                        names.push(name);
                    }
                }
            }
            looked_at += 1;
        }
        find(&names).cloned()
    }

    fn names_of<'a>(&'a self, unit: &'a [u8]) -> Vec<&'a [u8]> {
        let aliases = self.units.get(unit).map(|life| life.aliases.as_slice());
        let aliases = aliases.unwrap_or_default().iter().map(Vec::as_slice);
        std::iter::once(unit).chain(aliases).collect()
    }

    fn cause_of(&self, unit: &[u8], request: Option<Request>) -> Cause {
        if let Some(request) = request {
            return Cause::Request(request);
        }
        let Some(life) = self.units.get(unit) else {
            return Cause::Unknown;
        };
        let mut triggers: Vec<(&Vec<u8>, Option<&Writer>)> = life
            .triggered_by
            .iter()
            .map(|trigger| (trigger, self.writer_of_unit(trigger)))
            .collect();
        // One that was made during the recording is the news.
        triggers.sort_by_key(|(_, writer)| writer.is_none());
        if let Some((trigger, writer)) = triggers.first() {
            return Cause::Trigger(trigger.as_slice().into(), writer.cloned());
        }
        let before = life.last.map(|ActivationIndex(position)| position as usize);
        if let Some(before) = before.and_then(|position| self.activations.get(position)) {
            return match &before.cause {
                Cause::Again(first) => Cause::Again(Arc::clone(first)),
                Cause::Unknown => Cause::Unknown,
                cause => Cause::Again(Arc::new(cause.clone())),
            };
        }
        match self.writer_of_unit(unit) {
            Some(writer) => Cause::Written(writer.clone()),
            None => Cause::Unknown,
        }
    }

    /// Gives a unit that is new a tree of its own, and what runs in it already.
    fn settle_tree(&mut self, unit: &Arc<[u8]>, boot_ns: u64) {
        let Some(life) = self.units.get(unit) else {
            return;
        };
        if life.tree.is_some() || !unit.ends_with(b".service") || life.is_old() {
            return;
        }
        let is_wanted = || {
            self.request_for(unit, boot_ns)
                .is_some_and(|request| *self.process(request.by).tree != *SYSTEM)
        };
        let is_new = !self.systemd_tells || self.writer_of_unit(unit).is_some() || is_wanted();
        if !is_new {
            return;
        }
        let tree = own_tree(unit);
        if let Some(life) = self.units.get_mut(unit) {
            life.tree = Some(Arc::clone(&tree));
        }
        let activations: Vec<bool> = self
            .activations
            .iter()
            .map(|activation| activation.unit.as_ref() == Some(unit))
            .collect();
        for process in &mut self.processes {
            let is_of_it = process.activation.is_some_and(|ActivationIndex(position)| {
                activations.get(position as usize) == Some(&true)
            });
            if is_of_it && *process.tree == *SYSTEM && !matches!(process.because, Because::Rule(_))
            {
                process.tree = Arc::clone(&tree);
            }
        }
    }

    /// The recording was asked for a unit: what is in it now, and what comes into it.
    pub(super) fn follow_unit(&mut self, unit: &[u8]) {
        let unit: Arc<[u8]> = unit.into();
        let tree = own_tree(&unit);
        for process in &mut self.processes {
            if process.unit.as_ref() == Some(&unit) && !matches!(process.because, Because::Rule(_))
            {
                process.tree = Arc::clone(&tree);
                process.because = Because::Attached;
            }
        }
        self.units.entry(Arc::clone(&unit)).or_default().tree = Some(tree);
        self.followed = Some(unit);
    }
}

/// Whether a request is a later one than what an activation is known to be for.
fn is_newer(request: Option<&Request>, activation: &Activation) -> bool {
    let Some(request) = request else {
        return false;
    };
    match &activation.cause {
        Cause::Request(before) => (request.asked_ns, request.by) > (before.asked_ns, before.by),
        Cause::Unknown
        | Cause::Trigger(..)
        | Cause::Again(_)
        | Cause::Written(_)
        | Cause::Job(_) => true,
    }
}

/// Units by name.
pub(super) type UnitLives = BTreeMap<Arc<[u8]>, UnitLife>;

#[cfg(test)]
mod tests;
