//! Compares two recordings item by item. What one of them could not see is unknown, not gone.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Draft, Item, Mark, Marks, Observation, Subject,
    learn::learn_each,
    sight::{compared_as, facts_of_subject},
};
use crate::findings::Kind;

/// One of two recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The first.
    Before,
    /// The second.
    After,
}

/// An item that only one recording has.
#[derive(Clone, Debug)]
pub struct Difference<'a> {
    /// The recording that has it.
    pub side: Side,
    /// True if the other one could not see it.
    pub is_unknown: bool,
    /// True if the other one has it in another way: by another tree or user, or with another
    /// attention.
    pub is_changed: bool,
    /// The first of the items.
    pub item: &'a Item,
    /// Its name without what differs from run to run.
    pub name: String,
    /// Number of the items.
    pub count: usize,
}

/// The result of a comparison.
#[derive(Clone, Debug, Default)]
pub struct Comparison<'a> {
    /// Facts and lists that only one of them has, with the one that lacks it.
    pub unseen: Vec<(Side, String)>,
    /// Sides that are not whole.
    pub incomplete: Vec<Side>,
    /// The differences, by subject.
    pub differences: Vec<Difference<'a>>,
    /// Number of the items that both have.
    pub common: usize,
    /// Marks of all that the second one did.
    pub marks: Marks,
}

/// Compares two recordings.
pub fn compare<'a>(before: &'a Observation, after: &'a Observation) -> Comparison<'a> {
    let mut comparison = Comparison::default();
    for (side, own, other) in [(Side::Before, before, after), (Side::After, after, before)] {
        if !own.sight.is_whole() {
            comparison.incomplete.push(side);
        }
        let facts = super::FACTS.into_iter();
        let facts = facts.filter(|fact| !own.sight.sees(fact) && other.sight.sees(fact));
        let lists = super::COMPARED.into_iter();
        let lists = lists.filter(|list| !own.sight.compared(list) && other.sight.compared(list));
        let lists = lists.map(|list| format!("the list {list}"));
        let roots = other.sight.roots().iter();
        let roots = roots.filter(|root| !own.sight.roots().contains(root));
        let roots = roots.map(|root| format!("files below {}", String::from_utf8_lossy(root)));
        let all = facts.map(str::to_owned).chain(lists).chain(roots);
        comparison.unseen.extend(all.map(|what| (side, what)));
    }
    let of_before = by_draft(before);
    let of_after = by_draft(after);
    for (side, own, others, other) in [
        (Side::Before, &of_before, &of_after, after),
        (Side::After, &of_after, &of_before, before),
    ] {
        let things: BTreeSet<Thing<'_>> = others.values().map(|(draft, _)| thing(draft)).collect();
        for (key, (draft, items)) in own {
            let is_common = others.contains_key(key);
            let is_changed = !is_common && things.contains(&thing(draft));
            if side == Side::After {
                for item in items {
                    let mark = match () {
                        () if is_common => Mark::Same,
                        () if is_changed => Mark::Changed,
                        () if could_see(other, item) => Mark::New,
                        () => Mark::Unknown,
                    };
                    comparison.marks.note(item, mark);
                }
            }
            if is_common {
                comparison.common += usize::from(side == Side::Before);
                continue;
            }
            let Some(item) = items.first() else { continue };
            comparison.differences.push(Difference {
                side,
                is_unknown: !is_changed && !could_see(other, item),
                is_changed,
                item,
                name: draft.names.join(", "),
                count: items.len(),
            });
        }
    }
    comparison.differences.sort_by(|one, other| {
        let key = |it: &Difference<'_>| {
            (
                it.item.subject,
                it.item.change,
                it.item.tree.clone(),
                it.name.clone(),
                it.side,
            )
        };
        key(one).cmp(&key(other))
    });
    comparison
}

/// Everything that stays where a thing is done in another way.
type Thing<'a> = (Subject, Option<Kind>, &'a [String], Option<&'a str>);

fn thing(draft: &Draft) -> Thing<'_> {
    let kind = draft.change.map(|(kind, _)| kind);
    let port = draft.port.as_ref().map(|(port, _)| port.as_str());
    (draft.subject, kind, &draft.names, port)
}

/// Groups items by the rule that each alone would get.
fn by_draft(observation: &Observation) -> BTreeMap<String, (Draft, Vec<&Item>)> {
    let mut groups: BTreeMap<String, (Draft, Vec<&Item>)> = BTreeMap::new();
    for (draft, item) in learn_each(observation) {
        let group = groups.entry(format!("{draft:?}"));
        let (_, items) = group.or_insert_with(|| (draft, Vec::new()));
        items.push(item);
    }
    groups
}

/// Returns true if a recording would have the item, had it happened there.
fn could_see(observation: &Observation, item: &Item) -> bool {
    let sight = &observation.sight;
    let facts = facts_of_subject(item.subject);
    let sees_facts = facts.iter().all(|fact| sight.sees(fact));
    let lists = item.change.map_or(&[][..], |(kind, _)| compared_as(kind));
    let sees_lists = lists.is_empty() || lists.iter().any(|list| sight.compared(list));
    let sees_path = lists != ["file"] || sight.sees_file(&item.name);
    sees_facts && sees_lists && sees_path && sight.is_whole()
}
