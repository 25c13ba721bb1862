//! Arranges processes as a forest: tree by tree, children below their parents.

use crate::model::{Model, Process, ProcessIndex, SYSTEM};

/// The processes that are shown, with their lineage.
pub struct Forest<'a> {
    model: &'a Model,
    /// True for a process that is shown, by position.
    shown: Vec<bool>,
    /// Children of each process, by position.
    children: Vec<Vec<ProcessIndex>>,
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
        let processes = model.processes();
        let shown = processes.map(|(index, process)| {
            let is_wanted = wants(index);
            let is_shown = is_wanted && (with_system || *process.tree != *SYSTEM);
            hidden += usize::from(is_wanted && !is_shown);
            is_shown
        });
        let shown: Vec<bool> = shown.collect();
        let mut children = vec![Vec::new(); shown.len()];
        for (index, process) in model.processes() {
            if let Some(parent) = process.parent
                && let Some(children) = children.get_mut(parent.position())
            {
                children.push(index);
            }
        }
        Forest {
            model,
            shown,
            children,
            hidden,
        }
    }

    /// Returns the trees that have a root.
    pub fn groves(&self) -> impl Iterator<Item = Grove<'a>> {
        let trees = self.model.trees().into_iter();
        let groves = trees.map(|tree| self.grove(tree));
        groves.filter(|grove| !grove.roots.is_empty())
    }

    fn grove(&self, name: &'a str) -> Grove<'a> {
        let mut grove = Grove {
            name,
            processes: 0,
            running: 0,
            roots: Vec::new(),
        };
        for (index, process) in self.model.processes() {
            if *process.tree != *name || !self.shows(index) {
                continue;
            }
            grove.processes += 1;
            grove.running += usize::from(process.is_running());
            let parent = process.parent;
            if parent.is_none_or(|parent| !self.is_of(parent, &process.tree)) {
                grove.roots.push(index);
            }
        }
        grove
    }

    /// Returns the children that are shown in the tree of their parent.
    pub fn children(&self, index: ProcessIndex, process: &Process) -> Vec<ProcessIndex> {
        let children = self.children.get(index.position());
        let children = children.map_or(&[][..], Vec::as_slice).iter().copied();
        children
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
