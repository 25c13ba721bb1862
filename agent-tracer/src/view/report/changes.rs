//! Lists changes and reasons for attention. An empty list is not shown.

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

/// A row of such a list. Its texts are escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Action and kind of the change, or the reason for attention.
    pub kind: String,
    /// Name and description.
    pub what: String,
    /// Tree of the author; empty if there is none.
    pub tree: String,
    /// The author in words; empty if there is nothing to say.
    pub because: String,
    /// The author, if known.
    pub author: Option<ProcessIndex>,
}

/// Makes the rows of attention, and of all changes without a section of their own.
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

/// Returns the rows as lines under a title, or none without a row.
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
