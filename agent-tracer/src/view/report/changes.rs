//! Lists of findings: what a recording left behind, and what deserves attention. Whoever makes the list decides what
//! belongs on it; nothing is shown of an empty one.

use super::{super::page::Page, grid::Grid, text::section};

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
}

/// The findings as lines under a title; none where there are none.
pub(super) fn lines(page: &Page, title: &str, entries: &[Entry]) -> Vec<String> {
    let lines = entries.iter().flat_map(|entry| {
        let mut line = format!("{}: {}", entry.kind, entry.what);
        let remarks: Vec<&str> = [entry.tree.as_str(), entry.because.as_str()]
            .into_iter()
            .filter(|remark| !remark.is_empty())
            .collect();
        if !remarks.is_empty() {
            line.push_str(&format!(" ({})", remarks.join("; ")));
        }
        page.wrap(&format!("  {line}"), 4)
    });
    section(page, title, lines.collect())
}

/// The findings as a table.
pub(super) fn grid(caption: &str, entries: &[Entry]) -> Grid {
    let mut grid = Grid::new(caption, &["Kind", "What", "Tree", "Why"]);
    for entry in entries {
        let Entry {
            kind,
            what,
            tree,
            because,
        } = entry.clone();
        grid.row([kind, what, tree, because]);
    }
    grid
}
