//! `tracer replay`: events, one a line.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::Read,
    path::Path,
    process::ExitCode,
};

use agent_tracer::{
    model::Model,
    rules::RuleSet,
    select::{Marks, Selection},
    session::{Replay, ReplayItem, replay},
    trace::Digest,
    view::{event_json, event_line, gap_json, gap_line, header_json},
};
use anyhow::{Context, bail};
use clap::ValueEnum;

use super::{
    conclude,
    filter::{HeaderOption, Reading},
    nothing_matches,
    output::{Format, Lines},
    progress::Progress,
};

/// Show the events of a trace, one per line
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tracer replay FILE                                  all events
  tracer replay FILE --process omsagent               by any name of a process
  tracer replay FILE --tree omi --event exec,connect  programs and connections of omi
  tracer replay FILE --remote 40.79.0.0/16            connections to a network
  tracer replay FILE --verify FILE.sha256             only if the trace is unchanged
  tracer replay FILE --format jsonl | jq -r 'select(.event==\"exec\").filename'

Checksums inside a trace find damage, not forgery. A SHA-256 finds both, if it was kept where the
recorded command could not change it.

Exit status: 0; 1 if the file cannot be read; 2 for usage; 3 if the trace is damaged, has no end,
or differs from --verify; 4 if anything is missing from it, with --strict.")]
pub(super) struct Arguments {
    #[command(flatten)]
    header: HeaderOption,
    /// First compare the trace with this SHA-256, or with the one in a file of sha256sum, and show
    /// nothing if they differ
    #[arg(long, value_name = "SHA256|FILE")]
    verify: Option<OsString>,
    // Last, since its heading covers all options that follow.
    #[command(flatten)]
    reading: Reading,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Reading {
        file,
        format,
        time,
        strict,
        ..
    } = &arguments.reading;
    if let Some(expected) = &arguments.verify {
        verify(file, expected)?;
    }
    let filter = arguments.reading.filter();
    let header = arguments.header.is_wanted(*format == Format::Jsonl)?;
    let mut first_line = None;
    let selection = if filter.asks_for_processes() || header {
        if !std::fs::metadata(file).is_ok_and(|metadata| metadata.is_file()) && file.exists() {
            bail!(
                "cannot read {} twice, as --header and filters on processes need: it is not a \
                 regular file\n\
                 hint: save it to a file first",
                file.display()
            );
        }
        let mut progress = Progress::of(file);
        let whole = replay(file, |_, _, seen| {
            if let ReplayItem::Event { sequence, .. } = seen {
                progress.read(sequence);
            }
            Ok(())
        })?;
        first_line = header.then(|| header_line(&whole));
        Selection::new(filter, Marks::default(), &whole.model)
    } else {
        Selection::new(filter, Marks::default(), &Model::new(RuleSet::empty()))
    };

    let terminal = arguments.reading.terminal();
    let mut lines = Lines::new();
    if let Some(line) = first_line {
        lines.line(&line)?;
    }
    let mut shown = false;
    let replayed = replay(file, |model, clock, seen| {
        let page = terminal.page(clock);
        match (seen, format) {
            (ReplayItem::Event { sequence, event }, format) => {
                if !selection.shows_event(model, clock.start_ns, event) {
                    return Ok(());
                }
                shown = true;
                lines.line(&match format {
                    Format::Text => event_line(&page, model, event),
                    Format::Jsonl => event_json(&clock, model, sequence, event),
                })
            }
            (ReplayItem::Gap(gap), Format::Text) => lines.line(&gap_line(&page, gap)),
            (ReplayItem::Gap(gap), Format::Jsonl) => lines.line(&gap_json(model, gap)),
        }
    })?;
    lines.finish()?;
    if !shown && !selection.is_everything() {
        nothing_matches("event", &replayed.model, &selection);
    }
    Ok(conclude(&replayed, &selection, *strict, *time))
}

/// Returns the first line about a recording.
pub(super) fn header_line(replayed: &Replay) -> String {
    let Replay {
        header,
        model,
        events,
        ..
    } = replayed;
    header_json(&replayed.clock(), header, model, *events)
}

/// Limit of the bytes of a list of digests.
const LIST_LIMIT: u64 = 1 << 20;

/// A trace that differs from the recorded one.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot verify {file}: its SHA-256 is {actual}, not {expected}\n\
     hint: it was changed, or it is another trace; do not rely on it"
)]
pub(super) struct Unverified {
    file: String,
    actual: Digest,
    expected: Digest,
}

fn verify(file: &Path, expected: &OsStr) -> anyhow::Result<()> {
    let shown = file.display();
    let expected = expected_digest(file, expected)?;
    // Reading a pipe would empty it.
    if !std::fs::metadata(file).is_ok_and(|metadata| metadata.is_file()) && file.exists() {
        bail!("cannot verify {shown}: it is not a regular file\nhint: save it to a file first");
    }
    let actual = File::open(file)
        .and_then(Digest::of)
        .with_context(|| format!("cannot read {shown}"))?;
    if actual != expected {
        return Err(Unverified {
            file: shown.to_string(),
            actual,
            expected,
        }
        .into());
    }
    Ok(())
}

fn expected_digest(file: &Path, given: &OsStr) -> anyhow::Result<Digest> {
    if let Some(digest) = given.to_str().and_then(|given| given.parse().ok()) {
        return Ok(digest);
    }
    let list_name = Path::new(given).display();
    let mut list = Vec::new();
    File::open(given)
        .and_then(|list_file| list_file.take(LIST_LIMIT).read_to_end(&mut list))
        .with_context(|| format!("cannot read {list_name}, which is not a SHA-256, as a file"))?;
    let found = Digest::find(&String::from_utf8_lossy(&list), file);
    found.with_context(|| {
        format!(
            "cannot find the SHA-256 of {} in {list_name}\n\
             hint: make the list with sha256sum, or give the 64 digits",
            file.display()
        )
    })
}

/// Reads a whole trace, for views of its end.
pub(super) fn read_whole<F: ValueEnum + Send + Sync>(
    reading: &Reading<F>,
) -> anyhow::Result<(Replay, Selection)> {
    let filter = reading.filter();
    let mut marks = Marks::default();
    let mut progress = Progress::of(&reading.file);
    let replayed = replay(&reading.file, |model, clock, seen| {
        if let ReplayItem::Event { sequence, event } = seen {
            progress.read(sequence);
            marks.note(&filter, model, clock.start_ns, event);
        }
        Ok(())
    })?;
    let selection = Selection::new(filter, marks, &replayed.model);
    Ok((replayed, selection))
}
