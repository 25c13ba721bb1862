//! `tracer connections`: who talked to whom.

use std::process::ExitCode;

use agent_tracer::{
    findings::{By, groups},
    select::Selection,
    session::Replay,
    view,
};
use clap::ValueEnum;

use super::{
    conclude,
    filter::Reading,
    nothing_matches,
    output::{Format, Lines, Time},
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
  tracer connections FILE --remote '*.blob.core.windows.net'
  tracer connections FILE --listening
  tracer connections FILE --lookups
  tracer connections FILE --format jsonl | jq -r .remote | sort | uniq -c")]
pub(super) struct Arguments {
    #[command(flatten)]
    reading: Reading,
    /// Sum them up: by where they go, which is what a firewall has to allow, or by who asked for them
    #[arg(long, value_enum)]
    by: Option<Key>,
    /// Show who listens for TCP connections or has bound a UDP socket instead; without UDP sockets of clients, which
    /// asked for any port and heard from nobody that they had not written to
    #[arg(long, conflicts_with = "by")]
    listening: bool,
    /// Show which host names were looked up instead, and what came of it
    #[arg(long, conflicts_with_all = ["by", "listening"])]
    lookups: bool,
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
    if arguments.listening {
        let wanted = model.listeners().iter();
        let wanted = wanted
            .filter(|listener| selection.shows_listener(listener) && !listener.is_of_client());
        let all: Vec<String> = match format {
            Format::Text => view::listeners(&page, model, wanted),
            Format::Jsonl => wanted
                .map(|listener| view::listener_json(&clock, model, listener))
                .collect(),
        };
        return show(&all, "listener", &replayed, &selection, *strict, *time);
    }
    if arguments.lookups {
        let wanted = model.lookups().iter();
        let wanted = wanted.filter(|lookup| selection.shows_lookup(lookup));
        let all: Vec<String> = match format {
            Format::Text => view::lookups(&page, model, wanted),
            Format::Jsonl => wanted
                .map(|lookup| view::name_lookup_json(&clock, model, lookup))
                .collect(),
        };
        return show(&all, "lookup", &replayed, &selection, *strict, *time);
    }
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
            for line in view::group_lines(&page, model, by, &groups(by, wanted)) {
                shown = true;
                lines.line(&line)?;
            }
        }
        (Some(by), Format::Jsonl) => {
            for group in groups(by, wanted) {
                shown = true;
                lines.line(&view::group_json(model, &group))?;
            }
        }
    }
    lines.finish()?;
    if !shown {
        nothing_matches("connection", model, &selection);
    }
    Ok(conclude(&replayed, *strict, *time))
}

fn show(
    all: &[String],
    what: &str,
    replayed: &Replay,
    selection: &Selection,
    strict: bool,
    time: Time,
) -> anyhow::Result<ExitCode> {
    let mut lines = Lines::new();
    for line in all {
        lines.line(line)?;
    }
    lines.finish()?;
    if all.is_empty() {
        nothing_matches(what, &replayed.model, selection);
    }
    Ok(conclude(replayed, strict, time))
}

impl From<Key> for By {
    fn from(key: Key) -> By {
        match key {
            Key::Destination => By::Destination,
            Key::Process => By::Process,
        }
    }
}
