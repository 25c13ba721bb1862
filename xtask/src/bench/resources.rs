//! Measures the memory and the processor time of the recorder while it records execs and
//! connections. The recorder holds what is alive, so many of them need hardly more.

use anyhow::{Context, Result};

use super::{
    Bench, connects, median,
    recorder::{self, Taken},
    row::{Goal, Row, Unit},
};

const PART: &str = "resources";

/// MiB while recording, and at any time.
const MEMORY_GOALS: [f64; 2] = [24.0, 32.0];

/// MiB on a busy machine, where what has ended is released.
const BUSY_GOAL: f64 = 64.0;

/// Microseconds an event.
const PROCESSOR_GOAL: f64 = 2.0;

/// Measures both loads, and the memory with many connections.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let rounds = bench.rounds.min(5);
    let idle = take(bench, &[], rounds)?;
    let execs = bench.choose(3_000, 1_000);
    let mut rows = of_load(bench, &format!("{execs} execs"), &storm(execs), &idle)?;
    let connections = bench.choose(20_000, 10_000);
    let what = format!("{connections} connections");
    rows.extend(of_load(bench, &what, &connects::words(connections), &idle)?);
    let many = bench.choose(500_000, 100_000);
    let what = format!("{many} connections");
    let taken = take(bench, &connects::words(many), bench.peer_rounds)?;
    rows.extend(memory(&what, &taken, [BUSY_GOAL; 2]));
    bench.progress(&format!("memory, {what}"));
    let many = bench.choose(100_000, 20_000);
    let what = format!("{many} execs");
    let taken = take(bench, &storm(many), bench.peer_rounds)?;
    rows.extend(memory(&what, &taken, [BUSY_GOAL; 2]));
    bench.progress(&format!("memory, {what}"));
    Ok(rows)
}

fn of_load(bench: &Bench, what: &str, words: &[String], idle: &[Taken]) -> Result<Vec<Row>> {
    let taken = take(bench, words, bench.rounds.min(5))?;
    bench.progress(&format!("memory and processor, {what}"));
    let mut rows = memory(what, &taken, MEMORY_GOALS);
    // Start and end are not costs of an event.
    let base = median(idle.iter().map(|taken| taken.processor).collect());
    let events = median(idle.iter().map(|taken| taken.events).collect());
    let cost = |taken: &Taken| (taken.processor - base) * 1e6 / (taken.events - events).max(1.0);
    let what = format!("processor time an event, {what}");
    rows.push(
        Row::of_tracer(PART, what, Unit::Microseconds)
            .goal(Goal::AtMost(PROCESSOR_GOAL))
            .with("`tracer record`", taken.iter().map(cost).collect()),
    );
    Ok(rows)
}

fn memory(what: &str, taken: &[Taken], [resident, peak]: [f64; 2]) -> Vec<Row> {
    let row = |name: &str, kib: fn(&Taken) -> u64| {
        let values = taken.iter().map(|taken| kib(taken) as f64 / 1024.0);
        Row::of_tracer(PART, format!("{name}, {what}"), Unit::Mebibytes)
            .with("`tracer record`", values.collect())
    };
    vec![
        row("resident memory", |taken| taken.memory.resident).goal(Goal::AtMost(resident)),
        row("resident memory, shared pages in parts", |taken| {
            taken.memory.proportional
        }),
        row("peak of resident memory", |taken| taken.memory.highest).goal(Goal::AtMost(peak)),
    ]
}

fn storm(execs: u64) -> Vec<String> {
    vec!["storm".to_owned(), execs.to_string()]
}

/// Records this program with the given words, or a program that does nothing.
fn take(bench: &Bench, words: &[String], rounds: u32) -> Result<Vec<Taken>> {
    let own = std::env::current_exe().context("cannot find this program")?;
    let command = match words {
        [] => vec!["/bin/true".to_owned()],
        words => [&[own.display().to_string()], words].concat(),
    };
    (0..rounds)
        .map(|_| recorder::take(bench, &command))
        .collect()
}
