//! Lists files that processes touched, for a recording that did not compare files.

use std::collections::BTreeMap;

use crate::{
    event::FileState,
    model::{FileAuthors, Model, ProcessIndex},
};

use super::{
    Action, Change, Kind, Within, attention,
    facts::Facts,
    files::{FEW, is_cron, parent},
};

/// Lists the files that were touched; empty if the files were compared.
pub(super) fn collect(model: &Model, all: bool) -> Vec<Change<'_>> {
    let mut groups: BTreeMap<(&[u8], Option<ProcessIndex>), Vec<Change<'_>>> = BTreeMap::new();
    if model.files_were_compared() {
        return Vec::new();
    }
    for (path, authors) in model.all_file_authors() {
        let change = single(model, path, authors);
        let directory = parent(path).unwrap_or_default();
        let group = groups.entry((directory, change.author)).or_default();
        group.push(change);
    }
    let mut changes = Vec::new();
    for ((directory, author), members) in groups {
        let is_few = members.len() <= FEW || directory.is_empty();
        if all || is_few || members.iter().any(|member| member.kind == Kind::Cron) {
            changes.extend(members);
        } else {
            changes.push(together(directory, author, members));
        }
    }
    changes.sort_by(|one, other| one.what.cmp(&other.what));
    changes
}

fn single(model: &Model, path: &[u8], authors: FileAuthors) -> Change<'static> {
    let kind = match is_cron(path) {
        true => Kind::Cron,
        false => Kind::File,
    };
    // Only the path is known, not mode and owner.
    let state = FileState {
        mode: 0o100_000,
        ..FileState::default()
    };
    let made = authors.wrote.or(authors.set);
    let author = made.or(authors.removed).and_then(|by| authors.behind(by));
    Change {
        author: author.map(|(author, _)| author),
        is_inferred: author.is_some_and(|(_, is_inferred)| is_inferred),
        attention: made
            .and_then(|_| attention::of_file(model.rules(), path, None, Some(&state), false)),
        ..Change::new(kind, Action::Touched, path, Facts::Touched)
    }
}

fn together(
    directory: &[u8],
    author: Option<ProcessIndex>,
    members: Vec<Change<'_>>,
) -> Change<'static> {
    let count = members.len();
    let within = members.into_iter().filter_map(|member| {
        Some(Within {
            reason: member.attention?,
            author: member.author.map(|author| (author, false)),
            path: member.what,
            file: None,
        })
    });
    Change {
        author,
        within: within.collect(),
        count,
        ..Change::new(
            Kind::File,
            Action::Touched,
            [directory, b"/"].concat(),
            Facts::Files(None),
        )
    }
}

#[cfg(test)]
mod tests;
