//! Applies systemd's events of units and jobs, which may come before or after their effects. The
//! request behind a job is inferred elsewhere.

use std::sync::Arc;

use super::{ActivationIndex, Cause, JOB_IS_LATE, Model, is_newer};
use crate::event::{Event, Unit, UnitAction};

impl Model {
    /// Applies an event of a unit.
    pub(in crate::model) fn unit(&mut self, event: &Event, change: &Unit) {
        let unit: Arc<[u8]> = change.name.as_slice().into();
        match change.action() {
            UnitAction::Queued => self.queued(&unit, event.boot_ns),
            UnitAction::Described => {
                let life = self.units.entry(Arc::clone(&unit)).or_default();
                life.describe(change);
                self.described(&unit, event.boot_ns);
                for pulled in &change.pulls_in {
                    let pulled: Arc<[u8]> = pulled.as_slice().into();
                    let life = self.units.entry(Arc::clone(&pulled)).or_default();
                    if !life.pulled_in_by.contains(&change.name) {
                        life.pulled_in_by.push(change.name.clone());
                        self.described(&pulled, event.boot_ns);
                    }
                }
            }
            UnitAction::Started | UnitAction::Restarted => {
                self.close_job(&unit, true);
                self.note_turn(&unit, change.action(), event.boot_ns);
            }
            UnitAction::Stopped | UnitAction::Failed => {
                let life = self.units.entry(Arc::clone(&unit)).or_default();
                // A restart is one job, and continues.
                let goes_on = matches!(life.job.as_str(), "restart" | "try-restart" | "start");
                if !goes_on {
                    life.current = None;
                }
                self.close_job(&unit, !goes_on);
                self.note_turn(&unit, change.action(), event.boot_ns);
            }
            UnitAction::Unknown => {}
        }
    }

    /// Stores the request behind the last event, and drops it when its job is done.
    fn close_job(&mut self, unit: &Arc<[u8]>, is_done: bool) {
        let life = self.units.entry(Arc::clone(unit)).or_default();
        life.reported.clone_from(&life.pending);
        if is_done {
            life.pending = None;
            life.job.clear();
        }
    }

    fn queued(&mut self, unit: &Arc<[u8]>, boot_ns: u64) {
        let request = self.request_for(unit, boot_ns);
        let current = self.units.get(unit).and_then(|life| life.current);
        let cause = self.cause_of(unit, request.clone());
        match current
            .and_then(|ActivationIndex(position)| self.activations.get_mut(position as usize))
        {
            // Its first process came before its job.
            Some(open) if !open.has_job && open.opened_ns + JOB_IS_LATE > boot_ns => {
                open.has_job = true;
                if is_newer(request.as_ref(), open) || open.cause.request().is_none() {
                    open.cause = cause;
                }
            }
            Some(_) | None => {
                self.open(unit, cause, boot_ns, true);
            }
        }
        let life = self.units.entry(Arc::clone(unit)).or_default();
        life.pending.clone_from(&request);
        life.reported = request;
    }

    /// Repeats the search for a request with the unit's description, which may match where the name
    /// did not.
    fn described(&mut self, unit: &Arc<[u8]>, boot_ns: u64) {
        // It may be over already.
        let latest = self
            .units
            .get(unit)
            .and_then(|life| life.current.or(life.last));
        if let Some(ActivationIndex(position)) = latest
            && let Some(open) = self.activations.get(position as usize)
            && open.opened_ns + JOB_IS_LATE > boot_ns
            && open.cause.request().is_none()
        {
            let opened_ns = open.opened_ns;
            let is_again = matches!(open.cause, Cause::Again(_));
            let request = self.request_for(unit, opened_ns);
            if request.is_some() || !is_again {
                // Its own start must not count as a previous one.
                let life = self.units.entry(Arc::clone(unit)).or_default();
                let last = life.last.take();
                let cause = self.cause_of(unit, request.clone());
                self.activations[position as usize].cause = cause;
                let life = self.units.entry(Arc::clone(unit)).or_default();
                life.last = last;
                if request.is_some() {
                    life.pending.clone_from(&request);
                    life.reported = request;
                }
            }
        }
        self.settle_tree(unit, boot_ns);
    }
}
