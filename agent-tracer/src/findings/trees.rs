//! Sums up processes and connections by tree.

use std::collections::{BTreeMap, HashMap, HashSet};

use foldhash::fast::RandomState;

use super::{Destination, Picture, destination::Destinations};
use crate::model::{Model, ProcessIndex};

/// A tree, summed up.
#[derive(Clone, Debug, Default)]
pub struct Tree<'a> {
    /// Its name; not escaped.
    pub name: &'a str,
    /// Number of its processes.
    pub processes: usize,
    /// Number of processes that still run.
    pub running: usize,
    /// Number of their connections.
    pub connections: usize,
    /// Destinations of the connections.
    pub destinations: HashSet<Destination>,
    /// Processes whose parents are of other trees, or not shown.
    pub roots: Vec<ProcessIndex>,
}

/// Sums up all trees in one pass: a machine has many units, each a tree.
pub fn trees<'a>(model: &'a Model, picture: &Picture<'_>) -> Vec<Tree<'a>> {
    let mut by_name: BTreeMap<&str, Tree<'a>> = BTreeMap::new();
    for (index, process) in picture.shown_processes(model) {
        let tree = by_name.entry(&process.tree).or_default();
        tree.processes += model.count(index);
        tree.running += usize::from(process.is_running());
        let is_root = process.parent.is_none_or(|parent| {
            !picture.shows(parent) || *model.process(parent).tree != *process.tree
        });
        if is_root {
            tree.roots.push(index);
        }
    }
    let mut destinations = Destinations::default();
    let mut numbers: Vec<Destination> = Vec::new();
    // Names are compared once for each tree of the model, which stays where it is meanwhile.
    let mut sums: HashMap<(usize, Option<usize>), (&str, usize), RandomState> = HashMap::default();
    for connection in picture.connections.iter() {
        let name = &*model.process(connection.owner).tree;
        let number = (!connection.is_inbound).then(|| destinations.number(connection));
        if number == Some(numbers.len()) {
            numbers.push(Destination::of(connection));
        }
        let key = (name.as_ptr().addr(), number);
        sums.entry(key).or_insert((name, 0)).1 += connection.count() as usize;
    }
    for ((_, number), (name, count)) in sums {
        let tree = by_name.entry(name).or_default();
        tree.connections += count;
        let destination = number.and_then(|number| numbers.get(number));
        tree.destinations.extend(destination.cloned());
    }
    let known = model.trees().into_iter();
    known
        .filter_map(|name| {
            let tree = by_name.remove(name)?;
            Some(Tree { name, ..tree })
        })
        .collect()
}
