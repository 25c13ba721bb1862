//! Applies systemd's events of units and jobs, which may come before or after their effects. The
//! request behind a job is inferred elsewhere.

use std::sync::Arc;

use super::{
    ActivationIndex, Cause, ProcessIndex, Processes, Request, Schedule, UnitState, Units, is_newer,
};
use crate::event::{Unit, UnitAction};

/// Longest time from the first process of a unit to the report of the job that started it.
const JOB_IS_LATE: u64 = 5_000_000_000;

impl Units {
    /// Applies an event of a unit.
    pub(in crate::model) fn unit(
        &mut self,
        change: &Unit,
        boot_ns: u64,
        processes: &mut Processes,
        schedule: &Schedule,
    ) {
        let unit: Arc<[u8]> = change.name.as_slice().into();
        match change.action() {
            UnitAction::Queued => self.queued(&unit, boot_ns, processes, schedule),
            UnitAction::Described => {
                let state = self.state_mut(&unit);
                state.describe(change);
                self.described(&unit, boot_ns, processes, schedule);
                for pulled in &change.pulls_in {
                    let pulled: Arc<[u8]> = pulled.as_slice().into();
                    let state = self.state_mut(&pulled);
                    if !state.pulled_in_by.contains(&change.name) {
                        state.pulled_in_by.push(change.name.clone());
                        self.described(&pulled, boot_ns, processes, schedule);
                    }
                }
            }
            UnitAction::Started | UnitAction::Restarted => {
                self.close_job(&unit, true);
                self.push_transition(&unit, change.action(), boot_ns);
            }
            UnitAction::Stopped | UnitAction::Failed => {
                let state = self.state_mut(&unit);
                // A restart is one job, and continues.
                let goes_on = match state.job.as_str() {
                    "restart" | "try-restart" | "start" => true,
                    // A short job is gone before systemd is asked for its type.
                    "" => state.pending.as_ref().is_some_and(Request::restarts),
                    _ => false,
                };
                let ended = state.current.filter(|_| !goes_on);
                if !goes_on {
                    state.current = None;
                }
                self.close_job(&unit, !goes_on);
                self.push_transition(&unit, change.action(), boot_ns);
                if let Some(ended) = ended {
                    self.part_later(&unit, ended, boot_ns, processes, schedule);
                }
            }
            UnitAction::Unknown => {}
        }
    }

    /// Gives processes that began after the end of an activation one of their own: the report of
    /// the end may come late.
    fn part_later(
        &mut self,
        unit: &Arc<[u8]>,
        ended: ActivationIndex,
        ended_ns: u64,
        processes: &mut Processes,
        schedule: &Schedule,
    ) {
        let newest = processes.iter().rev();
        let later: Vec<(ProcessIndex, u64)> = newest
            .filter_map(|(index, process)| Some((index, process, process.forked_ns?)))
            .take_while(|(.., forked_ns)| *forked_ns > ended_ns)
            .filter(|(_, process, _)| process.activation == Some(ended))
            .map(|(index, _, forked_ns)| (index, forked_ns))
            .collect();
        let Some((_, begun_ns)) = later.last().copied() else {
            return;
        };
        let request = self.unserved_request_for(unit, begun_ns, processes);
        let cause = self.cause_of(unit, request, schedule);
        let activation = self.activate(unit, cause, begun_ns, false);
        for (index, _) in later {
            processes[index].activation = Some(activation);
        }
    }

    /// Stores the request behind the last event, and drops it when its job is done.
    fn close_job(&mut self, unit: &Arc<[u8]>, is_done: bool) {
        let state = self.state_mut(unit);
        state.reported.clone_from(&state.pending);
        if is_done {
            state.pending = None;
            state.job.clear();
        }
    }

    fn queued(
        &mut self,
        unit: &Arc<[u8]>,
        boot_ns: u64,
        processes: &Processes,
        schedule: &Schedule,
    ) {
        let request = self.unserved_request_for(unit, boot_ns, processes);
        let current = self.by_name.get(unit).and_then(|state| state.current);
        let cause = self.cause_of(unit, request.clone(), schedule);
        match current.and_then(|current| self.activation_mut(current)) {
            // Its first process came before its job.
            Some(open) if !open.has_job && open.opened_ns + JOB_IS_LATE > boot_ns => {
                open.has_job = true;
                if is_newer(request.as_ref(), open) || open.cause.request().is_none() {
                    open.cause = cause;
                }
            }
            Some(_) | None => {
                self.activate(unit, cause, boot_ns, true);
            }
        }
        let state = self.state_mut(unit);
        if request.is_some() {
            state.served.clone_from(&request);
        }
        state.pending.clone_from(&request);
        state.reported = request;
    }

    /// Repeats the search for a request with the unit's description, which may match where the name
    /// did not.
    fn described(
        &mut self,
        unit: &Arc<[u8]>,
        boot_ns: u64,
        processes: &mut Processes,
        schedule: &Schedule,
    ) {
        // It may be over already.
        let latest = self.by_name.get(unit).and_then(UnitState::latest);
        if let Some(index) = latest
            && let Some(open) = self.activation(index)
            && open.opened_ns + JOB_IS_LATE > boot_ns
            && open.cause.request().is_none()
        {
            let opened_ns = open.opened_ns;
            let is_again = matches!(open.cause, Cause::Again(_));
            let request = self.unserved_request_for(unit, opened_ns, processes);
            if request.is_some() || !is_again {
                // Its own start must not count as a previous one.
                let state = self.state_mut(unit);
                let last = state.last.take();
                let cause = self.cause_of(unit, request.clone(), schedule);
                if let Some(open) = self.activation_mut(index) {
                    open.cause = cause;
                }
                let state = self.state_mut(unit);
                state.last = last;
                if request.is_some() {
                    state.served.clone_from(&request);
                    state.pending.clone_from(&request);
                    state.reported = request;
                }
            }
        }
        self.give_tree(unit, boot_ns, processes, schedule);
    }
}
