//! Arranges processes as a forest: tree by tree, children below their parents.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::model::{Model, Process, ProcessIndex, SYSTEM};

/// The processes that are shown, with their lineage.
pub struct Forest<'a> {
    model: &'a Model,
    /// True for a process that is shown, by position.
    shown: Vec<bool>,
    /// Children of all processes, those of each in a row.
    children: Vec<ProcessIndex>,
    /// Begin of the children of each process, by position; one more is the end.
    begins: Vec<usize>,
    /// Wanted processes of the system that are only counted.
    pub hidden: usize,
}

/// The processes of one tree in a forest.
pub struct Grove<'a> {
    /// Name of the tree; not escaped.
    pub name: &'a str,
    /// Number of its processes.
    pub processes: usize,
    /// Number of those that still run.
    pub running: usize,
    /// Processes whose parent is of another tree, or not shown.
    pub roots: Vec<ProcessIndex>,
}

impl<'a> Forest<'a> {
    /// Arranges the wanted processes, with those of the system if `with_system`.
    pub fn new(
        model: &'a Model,
        wants: &dyn Fn(ProcessIndex) -> bool,
        with_system: bool,
    ) -> Forest<'a> {
        let mut hidden = 0;
        let shown = model.mark_processes(|index, process| {
            let is_wanted = wants(index);
            let is_shown = is_wanted && (with_system || *process.tree != *SYSTEM);
            hidden += usize::from(is_wanted && !is_shown);
            is_shown
        });
        let (children, begins) = children(model);
        Forest {
            model,
            shown,
            children,
            begins,
            hidden,
        }
    }

    /// Returns the trees that have a root.
    pub fn groves(&self) -> impl Iterator<Item = Grove<'a>> {
        let trees = self.model.trees().into_iter();
        let mut places: HashMap<&str, usize, RandomState> = HashMap::default();
        let mut groves: Vec<Grove<'a>> = Vec::new();
        for name in trees {
            places.insert(name, groves.len());
            groves.push(Grove {
                name,
                processes: 0,
                running: 0,
                roots: Vec::new(),
            });
        }
        // One pass for all trees: a machine has many units, each a tree.
        for (index, process) in self.model.processes() {
            if !self.shows(index) {
                continue;
            }
            let place = places.get(&*process.tree);
            let Some(grove) = place.and_then(|place| groves.get_mut(*place)) else {
                continue;
            };
            grove.processes += 1;
            grove.running += usize::from(process.is_running());
            let parent = process.parent;
            if parent.is_none_or(|parent| !self.is_of(parent, &process.tree)) {
                grove.roots.push(index);
            }
        }
        let groves = groves.into_iter();
        groves.filter(|grove| !grove.roots.is_empty())
    }

    /// Returns the children that are shown in the tree of their parent.
    pub fn children(&self, index: ProcessIndex, process: &Process) -> Vec<ProcessIndex> {
        let at = index.position();
        let begin = self.begins.get(at).copied().unwrap_or(0);
        let end = self.begins.get(at + 1).copied().unwrap_or(begin);
        let children = self.children.get(begin..end).unwrap_or_default().iter();
        children
            .copied()
            .filter(|child| self.is_of(*child, &process.tree))
            .collect()
    }

    fn is_of(&self, index: ProcessIndex, tree: &str) -> bool {
        self.shows(index) && *self.model.process(index).tree == *tree
    }

    fn shows(&self, index: ProcessIndex) -> bool {
        let shown = self.shown.get(index.position());
        shown.copied().unwrap_or(false)
    }
}

/// Lists the children of all processes, and where those of each begin.
fn children(model: &Model) -> (Vec<ProcessIndex>, Vec<usize>) {
    let parents = || {
        let processes = model.processes();
        processes.filter_map(|(index, process)| Some((index, process.parent?.position())))
    };
    let mut begins = vec![0; model.process_positions() + 1];
    for (_, parent) in parents() {
        if let Some(count) = begins.get_mut(parent + 1) {
            *count += 1;
        }
    }
    let mut sum = 0;
    for begin in &mut begins {
        sum += *begin;
        *begin = sum;
    }
    let mut next = begins.clone();
    let mut all: Vec<ProcessIndex> = parents().map(|(index, _)| index).collect();
    // Each child has its own place, and children stay in their order.
    for (index, parent) in parents() {
        let place = next.get_mut(parent);
        if let Some(child) = place.and_then(|place| {
            let child = all.get_mut(*place);
            *place += 1;
            child
        }) {
            *child = index;
        }
    }
    (all, begins)
}
