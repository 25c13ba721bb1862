//! Measures views of a million events of 300,000 processes: events a second in every form, and
//! filters that match little or nothing. `cat` and jq read the same lines.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use super::{
    Bench,
    compose::Composed,
    reading::{self, Readings},
    recorders::find,
    row::{Goal, Row, Series, Unit},
};

const PART: &str = "replays";

/// Processes of the trace, which makes a million events.
const PROCESSES: u32 = 300_000;

/// Views that read everything, as words of the command line, with goals in million events/s.
const WHOLE: [(&[&str], Option<f64>); 5] = [
    (&["replay", "--format", "jsonl"], Some(1.5)),
    (&["replay", "--format", "text"], Some(2.0)),
    (&["tree"], None),
    (&["report", "--format", "text"], Some(2.5)),
    (&["report", "--format", "html"], None),
];

/// Filters that need not read everything.
const PARTS: [&[&str]; 4] = [
    &["replay", "--until", "1ms"],
    &["replay", "--event", "lost"],
    &["replay", "--pid", "4194303"],
    &["replay", "--process", "curl", "--event", "lost"],
];

/// Milliseconds for one of those.
const PARTS_GOAL: f64 = 30.0;

/// Measures the views.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let file = bench.directory.join("long.trace");
    let trace = bench.compose(&file, PROCESSES, 0)?;
    let rounds = bench.reading_rounds;
    let mut rows = Vec::new();
    let mut memory = Vec::new();
    for (words, goal) in WHOLE {
        let readings = reading::view(&bench.tracer, words, &trace, rounds)?;
        let program = named(words);
        let mut row = speed(&trace, &program, &readings);
        row.goal = goal.map(Goal::AtLeast);
        if words.contains(&"jsonl") {
            row.series.extend(peers(bench, &trace)?);
        }
        rows.push(row);
        let what = "peak of memory, a million events".to_owned();
        memory.push(reading::memory(PART, what, &program, &readings));
        bench.progress(&program);
    }
    for words in PARTS {
        let values = reading::view(&bench.tracer, words, &trace, rounds)?.milliseconds();
        let row = Row::of_tracer(PART, "little of a million events", Unit::Milliseconds);
        rows.push(
            row.goal(Goal::AtMost(PARTS_GOAL))
                .with(named(words), values),
        );
    }
    rows.extend(memory);
    Ok(rows)
}

/// Writes a view as one types it.
pub fn named(words: &[&str]) -> String {
    format!("`tracer {}`", words.join(" "))
}

fn speed(trace: &Composed, program: &str, readings: &Readings) -> Row {
    let what = "a million events of 300,000 processes";
    Row::of_tracer(PART, what, Unit::MillionsASecond).with(program, readings.speeds(trace.events))
}

/// Measures programs that read the lines of the first 100,000 events.
fn peers(bench: &Bench, trace: &Composed) -> Result<Vec<Series>> {
    const LINES: usize = 100_000;
    let lines = bench.directory.join("lines.jsonl");
    first_lines(&bench.tracer, &trace.file, &lines, LINES)?;
    let mut all = Vec::new();
    for (program, words, name) in [
        ("cat", &[][..], "`cat` of the same lines"),
        ("jq", &["-c", "."][..], "`jq -c .` of the same lines"),
    ] {
        if find(program).is_none() {
            let reason = format!("not installed (`apt-get install {program}`)");
            bench.progress(&format!("{program} is skipped: {reason}"));
            all.push(Series::skipped(name, reason));
            continue;
        }
        let mut speeds = Vec::new();
        for round in 0..=bench.peer_rounds {
            let mut command = Command::new(program);
            let (seconds, _) = reading::once(command.args(words).arg(&lines), &[0])?;
            if round > 0 {
                speeds.push(LINES as f64 / 1e6 / seconds);
            }
        }
        all.push(Series::plain(name, speeds));
    }
    Ok(all)
}

/// Writes the first lines of a replay to a file.
fn first_lines(tracer: &Path, trace: &Path, file: &PathBuf, count: usize) -> Result<()> {
    let mut child = Command::new(tracer)
        .args(["replay", "--format", "jsonl"])
        .arg(trace)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run tracer")?;
    let stdout = child.stdout.take().context("no pipe from tracer")?;
    let mut output = File::create(file).context("cannot create a file")?;
    for line in BufReader::new(stdout).split(b'\n').take(count) {
        let mut line = line.context("cannot read from tracer")?;
        line.push(b'\n');
        output.write_all(&line).context("cannot write lines")?;
    }
    // A reader that stops early is no failure of tracer.
    if !child.wait()?.success() {
        bail!("tracer replay failed");
    }
    Ok(())
}
