//! `tracer connections`: who talked to whom.

use std::process::ExitCode;

use agent_tracer::view::{self, By};
use clap::ValueEnum;

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
  tracer connections FILE --by destination --tree omsagent
  tracer connections FILE --format jsonl | jq -r .remote | sort | uniq -c")]
pub(super) struct Arguments {
    #[command(flatten)]
    reading: Reading,
    /// Sum them up: by where they go, which is what a firewall has to allow, or by who asked for them
    #[arg(long, value_enum)]
    by: Option<Key>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Key {
    Destination,
    Process,
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
    let clock = replayed.clock();
    let page = paper.page(clock);
    match (arguments.by.map(By::from), format) {
        (None, Format::Text) => {
            for line in view::connections(&page, model, wanted) {
                shown = true;
                lines.line(&line)?;
            }
        }
        (None, Format::Jsonl) => {
            for connection in wanted {
                shown = true;
                lines.line(&view::connection_json(&clock, model, connection))?;
            }
        }
        (Some(by), Format::Text) => {
            for line in view::group_lines(&page, model, by, &view::groups(by, wanted)) {
                shown = true;
                lines.line(&line)?;
            }
        }
        (Some(by), Format::Jsonl) => {
            for group in view::groups(by, wanted) {
                shown = true;
                lines.line(&view::group_json(model, &group))?;
            }
        }
    }
    lines.finish()?;
    if !shown {
        nothing_matches("connection", model);
    }
    Ok(conclude(&replayed, *strict, *time))
}

impl From<Key> for By {
    fn from(key: Key) -> By {
        match key {
            Key::Destination => By::Destination,
            Key::Process => By::Process,
        }
    }
}
