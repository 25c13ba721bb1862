//! Keeps values in the order of their begin, and finds them by their number in the trace.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// A value with a number in the trace.
pub(super) trait Number {
    fn number(&self) -> u64;
}

/// A list whose entries have numbers. A number that comes again means the newer entry: a forged
/// trace may repeat one.
///
/// Numbers ascend, so an entry is found by its distance from both ends. Only a forged trace needs
/// a table.
pub(super) struct Numbered<T> {
    list: Vec<T>,
    /// Made once a number does not ascend.
    table: Option<HashMap<u64, usize, RandomState>>,
    /// Count of the entries that were removed.
    removed: usize,
}

impl<T> Default for Numbered<T> {
    fn default() -> Numbered<T> {
        Numbered {
            list: Vec::new(),
            table: None,
            removed: 0,
        }
    }
}

impl<T: Number> Numbered<T> {
    pub(super) fn as_slice(&self) -> &[T] {
        &self.list
    }

    /// Returns the position of the next entry, removed ones counted.
    pub(super) fn next(&self) -> usize {
        self.removed + self.list.len()
    }

    /// Keeps the entries for which `keep` returns true.
    pub(super) fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        let before = self.list.len();
        self.list.retain(keep);
        self.removed += before - self.list.len();
        self.list.shrink_to(self.list.len() * 2);
        if self.table.is_some() {
            self.table = Some(self.tabulated());
        }
    }

    pub(super) fn push(&mut self, entry: T) {
        let number = entry.number();
        let ascends = self.list.last().is_none_or(|last| last.number() < number);
        if self.table.is_none() && !ascends {
            self.table = Some(self.tabulated());
        }
        if let Some(table) = &mut self.table {
            table.insert(number, self.list.len());
        }
        self.list.push(entry);
    }

    pub(super) fn get(&self, number: u64) -> Option<&T> {
        self.list.get(self.position(number)?)
    }

    /// Iterates over all entries, to change them.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.list.iter_mut()
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let position = self.position(number)?;
        self.list.get_mut(position)
    }

    fn tabulated(&self) -> HashMap<u64, usize, RandomState> {
        let entries = self.list.iter().enumerate();
        entries
            .map(|(position, entry)| (entry.number(), position))
            .collect()
    }

    fn position(&self, number: u64) -> Option<usize> {
        if let Some(table) = &self.table {
            return table.get(&number).copied();
        }
        let (first, last) = (self.list.first()?.number(), self.list.last()?.number());
        // Between two entries are at most as many others as there are numbers.
        let from_first = usize::try_from(number.checked_sub(first)?).unwrap_or(usize::MAX);
        let from_last = usize::try_from(last.checked_sub(number)?).unwrap_or(usize::MAX);
        let end = self.list.len() - 1;
        let (low, high) = (end.saturating_sub(from_last), end.min(from_first));
        let between = self.list.get(low..=high)?;
        let found = between.binary_search_by_key(&number, T::number).ok()?;
        Some(low + found)
    }
}

#[cfg(test)]
mod tests {
    use super::{Number, Numbered};

    impl Number for (u64, char) {
        fn number(&self) -> u64 {
            self.0
        }
    }

    #[test]
    fn ascending_numbers_with_gaps_are_found() {
        let mut all = Numbered::default();
        assert_eq!(all.get(0), None);
        let is_missing = |number: u64| number % 7 == 3 || (200..300).contains(&number);
        for number in (5..1000).filter(|number| !is_missing(*number)) {
            all.push((number, 'a'));
        }
        all.push((u64::MAX, 'z'));
        for number in 0..1100 {
            let is_there = (5..1000).contains(&number) && !is_missing(number);
            assert_eq!(all.get(number).is_some(), is_there, "{number}");
        }
        assert_eq!(all.get(u64::MAX), Some(&(u64::MAX, 'z')));
        assert!(all.table.is_none());
        all.retain(|(number, _)| number % 5 == 0);
        for number in 0..1100 {
            let is_there = (5..1000).contains(&number) && !is_missing(number) && number % 5 == 0;
            assert_eq!(all.get(number).is_some(), is_there, "{number}");
        }
    }

    #[test]
    fn a_number_means_its_newest_entry() {
        let mut all = Numbered::default();
        for number in 0..1000 {
            all.push((number, 'a'));
        }
        all.push((7, 'b'));
        assert_eq!(all.get(7), Some(&(7, 'b')));
        assert_eq!(all.get(8), Some(&(8, 'a')));
        assert_eq!(all.get(1000), None);
        assert_eq!(all.next(), 1001);
        assert_eq!(all.as_slice().first(), Some(&(0, 'a')));
        all.retain(|(number, _)| number % 2 == 1);
        assert_eq!(all.get(7), Some(&(7, 'b')));
        assert_eq!(all.get(8), None);
        assert_eq!((all.next(), all.as_slice().len()), (1001, 501));
    }
}
