//! Finds processes that a recording leaves behind: those that its trees started, and earlier ones
//! whose program or unit its trees removed.

use std::collections::HashSet;

use super::changes::unit_of;
use crate::model::{Model, Origin, Process, ProcessIndex};

/// Lists the processes that still run and were started during the recording by a recorded tree, or
/// survive their removal.
pub fn still_running(model: &Model) -> impl Iterator<Item = (ProcessIndex, &Process)> {
    let gone = Gone::of(model);
    model.processes().filter(move |(_, process)| {
        let is_left = match process.origin {
            // A pre-existing process was not left behind by the recording.
            Origin::Snapshot => gone.concerns(process),
            Origin::Fork | Origin::Unseen => !model.is_background(&process.tree),
        };
        process.is_running() && is_left
    })
}

/// Lists the earlier processes that survive the removal of their program or unit.
pub fn survivors(model: &Model) -> impl Iterator<Item = ProcessIndex> {
    let gone = Gone::of(model);
    let running = model.processes().filter(|(_, one)| one.is_running());
    running
        .filter(move |(_, one)| one.origin == Origin::Snapshot && gone.concerns(one))
        .map(|(index, _)| index)
}

/// Files and units that recorded trees removed, or an unknown author.
struct Gone<'a> {
    files: HashSet<&'a [u8]>,
    units: HashSet<&'a [u8]>,
}

impl<'a> Gone<'a> {
    fn of(model: &'a Model) -> Gone<'a> {
        let is_recorded = |by: ProcessIndex| !model.is_background(&model.process(by).tree);
        let compared = model.changed_files().iter().filter(|difference| {
            let author = model.author_of(difference);
            let is_gone = difference.before.is_some() && difference.after.is_none();
            is_gone && author.is_none_or(|(by, _)| is_recorded(by))
        });
        let compared = compared.map(|difference| difference.path.as_slice());
        // Elsewhere only what processes did is known.
        let removed = model.all_file_authors().filter(|(_, authors)| {
            authors.wrote.is_none() && authors.removed.is_some_and(is_recorded)
        });
        let removed = removed.map(|(path, _)| path);
        let files: HashSet<&[u8]> = compared.chain(removed).collect();
        let units = files.iter().filter_map(|path| unit_of(path));
        Gone {
            units: units.collect(),
            files,
        }
    }

    fn concerns(&self, process: &Process) -> bool {
        let exe = &*process.exe;
        let exe = exe.strip_suffix(b" (deleted)").unwrap_or(exe);
        // An interpreter stays where its script goes.
        let mut arguments = process.argv.iter().skip(1);
        let script = arguments.find(|word| word.starts_with(b"/"));
        let script = script.map(Vec::as_slice);
        let mut paths = [exe, &process.filename].into_iter().chain(script);
        let unit = process.unit.as_deref();
        paths.any(|path| self.files.contains(path))
            || unit.is_some_and(|unit| self.units.contains(unit))
    }
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

#[cfg(test)]
mod tests;
