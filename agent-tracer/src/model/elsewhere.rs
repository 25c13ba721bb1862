//! Keeps the files outside of the compared directories that recorded trees changed, as they were at
//! the end. Their states before are unknown.

use super::{ProcessIndex, change::FileAuthors, processes::Processes};
use crate::event::{Author, Existence, FileDifference, FilesElsewhere, FoldedDirectory, ProcessId};

/// A file outside of the compared directories.
#[derive(Clone, Debug)]
pub struct FileElsewhere {
    /// Path and state at the end. The state before is never known.
    pub file: FileDifference,
    /// Its existence before the first change that was seen.
    pub existed: Existence,
    /// The authors of its changes.
    pub authors: FileAuthors,
    /// Set when no change of the file itself was seen: its directory was moved there.
    pub was_moved: bool,
}

impl FileElsewhere {
    /// Returns the author, and `true` if that is inferred.
    pub fn author(&self) -> Option<(ProcessIndex, bool)> {
        let FileAuthors {
            wrote,
            set,
            removed,
            ..
        } = self.authors;
        let author = match self.file.after {
            Some(_) => wrote.or(set).or(removed),
            None => removed.or(wrote),
        };
        author.map(|author| (author, self.was_moved))
    }
}

/// All of them.
#[derive(Default)]
pub(super) struct Elsewhere {
    files: Vec<FileElsewhere>,
    folded: Vec<FoldedDirectory>,
    was_looked_at: bool,
}

impl Elsewhere {
    /// Adds the files of an event, except for those that were compared: their directory became a
    /// root during the recording.
    pub(super) fn add(
        &mut self,
        elsewhere: &FilesElsewhere,
        compared: &[FileDifference],
        processes: &Processes,
    ) {
        let find = |author: &Option<Author>| {
            let author = author.as_ref()?;
            processes.find(ProcessId {
                pid: author.pid,
                start_ns: author.start_ns,
            })
        };
        let is_compared = |path: &[u8]| {
            let at = compared.binary_search_by(|known| known.path.as_slice().cmp(path));
            at.is_ok()
        };
        let new = elsewhere
            .files
            .iter()
            .filter(|file| !is_compared(&file.path));
        self.files.extend(new.map(|file| FileElsewhere {
            file: FileDifference {
                path: file.path.clone(),
                before: None,
                after: file.after.clone(),
            },
            existed: file.existed(),
            authors: FileAuthors {
                wrote: find(&file.wrote),
                set: find(&file.set),
                removed: find(&file.removed),
                holds: None,
                asked: None,
            },
            was_moved: file.was_moved,
        }));
        self.was_looked_at = true;
        self.folded.extend(elsewhere.folded.iter().cloned());
    }

    /// Iterates over the processes that are referred to.
    pub(super) fn parties(&self) -> impl Iterator<Item = ProcessIndex> {
        self.files.iter().flat_map(|file| file.authors.parties())
    }

    pub(super) fn files(&self) -> &[FileElsewhere] {
        &self.files
    }

    /// Returns true if the recording looked at all, even if it found nothing.
    pub(super) fn was_looked_at(&self) -> bool {
        self.was_looked_at
    }

    pub(super) fn folded(&self) -> &[FoldedDirectory] {
        &self.folded
    }
}
