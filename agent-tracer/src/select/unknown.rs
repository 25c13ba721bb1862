//! Finds values of a filter that name nothing in a trace, and the name that was perhaps meant.

use std::collections::BTreeSet;

use super::Filter;
use crate::model::{Model, Process};

/// Limit of the letters of a name that is compared: hostile programs choose names.
const LETTERS: usize = 64;

/// The subject of a condition that takes names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// Processes.
    Process,
    /// Trees of processes.
    Tree,
    /// Users.
    User,
}

/// A value that names nothing in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The subject of its condition.
    pub named: Named,
    /// The value as it was written.
    pub value: String,
    /// The name in the trace that is nearest to it, if one is near.
    pub nearest: Option<String>,
}

impl Filter {
    /// Returns the first value that names nothing in the trace.
    pub fn unknown(&self, model: &Model) -> Option<Unknown> {
        let process = self.process.iter().find(|glob| {
            let mut names = model.processes().flat_map(|(_, process)| &*process.names);
            !names.any(|name| glob.matches(name))
        });
        if let Some(glob) = process {
            let names = || model.processes().flat_map(|(_, process)| &*process.names);
            return Some(Unknown {
                named: Named::Process,
                value: glob.written().to_owned(),
                // A pattern is not a misspelt name.
                nearest: glob.exact().and_then(|_| {
                    let names: BTreeSet<&[u8]> = names().map(|name| &**name).collect();
                    nearest(glob.written(), names)
                }),
            });
        }
        let trees = model.trees();
        if let Some(tree) = self.tree.iter().find(|tree| !trees.contains(&&***tree)) {
            let trees = trees.into_iter().map(str::as_bytes);
            return Some(Unknown {
                named: Named::Tree,
                value: tree.clone(),
                nearest: nearest(tree, trees),
            });
        }
        if self.user.is_empty() {
            return None;
        }
        let users = users(model);
        let user = self.user.iter().find(|user| !users.contains(&***user))?;
        Some(Unknown {
            named: Named::User,
            value: user.clone(),
            nearest: nearest(user, users.iter().map(String::as_bytes)),
        })
    }
}

/// Lists the names and the numbers of all users that processes ran as.
fn users(model: &Model) -> BTreeSet<String> {
    let of_process = |process: &Process| {
        let former = process.former_users.iter().copied();
        former.chain([process.user]).collect::<Vec<u32>>()
    };
    let ids: BTreeSet<u32> = model
        .processes()
        .flat_map(|(_, process)| of_process(process))
        .collect();
    let names = ids.iter().filter_map(|id| model.user_name(*id));
    let names = names.map(|name| String::from_utf8_lossy(name).into_owned());
    names.chain(ids.iter().map(u32::to_string)).collect()
}

/// Returns the name that is a slip or two away, the nearest if there are several.
fn nearest<'a>(written: &str, names: impl IntoIterator<Item = &'a [u8]>) -> Option<String> {
    let length = written.chars().count();
    if length > LETTERS {
        return None;
    }
    let near = names.into_iter().filter_map(|name| {
        let name = std::str::from_utf8(name).ok()?;
        let letters = name.chars().count();
        // One letter in three, but two of any word.
        let limit = (length / 3).max(2).min(letters.saturating_sub(1));
        if letters.abs_diff(length) > limit {
            return None;
        }
        let distance = strsim::damerau_levenshtein(written, name);
        (distance <= limit).then_some((distance, name))
    });
    near.min().map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests;
