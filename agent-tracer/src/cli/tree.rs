//! `tracer tree`: the process forest.

use std::process::ExitCode;

use agent_tracer::view;

use super::{
    conclude,
    filter::Reading,
    nothing_matches,
    output::{Format, Lines},
    replay::read_whole,
};

/// Show the processes of a trace, tree by tree, with the reason why they are in it
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tracer tree FILE                        everything but what ran on the system besides
  tracer tree FILE --tree omi             one tree
  tracer tree FILE --process 'omi*' --descendants
  tracer tree FILE --format jsonl | jq 'select(.running) | .name'

A filter on events leaves the processes that such an event is about.")]
pub(super) struct Arguments {
    #[command(flatten)]
    reading: Reading,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Reading {
        format,
        time,
        strict,
        ..
    } = &arguments.reading;
    let (replayed, selection) = read_whole(&arguments.reading)?;
    let paper = arguments.reading.paper();
    let model = &replayed.model;
    let mut lines = Lines::new();
    let mut shown = false;
    match format {
        Format::Text => {
            let page = paper.page(replayed.clock());
            let show = |index| selection.shows_process(index);
            for line in view::tree(&page, model, &show, selection.asks_for_processes()) {
                shown = true;
                lines.line(&line)?;
            }
        }
        Format::Jsonl => {
            for (index, _) in model
                .processes()
                .filter(|(index, _)| selection.shows_process(*index))
            {
                shown = true;
                lines.line(&view::process_json(&replayed.clock(), model, index))?;
            }
        }
    }
    lines.finish()?;
    if !shown {
        nothing_matches("process", model, &selection);
    }
    Ok(conclude(&replayed, *strict, *time))
}
