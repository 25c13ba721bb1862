//! Counts everything that is known to be missing. Every view shows it, and no entry is ever dropped
//! because of a conclusion.

use std::collections::BTreeMap;

use super::ProcessIndex;
use crate::event::{SegmentsDeleted, Subject};

/// Kernel log lines kept word for word.
const LOG_LINES: usize = 20;

/// Kinds of incomplete facts in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truncation {
    /// Arguments beyond 128 KiB, or unreadable.
    Arguments,
    /// A path with more components than the recorder reads.
    Path,
    /// Names of a process beyond the limit.
    Names,
}

/// A missing or partial comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotCompared {
    /// The list; `None` for files.
    pub subject: Option<Subject>,
    /// The reason.
    pub problem: String,
}

/// A fact with a limit that is not a loss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caveat {
    /// A blind spot of a hook, in its words.
    Hook(String),
    /// A comparison that is impossible on this machine.
    NotCompared(NotCompared),
}

/// One kind of loss. `view` has the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing<'a> {
    /// A fact that no hook could report.
    Fact(&'a str),
    /// Events of a kind that were lost.
    Lost(&'a str, u64),
    /// Incomplete facts.
    Truncated(Truncation, u64),
    /// A missing or partial comparison.
    NotCompared(&'a NotCompared),
    /// Processes that appeared without a fork.
    UnseenForks(&'a [ProcessIndex]),
    /// Lines of the kernel programs' log, and the first of them.
    KernelLog(u64, &'a [String]),
    /// A damaged part of the file, in words.
    Gap(&'a str),
    /// Events of kinds that this version does not know.
    UnknownEvents(u64),
}

/// Counts of what is missing.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    lost: BTreeMap<String, u64>,
    truncated: BTreeMap<Truncation, u64>,
    unseen_forks: Vec<ProcessIndex>,
    log_lines: u64,
    log: Vec<String>,
    gaps: Vec<String>,
    unknown_events: u64,
    missing_facts: Vec<String>,
    not_compared: Vec<NotCompared>,
    caveats: Vec<Caveat>,
    is_unmasked: bool,
    unreadable: BTreeMap<String, u64>,
    unknown_listeners: u64,
    unknown_ends: u64,
    deleted: Vec<SegmentsDeleted>,
}

impl Ledger {
    pub(super) fn lost(&mut self, what: &str, count: u64) {
        let lost = self.lost.entry(what.to_owned()).or_default();
        // A forged count must not come out as a small one.
        *lost = lost.saturating_add(count);
    }

    /// Counts an inbound connection that is left out: its listener is unknown.
    pub(super) fn unknown_listener(&mut self) {
        self.unknown_listeners += 1;
    }

    /// Returns the count of inbound connections whose listener is unknown.
    pub fn unknown_listeners(&self) -> u64 {
        self.unknown_listeners
    }

    /// Counts a connection that is closed, without its end.
    pub(super) fn end_unknown(&mut self) {
        self.unknown_ends += 1;
    }

    /// Returns the count of connections that were closed at an unknown time.
    pub fn unknown_ends(&self) -> u64 {
        self.unknown_ends
    }

    /// Notes that earlier segments were deleted.
    pub(super) fn deleted(&mut self, deleted: &SegmentsDeleted) {
        self.deleted.push(deleted.clone());
    }

    /// Returns the deletions of earlier segments. Nothing is missing from this one for that.
    pub fn deletions(&self) -> &[SegmentsDeleted] {
        &self.deleted
    }

    pub(super) fn unreadable(&mut self, what: &str) {
        *self.unreadable.entry(what.to_owned()).or_default() += 1;
    }

    /// Iterates over the kinds of malformed messages, with their counts. They are not missing, but
    /// name nothing.
    pub fn unreadable_things(&self) -> impl Iterator<Item = (&str, u64)> {
        let all = self.unreadable.iter();
        all.map(|(what, count)| (what.as_str(), *count))
    }

    pub(super) fn truncated(&mut self, what: Truncation) {
        *self.truncated.entry(what).or_default() += 1;
    }

    pub(super) fn unseen_fork(&mut self, process: ProcessIndex) {
        self.unseen_forks.push(process);
    }

    /// Iterates over the processes that appeared without a fork.
    pub(super) fn unseen_forks(&self) -> impl Iterator<Item = ProcessIndex> {
        self.unseen_forks.iter().copied()
    }

    pub(super) fn log(&mut self, line: &str) {
        self.log_lines += 1;
        if self.log.len() < LOG_LINES {
            self.log.push(line.to_owned());
        }
    }

    /// Notes a damaged part of the file.
    pub fn gap(&mut self, description: String) {
        self.gaps.push(description);
    }

    /// Notes events of kinds that this version does not know.
    pub fn unknown_events(&mut self, count: u64) {
        self.unknown_events = count;
    }

    /// Notes a fact that no hook provides.
    pub fn missing_fact(&mut self, fact: &str) {
        self.missing_facts.push(fact.to_owned());
    }

    /// Notes a missing or partial comparison.
    pub(super) fn not_compared(&mut self, what: NotCompared) {
        self.not_compared.push(what);
    }

    /// Notes that secrets are unmasked in the trace.
    pub fn unmasked(&mut self) {
        self.is_unmasked = true;
    }

    /// True if secrets are unmasked in the trace.
    pub fn is_unmasked(&self) -> bool {
        self.is_unmasked
    }

    /// Notes a blind spot of a hook.
    pub fn caveat(&mut self, caveat: &str) {
        self.caveats.push(Caveat::Hook(caveat.to_owned()));
    }

    /// Notes a comparison that was impossible from the start, so that no program prevented it.
    pub(super) fn not_comparable(&mut self, what: NotCompared) {
        self.caveats.push(Caveat::NotCompared(what));
    }

    /// Returns the limits of facts that are not losses.
    pub fn caveats(&self) -> &[Caveat] {
        &self.caveats
    }

    /// True if events of a kind were lost.
    pub fn has_lost(&self, what: &str) -> bool {
        self.lost.contains_key(what)
    }

    /// True if nothing is missing.
    pub fn is_complete(&self) -> bool {
        self.missing().is_empty()
    }

    /// Lists all that is missing. Texts of the kernel or of a file are not escaped.
    pub fn missing(&self) -> Vec<Missing<'_>> {
        let mut missing = Vec::new();
        missing.extend(self.missing_facts.iter().map(|fact| Missing::Fact(fact)));
        let lost = self.lost.iter();
        missing.extend(lost.map(|(what, count)| Missing::Lost(what, *count)));
        let truncated = self.truncated.iter();
        missing.extend(truncated.map(|(what, count)| Missing::Truncated(*what, *count)));
        missing.extend(self.not_compared.iter().map(Missing::NotCompared));
        if !self.unseen_forks.is_empty() {
            missing.push(Missing::UnseenForks(&self.unseen_forks));
        }
        if self.log_lines > 0 {
            missing.push(Missing::KernelLog(self.log_lines, &self.log));
        }
        missing.extend(self.gaps.iter().map(|gap| Missing::Gap(gap)));
        if self.unknown_events > 0 {
            missing.push(Missing::UnknownEvents(self.unknown_events));
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::{Caveat, Ledger, Missing, NotCompared};

    #[test]
    fn counts_of_losses_do_not_wrap() {
        let mut ledger = Ledger::default();
        ledger.lost("exec", u64::MAX);
        ledger.lost("exec", 3);
        assert_eq!(ledger.missing(), [Missing::Lost("exec", u64::MAX)]);
    }

    #[test]
    fn a_failed_comparison_is_missing_and_a_caveat_is_not() {
        let mut ledger = Ledger::default();
        ledger.caveat("not watched: /x: denied");
        assert!(ledger.is_complete());
        assert_eq!(
            ledger.caveats(),
            [Caveat::Hook("not watched: /x: denied".to_owned())]
        );
        let what = NotCompared {
            subject: None,
            problem: "too many".to_owned(),
        };
        ledger.not_compared(what.clone());
        assert!(!ledger.is_complete());
        assert_eq!(ledger.missing(), [Missing::NotCompared(&what)]);
    }
}
