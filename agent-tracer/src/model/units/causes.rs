//! Infers the cause of a unit's start. It is the request of a process that ran `systemctl start` or
//! the like while systemd made the job.
//!
//! Without a request it is a timer, socket or path unit that triggers the unit, with its writer. A
//! unit that is back by itself has the cause that it had before.

use std::sync::Arc;

use super::{Cause, Processes, Request, Schedule, Units, Writer};

/// Limit of units searched for one that pulls another in.
const PULLERS: usize = 64;

impl Units {
    /// Finds the request behind a job for a unit at a time: the last one that names the unit.
    ///
    /// Without one, it is the last request for a unit that pulls this one in.
    pub(super) fn request_for(
        &self,
        unit: &[u8],
        boot_ns: u64,
        processes: &Processes,
    ) -> Option<Request> {
        let find = |names: &[&[u8]]| {
            let is_it = |request: &&Request| {
                // systemd reports a job when it is queued, even where it runs later.
                let is_in_time =
                    || !self.are_reported || request.is_open_at(boot_ns, &processes[request.by]);
                request.names(names, !self.are_reported) && is_in_time()
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
            if let Some(state) = self.by_name.get(names[looked_at]) {
                for name in state.pulled_in_by.iter().chain(&state.aliases) {
                    if !names.contains(&name.as_slice()) {
                        names.push(name);
                    }
                }
            }
            looked_at += 1;
        }
        find(&names).cloned()
    }

    /// Finds the request behind a job like [`Units::request_for`], unless it had its job before: a
    /// service may be started again within the time that a request is taken to be open.
    pub(super) fn unserved_request_for(
        &self,
        unit: &[u8],
        boot_ns: u64,
        processes: &Processes,
    ) -> Option<Request> {
        let served = self
            .by_name
            .get(unit)
            .and_then(|state| state.served.as_ref());
        let request = self.request_for(unit, boot_ns, processes);
        request.filter(|request| served != Some(request))
    }

    fn names_of<'a>(&'a self, unit: &'a [u8]) -> Vec<&'a [u8]> {
        let aliases = self.by_name.get(unit).map(|state| state.aliases.as_slice());
        let aliases = aliases.unwrap_or_default().iter().map(Vec::as_slice);
        std::iter::once(unit).chain(aliases).collect()
    }

    /// Returns the process that wrote a unit's file during the recording.
    pub(super) fn writer_of<'a>(&self, unit: &[u8], schedule: &'a Schedule) -> Option<&'a Writer> {
        let file = self.by_name.get(unit).map(|state| state.file.as_slice());
        schedule.writer_of_unit(unit, file.filter(|file| !file.is_empty()))
    }

    /// Concludes why a unit starts.
    pub(super) fn cause_of(
        &self,
        unit: &[u8],
        request: Option<Request>,
        schedule: &Schedule,
    ) -> Cause {
        if let Some(request) = request {
            return Cause::Request(request);
        }
        let Some(state) = self.by_name.get(unit) else {
            return Cause::Unknown;
        };
        let mut triggers: Vec<(&Vec<u8>, Option<&Writer>)> = state
            .triggered_by
            .iter()
            .map(|trigger| (trigger, self.writer_of(trigger, schedule)))
            .collect();
        // One that was made during the recording is the likeliest.
        triggers.sort_by_key(|(_, writer)| writer.is_none());
        if let Some((trigger, writer)) = triggers.first() {
            return Cause::Trigger(trigger.as_slice().into(), writer.cloned());
        }
        if let Some(before) = state.last.and_then(|last| self.activation(last)) {
            return match &before.cause {
                Cause::Again(first) => Cause::Again(Arc::clone(first)),
                Cause::Unknown => Cause::Unknown,
                cause => Cause::Again(Arc::new(cause.clone())),
            };
        }
        match self.writer_of(unit, schedule) {
            Some(writer) => Cause::Written(writer.clone()),
            None => Cause::Unknown,
        }
    }
}
