//! `tracer replay`: events, one a line.

use std::process::ExitCode;

use agent_tracer::{
    model::Model,
    rules::RuleSet,
    select::{Marks, Selection},
    session::{Replay, Seen, replay},
    view::{event_json, event_line, gap_json, gap_line, header_json},
};
use anyhow::bail;
use clap::ValueEnum;

use super::{
    conclude,
    filter::{HeaderOption, Reading},
    nothing_matches,
    output::{Format, Lines},
    progress::Progress,
};

/// Show the events of a trace, one a line, as they were when they happened
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tracer replay FILE                                  everything
  tracer replay FILE --process omsagent               by any name it ever had
  tracer replay FILE --tree omi --event exec,connect  what omi ran and called
  tracer replay FILE --remote 40.79.0.0/16            who talked to a network
  tracer replay FILE --format jsonl | jq -r 'select(.event==\"exec\").filename'

Exit status: 0; 1 when the file cannot be read; 2 for usage; 3 when the trace is
damaged or has no end; 4 when anything is missing from it, under --strict.")]
pub(super) struct Arguments {
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    header: HeaderOption,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Reading {
        file,
        format,
        time,
        strict,
        ..
    } = &arguments.reading;
    let filter = arguments.reading.filter();
    let header = arguments.header.is_wanted(*format == Format::Jsonl)?;
    let mut first_line = None;
    let selection = if filter.asks_for_processes() || header {
        if !std::fs::metadata(file).is_ok_and(|metadata| metadata.is_file()) && file.exists() {
            bail!(
                "{} is not a regular file, and filters on processes, as --header, read a trace twice: \
                 save it to a file first",
                file.display()
            );
        }
        let mut progress = Progress::of(file);
        let whole = replay(file, |_, _, seen| {
            if let Seen::Event { sequence, .. } = seen {
                progress.read(sequence);
            }
            Ok(())
        })?;
        first_line = header.then(|| header_line(&whole));
        Selection::new(filter, Marks::default(), &whole.model)
    } else {
        Selection::new(filter, Marks::default(), &Model::new(RuleSet::empty()))
    };

    let paper = arguments.reading.paper();
    let mut lines = Lines::new();
    if let Some(line) = first_line {
        lines.line(&line)?;
    }
    let mut shown = false;
    let replayed = replay(file, |model, clock, seen| {
        let page = paper.page(clock);
        match (seen, format) {
            (Seen::Event { sequence, event }, format) => {
                if !selection.shows_event(model, clock.start_ns, event) {
                    return Ok(());
                }
                shown = true;
                lines.line(&match format {
                    Format::Text => event_line(&page, model, event),
                    Format::Jsonl => event_json(&clock, model, sequence, event),
                })
            }
            (Seen::Gap(gap), Format::Text) => lines.line(&gap_line(&page, gap)),
            (Seen::Gap(gap), Format::Jsonl) => lines.line(&gap_json(model, gap)),
        }
    })?;
    lines.finish()?;
    if !shown && !selection.is_everything() {
        nothing_matches("event", &replayed.model, &selection);
    }
    Ok(conclude(&replayed, *strict, *time))
}

/// The line about a recording that goes before all others.
pub(super) fn header_line(replayed: &Replay) -> String {
    let Replay {
        header,
        model,
        events,
        ..
    } = replayed;
    header_json(&replayed.clock(), header, model, *events)
}

/// Reads a trace to its end, for views of what became of everything.
pub(super) fn read_whole<F: ValueEnum + Send + Sync>(
    reading: &Reading<F>,
) -> anyhow::Result<(Replay, Selection)> {
    let filter = reading.filter();
    let mut marks = Marks::default();
    let mut progress = Progress::of(&reading.file);
    let replayed = replay(&reading.file, |model, clock, seen| {
        if let Seen::Event { sequence, event } = seen {
            progress.read(sequence);
            marks.note(&filter, model, clock.start_ns, event);
        }
        Ok(())
    })?;
    let selection = Selection::new(filter, marks, &replayed.model);
    Ok((replayed, selection))
}
