//! Sums up changed files by directory. A new or removed directory with its content is one row, and
//! so are many files of an existing directory, and all files that a package manager unpacked.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    event::{Existence, FileDifference},
    model::{FileAuthors, FileElsewhere, Model, ProcessIndex},
};

use super::{
    Action, Change, Kind, Reason, Within, attention,
    facts::Facts,
    packages::{Packages, is_main_configuration},
    services,
};

/// Greatest number of files of one directory that have rows of their own.
pub(super) const FEW: usize = 4;

/// A changed file.
struct Item<'a> {
    difference: &'a FileDifference,
    action: Action,
    author: Option<(ProcessIndex, bool)>,
    authors: FileAuthors,
    /// False for one without a snapshot from before.
    is_compared: bool,
}

/// A directory, the kind of change in it, the author, and whether it was compared.
type DirectoryKey<'a> = (&'a [u8], Action, Option<(ProcessIndex, bool)>, bool);

/// Lists the changes, with every file by itself if `all`.
pub(super) fn collect(model: &Model, all: bool) -> Vec<Change<'_>> {
    let compared = model.changed_files().iter();
    let compared = compared.filter(|difference| !services::is_unit_file(&difference.path));
    let compared = compared.map(|difference| Item::compared(model, difference));
    let elsewhere = model.files_elsewhere().iter().map(Item::elsewhere);
    let items: Vec<Item<'_>> = compared.chain(elsewhere).collect();
    let mut changes = match all {
        true => items.iter().map(|item| item.single(model)).collect(),
        false => summed_up(model, &items),
    };
    changes.sort_by(|one, other| one.what.cmp(&other.what));
    changes
}

fn summed_up<'a>(model: &'a Model, items: &[Item<'a>]) -> Vec<Change<'a>> {
    let (new, gone) = (whole(items, Action::New), whole(items, Action::Gone));
    let none = BTreeSet::new();
    let whole = |action| match action {
        Action::New => &new,
        Action::Changed | Action::Touched => &none,
        Action::Gone => &gone,
    };
    let mut groups: BTreeMap<DirectoryKey<'_>, Vec<&Item<'a>>> = BTreeMap::new();
    let mut changes = Vec::new();
    let packages = Packages::of(model);
    let mut of_packages: BTreeMap<ProcessIndex, Vec<&Item<'a>>> = BTreeMap::new();
    for item in items {
        let path: &'a [u8] = &item.difference.path;
        if is_main_configuration(path) {
            changes.push(item.single(model));
            continue;
        }
        let manager = item.author.map(|(author, _)| author);
        if let Some(manager) = manager.filter(|manager| packages.are_by(*manager)) {
            of_packages.entry(manager).or_default().push(item);
            continue;
        }
        let group = topmost(whole(item.action), path).or_else(|| parent(path));
        match group {
            // Tables of cron are a kind of their own.
            Some(directory) if !is_cron(path) => groups
                .entry((directory, item.action, item.author, item.is_compared))
                .or_default()
                .push(item),
            Some(_) | None => changes.push(item.single(model)),
        }
    }
    for ((directory, action, ..), members) in groups {
        let is_few = members.len() <= FEW && !whole(action).contains(directory);
        if members.len() == 1 || is_few {
            changes.extend(members.into_iter().map(|item| item.single(model)));
        } else {
            changes.push(together(model, [directory, b"/"].concat(), &members));
        }
    }
    for (manager, members) in of_packages {
        if members.len() <= FEW {
            changes.extend(members.into_iter().map(|item| item.single(model)));
        } else {
            changes.push(together(model, packages.name(manager), &members));
        }
    }
    changes
}

impl<'a> Item<'a> {
    fn compared(model: &Model, difference: &'a FileDifference) -> Item<'a> {
        Item {
            difference,
            action: Action::of(difference.before.as_ref(), difference.after.as_ref()),
            author: model.author_of(difference),
            authors: model.file_authors(&difference.path),
            is_compared: true,
        }
    }

    fn elsewhere(elsewhere: &'a FileElsewhere) -> Item<'a> {
        let action = match (elsewhere.existed, &elsewhere.file.after) {
            (_, None) => Action::Gone,
            (Existence::Absent, Some(_)) => Action::New,
            (Existence::Unknown | Existence::Present, Some(_)) => Action::Touched,
        };
        Item {
            difference: &elsewhere.file,
            action,
            author: elsewhere.author(),
            authors: elsewhere.authors,
            is_compared: false,
        }
    }

    fn reason(&self, model: &Model) -> Option<Reason> {
        let FileDifference {
            path,
            before,
            after,
        } = self.difference;
        let was_written = self.authors.wrote.is_some();
        attention::of_file(
            model.rules(),
            path,
            before.as_ref(),
            after.as_ref(),
            was_written,
        )
    }

    /// Returns the author, given the reason for attention.
    fn author(&self, reason: Option<&Reason>) -> Option<(ProcessIndex, bool)> {
        let is_of_rights = reason.is_some_and(Reason::is_of_rights);
        let set = self.authors.set.filter(|_| is_of_rights);
        set.map(|author| (author, false)).or(self.author)
    }

    fn single(&self, model: &Model) -> Change<'a> {
        let reason = self.reason(model);
        let author = self.author(reason.as_ref());
        let kind = match is_cron(&self.difference.path) {
            true => Kind::Cron,
            false => Kind::File,
        };
        Change {
            author: author.map(|(author, _)| author),
            is_inferred: author.is_some_and(|(_, is_inferred)| is_inferred),
            attention: reason,
            before_unknown: !self.is_compared,
            ..Change::new(
                kind,
                self.action,
                self.difference.path.clone(),
                Facts::File(self.difference),
            )
        }
    }

    fn within(&self, model: &Model) -> Option<Within<'a>> {
        let reason = self.reason(model)?;
        Some(Within {
            path: self.difference.path.clone(),
            author: self.author(Some(&reason)),
            reason,
            file: Some(self.difference),
        })
    }

    fn size(&self) -> u64 {
        let FileDifference { before, after, .. } = self.difference;
        let state = after.as_ref().or(before.as_ref());
        state.map_or(0, |state| state.size)
    }
}

fn together<'a>(model: &Model, name: Vec<u8>, members: &[&Item<'a>]) -> Change<'a> {
    let first = members.first();
    let before_unknown = members.iter().any(|item| !item.is_compared);
    let mut actions = members.iter().map(|item| item.action);
    let action = match actions.next() {
        Some(action) if actions.all(|other| other == action) => action,
        _ if before_unknown => Action::Touched,
        _ => Action::Changed,
    };
    let author = first.and_then(|first| first.author);
    let size: u64 = members.iter().map(|item| item.size()).sum();
    Change {
        author: author.map(|(author, _)| author),
        is_inferred: author.is_some_and(|(_, is_inferred)| is_inferred),
        count: members.len(),
        within: members
            .iter()
            .filter_map(|item| item.within(model))
            .collect(),
        before_unknown,
        ..Change::new(Kind::File, action, name, Facts::Files(Some(size)))
    }
}

/// Returns the directories that are new, or gone, with their whole content.
fn whole<'a>(items: &[Item<'a>], action: Action) -> BTreeSet<&'a [u8]> {
    let is_whole = |item: &&Item<'a>| {
        let FileDifference { before, after, .. } = item.difference;
        let state = after.as_ref().or(before.as_ref());
        item.action == action && state.is_some_and(|state| state.kind() == "directory")
    };
    let directories = items.iter().filter(is_whole);
    directories
        .map(|item| item.difference.path.as_slice())
        .collect()
}

/// Returns the topmost of these directories that contains, or is, the path.
fn topmost<'a>(whole: &BTreeSet<&'a [u8]>, path: &[u8]) -> Option<&'a [u8]> {
    let ends = path
        .iter()
        .enumerate()
        .filter(|(at, byte)| **byte == b'/' && *at > 0)
        .map(|(at, _)| at)
        .chain([path.len()]);
    ends.into_iter()
        .find_map(|end| whole.get(path.get(..end)?).copied())
}

pub(super) fn parent(path: &[u8]) -> Option<&[u8]> {
    let slash = path.iter().rposition(|byte| *byte == b'/')?;
    path.get(..slash).filter(|parent| !parent.is_empty())
}

pub(super) fn is_cron(path: &[u8]) -> bool {
    [&b"/etc/cron"[..], b"/var/spool/cron/"]
        .iter()
        .any(|begin| path.starts_with(begin))
}
