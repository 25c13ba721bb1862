//! What is known to be missing from the picture. It is shown with every view; nothing in
//! it is ever guessed away.

use std::collections::BTreeMap;

use crate::event::Subject;

/// Kernel log lines kept word for word.
const LOG_LINES: usize = 20;

/// Something that is in the trace, but not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truncation {
    /// Arguments beyond 128 KiB, or unreadable.
    Arguments,
    /// A path deeper than is walked.
    Path,
    /// Names of a process beyond those that are remembered.
    Names,
}

/// Something that was not compared, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotCompared {
    /// The list; none stands for files.
    pub subject: Option<Subject>,
    /// Why.
    pub problem: String,
}

/// Something that was not seen for certain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caveat {
    /// What a hook of the recorder does not see, in its words.
    Hook(String),
    /// What could not have been compared on this machine.
    NotCompared(NotCompared),
}

/// Something that is missing. `view` has the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing<'a> {
    /// A fact that no hook could report.
    Fact(&'a str),
    /// Events of a kind that were lost.
    Lost(&'a str, u64),
    /// Things that are not whole.
    Truncated(Truncation, u64),
    /// What was not compared.
    NotCompared(&'a NotCompared),
    /// Processes that appeared without a fork.
    UnseenForks(u64),
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
    unseen_forks: u64,
    log_lines: u64,
    log: Vec<String>,
    gaps: Vec<String>,
    unknown_events: u64,
    missing_facts: Vec<String>,
    not_compared: Vec<NotCompared>,
    caveats: Vec<Caveat>,
    is_unmasked: bool,
    unreadable: BTreeMap<String, u64>,
}

impl Ledger {
    pub(super) fn lost(&mut self, what: &str, count: u64) {
        let lost = self.lost.entry(what.to_owned()).or_default();
        // A forged count must not come out as a small one.
        *lost = lost.saturating_add(count);
    }

    pub(super) fn unreadable(&mut self, what: &str) {
        *self.unreadable.entry(what.to_owned()).or_default() += 1;
    }

    /// What was seen and made no sense, with its count: it is not missing, but names nothing.
    pub fn unreadable_things(&self) -> impl Iterator<Item = (&str, u64)> {
        let all = self.unreadable.iter();
        all.map(|(what, count)| (what.as_str(), *count))
    }

    pub(super) fn truncated(&mut self, what: Truncation) {
        *self.truncated.entry(what).or_default() += 1;
    }

    pub(super) fn unseen_fork(&mut self) {
        self.unseen_forks += 1;
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

    /// Notes a fact that no hook could tell.
    pub fn missing_fact(&mut self, fact: &str) {
        self.missing_facts.push(fact.to_owned());
    }

    /// Notes what was not looked at twice, or not all of it, and why.
    pub(super) fn not_compared(&mut self, what: NotCompared) {
        self.not_compared.push(what);
    }

    /// Notes that secrets are in the trace as they were.
    pub fn unmasked(&mut self) {
        self.is_unmasked = true;
    }

    /// Whether secrets are in the trace as they were.
    pub fn is_unmasked(&self) -> bool {
        self.is_unmasked
    }

    /// Notes what a hook does not see for certain.
    pub fn caveat(&mut self, caveat: &str) {
        self.caveats.push(Caveat::Hook(caveat.to_owned()));
    }

    /// Notes what could not have been compared here, which no program hid.
    pub(super) fn not_comparable(&mut self, what: NotCompared) {
        self.caveats.push(Caveat::NotCompared(what));
    }

    /// What was not seen for certain, and is concluded where it can be. Nothing is missing for it.
    pub fn caveats(&self) -> &[Caveat] {
        &self.caveats
    }

    /// Whether events of a kind were lost.
    pub fn has_lost(&self, what: &str) -> bool {
        self.lost.contains_key(what)
    }

    /// Whether anything is missing.
    pub fn is_complete(&self) -> bool {
        self.missing().is_empty()
    }

    /// Lists what is missing; texts of the kernel or of a file are not escaped.
    pub fn missing(&self) -> Vec<Missing<'_>> {
        let mut missing = Vec::new();
        missing.extend(self.missing_facts.iter().map(|fact| Missing::Fact(fact)));
        let lost = self.lost.iter();
        missing.extend(lost.map(|(what, count)| Missing::Lost(what, *count)));
        let truncated = self.truncated.iter();
        missing.extend(truncated.map(|(what, count)| Missing::Truncated(*what, *count)));
        missing.extend(self.not_compared.iter().map(Missing::NotCompared));
        if self.unseen_forks > 0 {
            missing.push(Missing::UnseenForks(self.unseen_forks));
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
    fn what_was_not_compared_is_missing_and_a_caveat_is_not() {
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
