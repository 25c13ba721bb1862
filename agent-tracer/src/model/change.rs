//! What is different on the machine at the end, and who did it: the two looks that a recording takes, joined with what
//! processes were seen doing. A difference whose author was not seen has none.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Model, NotCompared, Process, ProcessIndex, process::base_name};
use crate::event::{
    Compared, Difference, Event, File, FileAction, FileDifference, FilesCompared, Subject,
};

/// Who did what to a file, the last of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touches {
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
    touches: BTreeMap<Vec<u8>, Touches>,
    files: Vec<FileDifference>,
    roots: Vec<Vec<u8>>,
    homes: Homes,
    lists: BTreeMap<Subject, Vec<Difference>>,
    /// Everybody who wrote one of [`REGISTERS`], in order.
    registrars: BTreeMap<Vec<u8>, Vec<ProcessIndex>>,
    was_compared: bool,
    files_were_compared: bool,
}

/// Files in which many write, one entry each: who wrote last is not who wrote an entry.
const REGISTERS: [&[u8]; 2] = [b"/etc/passwd", b"/etc/group"];

impl Model {
    pub(super) fn touched(&mut self, event: &Event, file: &File) {
        if event.process.pid == 0 {
            self.note_download(event, file, None);
            return;
        }
        let by = self.known(event.process, event.user);
        self.note_download(event, file, Some(by));
        let touches = self.changes.touches.entry(file.path.clone()).or_default();
        match file.action() {
            FileAction::Created | FileAction::Written | FileAction::Renamed => {
                touches.wrote = Some(by);
            }
            FileAction::Attributes => touches.set = Some(by),
            FileAction::Removed => touches.removed = Some(by),
            // Whoever began to hold it during the recording is more likely to have written it.
            FileAction::Open => touches.holds = touches.holds.max(Some(by)),
            FileAction::Unknown => {}
        }
        let is_entry = !matches!(file.action(), FileAction::Removed | FileAction::Open);
        if REGISTERS.contains(&file.path.as_slice()) && is_entry {
            let registrars = self.changes.registrars.entry(file.path.clone());
            let registrars = registrars.or_default();
            if registrars.last() != Some(&by) {
                registrars.push(by);
            }
        }
    }

    pub(super) fn compared(&mut self, compared: &Compared) {
        self.changes.was_compared = true;
        let list = self.changes.lists.entry(compared.subject()).or_default();
        list.extend(compared.differences.iter().cloned());
        if !compared.problem.is_empty() {
            let what = NotCompared {
                subject: Some(compared.subject()),
                problem: compared.problem.clone(),
            };
            // What could not be compared from the start was not hidden by a program.
            match compared.problem_from_start {
                true => self.ledger.not_comparable(what),
                false => self.ledger.not_compared(what),
            }
        }
    }

    pub(super) fn files_compared(&mut self, compared: &FilesCompared) {
        self.changes.was_compared = true;
        self.changes.files_were_compared = true;
        self.changes
            .files
            .extend(compared.differences.iter().cloned());
        self.changes.roots.extend(compared.roots.iter().cloned());
        let homes = &mut self.changes.homes;
        homes.looked_into = homes.looked_into.saturating_add(compared.homes);
        homes.left_out = homes.left_out.saturating_add(compared.homes_left_out);
        if !compared.problem.is_empty() {
            self.ledger.not_compared(NotCompared {
                subject: None,
                problem: compared.problem.clone(),
            });
        }
    }

    /// Whether the recording has looked at the machine twice.
    pub fn was_compared(&self) -> bool {
        self.changes.was_compared
    }

    /// Whether the recording has looked at the files below its roots twice.
    pub fn files_were_compared(&self) -> bool {
        self.changes.files_were_compared
    }

    /// Who did what to which path, in the order of the paths.
    pub fn all_touches(&self) -> impl Iterator<Item = (&[u8], Touches)> {
        let all = self.changes.touches.iter();
        all.map(|(path, touches)| (path.as_slice(), *touches))
    }

    /// The directories that were looked through.
    pub fn watched_roots(&self) -> &[Vec<u8>] {
        &self.changes.roots
    }

    /// In how many homes of users `.ssh` was looked through besides.
    pub fn homes(&self) -> Homes {
        self.changes.homes
    }

    /// Files that are new, changed or gone, in the order of their paths.
    pub fn changed_files(&self) -> &[FileDifference] {
        &self.changes.files
    }

    /// What is new, changed or gone in a list.
    pub fn differences(&self, subject: Subject) -> &[Difference] {
        self.changes.lists.get(&subject).map_or(&[], Vec::as_slice)
    }

    /// Who did what to a path.
    pub fn touches(&self, path: &[u8]) -> Touches {
        self.changes.touches.get(path).copied().unwrap_or_default()
    }

    /// Who wrote an entry of `/etc/passwd` or `/etc/group`: of all who wrote the file, the one that was given the name, or
    /// else the only one. Of several, the first one has made it; later ones set something about it, or only looked into the
    /// file in a way in which they could have written.
    pub fn registrar(&self, file: &[u8], name: &[u8], is_new: bool) -> Option<ProcessIndex> {
        let all = self.changes.registrars.get(file)?;
        let is_given = |index: &&ProcessIndex| {
            let argv = &self.process(**index).argv;
            argv.iter().any(|word| word == name)
        };
        match all.as_slice() {
            [only] => Some(*only),
            several if is_new => several.iter().find(is_given).copied(),
            several => several.iter().rfind(is_given).copied(),
        }
    }

    /// All that programs of those names were given, for questions about many arguments.
    pub fn given_to<'a>(&'a self, names: &'a [&'a [u8]]) -> Given<'a> {
        let mut known = BTreeSet::new();
        let mut last_first = Vec::new();
        let all: Vec<(ProcessIndex, &Process)> = self.processes().collect();
        for (index, process) in all.into_iter().rev() {
            let is_called = |name: &Arc<[u8]>| names.contains(&&**name);
            if process.execs > 0
                && process.names.iter().any(is_called)
                && process.argv.len() > 1
                && known.insert(&*process.argv)
            {
                last_first.push(index);
            }
        }
        Given {
            model: self,
            names,
            last_first,
        }
    }

    /// Who is behind a difference of a file, and whether that is concluded: whoever wrote, set or removed it, or else has it
    /// open for writing, or else did so to a directory above, with all that is in it.
    pub fn author_of(&self, difference: &FileDifference) -> Option<(ProcessIndex, bool)> {
        let own = self.touches(&difference.path);
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
                let touches = self.changes.touches.get(directory)?;
                let author = match difference.after {
                    Some(_) => touches.wrote,
                    None => touches.removed,
                };
                Some((author?, true))
            })
        })
    }
}

/// Programs of some names, by what they were given: of those that were given the same, the last.
pub struct Given<'a> {
    model: &'a Model,
    names: &'a [&'a [u8]],
    last_first: Vec<ProcessIndex>,
}

impl Given<'_> {
    /// The last process that was given an argument with that in it, or that had another do something about it: what it
    /// forks has its name until it becomes another program.
    pub fn last_with(&self, part: &[u8]) -> Option<ProcessIndex> {
        let finder = memchr::memmem::Finder::new(part);
        let is_given = |index: &&ProcessIndex| {
            let mut words = self.model.process(**index).argv.iter().skip(1);
            words.any(|word| finder.find(word).is_some())
        };
        let last = self.last_first.iter().find(is_given).copied()?;
        let is_it = |index: &ProcessIndex| {
            let process = self.model.process(*index);
            let first = process.argv.first().map_or(&[][..], Vec::as_slice);
            let now = [
                &process.comm,
                base_name(&process.filename),
                base_name(first),
            ];
            now.iter().any(|name| self.names.contains(name))
        };
        let above = |index: &ProcessIndex| self.model.process(*index).parent;
        std::iter::successors(Some(last), above)
            .find(is_it)
            .or(Some(last))
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
