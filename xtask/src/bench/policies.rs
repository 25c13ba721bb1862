//! Measures a check of a long trace against a large policy, which no trace needs: half of its rules
//! name one thing, the others are globs.

use std::{fs, process::Command};

use anyhow::{Context, Result};

use super::{
    Bench,
    reading::{self, Readings},
    row::{Row, Unit},
};

const PART: &str = "policies";

/// Processes of the trace.
const PROCESSES: u32 = 100_000;

/// Rules of the policy.
const RULES: u32 = 5_000;

/// Statuses of a check that came to its end: conforms, incomplete, findings.
const ENDS: [i32; 3] = [0, 4, 5];

/// Measures the check.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let policy = bench.directory.join("policy.toml");
    let trace = bench.compose(&bench.directory.join("busy.trace"), PROCESSES, 0)?;
    fs::write(&policy, text(RULES)).context("cannot write a policy")?;
    let mut readings = Readings::default();
    for _ in 0..bench.reading_rounds {
        let mut command = Command::new(&bench.tracer);
        command.arg("check").arg(&trace.file);
        command
            .arg("--policy")
            .arg(&policy)
            .args(["--format", "jsonl"]);
        let (seconds, mebibytes) = reading::once(&mut command, &ENDS)?;
        readings.seconds.push(seconds);
        readings.mebibytes.push(mebibytes);
    }
    bench.progress("a check of a policy");
    let what = format!("{RULES} rules on {} events", trace.events);
    let memory = format!("peak of memory, {what}");
    let memory = reading::memory(PART, memory, "`tracer check`", &readings);
    let row = Row::of_tracer(PART, what, Unit::Seconds).with("`tracer check`", readings.seconds);
    Ok(vec![row, memory])
}

/// Writes a policy with so many rules.
pub fn text(rules: u32) -> String {
    let rules = (0..rules).map(|number| match number % 4 {
        0 => format!("[[allow]]\nprogram = \"/opt/vendor{number}/bin/tool\"\n"),
        1 => format!("[[allow]]\nprogram = \"/opt/vendor{number}/**\"\ntree = \"*\"\n"),
        2 => format!("[[allow]]\ndestination = \"host{number}.example:443\"\n"),
        _ => format!("[[allow]]\ndestination = \"*.net{number}.example:443\"\n"),
    });
    format!(
        "[require]\nfacts = [\"exec\"]\n{}",
        rules.collect::<String>()
    )
}
