//! Compares a report with another recording: what only one of them has, and marks of rows.

use std::collections::BTreeSet;

use super::table::{Placed, Table};
use crate::{
    findings::ConnectionGroup,
    model::{Connection, Listener, Process},
    policy::{Comparison, Difference, Mark},
    view::{
        Context,
        comparison::{by, doubts, kind, mark, named, sums},
        escape,
        field::Field,
        numbers::grouped,
        page::{Emphasis, Page},
        table::Layout,
    },
};

/// Limit of the differences in text.
const LIMIT: usize = 200;

/// Another recording, and the differences from it.
pub struct Against<'a> {
    /// Names of the other recording and of this one; not escaped.
    pub names: [String; 2],
    /// The comparison; the report is on the second recording.
    pub comparison: &'a Comparison<'a>,
}

/// The box of a page about another recording. The template escapes its texts.
pub(super) struct Compared {
    pub(super) name: String,
    pub(super) doubts: Vec<String>,
    pub(super) sums: String,
    pub(super) table: Table,
}

impl Against<'_> {
    /// Makes the box of a page.
    pub(super) fn compared(&self, context: Context<'_>) -> Compared {
        let doubts = doubts(self.comparison, &self.escaped()).into_iter();
        let rows = self.comparison.differences.iter();
        let rows = rows.map(|one| Placed::new(one, BTreeSet::default()));
        Compared {
            name: self.name(),
            doubts: doubts.map(|doubt| doubt.text).collect(),
            sums: sums(self.comparison),
            table: Table::new(context, "Differences", &differences(), rows),
        }
    }

    /// The name of the other recording; escaped.
    pub(super) fn name(&self) -> String {
        let [other, _] = &self.names;
        escape::text(other.as_bytes())
    }

    fn escaped(&self) -> [String; 2] {
        let [other, own] = &self.names;
        [other, own].map(|name| escape::text(name.as_bytes()))
    }

    /// Lists doubts, differences and their number as lines.
    pub(super) fn lines(&self, page: &Page) -> Vec<String> {
        let mut lines = Vec::new();
        for doubt in doubts(self.comparison, &self.escaped()) {
            let wrapped = page.wrap(&doubt.text, 4).into_iter();
            lines.extend(wrapped.map(|line| match doubt.is_bad {
                true => page.fit(page.emphasise(Emphasis::Bad, &line)),
                false => page.fit(line),
            }));
        }
        lines.push(page.fit(sums(self.comparison)));
        let differences = &self.comparison.differences;
        for difference in differences.iter().take(LIMIT) {
            let item = difference.item;
            let state = state(difference);
            let mut text = format!("{state:<7} {} {}", kind(item), named(difference));
            if let Some(by) = by(item) {
                text.push_str(&format!(" by {by}"));
            }
            text.push_str(&format!(" in {}", escape::text(item.tree.as_bytes())));
            if difference.count > 1 {
                text.push_str(&format!(", {} of them", grouped(difference.count as u64)));
            }
            lines.extend(page.wrap(&text, 8).into_iter().map(|line| page.fit(line)));
        }
        if differences.len() > LIMIT {
            let more = grouped((differences.len() - LIMIT) as u64);
            lines.push(page.fit(format!("and {more} more, which `tracer diff` shows")));
        }
        lines
    }

    pub(super) fn of_group(&self, group: &ConnectionGroup) -> Option<Mark> {
        let marks = &self.comparison.marks;
        marks.of_destination(group.destinations.first()?)
    }

    pub(super) fn of_listener(&self, listener: &Listener) -> Option<Mark> {
        self.comparison.marks.of_listener(listener)
    }

    pub(super) fn of_inbound(&self, connection: &Connection) -> Option<Mark> {
        self.comparison.marks.of_inbound(connection)
    }

    pub(super) fn of_program(&self, process: &Process) -> Option<Mark> {
        self.comparison.marks.of_program(process)
    }

    pub(super) fn of_running(&self, process: &Process) -> Option<Mark> {
        self.comparison.marks.of_running(process)
    }
}

/// Names the difference; one that both recordings have in another way is said so.
fn state(difference: &Difference<'_>) -> &'static str {
    match (mark(difference), difference.is_changed) {
        ("new", true) => "now",
        ("gone", true) => "before",
        (mark, _) => mark,
    }
}

/// A difference between two recordings.
fn differences<'d>() -> [Field<Difference<'d>>; 6] {
    [
        Field::<Difference<'d>>::cell(0, "MARK", |_, one| state(one).to_owned()),
        Field::<Difference<'d>>::cell(1, "KIND", |_, one| kind(one.item)),
        Field::<Difference<'d>>::cell(2, "NAME", |_, one| named(one))
            .layout(Layout::Long)
            .subject(),
        Field::<Difference<'d>>::cell(3, "TREE", |_, one| escape::text(one.item.tree.as_bytes())),
        Field::<Difference<'d>>::cell(4, "BY", |_, one| by(one.item).unwrap_or_default()),
        Field::<Difference<'d>>::cell(5, "COUNT", |_, one| grouped(one.count as u64))
            .layout(Layout::Number),
    ]
}
