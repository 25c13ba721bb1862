//! Counts tests from the output of test programs. At the end it lists the skipped and failed ones.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use super::verdict;

/// Results so far.
#[derive(Default)]
pub struct Tally {
    passed: u64,
    failed: Vec<String>,
    skipped: Vec<String>,
}

impl Tally {
    /// Runs a test program and passes on its output. `place` goes before the names of its tests.
    pub fn run(&mut self, command: &mut Command, what: &str, place: Option<&str>) -> Result<()> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {what}"))?;
        let output = child.stdout.take().context("there is no output")?;
        let failed_before = self.failed.len();
        for line in BufReader::new(output).lines() {
            let line = line.context("cannot read what the tests print")?;
            let line = match (place, line.strip_prefix("test ")) {
                (Some(place), Some(rest)) if outcome(&line).is_some() => {
                    format!("test {place}: {rest}")
                }
                _ => line,
            };
            println!("{line}");
            self.line(&line);
        }
        let status = child.wait().context("cannot wait for the tests")?;
        if !status.success() && self.failed.len() == failed_before {
            self.failed.push(format!("{what} ({status})"));
        }
        Ok(())
    }

    /// Adds a result that is not from a test program.
    pub fn note(&mut self, name: &str, passed: bool) {
        if passed {
            println!("test {name} ... ok");
            self.passed += 1;
        } else {
            println!("test {name} ... FAILED");
            self.failed.push(name.to_owned());
        }
    }

    /// Adds a test that this machine cannot run.
    pub fn skip(&mut self, name: &str, reason: &str) {
        println!("test {name} ... ignored ({reason})");
        self.skipped.push(format!("{name} ({reason})"));
    }

    fn line(&mut self, line: &str) {
        match outcome(line) {
            Some((_, Outcome::Passed)) => self.passed += 1,
            Some((name, Outcome::Failed)) => self.failed.push(name.to_owned()),
            Some((name, Outcome::Skipped(reason))) => {
                self.skipped.push(format!("{name} ({reason})"))
            }
            None => {}
        }
    }

    /// Prints the last lines.
    pub fn conclude(self) -> Result<()> {
        println!();
        for (what, names) in [("skipped", &self.skipped), ("FAILED", &self.failed)] {
            for name in names {
                println!("{what}: {name}");
            }
        }
        verdict(
            self.passed,
            self.failed.len() as u64,
            self.skipped.len() as u64,
        )
    }
}

/// The result of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed,
    /// With its reason.
    Skipped(String),
}

impl Outcome {
    /// True if the test failed.
    pub fn is_failure(&self) -> bool {
        *self == Outcome::Failed
    }
}

/// Parses `test NAME ... OUTCOME`; other lines are not results.
pub fn outcome(line: &str) -> Option<(&str, Outcome)> {
    let (name, outcome) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let outcome = if outcome == "ok" {
        Outcome::Passed
    } else if outcome.starts_with("FAILED") {
        Outcome::Failed
    } else {
        let reason = outcome.strip_prefix("ignored")?.trim();
        let bare = reason
            .strip_prefix('(')
            .and_then(|reason| reason.strip_suffix(')'));
        // Rust's own harness puts the reason after a comma.
        let bare = bare.unwrap_or(reason.trim_start_matches([',', ' ']));
        Outcome::Skipped(bare.to_owned())
    };
    Some((name.trim(), outcome))
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn lines_of_test_programs_are_counted() {
        let mut tally = Tally::default();
        for line in [
            "running 4 tests",
            "test a::b ... ok",
            "test a::c      ... FAILED",
            "test a::d ... ignored (recording needs root)",
            "test src/lib.rs - e (line 3) ... ok",
            "test result: FAILED. 2 passed; 1 failed; 1 ignored",
        ] {
            tally.line(line);
        }
        assert_eq!(tally.passed, 2);
        assert_eq!(tally.failed, ["a::c"]);
        assert_eq!(tally.skipped, ["a::d (recording needs root)"]);
    }
}
