//! Drops the rules that others make needless.

use std::collections::HashMap;

use super::{Draft, Members};
use crate::policy::{Observation, Rule, index::Index, matches::Effect};

/// Drops every draft whose items others cover, too, so that each one is needed.
pub(super) fn minimal(
    observations: &[Observation],
    drafts: Vec<(Draft, Members)>,
) -> Vec<(Draft, Members)> {
    let rules: Option<Vec<Rule>> = drafts.iter().map(|(draft, _)| draft.rule()).collect();
    // Every glob is well-formed; if one were not, nothing is dropped.
    let Some(rules) = rules else {
        return drafts;
    };
    let index = Index::new(&rules, Effect::Allow);
    let mut covers: Vec<Vec<Vec<usize>>> = Vec::new();
    let mut counts: HashMap<(usize, usize), usize> = HashMap::new();
    for (_, members) in &drafts {
        let mut of_members = Vec::new();
        for (trace, item) in members {
            let found = observations
                .get(*trace)
                .and_then(|seen| seen.items.get(*item));
            let matching = found.map(|item| index.matching(item)).unwrap_or_default();
            counts.insert((*trace, *item), matching.len());
            of_members.push(matching);
        }
        covers.push(of_members);
    }
    // By draft: the items that it covers, its own or not.
    let mut covered: Vec<Members> = vec![Vec::new(); drafts.len()];
    for ((_, members), covers) in drafts.iter().zip(&covers) {
        for (member, matching) in members.iter().zip(covers) {
            for position in matching {
                if let Some(covered) = covered.get_mut(*position) {
                    covered.push(*member);
                }
            }
        }
    }
    let mut is_kept = vec![true; drafts.len()];
    // The narrowest go first.
    let mut order: Vec<usize> = (0..drafts.len()).collect();
    order.sort_by_key(|position| covered.get(*position).map_or(0, Vec::len));
    for position in order {
        let Some(own) = covered.get(position).filter(|own| !own.is_empty()) else {
            continue;
        };
        let is_needed = own
            .iter()
            .any(|member| counts.get(member).is_none_or(|count| *count < 2));
        if !is_needed {
            for member in own {
                counts.entry(*member).and_modify(|count| *count -= 1);
            }
            if let Some(is_kept) = is_kept.get_mut(position) {
                *is_kept = false;
            }
        }
    }
    let mut result: Vec<(Draft, Members)> = Vec::new();
    let mut places: HashMap<usize, usize> = HashMap::new();
    let mut moved: Vec<(usize, (usize, usize))> = Vec::new();
    for (position, ((draft, members), covers)) in drafts.into_iter().zip(covers).enumerate() {
        if is_kept.get(position) == Some(&true) {
            places.insert(position, result.len());
            result.push((draft, members));
            continue;
        }
        for (member, matching) in members.into_iter().zip(covers) {
            let mut kept = matching.into_iter();
            let kept = kept.find(|position| is_kept.get(*position) == Some(&true));
            moved.extend(kept.map(|kept| (kept, member)));
        }
    }
    for (position, member) in moved {
        let place = places
            .get(&position)
            .and_then(|place| result.get_mut(*place));
        if let Some((_, members)) = place {
            members.push(member);
        }
    }
    result
}
