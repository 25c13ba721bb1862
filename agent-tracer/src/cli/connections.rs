//! `tracer connections`: who talked to whom.

use std::process::ExitCode;

use agent_tracer::view;

use super::{
    conclude,
    filter::Reading,
    nothing_matches,
    output::{Format, Lines},
    replay::read_whole,
};

/// Show the connections of a trace, one a row, with owner, outcome and bytes
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tracer connections FILE
  tracer connections FILE --tree omsagent --tree omi
  tracer connections FILE --remote '*:443'
  tracer connections FILE --format jsonl | jq -r .remote | sort | uniq -c")]
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
    let wanted = model
        .connections()
        .iter()
        .filter(|connection| selection.shows_connection(connection));
    let mut lines = Lines::new();
    let mut shown = false;
    match format {
        Format::Text => {
            let page = paper.page(replayed.clock());
            for line in view::connections(&page, model, wanted) {
                shown = true;
                lines.line(&line)?;
            }
        }
        Format::Jsonl => {
            for connection in wanted {
                shown = true;
                lines.line(&view::connection_json(&replayed.clock(), model, connection))?;
            }
        }
    }
    lines.finish()?;
    if !shown {
        nothing_matches("connection", model);
    }
    Ok(conclude(&replayed, *strict, *time))
}
