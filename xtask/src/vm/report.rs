//! Reads a guest's output: results of tests, hooks of facts, and the verifier's instructions.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value;

use super::machine::GuestOutput;
use crate::test::tally::{self, Outcome};

/// The beginning of the tests' progress lines on the console.
const PROGRESS: &str = "tests: going on";

/// Lines shown of an unfinished guest.
const LAST: usize = 25;

/// The results of one guest.
pub struct Report {
    /// The name of its kernel and kind.
    pub guest: String,
    /// Results of all tests, by name.
    pub tests: BTreeMap<String, Outcome>,
    /// Output of `tracer doctor --format json`, or null.
    pub doctor: Value,
    /// Other output of the tests, if one failed.
    pub messages: Vec<String>,
    /// The reason, if the guest did not finish.
    pub trouble: Option<String>,
}

impl Report {
    /// Reads the output.
    pub fn read(guest: &str, ran: &GuestOutput) -> Result<Report> {
        let mut report = Report {
            guest: guest.to_owned(),
            tests: BTreeMap::new(),
            doctor: Value::Null,
            messages: Vec::new(),
            trouble: None,
        };
        let mut section = "";
        let mut status = None;
        for line in ran.answers.lines() {
            if let Some(mark) = line.strip_prefix('@') {
                let (name, rest) = mark.split_once(' ').unwrap_or((mark, ""));
                section = name;
                if name == "ended" {
                    status = rest.parse::<i32>().ok();
                }
            } else if section == "doctor" {
                report.doctor = serde_json::from_str(line).unwrap_or_default();
            } else if let Some((name, outcome)) = tally::outcome(line) {
                report.tests.insert(name.to_owned(), outcome);
            } else if !line.trim().is_empty() {
                report.messages.push(line.to_owned());
            }
        }
        report.trouble = trouble(
            ran,
            section == "over",
            status,
            report.count(Outcome::is_failure),
        );
        if report.is_good() {
            report.messages.clear();
        }
        Ok(report)
    }

    /// True if the guest finished and no test failed.
    pub fn is_good(&self) -> bool {
        self.trouble.is_none() && self.count(Outcome::is_failure) == 0
    }

    /// Returns the counts as text.
    pub fn counts(&self) -> String {
        let counts = format!(
            "{} passed, {} failed, {} skipped",
            self.count(|outcome| *outcome == Outcome::Passed),
            self.count(Outcome::is_failure),
            self.count(|outcome| matches!(outcome, Outcome::Skipped(_))),
        );
        match self.trouble {
            Some(_) => format!("{counts}, NOT FINISHED"),
            None => counts,
        }
    }

    fn count(&self, which: impl Fn(&Outcome) -> bool) -> usize {
        self.tests.values().filter(|outcome| which(outcome)).count()
    }

    /// Returns the value of each thing in a list of `doctor`, by its name.
    pub fn listed(&self, list: &str, name: &str, value: &str) -> Vec<(String, String)> {
        let text = |value: &Value| match value {
            Value::Null => "nothing".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let things = self.doctor[list].as_array().into_iter().flatten();
        things
            .map(|thing| (text(&thing[name]), text(&thing[value])))
            .collect()
    }
}

/// Returns the reason for which a guest's results do not count.
fn trouble(ran: &GuestOutput, is_over: bool, status: Option<i32>, failed: usize) -> Option<String> {
    let what = match (ran.stalled, status) {
        (Some(limit), _) => format!(
            "the guest made no progress for {} s and was ended",
            limit.as_secs()
        ),
        (None, _) if !is_over => "the guest ended before the tests did".to_owned(),
        (None, Some(0)) => return None,
        // Failed tests are reported on their own.
        (None, Some(_)) if failed > 0 => return None,
        (None, status) => {
            format!("the tests ended with {status:?}, but no test failed")
        }
    };
    let last = |name: &str, text: &str| {
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with(PROGRESS))
            .collect();
        let from = lines.len().saturating_sub(LAST);
        let shown: String = lines[from..]
            .iter()
            .map(|line| format!("\n    {line}"))
            .collect();
        format!("\n  the end of its {name}:{shown}")
    };
    Some(what + &last("console", &ran.console) + &last("answers", &ran.answers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(answers: &str) -> GuestOutput {
        GuestOutput {
            answers: answers.to_owned(),
            console: "Kernel panic - not syncing\n".to_owned(),
            stalled: None,
        }
    }

    #[test]
    fn a_whole_answer_is_read() {
        let text = "@doctor\n{\"facts\":[{\"fact\":\"fork\",\"hook\":null}]}\n\
            @tests\nrunning 3 tests\n\
            test a::b ... ok\ntest a::c ... ignored (no make)\ntest a::d ... FAILED\n\
            @ended 101\npanicked\n@over\n";
        let report = Report::read("6.1.0-1", &ran(text)).expect("a report");
        assert_eq!(report.counts(), "1 passed, 1 failed, 1 skipped");
        assert!(!report.is_good());
        assert!(report.trouble.is_none());
        assert_eq!(
            report.listed("facts", "fact", "hook"),
            [("fork".to_owned(), "nothing".to_owned())]
        );
        assert!(report.messages.contains(&"panicked".to_owned()));
    }

    #[test]
    fn a_guest_that_ends_early_is_no_good() {
        let report = Report::read("6.1.0-1", &ran("@doctor\n@tests\ntest a::b ... ok\n"));
        let report = report.expect("a report");
        assert!(!report.is_good());
        let trouble = report.trouble.expect("trouble");
        assert!(trouble.contains("Kernel panic"), "{trouble}");
    }
}
