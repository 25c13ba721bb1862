//! Measures views of 12.8 million events, which are a busy machine for hours.

use std::fs;

use anyhow::Result;

use super::{
    Bench, reading,
    replays::named,
    row::{Goal, Row, Unit},
};

const PART: &str = "reports";

/// Processes of the trace, and connections of each tenth of them.
const TRACE: (u32, u32) = (526_000, 7);

/// The views as words of the command line, with goals in seconds.
const VIEWS: [(&[&str], f64); 4] = [
    (&["replay", "--format", "jsonl"], 8.0),
    (&["tree"], 1.5),
    (&["report", "--format", "text"], 2.0),
    (&["report", "--format", "html"], 2.0),
];

/// MiB for each of them.
const MEMORY_GOAL: f64 = 300.0;

/// Measures the views.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let (processes, connections) = TRACE;
    let trace = bench.compose(&bench.directory.join("large.trace"), processes, connections)?;
    let megabytes = fs::metadata(&trace.file)?.len() / 1_000_000;
    let events = format!("{:.1} million events, {megabytes} MB", trace.events / 1e6);
    let (mut rows, mut memory) = (Vec::new(), Vec::new());
    for (words, goal) in VIEWS {
        let program = named(words);
        let readings = reading::view(&bench.tracer, words, &trace, bench.large_rounds)?;
        let what = format!("peak of memory, {events}");
        let row = reading::memory(PART, what, &program, &readings);
        memory.push(row.goal(Goal::AtMost(MEMORY_GOAL)));
        let row = Row::of_tracer(PART, events.clone(), Unit::Seconds).goal(Goal::AtMost(goal));
        bench.progress(&format!("{program}, {events}"));
        rows.push(row.with(program, readings.seconds));
    }
    rows.extend(memory);
    Ok(rows)
}
