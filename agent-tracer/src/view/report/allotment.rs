//! Allots the processes and connections of a recording to the parts of a page. A large recording
//! has a first part with the recorded trees, parts that are loaded later, and a rest that is left
//! out.

use std::{collections::HashMap, ops::Range};

use foldhash::fast::RandomState;

use crate::model::ProcessIndex;

use super::{Report, overview::Tree};

/// Limits of the processes and of the connections of a page.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Processes and connections that a page begins with.
    pub(super) first: (usize, usize),
    /// Processes and connections of all parts.
    pub(super) all: (usize, usize),
    /// Processes of a part that is loaded later.
    pub(super) part: usize,
}

/// Limits of a page that a browser opens in two seconds, and that is written in as many.
pub(super) const PAGE: Limits = Limits {
    first: (10_000, 20_000),
    all: (100_000, 200_000),
    part: 10_000,
};

/// The parts of a page, and the part of each process.
#[derive(Default)]
pub(super) struct Allotment {
    /// Rows of the first process of each part.
    pub(super) firsts: Vec<usize>,
    /// Number of processes in all parts.
    pub(super) kept: usize,
    /// Shares of the trees, in their order; none where all is in the first part.
    pub(super) trees: Vec<Share>,
    /// Part and row of each process, by position in the model.
    places: Vec<Option<(u32, u32)>>,
}

/// The share of a tree.
pub(super) struct Share {
    /// Its parts besides the first of the page.
    pub(super) parts: Range<usize>,
    /// Its processes in all parts.
    pub(super) processes: usize,
    /// Limit of its connections in all parts.
    connections: usize,
    /// Limits of its processes and connections in the first part.
    first: (usize, usize),
}

impl Allotment {
    /// Allots the shown processes. Each tree has the same share, unless it is smaller.
    pub(super) fn of(report: &Report<'_>, trees: &[Tree<'_>], limits: &Limits) -> Allotment {
        let shown = report.processes().count();
        let is_large = shown > limits.first.0 || report.shown.connections.len() > limits.first.1;
        let trees_of = if is_large {
            shares(trees, limits)
        } else {
            Vec::new()
        };
        let numbers = numbers(trees);
        let parts = trees_of.last().map_or(1, |share| share.parts.end);
        let mut counts = vec![0_usize; parts];
        let mut seen = vec![0_usize; trees.len()];
        let mut places: Vec<Option<(u32, u32)>> = vec![None; report.model.process_positions()];
        for (index, process) in report.processes() {
            let number = numbers.get(&*process.tree).copied();
            let part = match number.and_then(|number| Some((number, trees_of.get(number)?))) {
                Some((number, share)) => seen.get_mut(number).and_then(|seen| {
                    *seen += 1;
                    share.part(*seen - 1, limits.part)
                }),
                None => (!is_large).then_some(0),
            };
            let Some(part) = part else { continue };
            if let (Some(count), Some(place)) =
                (counts.get_mut(part), places.get_mut(index.position()))
            {
                *place = u32::try_from(part).ok().zip(u32::try_from(*count).ok());
                *count += 1;
            }
        }
        let mut kept = 0;
        let firsts = counts.iter().map(|count| {
            kept += count;
            kept - count
        });
        Allotment {
            firsts: firsts.collect(),
            kept,
            trees: trees_of,
            places,
        }
    }

    fn place(&self, index: ProcessIndex) -> Option<(usize, usize)> {
        let (part, row) = self.places.get(index.position()).copied().flatten()?;
        Some((part as usize, row as usize))
    }

    /// Returns the part of a process; none if it is left out.
    pub(super) fn part(&self, index: ProcessIndex) -> Option<usize> {
        self.place(index).map(|(part, _)| part)
    }

    /// Returns the row of a process, counted over all parts.
    pub(super) fn row(&self, index: ProcessIndex) -> Option<usize> {
        let (part, row) = self.place(index)?;
        Some(self.firsts.get(part)? + row)
    }

    /// Begins to allot connections.
    pub(super) fn rations<'t>(&self, trees: &'t [Tree<'_>]) -> Rations<'t> {
        Rations {
            numbers: numbers(trees),
            first: vec![0; trees.len()],
            kept: vec![0; trees.len()],
        }
    }
}

impl Share {
    /// Returns the part of the process with this place in the tree.
    fn part(&self, place: usize, size: usize) -> Option<usize> {
        match place.checked_sub(self.first.0) {
            None => Some(0),
            Some(_) if place >= self.processes => None,
            Some(later) => Some(self.parts.start + later / size.max(1)),
        }
    }
}

/// The connections of each tree that have a part so far.
pub(super) struct Rations<'t> {
    numbers: HashMap<&'t str, usize, RandomState>,
    first: Vec<usize>,
    /// Number of the connections of each tree in any part.
    pub(super) kept: Vec<usize>,
}

impl Rations<'_> {
    /// Returns the part of the next connection; none if it is left out. It is in the part of its
    /// owner, or else in the next one.
    pub(super) fn part(
        &mut self,
        allotment: &Allotment,
        tree: &str,
        owner: ProcessIndex,
    ) -> Option<usize> {
        if allotment.trees.is_empty() {
            return Some(0);
        }
        let number = *self.numbers.get(tree)?;
        let share = allotment.trees.get(number)?;
        let kept = self.kept.get_mut(number)?;
        let first = self.first.get_mut(number)?;
        if *kept >= share.connections {
            return None;
        }
        let part = match allotment.part(owner)? {
            0 if *first < share.first.1 => {
                *first += 1;
                0
            }
            0 => share.parts.start,
            part => part,
        };
        *kept += 1;
        Some(part)
    }
}

fn numbers<'t>(trees: &'t [Tree<'_>]) -> HashMap<&'t str, usize, RandomState> {
    let trees = trees.iter().enumerate();
    trees
        .map(|(number, tree)| (tree.sums.name, number))
        .collect()
}

fn shares(trees: &[Tree<'_>], limits: &Limits) -> Vec<Share> {
    let counts = |is_counted: &dyn Fn(&Tree<'_>) -> bool| -> (Vec<usize>, Vec<usize>) {
        let counted = trees.iter().map(|tree| match is_counted(tree) {
            true => (tree.sums.processes, tree.sums.connections),
            false => (0, 0),
        });
        counted.unzip()
    };
    let all = counts(&|_| true);
    // A reviewer has come for the recorded trees.
    let recorded = counts(&|tree| !tree.is_bystander);
    let processes = fair(&all.0, limits.all.0);
    let connections = fair(&all.1, limits.all.1);
    let first_processes = fair(&recorded.0, limits.first.0);
    let first_connections = fair(&recorded.1, limits.first.1);
    let mut end = 1;
    let limits_of = processes.into_iter().zip(connections);
    let firsts_of = first_processes.into_iter().zip(first_connections);
    limits_of
        .zip(firsts_of)
        .map(|((processes, connections), first)| {
            let first = (first.0.min(processes), first.1.min(connections));
            let later = (processes - first.0).div_ceil(limits.part.max(1));
            let begin = end;
            end += later.max(usize::from(connections > first.1));
            Share {
                parts: begin..end,
                processes,
                connections,
                first,
            }
        })
        .collect()
}

/// Divides a budget: each has what it counts, up to the same limit.
fn fair(counts: &[usize], budget: usize) -> Vec<usize> {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    let mut left = budget;
    let mut limit = usize::MAX;
    for (place, count) in sorted.iter().enumerate() {
        let share = left / (sorted.len() - place);
        if *count > share {
            limit = share;
            break;
        }
        left -= count;
    }
    counts.iter().map(|count| *count.min(&limit)).collect()
}

#[cfg(test)]
mod tests {
    use super::fair;

    #[test]
    fn small_ones_are_whole_and_large_ones_share_the_rest() {
        assert_eq!(fair(&[5, 100, 1, 60], 50), [5, 22, 1, 22]);
        assert_eq!(fair(&[5, 100, 1, 60], 166), [5, 100, 1, 60]);
        assert_eq!(fair(&[3, 3], 1), [0, 0]);
        assert_eq!(fair(&[], 10), [0_usize; 0]);
    }
}
