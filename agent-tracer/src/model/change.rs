//! What is different on the machine at the end, and who did it: the two looks that a recording takes, joined with what
//! processes were seen doing. A difference whose author was not seen has none.

use std::collections::BTreeMap;

use super::{Ledger, NotCompared, ProcessIndex, processes::Processes};
use crate::event::{
    Compared, Difference, FileAction, FileDifference, FileEvent, FilesCompared, Subject,
};

/// Who did what to a file, the last of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileAuthors {
    /// Made it, gave it its name, or wrote it.
    pub wrote: Option<ProcessIndex>,
    /// Set its permissions, owner or attributes.
    pub set: Option<ProcessIndex>,
    /// Removed it, or gave it another name.
    pub removed: Option<ProcessIndex>,
    /// Has it open for writing at the end, where nobody was seen writing it.
    pub holds: Option<ProcessIndex>,
}

/// Homes of users, of which nothing but `.ssh` is looked through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Homes {
    /// How many there are.
    pub looked_into: u64,
    /// How many more there are.
    pub left_out: u64,
}

/// All of it.
#[derive(Default)]
pub(super) struct Changes {
    authors: BTreeMap<Vec<u8>, FileAuthors>,
    files: Vec<FileDifference>,
    roots: Vec<Vec<u8>>,
    homes: Homes,
    lists: BTreeMap<Subject, Vec<Difference>>,
    /// Everybody who wrote one of [`REGISTERS`], in order.
    entry_authors: BTreeMap<Vec<u8>, Vec<ProcessIndex>>,
    was_compared: bool,
    files_were_compared: bool,
}

/// Files in which many write, one entry each: who wrote last is not who wrote an entry.
const REGISTERS: [&[u8]; 2] = [b"/etc/passwd", b"/etc/group"];

impl Changes {
    /// Notes the process that did something to a file.
    pub(super) fn touched(&mut self, file: &FileEvent, by: ProcessIndex) {
        let authors = self.authors.entry(file.path.clone()).or_default();
        match file.action() {
            FileAction::Created | FileAction::Written | FileAction::Renamed => {
                authors.wrote = Some(by);
            }
            FileAction::Attributes => authors.set = Some(by),
            FileAction::Removed => authors.removed = Some(by),
            // Whoever began to hold it during the recording is more likely to have written it.
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

    pub(super) fn compared(&mut self, compared: &Compared, ledger: &mut Ledger) {
        self.was_compared = true;
        let list = self.lists.entry(compared.subject()).or_default();
        list.extend(compared.differences.iter().cloned());
        if !compared.problem.is_empty() {
            let what = NotCompared {
                subject: Some(compared.subject()),
                problem: compared.problem.clone(),
            };
            // What could not be compared from the start was not hidden by a program.
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

    /// Whether the recording has looked at the machine twice.
    pub(super) fn was_compared(&self) -> bool {
        self.was_compared
    }

    /// Whether the recording has looked at the files below its roots twice.
    pub(super) fn files_were_compared(&self) -> bool {
        self.files_were_compared
    }

    /// Who did what to which path, in the order of the paths.
    pub(super) fn all_file_authors(&self) -> impl Iterator<Item = (&[u8], FileAuthors)> {
        let all = self.authors.iter();
        all.map(|(path, authors)| (path.as_slice(), *authors))
    }

    /// The directories that were looked through.
    pub(super) fn watched_roots(&self) -> &[Vec<u8>] {
        &self.roots
    }

    /// In how many homes of users `.ssh` was looked through besides.
    pub(super) fn homes(&self) -> Homes {
        self.homes
    }

    /// Files that are new, changed or gone, in the order of their paths.
    pub(super) fn changed_files(&self) -> &[FileDifference] {
        &self.files
    }

    /// What is new, changed or gone in a list.
    pub(super) fn differences(&self, subject: Subject) -> &[Difference] {
        self.lists.get(&subject).map_or(&[], Vec::as_slice)
    }

    /// Who did what to a path.
    pub(super) fn file_authors(&self, path: &[u8]) -> FileAuthors {
        self.authors.get(path).copied().unwrap_or_default()
    }

    /// Who wrote an entry of `/etc/passwd` or `/etc/group`: of all who wrote the file, the one that was given the name, or
    /// else the only one. Of several, the first one has made it; later ones set something about it, or only looked into the
    /// file in a way in which they could have written.
    pub(super) fn entry_author(
        &self,
        file: &[u8],
        name: &[u8],
        is_new: bool,
        processes: &Processes,
    ) -> Option<ProcessIndex> {
        let all = self.entry_authors.get(file)?;
        let is_given = |index: &&ProcessIndex| {
            let argv = &processes[**index].argv;
            argv.iter().any(|word| word == name)
        };
        match all.as_slice() {
            [only] => Some(*only),
            several if is_new => several.iter().find(is_given).copied(),
            several => several.iter().rfind(is_given).copied(),
        }
    }

    /// Who is behind a difference of a file, and whether that is concluded: whoever wrote, set or removed it, or else has it
    /// open for writing, or else did so to a directory above, with all that is in it.
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
        let seen = found.map(|author| (author, false));
        let held = || own.holds.map(|author| (author, true));
        seen.or_else(held).or_else(|| {
            above(&difference.path).find_map(|directory| {
                let authors = self.authors.get(directory)?;
                let author = match difference.after {
                    Some(_) => authors.wrote,
                    None => authors.removed,
                };
                Some((author?, true))
            })
        })
    }
}

/// The directories above a path, the nearest first, without the root.
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
