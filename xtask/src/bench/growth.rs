//! Measures the growth from one to ten million events: ten times the events may take ten times as
//! long, and hardly more memory.

use anyhow::Result;

use super::{
    Bench, reading,
    replays::named,
    row::{Goal, Row, Series, Spread, Unit},
};

const PART: &str = "growth";

/// Processes of the two traces, and connections of each tenth of them.
const SMALL: (u32, u32) = (10_000, 32);
const LARGE: (u32, u32) = (100_000, 32);

const VIEWS: [&[&str]; 5] = [
    &["replay", "--format", "jsonl"],
    &["replay", "--format", "text"],
    &["tree"],
    &["report", "--format", "text"],
    &["report", "--format", "html"],
];

/// MiB of a report of the large trace.
const MEMORY_GOAL: f64 = 150.0;

/// The time per event of the large trace, divided by that of the small one.
const TIME_GOAL: f64 = 1.10;

/// Measures the views of both traces.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let small = bench.compose(&bench.directory.join("small.trace"), SMALL.0, SMALL.1)?;
    let large = bench.compose(&bench.directory.join("large.trace"), LARGE.0, LARGE.1)?;
    let millions = |events: f64| format!("{:.1}", events / 1e6);
    let span = format!(
        "from {} to {} million events",
        millions(small.events),
        millions(large.events)
    );
    let (mut rows, mut memory) = (Vec::new(), Vec::new());
    for words in VIEWS {
        let program = named(words);
        let before = reading::view(&bench.tracer, words, &small, bench.reading_rounds)?;
        let after = reading::view(&bench.tracer, words, &large, bench.large_rounds)?;
        let events = large.events / small.events;
        let what = format!("time per event, {span}");
        rows.push(
            Row::of_tracer(PART, what, Unit::Ratio)
                .goal(Goal::AtMost(TIME_GOAL))
                .with(&program, growth(&before.seconds, &after.seconds, events)),
        );
        let what = format!("memory, {span}");
        let grown = growth(&before.mebibytes, &after.mebibytes, 1.0);
        memory.push(Row::of_tracer(PART, what, Unit::Ratio).with(&program, grown));
        if words == ["report", "--format", "text"] {
            let what = format!("peak of memory, {} million events", millions(large.events));
            let mut row = Row::of_tracer(PART, what, Unit::Mebibytes);
            row.series.push(Series::plain(&program, after.mebibytes));
            memory.push(row.goal(Goal::AtMost(MEMORY_GOAL)));
        }
        bench.progress(&format!("{program}, {span}"));
    }
    rows.extend(memory);
    Ok(rows)
}

/// Divides each value by the median before, and by the growth of the trace.
fn growth(before: &[f64], after: &[f64], events: f64) -> Vec<f64> {
    let Some(base) = Spread::of(before.to_vec()) else {
        return Vec::new();
    };
    after
        .iter()
        .map(|value| value / base.median / events)
        .collect()
}
