//! Files that differ, summed up by directory: what is in a new directory is told with it, and many in one that was there
//! before as one.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    event::{FileDifference, FileState},
    model::{Model, ProcessIndex},
};

use super::{Action, Change, Kind, attention, services};
use crate::view::{page::bytes, user};

/// So many of one directory are told one by one.
pub(super) const FEW: usize = 4;

/// Who did what to which directory.
type Group<'a> = (&'a [u8], &'static str, Option<(ProcessIndex, bool)>);

/// The changes; every file by itself where all are wanted.
pub(super) fn collect(model: &Model, all: bool) -> Vec<Change> {
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
    let new: BTreeSet<&[u8]> = files
        .iter()
        .filter(|difference| difference.before.is_none() && is_directory(difference))
        .map(|difference| difference.path.as_slice())
        .collect();
    let mut groups: BTreeMap<Group<'_>, Vec<&FileDifference>> = BTreeMap::new();
    let mut alone = Vec::new();
    for difference in files {
        let author = model.author_of(difference);
        let action = Action::of(difference.before.as_ref(), difference.after.as_ref());
        let group = topmost(&new, &difference.path).or_else(|| parent(&difference.path));
        match group {
            // Cron's own are told as such.
            Some(directory) if !is_cron(&difference.path) => groups
                .entry((directory, action.name(), author))
                .or_default()
                .push(difference),
            Some(_) | None => alone.push(difference),
        }
    }
    let mut changes: Vec<Change> = alone
        .into_iter()
        .map(|difference| single(model, difference))
        .collect();
    for ((directory, _, author), members) in groups {
        if members.len() <= FEW && !new.contains(directory) {
            changes.extend(
                members
                    .into_iter()
                    .map(|difference| single(model, difference)),
            );
        } else {
            changes.push(together(directory, author, &members));
        }
    }
    changes.sort_by(|one, other| one.what.cmp(&other.what));
    changes
}

fn single(model: &Model, difference: &FileDifference) -> Change {
    let (before, after) = (difference.before.as_ref(), difference.after.as_ref());
    let author = model.author_of(difference);
    let kind = match is_cron(&difference.path) {
        true => Kind::Cron,
        false => Kind::File,
    };
    Change {
        detail: detail(model, before, after),
        author: author.map(|(author, _)| author),
        is_inferred: author.is_some_and(|(_, is_inferred)| is_inferred),
        attention: after.and_then(|after| attention::of_file(&difference.path, before, after)),
        ..Change::new(kind, Action::of(before, after), difference.path.clone())
    }
}

fn together(
    directory: &[u8],
    author: Option<(ProcessIndex, bool)>,
    members: &[&FileDifference],
) -> Change {
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
        let after = member.after.as_ref()?;
        let reason = attention::of_file(&member.path, member.before.as_ref(), after)?;
        Some((member.path.clone(), reason))
    });
    let count = members.len();
    let what = if count == 1 {
        "file or directory"
    } else {
        "files and directories"
    };
    let mut name = directory.to_vec();
    name.push(b'/');
    Change {
        detail: format!("{count} {what}, {}", bytes(size)),
        author: author.map(|(author, _)| author),
        is_inferred: author.is_some_and(|(_, is_inferred)| is_inferred),
        within: within.collect(),
        ..Change::new(Kind::File, action, name)
    }
}

fn detail(model: &Model, before: Option<&FileState>, after: Option<&FileState>) -> String {
    let whole = |state: &FileState| {
        let owner = user(model, state.user);
        match state.kind() {
            "directory" => format!("directory {:04o} {owner}", state.mode & 0o7777),
            "link" => format!("link to {}", super::escape::text(&state.target)),
            kind => format!(
                "{kind} {:04o} {owner} {}",
                state.mode & 0o7777,
                bytes(state.size)
            ),
        }
    };
    match (before, after) {
        (Some(before), Some(after)) => {
            let (before, after) = (whole(before), whole(after));
            match before == after {
                true => format!("{after}, other content"),
                false => format!("{before} → {after}"),
            }
        }
        (Some(state), None) | (None, Some(state)) => whole(state),
        (None, None) => String::new(),
    }
}

fn is_directory(difference: &FileDifference) -> bool {
    let after = difference.after.as_ref();
    after.is_some_and(|state| state.kind() == "directory")
}

/// The highest new directory that a path is in, or is.
fn topmost<'a>(new: &BTreeSet<&'a [u8]>, path: &[u8]) -> Option<&'a [u8]> {
    let ends = path
        .iter()
        .enumerate()
        .filter(|(at, byte)| **byte == b'/' && *at > 0)
        .map(|(at, _)| at)
        .chain([path.len()]);
    ends.into_iter()
        .find_map(|end| new.get(path.get(..end)?).copied())
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
