//! Keeps a list whose entries keep their positions when others are removed.

/// The list. Removed entries cost nothing.
pub(super) struct Sparse<T> {
    list: Vec<T>,
    /// Positions of the first entries, ascending: those that were there at the last removal.
    first: Vec<usize>,
    /// Position of the entry behind those. From there on no position is missing.
    dense_from: usize,
}

impl<T> Default for Sparse<T> {
    fn default() -> Sparse<T> {
        Sparse {
            list: Vec::new(),
            first: Vec::new(),
            dense_from: 0,
        }
    }
}

impl<T> Sparse<T> {
    /// Returns the count of entries.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns the position of the next entry.
    pub(super) fn end(&self) -> usize {
        self.position(self.list.len())
    }

    /// Adds an entry, and returns its position.
    pub(super) fn push(&mut self, entry: T) -> usize {
        let position = self.end();
        self.list.push(entry);
        position
    }

    /// Returns the entry at a position, unless it was removed.
    pub(super) fn get(&self, position: usize) -> Option<&T> {
        self.list.get(self.place(position)?)
    }

    /// Returns the entry at a position to change it, unless it was removed.
    pub(super) fn get_mut(&mut self, position: usize) -> Option<&mut T> {
        let place = self.place(position)?;
        self.list.get_mut(place)
    }

    /// Iterates over all entries with their positions.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (usize, &T)> {
        let entries = self.list.iter().enumerate();
        entries.map(|(place, entry)| (self.position(place), entry))
    }

    /// Iterates over all entries, to change them.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.list.iter_mut()
    }

    /// Keeps the entries at the positions for which `keep` returns true.
    pub(super) fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        let end = self.end();
        let positions = (0..self.list.len()).map(|place| self.position(place));
        let first: Vec<usize> = positions.filter(|position| keep(*position)).collect();
        let mut place = 0;
        let (before, dense_from) = (std::mem::take(&mut self.first), self.dense_from);
        self.list.retain(|_| {
            let position = position(&before, dense_from, place);
            place += 1;
            keep(position)
        });
        self.list.shrink_to(self.list.len() * 2);
        self.first = first;
        self.dense_from = end;
    }

    fn place(&self, position: usize) -> Option<usize> {
        match position.checked_sub(self.dense_from) {
            Some(behind) => Some(self.first.len() + behind),
            None => self.first.binary_search(&position).ok(),
        }
    }

    fn position(&self, place: usize) -> usize {
        position(&self.first, self.dense_from, place)
    }
}

/// Returns the position of the entry at a place of the list.
fn position(first: &[usize], dense_from: usize, place: usize) -> usize {
    match first.get(place) {
        Some(position) => *position,
        None => dense_from + (place - first.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::Sparse;

    #[test]
    fn positions_stay_when_others_go() {
        let mut all = Sparse::default();
        for number in 0..100_usize {
            assert_eq!(all.push(number), number);
        }
        all.retain(|position| position % 7 == 3);
        for number in 100..200 {
            assert_eq!(all.push(number), number);
        }
        all.retain(|position| position % 2 == 1);
        assert_eq!((all.end(), all.len()), (200, 57));
        for number in 0..300 {
            let is_there = number % 2 == 1 && number < 200 && (number >= 100 || number % 7 == 3);
            assert_eq!(all.get(number), Some(&number).filter(|_| is_there));
            assert_eq!(all.get_mut(number).is_some(), is_there);
        }
        assert!(all.iter().all(|(position, entry)| position == *entry));
        assert_eq!(all.iter().next_back(), Some((199, &199)));
        all.retain(|_| false);
        assert_eq!(all.push(7), 200);
        assert_eq!(all.iter().collect::<Vec<_>>(), [(200, &7)]);
    }
}
