//! Looks for native code in files that downloaders write.

use std::{
    collections::{BTreeSet, VecDeque},
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::Path,
};

use super::{Digests, WAITING};
use crate::{
    capture::{FileChange, OpenedFile},
    event::{FileAction, NativeCode, ProcessId},
    model::Model,
};

/// Limit of files with native code that wait, and of names that were missed.
const LIMIT: usize = 4096;

/// Written files with native code.
#[derive(Default)]
pub(super) struct Written {
    /// Those to read, with their writers.
    queue: VecDeque<(Vec<u8>, ProcessId)>,
    /// Last components of files that had another path by the time of the look.
    renamed: BTreeSet<Vec<u8>>,
    count: usize,
}

impl Written {
    /// Forgets all but what waits, for the next segment.
    pub(super) fn begin_segment(&mut self) {
        self.renamed.clear();
        self.count = self.queue.len();
    }
}

impl Digests {
    /// Looks at a file that a process closed after writing, if it may be a download.
    pub(in crate::session::record) fn written(&mut self, change: &FileChange, model: &Model) {
        if change.action != FileAction::Written || change.is_directory {
            return;
        }
        let path = change.path.as_os_str().as_bytes();
        let by = model.latest(change.pid);
        let Some(by) = by.filter(|by| model.may_be_native_download(*by, path)) else {
            return;
        };
        match OpenedFile::open_of_any_size(&change.path) {
            Some(file) if file.native_code() != NativeCode::None => {
                self.enqueue(path.to_vec(), model.process(by).id);
            }
            None if self.native.renamed.len() < LIMIT => {
                let name = change.path.file_name().unwrap_or_default();
                self.native.renamed.insert(name.as_bytes().to_vec());
            }
            Some(_) | None => {}
        }
    }

    fn enqueue(&mut self, path: Vec<u8>, by: ProcessId) {
        if self.native.count < LIMIT {
            self.native.count += 1;
            self.native.queue.push_back((path, by));
        }
    }

    /// Looks at the files that were missed, at their present paths.
    pub(super) fn look_at_renamed(&mut self, model: &Model) {
        if self.native.renamed.is_empty() {
            return;
        }
        let names = std::mem::take(&mut self.native.renamed);
        for (path, by) in model.possible_downloads(|name| names.contains(name)) {
            let is_known = self.known.contains_key(&(path.clone(), true));
            if !is_known && model.may_be_native_download(by, &path) {
                self.enqueue(path, model.process(by).id);
            }
        }
    }

    /// Gives waiting files to the thread, as many as it takes.
    pub(super) fn read_written(&mut self) {
        while self.pending < WAITING
            && let Some((path, by)) = self.native.queue.pop_front()
        {
            let at = Path::new(OsStr::from_bytes(&path));
            let Some(file) = OpenedFile::open_of_any_size(at) else {
                continue;
            };
            let native = file.native_code();
            if native != NativeCode::None {
                self.read((path, true), by, native, file);
            }
        }
    }
}
