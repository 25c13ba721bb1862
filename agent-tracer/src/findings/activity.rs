//! Notes when each tree last did something, while a trace is read.

use std::{collections::BTreeMap, sync::Arc};

use crate::{event::Event, model::Model};

/// The time of the last event of each tree.
#[derive(Debug, Default)]
pub struct Activity {
    last_ns: BTreeMap<Arc<str>, u64>,
}

impl Activity {
    /// Notes an event that was just applied to the model.
    pub fn note(&mut self, model: &Model, event: &Event) {
        let Some(index) = model.find(event.process) else {
            return;
        };
        let tree = &model.process(index).tree;
        match self.last_ns.get_mut(&**tree) {
            Some(last_ns) => *last_ns = event.boot_ns.max(*last_ns),
            None => {
                self.last_ns.insert(Arc::clone(tree), event.boot_ns);
            }
        }
    }

    /// Returns the time of the last event of a tree, nanoseconds since boot.
    pub fn of(&self, tree: &str) -> Option<u64> {
        self.last_ns.get(tree).copied()
    }

    /// Forgets trees without a process in the model: units come and go.
    pub fn forget_others(&mut self, model: &Model) {
        let trees = model.trees();
        if self.last_ns.len() > 2 * trees.len() {
            self.last_ns.retain(|tree, _| trees.contains(&&**tree));
        }
    }
}
