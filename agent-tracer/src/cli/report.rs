//! `tracer report`: a report on a recording for a reviewer.

use std::{
    fs::File,
    io::{self, BufWriter, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use agent_tracer::{
    findings::{Picture, shown_changes},
    select::Selection,
    session::Replay,
    view::{self, Report},
};
use anyhow::{Context, bail};
use clap::ValueEnum;

use super::{
    conclude, filter::Reading, output::Lines, output_file::OutputFile, replay::read_whole,
};

/// Write a report on a trace: trees, connections, listeners, changes, missing parts
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tracer report FILE                                  a few screenfuls of text
  tracer report FILE --format html -o report.html     with trees, timeline and search
  tracer report FILE --tree omsagent --format html -o omsagent.html
  tracer report FILE | mail -s 'what it did' reviewer

The HTML file needs no other file and no network, and can be printed. Its times are seconds since
the start of the recording, which it gives in UTC. Like the trace it may have secrets, so only its
owner can read it (mode 0600): read it before you pass it on.")]
pub(super) struct Arguments {
    /// Write the report to this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "output")]
    force: bool,
    #[command(flatten)]
    reading: Reading<ReportFormat>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    /// Text, cut to the width of the terminal.
    Text,
    /// One HTML file for a browser.
    Html,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let reading = &arguments.reading;
    let to_terminal = arguments.output.is_none() && io::stdout().is_terminal();
    if reading.format == ReportFormat::Html && to_terminal {
        bail!("cannot write HTML to a terminal\nhint: add -o report.html");
    }
    let (replayed, selection) = read_whole(reading)?;
    let file = arguments
        .output
        .as_deref()
        .map(|path| OutputFile::create(path, arguments.force))
        .transpose()?;
    let report = report(&reading.file, &replayed, &selection);
    let written = match (reading.format, file) {
        (ReportFormat::Text, None) => write_lines(&report, reading),
        (ReportFormat::Text, Some(file)) => write_file(file, |output| {
            let page = reading.terminal().plain(replayed.clock());
            report
                .text(&page)
                .iter()
                .try_for_each(|line| writeln!(output, "{line}"))
        }),
        (ReportFormat::Html, None) => {
            let mut output = BufWriter::new(io::stdout().lock());
            report.write_html(&mut output).and_then(|()| output.flush())
        }
        (ReportFormat::Html, Some(file)) => write_file(file, |output| report.write_html(output)),
    };
    match &arguments.output {
        Some(path) => written
            .with_context(|| format!("cannot write {}: no part of it is kept", path.display()))?,
        None => written?,
    }
    Ok(conclude(
        &replayed,
        &selection,
        reading.strict,
        reading.time,
    ))
}

fn write_lines(report: &Report<'_>, reading: &Reading<ReportFormat>) -> io::Result<()> {
    let page = reading.terminal().page(report.clock);
    let mut lines = Lines::new();
    for line in report.text(&page) {
        lines.line(&line)?;
    }
    lines.finish()
}

fn write_file(
    file: OutputFile,
    write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut output = BufWriter::with_capacity(64 << 10, file.file());
    write(&mut output)?;
    output.flush()?;
    drop(output);
    file.finish()
}

fn report<'a>(path: &Path, replayed: &'a Replay, selection: &Selection) -> Report<'a> {
    let model = &replayed.model;
    let name = path.file_name().unwrap_or(path.as_os_str());
    let wanted = shown_changes(model, selection, false);
    let (attention, changes) = view::entries(model, &wanted.shown);
    Report {
        name: view::text(name.as_encoded_bytes()),
        header: &replayed.header,
        model,
        clock: replayed.clock(),
        events: replayed.events,
        shown: Picture::of(model, selection),
        attention,
        changes,
        of_system: wanted.of_system,
        without_author: wanted.without_author,
    }
}
