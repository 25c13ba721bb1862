//! Keeps values in the order of their begin, and finds them by their number in the trace.

use std::collections::HashMap;

/// A list whose entries have numbers. A number that comes again means the newer entry: a forged
/// trace may repeat one.
pub(super) struct Numbered<T> {
    list: Vec<T>,
    positions: HashMap<u64, usize>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Numbered<T> {
        Numbered {
            list: Vec::new(),
            positions: HashMap::new(),
        }
    }
}

impl<T> Numbered<T> {
    pub(super) fn as_slice(&self) -> &[T] {
        &self.list
    }

    /// Returns the position of the next entry.
    pub(super) fn next(&self) -> usize {
        self.list.len()
    }

    pub(super) fn push(&mut self, number: u64, entry: T) {
        self.positions.insert(number, self.list.len());
        self.list.push(entry);
    }

    pub(super) fn get(&self, number: u64) -> Option<&T> {
        self.list.get(*self.positions.get(&number)?)
    }

    /// Iterates over all entries, to change them.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.list.iter_mut()
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        self.list.get_mut(*self.positions.get(&number)?)
    }
}
