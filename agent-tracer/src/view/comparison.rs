//! Writes the differences between two recordings. What one of them could not see comes first.

use serde::Serialize;

use super::{
    escape,
    json::to_line,
    page::{Emphasis, Page},
};
use crate::{
    findings::Action,
    policy::{Comparison, Difference, Item, Side},
};

/// Lists the differences as text, given names for both recordings.
pub fn comparison_text(page: &Page, comparison: &Comparison<'_>, names: [&str; 2]) -> Vec<String> {
    let names = names.map(|name| escape::text(name.as_bytes()));
    let mut lines = Vec::new();
    for Doubt { text, is_bad } in doubts(comparison, &names) {
        let text = match is_bad {
            true => page.emphasise(Emphasis::Bad, &text),
            false => text,
        };
        lines.extend(page.wrap(&text, 4));
    }
    for difference in &comparison.differences {
        let text = sentence(difference, name(&names, other(difference.side)));
        lines.extend(page.wrap(&text, 8));
    }
    lines.push(sums(comparison));
    lines
}

fn name(names: &[String; 2], side: Side) -> &str {
    let [before, after] = names;
    match side {
        Side::Before => before,
        Side::After => after,
    }
}

/// Something that one of two recordings could not see.
pub(super) struct Doubt {
    pub(super) text: String,
    /// True if parts of the recording are missing.
    pub(super) is_bad: bool,
}

/// Says what each recording could not see, given their escaped names.
pub(super) fn doubts(comparison: &Comparison<'_>, names: &[String; 2]) -> Vec<Doubt> {
    let incomplete = comparison.incomplete.iter().map(|side| Doubt {
        text: format!(
            "{} is not complete: what it lacks is unknown",
            name(names, *side)
        ),
        is_bad: true,
    });
    let mut doubts: Vec<Doubt> = incomplete.collect();
    for side in [Side::Before, Side::After] {
        let unseen = comparison
            .unseen
            .iter()
            .filter(|(unseen, _)| *unseen == side);
        let unseen: Vec<String> = unseen
            .map(|(_, what)| escape::text(what.as_bytes()))
            .collect();
        if !unseen.is_empty() {
            doubts.push(Doubt {
                text: format!("{} could not see: {}", name(names, side), unseen.join(", ")),
                is_bad: false,
            });
        }
    }
    doubts
}

/// Counts the differences.
pub(super) fn sums(comparison: &Comparison<'_>) -> String {
    let unknown = comparison
        .differences
        .iter()
        .filter(|difference| difference.is_unknown);
    format!(
        "different: {}, of which unknown: {}; in both: {}",
        comparison.differences.len(),
        unknown.count(),
        comparison.common
    )
}

fn other(side: Side) -> Side {
    match side {
        Side::Before => Side::After,
        Side::After => Side::Before,
    }
}

/// Names the difference.
pub(super) fn mark(difference: &Difference<'_>) -> &'static str {
    match (difference.is_unknown, difference.side) {
        (true, _) => "unknown",
        (false, Side::Before) => "gone",
        (false, Side::After) => "new",
    }
}

fn sentence(difference: &Difference<'_>, other: &str) -> String {
    let item = difference.item;
    let mut text = format!(
        "{:<7} {} {}",
        mark(difference),
        kind(item),
        named(difference)
    );
    if let Some(by) = by(item) {
        text.push_str(&format!(" by {by}"));
    }
    text.push_str(&format!(" in {}", escape::text(item.tree.as_bytes())));
    if difference.count > 1 {
        text.push_str(&format!(", {} of them", difference.count));
    }
    if difference.is_unknown {
        text.push_str(&format!("; {other} could not see it"));
    } else if difference.is_changed {
        text.push_str(&format!("; {other} has it in another way"));
    }
    text
}

/// Names the subject, or the kind of change and the difference, but for what is new.
pub(super) fn kind(item: &Item) -> String {
    match item.change {
        Some((kind, Action::New)) => kind.name().to_owned(),
        Some((kind, action)) => format!("{} {}", action.name(), kind.name()),
        None => item.subject.name().to_owned(),
    }
}

/// Names the items, with their reason for attention; escaped.
pub(super) fn named(difference: &Difference<'_>) -> String {
    let name = escape::text(difference.name.as_bytes());
    match &difference.item.attention {
        Some(attention) => format!("{name} ({})", escape::text(attention.as_bytes())),
        None => name,
    }
}

/// Names the first of its processes; escaped.
pub(super) fn by(item: &Item) -> Option<String> {
    let party = item.party()?;
    Some(format!("{} [{}]", escape::text(&party.comm), party.pid))
}

/// A difference. Its order is that of the keys.
#[derive(Serialize)]
struct Row<'a> {
    record: &'static str,
    difference: &'static str,
    side: &'static str,
    subject: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'static str>,
    name: &'a str,
    tree: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attention: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    changed: bool,
    count: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A thing that one recording could not see.
#[derive(Serialize)]
struct Unseen<'a> {
    record: &'static str,
    side: &'static str,
    what: &'a str,
}

/// Lists the differences as lines of JSON.
pub fn comparison_jsonl(comparison: &Comparison<'_>) -> Vec<String> {
    let incomplete = comparison.incomplete.iter();
    let incomplete = incomplete.map(|side| (*side, "parts of the recording"));
    let unseen = comparison
        .unseen
        .iter()
        .map(|(side, what)| (*side, what.as_str()));
    let mut lines: Vec<String> = incomplete
        .chain(unseen)
        .map(|(side, what)| {
            to_line(&Unseen {
                record: "unseen",
                side: side_name(side),
                what,
            })
        })
        .collect();
    lines.extend(comparison.differences.iter().map(|difference| {
        let item: &Item = difference.item;
        to_line(&Row {
            record: "difference",
            difference: mark(difference),
            side: side_name(difference.side),
            subject: item.subject.name(),
            kind: item.change.map(|(kind, _)| kind.name()),
            action: item.change.map(|(_, action)| action.name()),
            name: &difference.name,
            tree: &item.tree,
            attention: item.attention.as_deref(),
            changed: difference.is_changed,
            count: difference.count,
        })
    }));
    lines
}

fn side_name(side: Side) -> &'static str {
    match side {
        Side::Before => "before",
        Side::After => "after",
    }
}
