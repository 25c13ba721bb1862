//! Runs one load under each recorder, in turns, for a number of rounds. A recording of ours is
//! checked to be complete: otherwise the work was not the same.

use std::{
    cell::Cell,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use super::{
    Bench,
    recorders::Recorder,
    row::{Goal, Row, Series, Unit},
};

/// Limit of the runs of a load that are repeated because their recording was not complete.
const REPEATS: u32 = 3;

/// A load, which prints its time in nanoseconds.
pub struct Load<'a> {
    pub part: &'static str,
    pub what: String,
    /// Words for this program, which is the load.
    pub words: Vec<String>,
    pub peers: Peers,
    pub goal: Option<f64>,
    /// Fails if a recording is not complete.
    pub check: &'a dyn Fn(&Path, Recorder) -> Result<()>,
}

/// Other recorders, which are slow: they get a smaller load and fewer rounds.
#[derive(Default)]
pub struct Peers {
    pub recorders: Vec<Recorder>,
    pub words: Vec<String>,
    /// The smaller load, in words.
    pub what: String,
}

/// Measures the ratios of a load.
pub fn measure(bench: &Bench, load: &Load) -> Result<Row> {
    let mut ours = Times::of(&Recorder::OURS);
    let (absent, present): (Vec<_>, Vec<_>) =
        (load.peers.recorders.iter().copied()).partition(|peer| peer.absent(bench).is_some());
    let mut peers = Times::of(&[&[Recorder::Untraced][..], &present].concat());
    let repeated = Cell::new(0);
    let time = |recorder, words: &[String]| time(bench, load, recorder, words, &repeated);
    for round in 0..=bench.rounds {
        // The first round warms caches and is not counted.
        ours.round(round, |recorder| time(recorder, &load.words))?;
        if round > 0 && round <= bench.peer_rounds && !present.is_empty() {
            peers.round(1, |peer| time(peer, &load.peers.words))?;
        }
        bench.progress(&format!("{}: round {round} of {}", load.what, bench.rounds));
    }
    let what = match repeated.get() {
        0 => load.what.clone(),
        count => format!("{} ({count} incomplete runs were repeated)", load.what),
    };
    let mut row = Row::of_tracer(load.part, what, Unit::Seconds);
    row.goal = load.goal.map(Goal::AtMost);
    row.series.extend(ours.series(""));
    row.series.extend(peers.series(&load.peers.what));
    for peer in absent {
        let reason = peer.absent(bench).unwrap_or_default();
        bench.progress(&format!("{} is skipped: {reason}", peer.name()));
        row.series.push(Series::skipped(peer.name(), reason));
    }
    Ok(row)
}

/// The times of recorders; the first of them is the untraced one.
struct Times(Vec<(Recorder, Vec<f64>)>);

impl Times {
    fn of(recorders: &[Recorder]) -> Self {
        let times = recorders.iter().map(|recorder| (*recorder, Vec::new()));
        Self(times.collect())
    }

    /// Runs each recorder once. Each round begins with another, so that none is always last.
    fn round(&mut self, round: u32, mut run: impl FnMut(Recorder) -> Result<f64>) -> Result<()> {
        let count = self.0.len();
        for place in 0..count {
            let turn = (place + round as usize) % count;
            if let Some((recorder, times)) = self.0.get_mut(turn) {
                let time = run(*recorder)?;
                if round > 0 {
                    times.push(time);
                }
            }
        }
        Ok(())
    }

    fn series(self, load: &str) -> Vec<Series> {
        let mut all = self.0.into_iter();
        let untraced = all.next().map_or_else(Vec::new, |(_, times)| times);
        let series = all.map(|(recorder, values)| {
            let comma = if load.is_empty() { "" } else { ", " };
            Series {
                untraced: untraced.clone(),
                ..Series::plain(format!("{}{comma}{load}", recorder.name()), values)
            }
        });
        series.collect()
    }
}

/// Runs the load once, and again where its recording is not complete: then the work was not the
/// same.
fn time(
    bench: &Bench,
    load: &Load,
    recorder: Recorder,
    words: &[String],
    repeated: &Cell<u32>,
) -> Result<f64> {
    loop {
        let seconds = seconds(recorder.command(bench, words)?)
            .with_context(|| format!("{} under {}", words.join(" "), recorder.name()))?;
        if !matches!(recorder, Recorder::Tracer | Recorder::NoChanges) {
            return Ok(seconds);
        }
        match (load.check)(&bench.trace(), recorder) {
            Ok(()) => return Ok(seconds),
            Err(error) if repeated.get() < REPEATS => {
                bench.progress(&format!("{}: a run is repeated: {error:#}", load.what));
                repeated.set(repeated.get() + 1);
            }
            Err(error) => return Err(error),
        }
    }
}

fn seconds(mut command: Command) -> Result<f64> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("cannot run the load")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}", output.status, said.trim());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    // A recorder may print lines of its own.
    let nanoseconds = said.lines().rev().find_map(|line| line.trim().parse().ok());
    let nanoseconds: f64 = nanoseconds.context("the load did not say how long it took")?;
    Ok(nanoseconds / 1e9)
}

/// Returns the connections that the recorded command made, without their other ends. Fails if the
/// recording has gaps.
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
        .filter(|row| row["protocol"] == protocol && row["direction"] != "inbound")
        .collect())
}
