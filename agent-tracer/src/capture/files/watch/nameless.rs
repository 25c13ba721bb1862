//! Holds events of directories that have no name any more, or not yet. Each waits for one complete
//! read.

/// Limit of pending events, each some 150 bytes. Further ones are dropped.
const LIMIT: usize = 16 * 1024;

/// Pending events in their order, each with a flag for a past retry.
pub(super) struct Pending<T>(Vec<(T, bool)>);

impl<T> Pending<T> {
    pub(super) fn new() -> Pending<T> {
        Pending(Vec::new())
    }

    pub(super) fn add(&mut self, it: T) {
        if self.0.len() < LIMIT {
            self.0.push((it, false));
        }
    }

    /// Retries each event, the last one first, since a directory is removed after its entries.
    /// Returns the results in order. The caller must have read all events before.
    pub(super) fn retry<R>(&mut self, mut name: impl FnMut(&T) -> Option<R>) -> Vec<R> {
        let mut named = Vec::new();
        let mut left = Vec::new();
        while let Some((it, is_old)) = self.0.pop() {
            match name(&it) {
                Some(result) => named.push(result),
                None if !is_old => left.push((it, true)),
                None => {}
            }
        }
        left.reverse();
        self.0 = left;
        named.reverse();
        named
    }
}

#[cfg(test)]
mod tests {
    use super::{LIMIT, Pending};

    #[test]
    fn each_is_tried_twice_and_the_last_first() {
        let mut pending = Pending::new();
        for number in 0..LIMIT + 5 {
            pending.add(number);
        }
        assert_eq!(pending.retry(|it| Some(*it)).len(), LIMIT);
        (1..=3).for_each(|number| pending.add(number));
        let mut tried = Vec::new();
        let odd = pending.retry(|number| {
            tried.push(*number);
            (number % 2 == 1).then_some(*number)
        });
        assert_eq!((odd, tried), (vec![1, 3], vec![3, 2, 1]));
        pending.add(4);
        assert_eq!(pending.retry(|_| None::<()>), []);
        assert_eq!(pending.retry(|it| Some(*it)).len(), 1);
        assert_eq!(pending.retry(|it| Some(*it)).len(), 0);
    }
}
