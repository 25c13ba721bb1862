//! `tracer connections`: connections, listeners and lookups.

use std::process::ExitCode;

use agent_tracer::{
    findings::{By, Picture, groups},
    view::List,
};
use clap::ValueEnum;

use super::{
    conclude,
    filter::{HeaderOption, Reading},
    nothing_matches,
    output::{Lines, TableFormat, note},
    replay::{header_line, read_whole},
};

/// Show the connections of a trace, one per row, with owner, outcome and bytes
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tracer connections FILE
  tracer connections FILE --tree omsagent --tree omi
  tracer connections FILE --remote '*:443'
  tracer connections FILE --by destination --tree omsagent
  tracer connections FILE --by destination --no-resolvers --not-tree system
  tracer connections FILE --remote '*.blob.core.windows.net'
  tracer connections FILE --listening
  tracer connections FILE --inbound
  tracer connections FILE --lookups
  tracer connections FILE --by destination --format csv > destinations.csv
  tracer connections FILE --format jsonl | jq -r .remote | sort | uniq -c")]
pub(super) struct Arguments {
    #[command(flatten)]
    header: HeaderOption,
    /// Sum up connections by destination, as a firewall has to allow them, or by owner
    #[arg(long, value_enum)]
    by: Option<Key>,
    /// Show only inbound connections: those that listeners got, and first datagrams of strangers to
    /// bound UDP sockets
    #[arg(long, conflicts_with_all = ["listening", "lookups"])]
    inbound: bool,
    /// Show listeners instead: TCP sockets that listen, and UDP sockets bound to a port
    ///
    /// UDP sockets of clients are left out: the kernel chose their port, and only peers that they
    /// wrote to answered.
    #[arg(long, conflicts_with = "by")]
    listening: bool,
    /// Show lookups of host names instead, with answers
    #[arg(long, conflicts_with_all = ["by", "listening"])]
    lookups: bool,
    // Last, since its heading covers all options that follow.
    #[command(flatten)]
    reading: Reading<TableFormat>,
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
    let header = arguments.header.is_wanted(*format == TableFormat::Jsonl)?;
    let (replayed, selection) = read_whole(&arguments.reading)?;
    let model = &replayed.model;
    let page = arguments.reading.terminal().page(replayed.clock());
    let list = List {
        form: (*format).into(),
        page: &page,
        model,
    };
    let mut lines = Lines::new();
    if header {
        lines.line(&header_line(&replayed))?;
    }
    let sink = &mut |line: &str| lines.line(line);
    let picture = Picture::of(model, &selection);
    let without_destination = match arguments.by {
        Some(Key::Destination) => picture.inbound().count(),
        Some(Key::Process) | None => 0,
    };
    let (what, has_rows) = if arguments.listening {
        let listeners = picture.listeners.into_iter();
        ("listener", list.listeners(listeners, sink)?)
    } else if arguments.lookups {
        let lookups = picture.lookups.into_iter();
        ("lookup", list.lookups(lookups, sink)?)
    } else {
        let wanted = picture.connections.iter();
        let wanted = wanted.filter(|connection| !arguments.inbound || connection.is_inbound);
        let has_rows = match arguments.by.map(By::from) {
            None => list.connections(wanted, sink)?,
            Some(by) => list.groups(by, &groups(by, wanted), sink)?,
        };
        ("connection", has_rows)
    };
    lines.finish()?;
    if without_destination > 0 {
        note(&format!(
            "tracer: {without_destination} inbound connections left out (see --inbound)"
        ));
    }
    if !has_rows {
        nothing_matches(what, model, &selection);
    }
    Ok(conclude(&replayed, &selection, *strict, *time))
}

impl From<Key> for By {
    fn from(key: Key) -> By {
        match key {
            Key::Destination => By::Destination,
            Key::Process => By::Process,
        }
    }
}
