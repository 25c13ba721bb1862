//! Collects execs that failed. A search along PATH fails once a directory, and folds to one entry.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{ProcessIndex, StandIns, process::base_name};
use crate::event::{Exec, ExecFailed};

/// Failed calls of one process for one name of a program.
#[derive(Clone, Debug)]
pub struct FailedExec {
    /// The process that called.
    pub process: ProcessIndex,
    /// The last file name that was tried.
    pub filename: Arc<[u8]>,
    /// Arguments of the last call.
    pub argv: Vec<Vec<u8>>,
    /// errno of the last call.
    pub error: u32,
    /// Time of the first call, nanoseconds since boot.
    pub first_ns: u64,
    /// Count of calls.
    pub calls: u64,
    /// True if a later call for the same name went well: the search found it.
    pub was_found: bool,
}

/// All failed calls, by process and base name.
#[derive(Default)]
pub(super) struct Failures {
    all: IndexMap<(ProcessIndex, Vec<u8>), FailedExec>,
}

impl Failures {
    pub(super) fn iter(&self) -> impl Iterator<Item = &FailedExec> {
        self.all.values()
    }

    /// Forgets those of released processes.
    pub(super) fn release(&mut self, stand_ins: &StandIns) {
        self.all
            .retain(|(process, _), _| !stand_ins.contains_key(process));
    }

    pub(super) fn add(&mut self, process: ProcessIndex, boot_ns: u64, failed: &ExecFailed) {
        let key = (process, base_name(&failed.filename).to_vec());
        let entry = self.all.entry(key).or_insert_with(|| FailedExec {
            process,
            filename: Arc::default(),
            argv: Vec::new(),
            error: 0,
            first_ns: boot_ns,
            calls: 0,
            was_found: false,
        });
        entry.filename = failed.filename.as_slice().into();
        entry.argv.clone_from(&failed.argv);
        entry.error = failed.error;
        entry.calls += 1;
        entry.was_found = false;
    }

    /// Notes an exec that went well.
    pub(super) fn found(&mut self, process: ProcessIndex, exec: &Exec) {
        if self.all.is_empty() {
            return;
        }
        let key = (process, base_name(&exec.filename).to_vec());
        if let Some(entry) = self.all.get_mut(&key) {
            entry.was_found = true;
        }
    }
}
