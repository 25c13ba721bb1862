//! Remembers masked values, numbers them, and finds them again, whole or cut. Values that are too
//! short or too plain are not searched for.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Bound, Range};

use aho_corasick::{AhoCorasick, MatchKind};

use super::Keep;

/// Limits of the remembered values and of their bytes. With the search automaton (16 bytes a value)
/// they take about 3 of the recorder's 24 MiB.
const VALUES: usize = 4096;
const BYTES: usize = 1 << 20;
/// The number of every secret past the limits.
const OVERFLOW: u32 = 4097;
/// Least length of a value that is searched for; shorter ones recur by chance.
const SHORTEST: usize = 6;
/// Least length of a value that the user gives, which is always searched for.
pub const SHORTEST_GIVEN: usize = 4;
/// Bytes of each value that the automaton searches for; the rest is compared. Also the shortest
/// prefix that is masked at the end of a cut string.
const HEAD: usize = 16;
/// Limit of a remembered piece; longer values have several. It bounds the comparisons in hostile
/// text.
const PIECE: usize = 4096;
/// Limit of the values that share their first 16 bytes. It bounds hostile ones, too.
const SAME_HEAD: usize = 64;
/// The kernel's `TASK_COMM_LEN` without its NUL.
const COMM: usize = 15;
/// The shortest beginning of a value that is masked at the end of a comm; harmless names end with
/// shorter ones.
const CUT: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Memory {
    /// All masked values, also those that are not searched for.
    numbers: HashMap<Vec<u8>, u32>,
    bytes: usize,
    named: u32,
    overflowed: bool,
    /// The values that are searched for, by their first 6 to 16 bytes.
    heads: HashMap<Vec<u8>, Vec<(Vec<u8>, u32)>>,
    /// The first 16 bytes of these values, sorted: one more than a comm has, to recognise a cut.
    comms: BTreeMap<Vec<u8>, u32>,
    search: Option<AhoCorasick>,
    stale: bool,
}

impl Memory {
    pub(super) fn count(&self) -> usize {
        self.named as usize + usize::from(self.overflowed)
    }

    /// Returns the number of `value`, a new one for a new value.
    pub(super) fn learn(&mut self, value: &[u8], keep: Keep) -> u32 {
        let number = match self.numbers.get(value) {
            Some(number) => *number,
            None if self.full(value) => {
                self.overflowed = true;
                return OVERFLOW;
            }
            None => {
                self.named += 1;
                self.note(value, self.named);
                self.named
            }
        };
        match keep {
            Keep::Here => {}
            Keep::Everywhere => self.remember(value, number, SHORTEST),
            Keep::Given => self.remember(value, number, SHORTEST_GIVEN),
        }
        number
    }

    /// Remembers another spelling of the secret `number`.
    pub(super) fn alias(&mut self, value: &[u8], number: u32) {
        if number == OVERFLOW
            || value.len() < SHORTEST
            || self.numbers.contains_key(value)
            || self.full(value)
        {
            return;
        }
        self.note(value, number);
        self.remember(value, number, SHORTEST);
    }

    /// Finds the secret that a comm, cut after 15 bytes, begins to spell, with its position.
    pub(super) fn cut_name(&self, name: &[u8]) -> Option<(usize, u32)> {
        if name.len() != COMM {
            return None;
        }
        (0..=COMM - CUT).find_map(|start| {
            let end = name.get(start..)?;
            let from = (Bound::Excluded(end), Bound::Unbounded);
            let (known, number) = self.comms.range::<[u8], _>(from).next()?;
            known.starts_with(end).then_some((start, *number))
        })
    }

    /// Finds remembered values, by position; they may overlap.
    pub(super) fn recall(&mut self, text: &[u8]) -> Vec<(Range<usize>, u32)> {
        if self.stale {
            self.stale = false;
            let builder = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostFirst)
                .build(self.heads.keys());
            self.search = builder.ok();
        }
        let mut hits = Vec::new();
        if self.heads.is_empty() || text.len() < SHORTEST_GIVEN {
            return hits;
        }
        let mut from = 0;
        while let Some(start) = self.next_head(text, from) {
            let rest = text.get(start..).unwrap_or_default();
            if let Some((length, number)) = self.longest_at(rest) {
                hits.push((start..start + length, number));
            }
            from = start + 1;
        }
        hits
    }

    /// Returns the first position from `from` on where a remembered value may begin.
    fn next_head(&self, text: &[u8], from: usize) -> Option<usize> {
        let rest = text
            .get(from..)
            .filter(|rest| rest.len() >= SHORTEST_GIVEN)?;
        match &self.search {
            Some(search) => search.find(rest).map(|found| from + found.start()),
            // Building fails only beyond 2^31 states; then a slow search is better than none.
            None => Some(from),
        }
    }

    fn longest_at(&self, rest: &[u8]) -> Option<(usize, u32)> {
        let mut longest: Option<(usize, u32)> = None;
        for length in SHORTEST_GIVEN..=HEAD.min(rest.len()) {
            let Some(group) = rest.get(..length).and_then(|head| self.heads.get(head)) else {
                continue;
            };
            for (value, number) in group {
                let cut = rest.len() < value.len() && rest.len() >= HEAD && value.starts_with(rest);
                let reach = if cut { rest.len() } else { value.len() };
                if (cut || rest.starts_with(value)) && longest.is_none_or(|(best, _)| reach > best)
                {
                    longest = Some((reach, *number));
                }
            }
        }
        longest
    }

    fn full(&self, value: &[u8]) -> bool {
        self.numbers.len() >= VALUES || self.bytes + value.len() > BYTES
    }

    fn note(&mut self, value: &[u8], number: u32) {
        self.bytes += value.len();
        self.numbers.insert(value.to_vec(), number);
    }

    fn remember(&mut self, value: &[u8], number: u32, shortest: usize) {
        for piece in value.chunks(PIECE) {
            let repeats = piece
                .first()
                .is_some_and(|first| piece.iter().all(|byte| byte == first));
            if piece.len() < shortest || repeats {
                continue;
            }
            let head = piece.get(..HEAD).unwrap_or(piece);
            let group = self.heads.entry(head.to_vec()).or_default();
            if group.len() >= SAME_HEAD || group.iter().any(|(known, _)| known == piece) {
                continue;
            }
            group.push((piece.to_vec(), number));
            self.stale = true;
        }
        let repeats = value.iter().all(|byte| value.first() == Some(byte));
        if value.len() > CUT && !repeats {
            let begin = value.get(..=COMM).unwrap_or(value);
            self.comms.entry(begin.to_vec()).or_insert(number);
        }
    }
}
