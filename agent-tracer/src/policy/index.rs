//! Finds the rules that may match an item without a look at all of them.

use std::collections::HashMap;

use super::{Item, Rule, Subject, What, matches::Effect};
use crate::glob::Glob;

/// Rules by the names that they match: by the whole name, by its directory, or else one by one.
pub(super) struct Index<'p> {
    rules: &'p [Rule],
    effect: Effect,
    subjects: HashMap<Subject, Places>,
}

/// Positions of rules of one subject.
#[derive(Default)]
struct Places {
    exact: HashMap<Box<[u8]>, Vec<usize>>,
    /// By the directory that all matches are below; with a slash at the end.
    below: HashMap<Box<[u8]>, Vec<usize>>,
    others: Vec<usize>,
}

impl<'p> Index<'p> {
    pub(super) fn new(rules: &'p [Rule], effect: Effect) -> Index<'p> {
        let mut subjects: HashMap<Subject, Places> = HashMap::new();
        for (position, rule) in rules.iter().enumerate() {
            let places = subjects.entry(rule.subject).or_default();
            // A deny matches an end by any of its names and addresses.
            let is_end = rule.what.iter().any(|what| matches!(what, What::End(_)));
            let names = match effect == Effect::Deny && is_end {
                true => vec![None],
                false => globs(rule),
            };
            for glob in names {
                let exact = glob.and_then(Glob::exact);
                let list = match (exact, glob.and_then(directory)) {
                    (Some(name), _) => places.exact.entry(name.into()).or_default(),
                    (None, Some(directory)) => places.below.entry(directory.into()).or_default(),
                    (None, None) => &mut places.others,
                };
                if list.last() != Some(&position) {
                    list.push(position);
                }
            }
        }
        Index {
            rules,
            effect,
            subjects,
        }
    }

    /// Returns the rules that match, but for conditions on single processes; by position.
    pub(super) fn matching(&self, item: &Item) -> Vec<usize> {
        let Some(places) = self.subjects.get(&item.subject) else {
            return Vec::new();
        };
        let name = item.name.as_slice();
        let mut candidates = places.others.clone();
        candidates.extend(places.exact.get(name).into_iter().flatten());
        if !places.below.is_empty() {
            let slashes = name.iter().enumerate().filter(|(_, byte)| **byte == b'/');
            for (at, _) in slashes {
                let directory = name.get(..=at).unwrap_or_default();
                candidates.extend(places.below.get(directory).into_iter().flatten());
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
        candidates.retain(|position| {
            let rule = self.rules.get(*position);
            rule.is_some_and(|rule| rule.matches_item(item, self.effect))
        });
        candidates
    }
}

/// Returns the globs of a rule's names; none in place of one that is no glob.
fn globs(rule: &Rule) -> Vec<Option<&Glob>> {
    if rule.subject == Subject::Change {
        return match rule.on.name.is_empty() {
            true => vec![None],
            false => rule.on.name.iter().map(Some).collect(),
        };
    }
    let globs = rule.what.iter().map(|what| match what {
        What::Path(glob) => Some(glob),
        What::End(pattern) => pattern.name(),
        What::Kind(_) => None,
    });
    globs.collect()
}

/// Returns the directory that all matches are below; none if it is any.
fn directory(glob: &Glob) -> Option<&[u8]> {
    let beginning = glob.beginning();
    let slash = beginning.iter().rposition(|byte| *byte == b'/')?;
    beginning.get(..=slash)
}
