//! Finds processes that started during the recording and still run.

use crate::model::{Model, Origin, Process, ProcessIndex};

/// Lists the processes that were started during the recording by a recorded tree and still run.
pub fn still_running(model: &Model) -> impl Iterator<Item = (ProcessIndex, &Process)> {
    model.processes().filter(|(_, process)| {
        process.is_running()
            && !model.is_background(&process.tree)
            // A pre-existing process was not left behind by the recording.
            && process.origin != Origin::Snapshot
    })
}

/// Reasons for doubt that a process still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunningDoubt {
    /// The trace has no end, so nothing is known of the time after it.
    pub has_no_end: bool,
    /// Exits were lost.
    pub exits_lost: bool,
}

/// Returns the reasons for doubt that processes still run.
pub fn running_doubt(model: &Model) -> RunningDoubt {
    RunningDoubt {
        has_no_end: model.end().is_none(),
        exits_lost: model.ledger().has_lost("exit"),
    }
}
