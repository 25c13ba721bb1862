//! Lists what deserves attention, with many equal files of one directory as one line.

use std::{borrow::Cow, collections::HashMap};

use super::{AttentionItem, Change, Reason, files::parent};
use crate::model::ProcessIndex;

/// Greatest number of files with lines of their own.
const FEW: usize = 8;

/// A line of the list.
pub struct AttentionLine<'c, 'a> {
    /// The change that it belongs to.
    pub change: &'c Change<'a>,
    /// The reason.
    pub reason: &'c Reason,
    /// The author; true if inferred.
    pub author: Option<(ProcessIndex, bool)>,
    /// Name of the change, or the directory of several files; not escaped.
    pub what: Cow<'c, [u8]>,
    /// Number of rules of a table, if several.
    pub rules: Option<usize>,
    /// Number of files, if several.
    pub files: Option<usize>,
}

/// Lists the parts of changes that deserve attention, in their order. Files with the same reason,
/// directory and author are one line if they are many.
pub fn attention_list<'c, 'a>(changes: &'c [Change<'a>]) -> Vec<AttentionLine<'c, 'a>> {
    let all = changes.iter().flat_map(|change| {
        let items = change.attention_items();
        items.map(move |item| (change, item))
    });
    let all: Vec<(&Change<'a>, AttentionItem<'c>)> = all.collect();
    let mut counts: HashMap<Key<'c>, usize> = HashMap::new();
    for (change, item) in &all {
        if let Some(key) = key(change, item) {
            *counts.entry(key).or_default() += 1;
        }
    }
    let mut lines = Vec::new();
    for (change, item) in all {
        let key = key(change, &item);
        let count = key.as_ref().and_then(|key| counts.get_mut(key));
        let mut line = AttentionLine {
            change,
            reason: item.reason,
            author: item.author,
            what: item.what.into(),
            rules: item.rules,
            files: None,
        };
        match (count, &key) {
            // The line is there already.
            (Some(0), _) => continue,
            (Some(count), Some((_, directory, ..))) if *count > FEW => {
                line.what = [directory, &b"/"[..]].concat().into();
                line.files = Some(*count);
                *count = 0;
            }
            _ => {}
        }
        lines.push(line);
    }
    lines
}

/// Reason, directory, author and action of a file with a reason of its path.
type Key<'c> = (
    &'c str,
    &'c [u8],
    Option<(ProcessIndex, bool)>,
    &'static str,
);

fn key<'c>(change: &Change<'_>, item: &AttentionItem<'c>) -> Option<Key<'c>> {
    let Reason::Rule(words) = item.reason else {
        return None;
    };
    let directory = parent(item.what)?;
    Some((words, directory, item.author, change.action.name()))
}
