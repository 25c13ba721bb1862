//! Counts tests by what test programs print of themselves, and repeats what was skipped and what
//! failed where it is seen: at the end. It runs no test itself.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use super::verdict;

/// Tests so far.
#[derive(Default)]
pub struct Tally {
    passed: u64,
    failed: Vec<String>,
    skipped: Vec<String>,
}

impl Tally {
    /// Runs a test program and passes on what it prints.
    pub fn run(&mut self, command: &mut Command, what: &str) -> Result<()> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {what}"))?;
        let output = child.stdout.take().context("there is no output")?;
        let failed_before = self.failed.len();
        for line in BufReader::new(output).lines() {
            let line = line.context("cannot read what the tests print")?;
            println!("{line}");
            self.line(&line);
        }
        let status = child.wait().context("cannot wait for the tests")?;
        if !status.success() && self.failed.len() == failed_before {
            self.failed.push(format!("{what} ({status})"));
        }
        Ok(())
    }

    /// A test that is no test program.
    pub fn note(&mut self, name: &str, passed: bool) {
        if passed {
            println!("test {name} ... ok");
            self.passed += 1;
        } else {
            println!("test {name} ... FAILED");
            self.failed.push(name.to_owned());
        }
    }

    /// A test that this machine cannot run.
    pub fn skip(&mut self, name: &str, reason: &str) {
        println!("test {name} ... ignored ({reason})");
        self.skipped.push(format!("{name} ({reason})"));
    }

    /// `test NAME ... OUTCOME`, as every test program prints it.
    fn line(&mut self, line: &str) {
        let parts = line
            .strip_prefix("test ")
            .and_then(|rest| rest.split_once(" ... "));
        let Some((name, outcome)) = parts else { return };
        let name = name.trim();
        if outcome == "ok" {
            self.passed += 1;
        } else if outcome.starts_with("FAILED") {
            self.failed.push(name.to_owned());
        } else if let Some(reason) = outcome.strip_prefix("ignored") {
            self.skipped.push(format!("{name}{reason}"));
        }
    }

    /// The last lines.
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
