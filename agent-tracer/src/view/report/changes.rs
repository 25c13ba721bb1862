//! Lists changes and reasons for attention. An empty list is not shown.

use crate::{
    findings::{Change, attention_list},
    model::{Model, ProcessIndex},
    policy::{Mark, Marks},
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
    /// The difference from another recording, if there is one that it was compared with.
    pub mark: Option<Mark>,
}

/// Makes the rows of attention, and of all changes without a section of their own. `marks` are
/// those of a comparison.
pub fn entries(
    model: &Model,
    changes: &[Change<'_>],
    marks: Option<&Marks>,
) -> (Vec<Entry>, Vec<Entry>) {
    let mark = |change: &Change<'_>, what: &[u8]| marks?.of_change(model, change, what);
    let entry = |kind: String, what: String, change: &Change<'_>, author: Author| {
        let index = author.map(|(index, _)| index);
        let tree = index.map_or("", |index| &*model.process(index).tree);
        Entry {
            kind,
            what,
            tree: escape::text(tree.as_bytes()),
            because: by(model, change.kind, author),
            author: index,
            mark: None,
        }
    };
    let lines = attention_list(changes).into_iter();
    let attention = lines.map(|line| {
        let became = words::became(model, line.change);
        let what = words::attention_item(&line);
        let reason = words::reason(line.reason);
        let what = match reason.starts_with(&became) {
            true => what,
            false => format!("{what} ({became})"),
        };
        Entry {
            mark: mark(line.change, &line.what),
            ..entry(reason.into_owned(), what, line.change, line.author)
        }
    });
    let others = changes.iter().filter(|change| !change.kind.is_activity());
    let others = others.map(|change| {
        let what = format!(
            "{} {}",
            escape::text(&change.what),
            words::detail(model, change)
        );
        let kind = format!("{} {}", change.action.name(), change.kind.name());
        let author = change.author.map(|author| (author, change.is_inferred));
        Entry {
            mark: mark(change, &change.what),
            ..entry(kind, what.trim_end().to_owned(), change, author)
        }
    });
    (attention.collect(), others.collect())
}

/// An author, and true if inferred.
type Author = Option<(ProcessIndex, bool)>;

/// Returns the rows as lines under a title, or none without a row.
pub(super) fn lines(page: &Page, title: &str, entries: &[Entry]) -> Vec<String> {
    let lines = entries.iter().flat_map(|entry| {
        let mut line = format!("{}: {}", entry.kind, entry.what);
        if let Some(mark) = entry.mark.filter(|mark| *mark != Mark::Same) {
            line = format!("[{}] {line}", mark.name());
        }
        if !entry.because.is_empty() {
            line.push_str(&format!(", {}", entry.because));
        }
        let wrapped = page.wrap(&format!("  {line}"), 4);
        wrapped.into_iter().map(|line| page.fit(line))
    });
    section(page, title, lines.collect())
}
