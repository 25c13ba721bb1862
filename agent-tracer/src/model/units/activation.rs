//! Describes why processes run that their lineage does not explain: systemd forks them for a unit,
//! cron for a job.

use std::sync::Arc;

use super::{ProcessIndex, Request, Writer};

/// The start of processes that PID 1 or cron forked, with its cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// The unit; `None` for a job of cron.
    pub unit: Option<Arc<[u8]>>,
    /// The cause.
    pub cause: Cause,
    /// Time of its begin, nanoseconds since boot.
    pub(super) opened_ns: u64,
    /// True if systemd reported a job for it.
    pub(super) has_job: bool,
}

/// Causes of an activation. All are inferred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Unknown: systemd has reasons of its own.
    Unknown,
    /// A process asked for it.
    Request(Request),
    /// A timer, socket or path unit triggers it: that unit, and the writer of its file during the
    /// recording.
    Trigger(Arc<[u8]>, Option<Writer>),
    /// systemd started it again, after this cause.
    Again(Arc<Cause>),
    /// Its unit file was written during the recording, and systemd started it by itself, such as
    /// for a dependency.
    Written(Writer),
    /// cron ran a job or a script that was written during the recording.
    Job(Writer),
}

impl Cause {
    /// Returns the request behind it, through restarts.
    pub fn request(&self) -> Option<&Request> {
        match self {
            Cause::Request(request) => Some(request),
            Cause::Again(before) => before.request(),
            Cause::Unknown | Cause::Trigger(..) | Cause::Written(_) | Cause::Job(_) => None,
        }
    }

    /// Returns the process that it names.
    pub(super) fn party(&self) -> Option<ProcessIndex> {
        match self {
            Cause::Unknown => None,
            Cause::Request(request) => Some(request.by),
            Cause::Trigger(_, writer) => writer.as_ref().map(|writer| writer.by),
            Cause::Again(before) => before.party(),
            Cause::Written(writer) | Cause::Job(writer) => Some(writer.by),
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

    pub(in crate::model) fn position(self) -> usize {
        self.0 as usize
    }
}

/// True if a request is newer than the one that an activation is known to be for.
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
