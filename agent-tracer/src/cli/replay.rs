//! `tracer replay`: events, one a line.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::Read,
    mem::ManuallyDrop,
    path::Path,
    process::ExitCode,
};

use agent_tracer::{
    model::Model,
    select::{LastEvents, Marks, Selection},
    session::{Part, Replay, ReplayItem, replay, replay_part},
    trace::Digest,
    view::{Clock, JsonLines, event_line, gap_json, gap_line, header_json},
};
use anyhow::{Context, bail};
use clap::ValueEnum;

use super::{
    Conclusion, complain,
    filter::{HeaderOption, Reading, require_known, wanted},
    nothing_matches,
    output::Format,
    progress::Progress,
    stream::Stream,
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

Exit status: 0; 1 if the file cannot be read, or nothing in it has a name that a filter asks for; 2
for usage; 3 if the trace is damaged, has no end, or differs from --verify; 4 if anything is missing
from it, with --strict.")]
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
    let mut known = None;
    let wanted = wanted(&filter);
    let (selection, part) = if filter.asks_for_lives() || header {
        let is_lasting = |metadata: std::fs::Metadata| metadata.is_file() || metadata.is_dir();
        if !std::fs::metadata(file).is_ok_and(is_lasting) && file.exists() {
            bail!(
                "cannot read {} twice, as --header and filters on processes need: it is not a \
                 regular file\n\
                 hint: save it to a file first",
                file.display()
            );
        }
        let mut progress = Progress::of(file);
        let mut last = LastEvents::default();
        let whole = replay(file, |model, clock, seen| {
            if let ReplayItem::Event { sequence, event } = seen {
                progress.read(sequence);
                last.note(&filter, model, clock.start_ns, sequence, event);
            }
            Ok(())
        })?;
        first_line = header.then(|| header_line(&whole));
        require_known(&filter, &whole)?;
        let selection = Selection::new(filter, Marks::default(), &whole.model);
        // Each gap is a line, too.
        let part = match whole.is_damaged {
            true => Part::Whole,
            false => Part::Until(selection.last_shown(&last)),
        };
        known = Some(whole);
        (selection, part)
    } else {
        let part = match *strict || filter.is_empty() {
            true => Part::Whole,
            false => Part::Wanted(&wanted),
        };
        (Selection::of_events(filter), part)
    };

    let terminal = arguments.reading.terminal();
    let mut lines = Stream::new();
    if let Some(line) = first_line {
        lines.line().extend_from_slice(line.as_bytes());
        lines.end_line()?;
    }
    let mut shown = false;
    let mut jsonl = None;
    let mut show = |model: &Model, clock: Clock, seen: ReplayItem<'_>| {
        let page = terminal.page(clock);
        let jsonl =
            (*format == Format::Jsonl).then(|| jsonl.get_or_insert_with(|| JsonLines::new(clock)));
        let line = lines.line();
        match (seen, jsonl) {
            (ReplayItem::Event { sequence, event }, mut jsonl) => {
                if let Some(jsonl) = &mut jsonl {
                    jsonl.note(event);
                }
                if !selection.shows_event(model, clock.start_ns, event) {
                    return Ok(());
                }
                shown = true;
                match jsonl {
                    Some(jsonl) => jsonl.append(model, sequence, event, line),
                    None => line.extend_from_slice(event_line(&page, model, event).as_bytes()),
                }
            }
            (ReplayItem::Gap(gap), None) => {
                line.extend_from_slice(gap_line(&page, gap).as_bytes());
            }
            (ReplayItem::Gap(gap), Some(_)) => {
                line.extend_from_slice(gap_json(model, gap).as_bytes());
            }
        }
        lines.end_line()
    };
    let mut conclusion = None;
    // As of `read_whole`: it lasts until the process ends.
    let replayed = ManuallyDrop::new(match (known, part) {
        (Some(whole), Part::Until(0)) => whole,
        (whole, part) => {
            // Memory for one model at a time.
            conclusion = whole.map(|whole| Conclusion::of(&whole, &selection, *strict, *time));
            replay_part(file, part, &mut show)?
        }
    });
    lines.finish()?;
    if !shown && !selection.is_everything() {
        match replayed.is_whole {
            true => nothing_matches("event", &replayed.model, &selection),
            false => complain(
                "no event matches the filters\n\
                 hint: by the index of this trace, no later event can match",
            ),
        }
    }
    let conclude = || Conclusion::of(&replayed, &selection, *strict, *time);
    Ok(conclusion.unwrap_or_else(conclude).say())
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
///
/// The process ends with its view: the system takes back its memory at once, where freeing each
/// part of a model takes a tenth of the time of a report.
pub(super) fn read_whole<F: ValueEnum + Send + Sync>(
    reading: &Reading<F>,
) -> anyhow::Result<(ManuallyDrop<Replay>, Selection)> {
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
    require_known(&filter, &replayed)?;
    let selection = Selection::new(filter, marks, &replayed.model);
    Ok((ManuallyDrop::new(replayed), selection))
}
