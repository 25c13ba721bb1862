//! What is known to be missing from the picture. It is shown with every view; nothing in
//! it is ever guessed away.

use std::collections::BTreeMap;

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
    not_compared: Vec<String>,
    caveats: Vec<String>,
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
    pub(super) fn not_compared(&mut self, problem: String) {
        self.not_compared.push(problem);
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
        self.caveats.push(caveat.to_owned());
    }

    /// What was not seen for certain, and is concluded where it can be. Nothing is missing for it.
    pub fn caveats(&self) -> &[String] {
        &self.caveats
    }

    /// Whether events of a kind were lost.
    pub fn has_lost(&self, what: &str) -> bool {
        self.lost.contains_key(what)
    }

    /// Whether anything is missing.
    pub fn is_complete(&self) -> bool {
        self.entries().is_empty()
    }

    /// What is missing, one sentence each; text of the kernel's or a file's is not escaped.
    pub fn entries(&self) -> Vec<String> {
        let mut entries = Vec::new();
        for fact in &self.missing_facts {
            entries.push(format!("not recorded at all: {fact}"));
        }
        for (what, count) in &self.lost {
            entries.push(format!("lost: {count} × {what}"));
        }
        for (what, count) in &self.truncated {
            entries.push(match what {
                Truncation::Arguments => format!("argument lists that were cut: {count}"),
                Truncation::Path => format!("paths that lack their beginning: {count}"),
                Truncation::Names => {
                    format!("renames of threads whose names --process does not find: {count}")
                }
            });
        }
        entries.extend(self.not_compared.iter().cloned());
        if self.unseen_forks > 0 {
            entries.push(format!(
                "processes that appeared without a fork: {}",
                self.unseen_forks
            ));
        }
        if self.log_lines > 0 {
            entries.push(format!(
                "problems that the kernel programs reported: {}: {}",
                self.log_lines,
                self.log.join("; ")
            ));
        }
        entries.extend(self.gaps.iter().cloned());
        if self.unknown_events > 0 {
            entries.push(format!(
                "events of kinds that this version does not know: {}",
                self.unknown_events
            ));
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::Ledger;

    #[test]
    fn counts_of_losses_do_not_wrap() {
        let mut ledger = Ledger::default();
        ledger.lost("exec", u64::MAX);
        ledger.lost("exec", 3);
        assert_eq!(ledger.entries(), [format!("lost: {} × exec", u64::MAX)]);
    }

    #[test]
    fn what_was_not_compared_is_missing_and_a_caveat_is_not() {
        let mut ledger = Ledger::default();
        ledger.caveat("not watched: /x: denied");
        assert!(ledger.is_complete());
        assert_eq!(ledger.caveats(), ["not watched: /x: denied"]);
        ledger.not_compared("packages were not all compared: too many".to_owned());
        assert!(!ledger.is_complete());
        let entries = ledger.entries();
        assert_eq!(entries, ["packages were not all compared: too many"]);
    }
}
