//! `tracer report`: a report on a recording for a reviewer.

use std::{
    fs::File,
    io::{self, BufWriter, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use agent_tracer::{
    findings::{Picture, shown_changes},
    model::{COMMAND, Model},
    policy::{Wish, compare},
    select::Selection,
    session::Replay,
    view::{self, Against, Report},
};
use anyhow::{Context, bail};
use clap::ValueEnum;

use super::{
    DAMAGED, complain, conclude, filter::Reading, observing::observe, output::Lines,
    output_file::OutputFile, replay::read_whole,
};

/// Write a report on a trace: trees, connections, listeners, changes, missing parts
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tracer report FILE                                  a few screenfuls of text
  tracer report FILE --format html -o report.html     with trees, timeline and search
  tracer report FILE --tree omsagent --format html -o omsagent.html
  tracer report FILE --against GOOD --format html -o report.html    with marks of what is new
  tracer report FILE | mail -s 'what it did' reviewer

With --against, the report says first what one of the two recordings could not see, then what only
one of them did, as `tracer diff GOOD FILE` does, and marks its rows as new, changed, unknown or
same. The system's own tree is not compared. Of the filters, --tree applies to the differences.

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
    /// Compare with this earlier trace, and mark what is new, gone or changed
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading<ReportFormat>,
}

/// Bytes of a page that browsers take long to open.
const LARGE_PAGE: u64 = 20_000_000;

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
    let wish = Wish::default();
    let observed = match &arguments.against {
        Some(other) => Some((observe(other, wish)?, observe(&reading.file, wish)?)),
        None => None,
    };
    let mut comparison = observed.as_ref().map(|(other, own)| compare(other, own));
    if let Some(comparison) = &mut comparison {
        let is_wanted = |tree: &str| {
            let mut trees = selection.trees().iter();
            selection.trees().is_empty() || trees.any(|wanted| wanted == tree)
        };
        let differences = &mut comparison.differences;
        differences.retain(|difference| is_wanted(&difference.item.tree));
    }
    let against = observed.as_ref().zip(comparison.as_ref());
    let against = against.map(|((other, own), comparison)| Against {
        names: [other.name.clone(), own.name.clone()],
        comparison,
    });
    let report = report(&reading.file, &replayed, &selection, against);
    let mut size = 0;
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
            write_page(&report, &mut output, &mut size).and_then(|()| output.flush())
        }
        (ReportFormat::Html, Some(file)) => {
            write_file(file, |output| write_page(&report, output, &mut size))
        }
    };
    match &arguments.output {
        Some(path) => written
            .with_context(|| format!("cannot write {}: no part of it is kept", path.display()))?,
        None => written?,
    }
    if size > LARGE_PAGE {
        complain(&too_large(size, &replayed.model, &selection));
    }
    if observed.is_some_and(|(other, _)| other.sight.is_damaged) {
        return Ok(DAMAGED.into());
    }
    Ok(conclude(
        &replayed,
        &selection,
        reading.strict,
        reading.time,
    ))
}

/// Writes the page, and counts its bytes.
fn write_page(report: &Report<'_>, output: &mut dyn Write, size: &mut u64) -> io::Result<()> {
    let mut counted = Counted { output, size };
    report.write_html(&mut counted)
}

/// Counts what is written.
struct Counted<'a> {
    output: &'a mut dyn Write,
    size: &'a mut u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        *self.size += u64::try_from(written).unwrap_or(u64::MAX);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Says that a page is large, and which filter makes it smaller.
fn too_large(size: u64, model: &Model, selection: &Selection) -> String {
    let large = format!(
        "the page has {}: a browser may take long to open it",
        view::size(size)
    );
    let hint = match model.command() {
        Some(_) if selection.trees().is_empty() => {
            format!("--tree {COMMAND} shows the recorded command alone")
        }
        Some(_) | None => "--since and --until show a part of the time".to_owned(),
    };
    format!("{large}\nhint: {hint}")
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

fn report<'a>(
    path: &Path,
    replayed: &'a Replay,
    selection: &Selection,
    against: Option<Against<'a>>,
) -> Report<'a> {
    let model = &replayed.model;
    let name = path.file_name().unwrap_or(path.as_os_str());
    let wanted = shown_changes(model, selection, false);
    let marks = against.as_ref().map(|against| &against.comparison.marks);
    let (attention, changes) = view::entries(model, &wanted.shown, marks);
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
        against,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use agent_tracer::{
        model::Model,
        rules::RuleSet,
        select::{Filter, Marks, Selection},
    };

    use super::{Counted, too_large};

    #[test]
    fn a_large_page_is_counted_and_explained() {
        let mut size = 0;
        let mut counted = Counted {
            output: &mut std::io::sink(),
            size: &mut size,
        };
        for _ in 0..21 {
            counted.write_all(&vec![b'x'; 1 << 20]).expect("no error");
        }
        assert_eq!(size, 21 << 20);
        let model = Model::new(RuleSet::empty());
        let all = Selection::new(Filter::default(), Marks::default(), &model);
        let message = too_large(size, &model, &all);
        assert!(message.contains("the page has 21.0 MiB"), "{message}");
        assert!(message.contains("hint: --since"), "{message}");
    }
}
