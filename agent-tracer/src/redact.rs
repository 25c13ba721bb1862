//! Masks the secrets of traced programs, and all repetitions of them, before any byte reaches the
//! disk. Text that only looks unusual is evidence and stays: a path, a port, a long word.

mod field;
#[cfg(test)]
mod hostile;
mod key;
mod memory;
mod name;
mod option;
mod own;
mod pattern;
mod program;
mod rules;
mod script;
mod shape;
#[cfg(test)]
mod tests;
mod url;
mod usage;
mod value;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use memory::Memory;
pub use memory::SHORTEST_GIVEN as SHORTEST_VALUE;
pub use rules::{SecretRules, SecretsError};

/// The beginning of a mask; its number and [`MARK_CLOSE`] follow.
const MARK_OPEN: &[u8] = "‹secret ".as_bytes();
const MARK_CLOSE: &[u8] = "›".as_bytes();

/// Limit of the rounds. Masking one secret may uncover another, such as a key glued to a password,
/// so rules and memory alternate until nothing changes. Two rounds suffice for all known command
/// lines.
const ROUNDS: usize = 4;

/// Masks secrets as `‹secret 1›`, `‹secret 2›`, … The same value has the same number throughout a
/// recording.
///
/// A masked value of at least 6 bytes is remembered, and masked wherever it recurs. Three kinds of
/// values are masked only where a rule applies, because they also occur in harmless text: values
/// under 6 bytes; plain words and paths (`--token install`, `-s status`); values of one repeated
/// byte (`******`).
///
/// Memory is bounded: 4,096 values or 1 MiB. The oldest values are kept, because the first command
/// lines of an install have its keys. Further secrets are masked where a rule applies, all as
/// `‹secret 4097›`.
#[derive(Debug)]
pub struct Redactor {
    memory: Memory,
    rules: Arc<SecretRules>,
    is_off: bool,
    own: own::Command,
}

impl Default for Redactor {
    fn default() -> Self {
        Self::with(SecretRules::built_in(), &[])
    }
}

/// The place of a masked secret in a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaskedAt {
    /// The number of the secret.
    pub secret: u32,
    /// The index of the element.
    pub index: usize,
}

/// The places where a masked value is masked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Keep {
    /// Masked here only.
    Here,
    /// Masked wherever it recurs.
    Everywhere,
    /// Masked wherever it recurs, however short or plain: the user gave it.
    Given,
}

/// A secret that a rule found in one byte string.
#[derive(Debug)]
struct Find {
    at: Range<usize>,
    keep: Keep,
    /// Another spelling of the secret: without percent escapes or quotes of a shell.
    also: Option<Vec<u8>>,
}

impl Find {
    fn new(at: Range<usize>, keep: Keep) -> Self {
        Self {
            at,
            keep,
            also: None,
        }
    }
}

impl Redactor {
    /// Makes a redactor that remembers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a redactor with the user's rules, and with values that are secret everywhere.
    #[must_use]
    pub fn with(rules: Arc<SecretRules>, values: &[Vec<u8>]) -> Self {
        let mut memory = Memory::default();
        for value in values {
            memory.learn(value, Keep::Given);
        }
        Self {
            memory,
            rules,
            is_off: false,
            own: own::Command::default(),
        }
    }

    /// Makes a redactor that masks nothing.
    #[must_use]
    pub fn off() -> Self {
        Self {
            is_off: true,
            ..Self::default()
        }
    }

    /// Returns true if it masks nothing.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.is_off
    }

    /// Masks the secrets of a command line in place. Returns true if it masked any. Number and
    /// order of the elements stay.
    pub fn argv(&mut self, argv: &mut [Vec<u8>]) -> bool {
        !self.places(argv).is_empty()
    }

    /// Masks a command line like [`Redactor::argv`], and lists the places where it did.
    pub fn places(&mut self, argv: &mut [Vec<u8>]) -> BTreeSet<MaskedAt> {
        let mut places = BTreeSet::new();
        if self.is_off {
            return places;
        }
        for _ in 0..ROUNDS {
            let mut changed = false;
            let found = option::find(argv, &self.rules);
            let mut finds = found.finds.into_iter().peekable();
            let mut scripts = found.scripts.into_iter().peekable();
            for (index, element) in argv.iter_mut().enumerate() {
                let mut here = Vec::new();
                while let Some((_, find)) = finds.next_if(|(at, _)| *at <= index) {
                    here.push(find);
                }
                let mut extent = pattern::Extent::Argument;
                while scripts.next_if(|at| *at <= index).is_some() {
                    extent = pattern::Extent::Text;
                }
                self.rules.find(element, &mut here);
                let known = here.len();
                pattern::find(element, extent, &mut here);
                let mut at = 0;
                here.retain(|find| {
                    at += 1;
                    at <= known || !found.plain.contains(&(index, find.at.clone()))
                });
                let numbers = self.mask(element, here);
                changed |= !numbers.is_empty();
                let numbers = numbers.into_iter();
                places.extend(numbers.map(|secret| MaskedAt { secret, index }));
            }
            // This comes last: a secret may recur before the element where a rule finds it.
            for (index, element) in argv.iter_mut().enumerate() {
                let numbers = self.recall(element);
                changed |= !numbers.is_empty();
                let numbers = numbers.into_iter();
                places.extend(numbers.map(|secret| MaskedAt { secret, index }));
            }
            if !changed {
                break;
            }
        }
        places
    }

    /// Masks remembered values and patterns in any other byte string, such as a path or a log.
    /// Returns true if it masked any.
    pub fn bytes(&mut self, text: &mut Vec<u8>) -> bool {
        if self.is_off {
            return false;
        }
        let mut any = false;
        let cut = self.memory.cut_name(text);
        if let Some((start, number)) = cut.filter(|_| marks(text).is_empty()) {
            replace(text, &[(start..text.len(), number)]);
            any = true;
        }
        for _ in 0..ROUNDS {
            let mut finds = Vec::new();
            self.rules.find(text, &mut finds);
            pattern::find(text, pattern::Extent::Text, &mut finds);
            let masked = self.mask(text, finds);
            let recalled = self.recall(text);
            if masked.is_empty() && recalled.is_empty() {
                break;
            }
            any = true;
        }
        any
    }

    /// Returns the number of distinct secrets, or a lower bound beyond the limit of the memory.
    #[must_use]
    pub fn count(&self) -> usize {
        self.memory.count()
    }

    /// Remembers and masks the secrets that rules found, and returns their numbers.
    fn mask(&mut self, text: &mut Vec<u8>, mut finds: Vec<Find>) -> Vec<u32> {
        if finds.is_empty() {
            return Vec::new();
        }
        finds.sort_by_key(|find| (find.at.start, std::cmp::Reverse(find.at.end)));
        let marks = marks(text);
        let mut pieces: Vec<(Range<usize>, u32)> = Vec::new();
        let mut finds = finds.into_iter().peekable();
        while let Some(first) = finds.next() {
            let mut at = first.at.clone();
            let mut keep = first.keep;
            let mut group = vec![first];
            while let Some(next) = finds.next_if(|next| next.at.start < at.end) {
                at.end = at.end.max(next.at.end);
                keep = keep.max(next.keep);
                group.push(next);
            }
            let mut number = None;
            for part in subtract(at, &marks) {
                let value = text.get(part.clone()).unwrap_or_default();
                let learnt = self.memory.learn(value, keep);
                self.own.learn(value, learnt);
                number.get_or_insert(learnt);
                pieces.push((part, learnt));
            }
            let Some(number) = number else { continue };
            for find in group {
                let spelled = text.get(find.at.clone()).unwrap_or_default();
                if find.keep >= Keep::Everywhere && !overlaps(&find.at, &marks) {
                    self.memory.alias(spelled, number);
                    if let Some(also) = find.also {
                        self.memory.alias(&also, number);
                    }
                }
            }
        }
        replace(text, &pieces);
        pieces.into_iter().map(|(_, number)| number).collect()
    }

    /// Masks remembered values, and returns their numbers.
    fn recall(&mut self, text: &mut Vec<u8>) -> Vec<u32> {
        let hits = self.memory.recall(text);
        if hits.is_empty() {
            return Vec::new();
        }
        let marks = marks(text);
        let mut pieces: Vec<(Range<usize>, u32)> = Vec::new();
        let mut longest = 0;
        for (at, number) in hits {
            // A password may be the word "secret".
            if overlaps(&at, &marks) {
                continue;
            }
            match pieces.last_mut() {
                Some((last, name)) if at.start < last.end => {
                    if at.len() > longest {
                        longest = at.len();
                        *name = number;
                    }
                    last.end = last.end.max(at.end);
                }
                Some(_) | None => {
                    longest = at.len();
                    pieces.push((at, number));
                }
            }
        }
        replace(text, &pieces);
        pieces.into_iter().map(|(_, number)| number).collect()
    }
}

/// Returns the masks in `text`.
fn marks(text: &[u8]) -> Vec<Range<usize>> {
    memchr::memmem::find_iter(text, MARK_OPEN)
        .filter_map(|start| mark_at(text, start).map(|end| start..end))
        .collect()
}

/// Returns the end of the mask that begins at `start`, if there is one.
fn mark_at(text: &[u8], start: usize) -> Option<usize> {
    let rest = text.get(start..)?.strip_prefix(MARK_OPEN)?;
    let digits = rest
        .iter()
        .take(10)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let closed = rest.get(digits..)?.starts_with(MARK_CLOSE);
    (digits > 0 && closed).then_some(start + MARK_OPEN.len() + digits + MARK_CLOSE.len())
}

/// Returns the masks that overlap `at`, by binary search: hostile text has thousands.
fn touching<'a>(at: &Range<usize>, marks: &'a [Range<usize>]) -> &'a [Range<usize>] {
    let from = marks.partition_point(|mark| mark.end <= at.start);
    let rest = marks.get(from..).unwrap_or_default();
    let to = rest.partition_point(|mark| mark.start < at.end);
    rest.get(..to).unwrap_or_default()
}

fn overlaps(at: &Range<usize>, marks: &[Range<usize>]) -> bool {
    !touching(at, marks).is_empty()
}

/// Returns the parts of `at` between masks.
fn subtract(at: Range<usize>, marks: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = at.start;
    for mark in touching(&at, marks) {
        if start < mark.start {
            parts.push(start..mark.start);
        }
        start = start.max(mark.end);
    }
    if start < at.end {
        parts.push(start..at.end);
    }
    parts
}

/// Replaces `pieces`, which are sorted and disjoint, with masks.
fn replace(text: &mut Vec<u8>, pieces: &[(Range<usize>, u32)]) -> bool {
    if pieces.is_empty() {
        return false;
    }
    let mut masked = Vec::with_capacity(text.len() + pieces.len() * 16);
    let mut from = 0;
    for (at, number) in pieces {
        masked.extend_from_slice(text.get(from..at.start).unwrap_or_default());
        masked.extend_from_slice(MARK_OPEN);
        masked.extend_from_slice(number.to_string().as_bytes());
        masked.extend_from_slice(MARK_CLOSE);
        from = at.end;
    }
    masked.extend_from_slice(text.get(from..).unwrap_or_default());
    *text = masked;
    true
}
