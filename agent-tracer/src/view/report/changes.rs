//! Lists of findings: what a recording left behind, and what deserves attention. Whoever makes the list decides what
//! belongs on it; nothing is shown of an empty one.

use crate::{
    findings::Change,
    model::{Model, ProcessIndex},
    view::{
        changes::{by, words},
        escape,
        page::Page,
    },
};

use super::text::section;

/// One finding. Every text in it is safe to show: it went through [`crate::view::text`] or the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is about, in a word or two: `user`, `service`, `listens`.
    pub kind: String,
    /// What was found.
    pub what: String,
    /// The tree that it belongs to; empty where it belongs to none.
    pub tree: String,
    /// Who did it, or why it matters; empty where there is nothing to say.
    pub because: String,
    /// Who did it, where that is known.
    pub author: Option<ProcessIndex>,
}

/// What deserves attention, and all changes but those that have a part of their own in a report.
pub fn entries(model: &Model, changes: &[Change<'_>]) -> (Vec<Entry>, Vec<Entry>) {
    let mut attention = Vec::new();
    let mut others = Vec::new();
    for change in changes {
        let entry = |kind: String, what: String, author: Option<(ProcessIndex, bool)>| {
            let index = author.map(|(index, _)| index);
            let tree = index.map_or("", |index| &*model.process(index).tree);
            Entry {
                kind,
                what,
                tree: escape::text(tree.as_bytes()),
                because: by(model, change.kind, author),
                author: index,
            }
        };
        let action = change.action.name();
        let became = words::became(model, change);
        for item in change.attention_items() {
            let what = words::attention_item(&item);
            let reason = words::reason(item.reason);
            let what = match reason.starts_with(&became) {
                true => what,
                false => format!("{what} ({became})"),
            };
            attention.push(entry(reason.into_owned(), what, item.author));
        }
        if !change.kind.is_activity() {
            let what = format!(
                "{} {}",
                escape::text(&change.what),
                words::detail(model, change)
            );
            let kind = format!("{action} {}", change.kind.name());
            let author = change.author.map(|author| (author, change.is_inferred));
            others.push(entry(kind, what.trim_end().to_owned(), author));
        }
    }
    (attention, others)
}

/// The findings as lines under a title; none where there are none.
pub(super) fn lines(page: &Page, title: &str, entries: &[Entry]) -> Vec<String> {
    let lines = entries.iter().flat_map(|entry| {
        let mut line = format!("{}: {}", entry.kind, entry.what);
        if !entry.because.is_empty() {
            line.push_str(&format!(", {}", entry.because));
        }
        let wrapped = page.wrap(&format!("  {line}"), 4);
        wrapped.into_iter().map(|line| page.fit(line))
    });
    section(page, title, lines.collect())
}
