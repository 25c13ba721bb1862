//! Finds lookups of host names that failed.

use std::collections::HashSet;

use crate::model::{Model, NameLookup, SYSTEM};

/// Lists lookups that failed, each name once an outcome, except lookups by the system.
pub fn failed_lookups(model: &Model) -> Vec<&NameLookup> {
    let mut seen = HashSet::new();
    let failed = model.lookups().filter(|lookup| {
        let tree = lookup.party().map(|asker| &*model.process(asker).tree);
        lookup.has_failed() && tree.is_some_and(|tree| tree != SYSTEM)
    });
    let distinct = failed.filter(|lookup| seen.insert((&*lookup.question, &*lookup.rcode)));
    distinct.collect()
}
