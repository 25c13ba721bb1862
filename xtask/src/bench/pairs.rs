//! Runs one load with and without a recording, in turns, for a number of rounds. The caller checks
//! that the recording is complete.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use super::median;

/// Runs this program with the given words, and prints a line of a table: the times, and the median
/// of the ratios of pairs. The program prints its time in nanoseconds.
pub fn measure(
    rounds: u32,
    words: &[String],
    tracer: &Path,
    directory: &Path,
    check: impl Fn(&Path) -> Result<()>,
) -> Result<()> {
    let trace = directory.join("pair.trace");
    let mut pairs: Vec<(f64, f64)> = Vec::new();
    for round in 0..=rounds {
        let untraced = || seconds(None, words);
        let traced = || -> Result<f64> {
            let time = seconds(Some((tracer, &trace)), words)?;
            check(&trace)?;
            Ok(time)
        };
        // The order alternates, so that neither side is always second.
        let pair = if round % 2 == 0 {
            let first = untraced()?;
            (first, traced()?)
        } else {
            let first = traced()?;
            (untraced()?, first)
        };
        // The first round warms caches and is not counted.
        if round > 0 {
            pairs.push(pair);
        }
        eprintln!("bench: {} round {round} of {rounds}", words.join(" "));
    }
    let mut ratios: Vec<f64> = pairs
        .iter()
        .map(|(untraced, traced)| traced / untraced)
        .collect();
    ratios.sort_by(f64::total_cmp);
    println!(
        "| {:.3} s | {:.3} s | {:.3} | {:.3} … {:.3} |",
        median(pairs.iter().map(|(untraced, _)| *untraced).collect()),
        median(pairs.iter().map(|(_, traced)| *traced).collect()),
        median(ratios.clone()),
        ratios.first().copied().unwrap_or_default(),
        ratios.last().copied().unwrap_or_default(),
    );
    Ok(())
}

/// Prints the heading.
pub fn head(what: &str, rounds: u32) {
    println!("\n{what}; {rounds} paired rounds, medians\n");
    println!("| untraced | tracer record | ratio | lowest … highest ratio |");
    println!("|---|---|---|---|");
}

fn seconds(recorder: Option<(&Path, &Path)>, words: &[String]) -> Result<f64> {
    let load = std::env::current_exe().context("cannot find this program")?;
    let mut command = match recorder {
        None => Command::new(load),
        Some((tracer, trace)) => {
            let mut command = Command::new(tracer);
            command.args(["record", "--quiet", "--force", "-o"]);
            command.arg(trace).arg("--").arg(load);
            command
        }
    };
    let output = command
        .args(words)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run the load")?;
    if !output.status.success() {
        bail!("{} failed: {}", words.join(" "), output.status);
    }
    let nanoseconds: f64 = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .context("the load did not say how long it took")?;
    Ok(nanoseconds / 1e9)
}

/// Counts the recorded command's connections to this machine. Fails if the recording has gaps.
pub fn connections(tracer: &Path, trace: &Path, protocol: &str) -> Result<Vec<serde_json::Value>> {
    let output = Command::new(tracer)
        .args(["connections", "--strict", "--tree", "command", "--format"])
        .arg("jsonl")
        .arg(trace)
        .output()
        .context("cannot read the recording")?;
    if !output.status.success() {
        bail!(
            "the recording is not complete: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let rows = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(serde_json::from_slice)
        .collect::<Result<Vec<serde_json::Value>, _>>()
        .context("a row is no JSON")?;
    Ok(rows
        .into_iter()
        .filter(|row| row["protocol"] == protocol)
        .collect())
}
