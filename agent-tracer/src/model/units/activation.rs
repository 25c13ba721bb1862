//! Describes why processes run that their lineage does not explain: systemd forks them for a unit,
//! cron for a job.

use std::sync::Arc;

use super::{Request, Writer};

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

/// Position of an activation among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivationIndex(u32);

impl ActivationIndex {
    pub(super) fn at(position: usize) -> ActivationIndex {
        ActivationIndex(u32::try_from(position).unwrap_or(u32::MAX))
    }

    pub(super) fn position(self) -> usize {
        self.0 as usize
    }
}

/// Whether a request is a later one than what an activation is known to be for.
pub(super) fn is_newer(request: Option<&Request>, activation: &Activation) -> bool {
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
