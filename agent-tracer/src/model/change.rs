//! Joins the differences on the machine at the end with the processes that made them. A difference
//! without an observed author has none.

use std::collections::BTreeMap;

use super::{Ledger, NotCompared, ProcessIndex, processes::Processes};
use crate::event::{
    Compared, Difference, FileAction, FileDifference, FileEvent, FilesCompared, Subject,
};

/// The authors of the last changes to a file, by kind of change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileAuthors {
    /// The process that created, renamed or wrote it.
    pub wrote: Option<ProcessIndex>,
    /// The process that set its permissions, owner or attributes.
    pub set: Option<ProcessIndex>,
    /// The process that removed it, or gave it another name.
    pub removed: Option<ProcessIndex>,
    /// The process that has it open for writing at the end, where no writer was observed.
    pub holds: Option<ProcessIndex>,
    /// A service manager that changed it last, with the client that asked for it.
    pub asked: Option<(ProcessIndex, Option<ProcessIndex>)>,
}

impl FileAuthors {
    /// Iterates over the processes in it.
    pub(super) fn parties(&self) -> impl Iterator<Item = ProcessIndex> + use<> {
        let own = [self.wrote, self.set, self.removed, self.holds];
        let asked = self.asked.map(|(manager, client)| [Some(manager), client]);
        own.into_iter().chain(asked.into_iter().flatten()).flatten()
    }

    /// Returns the author behind a process that changed the file; `true` if inferred. A service
    /// manager acts on requests, so without one its author is unknown.
    pub fn behind(&self, changed_by: ProcessIndex) -> Option<(ProcessIndex, bool)> {
        match self.asked {
            Some((manager, client)) if manager == changed_by => Some((client?, true)),
            Some(_) | None => Some((changed_by, false)),
        }
    }
}

/// Counts of the users' homes. In a home, only `.ssh` is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Homes {
    /// Homes that were compared.
    pub looked_into: u64,
    /// Homes that were left out.
    pub left_out: u64,
}

/// All differences, and the authors of changes.
#[derive(Default)]
pub(super) struct Changes {
    authors: BTreeMap<Vec<u8>, FileAuthors>,
    files: Vec<FileDifference>,
    roots: Vec<Vec<u8>>,
    homes: Homes,
    lists: BTreeMap<Subject, Vec<Difference>>,
    /// All writers of each of [`REGISTERS`], in order.
    entry_authors: BTreeMap<Vec<u8>, Vec<ProcessIndex>>,
    was_compared: bool,
    files_were_compared: bool,
}

/// Files with an entry for each user or group. Their last writer need not have written an entry.
const REGISTERS: [&[u8]; 2] = [b"/etc/passwd", b"/etc/group"];

impl Changes {
    /// Notes the process that did something to a file; of a service manager also the client that
    /// asked for it, if known.
    pub(super) fn touched(
        &mut self,
        file: &FileEvent,
        by: ProcessIndex,
        asked: Option<Option<ProcessIndex>>,
    ) {
        let authors = self.authors.entry(file.path.clone()).or_default();
        if let Some(client) = asked {
            authors.asked = Some((by, client));
        }
        match file.action() {
            FileAction::Created | FileAction::Written | FileAction::Renamed => {
                authors.wrote = Some(by);
            }
            FileAction::Attributes => authors.set = Some(by),
            FileAction::Removed => authors.removed = Some(by),
            // A process that opened it during the recording is more likely to have written it.
            FileAction::Open => authors.holds = authors.holds.max(Some(by)),
            FileAction::Unknown => {}
        }
        let is_entry = !matches!(file.action(), FileAction::Removed | FileAction::Open);
        if REGISTERS.contains(&file.path.as_slice()) && is_entry {
            let entry_authors = self.entry_authors.entry(file.path.clone());
            let entry_authors = entry_authors.or_default();
            if entry_authors.last() != Some(&by) {
                entry_authors.push(by);
            }
        }
    }

    /// Iterates over the processes that are referred to.
    pub(super) fn parties(&self) -> impl Iterator<Item = ProcessIndex> {
        let authors = self.authors.values().flat_map(FileAuthors::parties);
        authors.chain(self.entry_authors.values().flatten().copied())
    }

    pub(super) fn compared(&mut self, compared: &Compared, ledger: &mut Ledger) {
        self.was_compared = true;
        let list = self.lists.entry(compared.subject()).or_default();
        list.extend(compared.differences.iter().cloned());
        if !compared.problem.is_empty() {
            let what = NotCompared {
                subject: Some(compared.subject()),
                problem: compared.problem.clone(),
            };
            // A problem from before the recording was not caused by a recorded program.
            match compared.problem_from_start {
                true => ledger.not_comparable(what),
                false => ledger.not_compared(what),
            }
        }
    }

    pub(super) fn files_compared(&mut self, compared: &FilesCompared, ledger: &mut Ledger) {
        self.was_compared = true;
        self.files_were_compared = true;
        self.files.extend(compared.differences.iter().cloned());
        self.roots.extend(compared.roots.iter().cloned());
        let homes = &mut self.homes;
        homes.looked_into = homes.looked_into.saturating_add(compared.homes);
        homes.left_out = homes.left_out.saturating_add(compared.homes_left_out);
        if !compared.problem.is_empty() {
            ledger.not_compared(NotCompared {
                subject: None,
                problem: compared.problem.clone(),
            });
        }
    }

    pub(super) fn was_compared(&self) -> bool {
        self.was_compared
    }

    pub(super) fn files_were_compared(&self) -> bool {
        self.files_were_compared
    }

    pub(super) fn all_file_authors(&self) -> impl Iterator<Item = (&[u8], FileAuthors)> {
        let all = self.authors.iter();
        all.map(|(path, authors)| (path.as_slice(), *authors))
    }

    pub(super) fn watched_roots(&self) -> &[Vec<u8>] {
        &self.roots
    }

    pub(super) fn homes(&self) -> Homes {
        self.homes
    }

    pub(super) fn changed_files(&self) -> &[FileDifference] {
        &self.files
    }

    pub(super) fn list_was_compared(&self, subject: Subject) -> bool {
        self.lists.contains_key(&subject)
    }

    pub(super) fn differences(&self, subject: Subject) -> &[Difference] {
        self.lists.get(&subject).map_or(&[], Vec::as_slice)
    }

    pub(super) fn file_authors(&self, path: &[u8]) -> FileAuthors {
        self.authors.get(path).copied().unwrap_or_default()
    }

    /// Finds the author of an entry among the writers of the file: the only one, or one with
    /// the name as an argument.
    ///
    /// Of several with the name, the first one made the entry. Later ones changed it, or opened the
    /// file in a mode in which they could have written.
    pub(super) fn entry_author(
        &self,
        file: &[u8],
        name: &[u8],
        is_new: bool,
        processes: &Processes,
    ) -> Option<ProcessIndex> {
        let all = self.entry_authors.get(file)?;
        let has_name = |index: &&ProcessIndex| {
            let argv = &processes[**index].argv;
            argv.iter().any(|word| word == name)
        };
        match all.as_slice() {
            [only] => Some(*only),
            several if is_new => several.iter().find(has_name).copied(),
            several => several.iter().rfind(has_name).copied(),
        }
    }

    /// Finds the author of a difference; `true` if inferred.
    ///
    /// It is the process that wrote, set or removed the file; else the process that has it open for
    /// writing. Else it is the process that did so to a directory above.
    pub(super) fn author_of(&self, difference: &FileDifference) -> Option<(ProcessIndex, bool)> {
        let own = self.file_authors(&difference.path);
        let found = match (&difference.before, &difference.after) {
            (None, Some(_)) => own.wrote.or(own.set),
            (Some(_), None) => own.removed,
            (Some(before), Some(after)) => {
                let same_content = before.size == after.size && before.mode != after.mode
                    || (before.user, before.group) != (after.user, after.group);
                match same_content {
                    true => own.set.or(own.wrote),
                    false => own
                        .wrote
                        .or_else(|| own.set.filter(|_| own.holds.is_none())),
                }
            }
            (None, None) => None,
        };
        if let Some(found) = found {
            return own.behind(found);
        }
        let held = || own.holds.map(|author| (author, true));
        held().or_else(|| {
            above(&difference.path).find_map(|directory| {
                let authors = self.authors.get(directory)?;
                let author = match difference.after {
                    Some(_) => authors.wrote,
                    None => authors.removed,
                };
                let (author, _) = authors.behind(author?)?;
                Some((author, true))
            })
        })
    }
}

/// Iterates over the directories above a path, the nearest first, without the root.
fn above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(path), |path| {
        let slash = path.iter().rposition(|byte| *byte == b'/')?;
        path.get(..slash).filter(|directory| !directory.is_empty())
    })
    .skip(1)
}

#[cfg(test)]
mod tests {
    use super::above;

    #[test]
    fn paths_are_resolved_as_text() {
        let up: Vec<&[u8]> = above(b"/opt/acme/bin/x").collect();
        assert_eq!(up, [&b"/opt/acme/bin"[..], b"/opt/acme", b"/opt"]);
        assert_eq!(above(b"/x").count(), 0);
    }
}
