//! Finds what was started during the recording and still runs.

use crate::model::{Model, Origin, Process, ProcessIndex};

/// Lists the processes that were started during the recording by a recorded tree and still run.
pub fn still_running(model: &Model) -> impl Iterator<Item = (ProcessIndex, &Process)> {
    model.processes().filter(|(_, process)| {
        process.is_running()
            && !model.is_background(&process.tree)
            // What ran before was not left behind by the recording.
            && process.origin != Origin::Snapshot
    })
}

/// What keeps one from being sure that a process still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunningDoubt {
    /// The trace has no end, so nothing is known of the time after it.
    pub has_no_end: bool,
    /// Exits were lost.
    pub exits_lost: bool,
}

/// Says how certain it is that running processes still run.
pub fn running_doubt(model: &Model) -> RunningDoubt {
    RunningDoubt {
        has_no_end: model.end().is_none(),
        exits_lost: model.ledger().has_lost("exit"),
    }
}
