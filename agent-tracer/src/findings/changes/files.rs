//! Sums up changed files by directory. A new or removed directory with its content is one row, and
//! so are many files of an existing directory.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    event::FileDifference,
    model::{Model, ProcessIndex},
};

use super::{Action, Change, Kind, Reason, Within, attention, facts::Facts, services};

/// Greatest number of files of one directory that have rows of their own.
pub(super) const FEW: usize = 4;

/// A directory, the kind of change in it, and the author.
type DirectoryKey<'a> = (&'a [u8], Action, Option<(ProcessIndex, bool)>);

/// Lists the changes, with every file by itself if `all`.
pub(super) fn collect(model: &Model, all: bool) -> Vec<Change<'_>> {
    let files: Vec<&FileDifference> = model
        .changed_files()
        .iter()
        .filter(|difference| !services::is_unit_file(&difference.path))
        .collect();
    if all {
        return files
            .into_iter()
            .map(|difference| single(model, difference))
            .collect();
    }
    let (new, gone) = (whole(&files, Action::New), whole(&files, Action::Gone));
    let none = BTreeSet::new();
    let whole = |action| match action {
        Action::New => &new,
        Action::Changed | Action::Touched => &none,
        Action::Gone => &gone,
    };
    let mut groups: BTreeMap<DirectoryKey<'_>, Vec<&FileDifference>> = BTreeMap::new();
    let mut alone = Vec::new();
    for difference in files {
        let author = model.author_of(difference);
        let action = Action::of(difference.before.as_ref(), difference.after.as_ref());
        let group = topmost(whole(action), &difference.path).or_else(|| parent(&difference.path));
        match group {
            // Tables of cron are a kind of their own.
            Some(directory) if !is_cron(&difference.path) => groups
                .entry((directory, action, author))
                .or_default()
                .push(difference),
            Some(_) | None => alone.push(difference),
        }
    }
    let mut changes: Vec<Change<'_>> = alone
        .into_iter()
        .map(|difference| single(model, difference))
        .collect();
    for ((directory, action, author), members) in groups {
        if members.len() <= FEW && !whole(action).contains(directory) {
            changes.extend(
                members
                    .into_iter()
                    .map(|difference| single(model, difference)),
            );
        } else {
            changes.push(together(model, directory, author, &members));
        }
    }
    changes.sort_by(|one, other| one.what.cmp(&other.what));
    changes
}

fn single<'a>(model: &Model, difference: &'a FileDifference) -> Change<'a> {
    let (before, after) = (difference.before.as_ref(), difference.after.as_ref());
    let reason = reason(model, difference);
    let author = author_of(model, difference, reason.as_ref());
    let kind = match is_cron(&difference.path) {
        true => Kind::Cron,
        false => Kind::File,
    };
    Change {
        author: author.map(|(author, _)| author),
        is_inferred: author.is_some_and(|(_, is_inferred)| is_inferred),
        attention: reason,
        ..Change::new(
            kind,
            Action::of(before, after),
            difference.path.clone(),
            Facts::File(difference),
        )
    }
}

fn reason(model: &Model, difference: &FileDifference) -> Option<Reason> {
    let (before, after) = (difference.before.as_ref(), difference.after.as_ref());
    let was_written = model.file_authors(&difference.path).wrote.is_some();
    attention::of_file(model.rules(), &difference.path, before, after, was_written)
}

/// Finds the author of a difference, given its reason for attention.
fn author_of(
    model: &Model,
    difference: &FileDifference,
    reason: Option<&Reason>,
) -> Option<(ProcessIndex, bool)> {
    let set = model.file_authors(&difference.path).set;
    let set = set.filter(|_| reason.is_some_and(Reason::is_of_rights));
    set.map(|author| (author, false))
        .or_else(|| model.author_of(difference))
}

fn together<'a>(
    model: &Model,
    directory: &[u8],
    author: Option<(ProcessIndex, bool)>,
    members: &[&'a FileDifference],
) -> Change<'a> {
    let first = members.first();
    let action = first.map_or(Action::Changed, |first| {
        Action::of(first.before.as_ref(), first.after.as_ref())
    });
    let state = |difference: &&FileDifference| {
        let state = difference.after.as_ref().or(difference.before.as_ref());
        state.cloned().unwrap_or_default()
    };
    let size: u64 = members.iter().map(|member| state(member).size).sum();
    let within = members.iter().filter_map(|member| {
        let reason = reason(model, member)?;
        Some(Within {
            path: member.path.clone(),
            author: author_of(model, member, Some(&reason)),
            reason,
            file: Some(member),
        })
    });
    let count = members.len();
    let mut name = directory.to_vec();
    name.push(b'/');
    Change {
        author: author.map(|(author, _)| author),
        is_inferred: author.is_some_and(|(_, is_inferred)| is_inferred),
        count,
        within: within.collect(),
        ..Change::new(Kind::File, action, name, Facts::Files(Some(size)))
    }
}

/// Returns the directories that are new, or gone, with their whole content.
fn whole<'a>(files: &[&'a FileDifference], action: Action) -> BTreeSet<&'a [u8]> {
    let is_whole = |difference: &&&FileDifference| {
        let (before, after) = (difference.before.as_ref(), difference.after.as_ref());
        let state = after.or(before);
        Action::of(before, after) == action
            && state.is_some_and(|state| state.kind() == "directory")
    };
    let directories = files.iter().filter(is_whole);
    directories
        .map(|difference| difference.path.as_slice())
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
