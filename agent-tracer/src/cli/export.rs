//! `tracer export`: recordings as tables for other tools.

mod folder;

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use agent_tracer::{
    session::{Replay, ReplayItem, replay, traces_in},
    trace::Digest,
    view::{Export, Subject, Table},
};
use anyhow::Context;
use clap::{ValueEnum, builder::PossibleValuesParser};

use super::{DAMAGED, USAGE, complain, explain, output::Lines, progress::Progress};
use folder::{Folder, Place};

/// Export traces for other tools: as tables in one folder for a fleet, or as timelines
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tracer export FILE -o fleet
  tracer export *.trace -o fleet --tables recordings,connections
  tracer export /var/lib/tracer -o fleet
  tracer export FILE -o fleet --host web-7.example
  tracer export FILE -o timelines --format perfetto
  tracer export FILE -o statements --format in-toto --subject dist/agent.deb
  duckdb -c \"SELECT host, count(*) FROM 'fleet/connections/**/*.parquet' GROUP BY host\"

Writes DIR/TABLE/date=YYYY-MM-DD/host=HOST/RECORDING.parquet for the tables recordings, processes,
connections, lookups, listeners and changes. The date is that of the recording, and its id comes
from the trace: the same trace again replaces its files. Columns: docs/reference/tables.md; ready
queries: docs/fleet.md.

With --format perfetto it writes DIR/perfetto/date=…/host=…/RECORDING.pftrace, which the page of
Perfetto opens: a track a process, slices from fork to exec and from exec to exit, connections.
With --format otlp it writes DIR/otlp/date=…/host=…/RECORDING.otlp.jsonl: the recording is a trace
of OpenTelemetry, a process a span, a connection an event.
With --format ocsf it writes DIR/ocsf/date=…/host=…/RECORDING.ocsf.jsonl: launches and ends of
processes, connections, lookups and changed files as events of OCSF 1.3, a line each.
With --format in-toto it writes DIR/in-toto/date=…/host=…/RECORDING.intoto.json: an unsigned
statement about the trace, or about each --subject, with the predicate runtime-trace 0.2. Sign it
with cosign attest-blob --statement: docs/fleet.md.

Like a trace the files may have secrets, so only their owner can read them (mode 0600).

Exit status: 0; 1 if a trace cannot be read or a file cannot be written, after all other traces; 2
for usage; 3 if a trace is damaged or has no end. What is left of it is exported.")]
pub(super) struct Arguments {
    /// Traces to export, or folders with traces
    #[arg(value_name = "TRACE", required = true)]
    traces: Vec<PathBuf>,
    /// Folder of the files; it is created if it does not exist
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Format of the files
    #[arg(long, value_enum, default_value = "parquet")]
    format: ExportFormat,
    /// Write these tables only
    #[arg(
        long,
        value_name = "TABLE",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(Table::ALL.map(Table::name))
    )]
    tables: Vec<String>,
    /// Name of the host in paths, instead of the one in the trace
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// File that the statement is about, instead of the trace; only with --format in-toto
    #[arg(long, value_name = "FILE")]
    subject: Vec<PathBuf>,
}

/// The format of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// Apache Parquet, a file a table.
    Parquet,
    /// A timeline for Perfetto, a file a recording: a track a process.
    Perfetto,
    /// OTLP/JSON, a line a process: a span, with its connections as events.
    Otlp,
    /// Events of OCSF 1.3, a line each.
    Ocsf,
    /// A statement of in-toto with the predicate runtime-trace, a file a recording.
    #[value(name = "in-toto")]
    InToto,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if !arguments.tables.is_empty() && arguments.format != ExportFormat::Parquet {
        complain(
            "cannot choose tables: only --format parquet has tables\nhint: leave --tables out",
        );
        return Ok(USAGE.into());
    }
    if !arguments.subject.is_empty() && arguments.format != ExportFormat::InToto {
        complain(
            "cannot choose subjects: only --format in-toto has statements\n\
             hint: leave --subject out",
        );
        return Ok(USAGE.into());
    }
    let mut code = ExitCode::SUCCESS;
    let mut has_failed = false;
    let mut lines = Lines::new();
    let mut exported = HashMap::new();
    let mut traces = Vec::new();
    for given in &arguments.traces {
        match given.is_dir() {
            false => traces.push(given.clone()),
            true => match traces_in(given) {
                Ok((found, errors)) => {
                    traces.extend(found.into_iter().map(|found| found.path));
                    for error in errors {
                        complain(&error.to_string());
                        has_failed = true;
                    }
                }
                Err(error) => {
                    complain(&explain(&error.into()));
                    has_failed = true;
                }
            },
        }
    }
    for trace in &traces {
        match export(arguments, trace) {
            Ok(Done {
                recording,
                counts,
                is_damaged,
            }) => {
                lines.line(&format!("{recording}: {counts}"))?;
                lines.flush()?;
                if is_damaged {
                    code = DAMAGED.into();
                }
                if let Some(other) = exported.insert(recording, trace) {
                    complain(&format!(
                        "{} is of the same recording as {}, and has replaced its files",
                        trace.display(),
                        other.display()
                    ));
                }
            }
            Err(error) => {
                complain(&explain(&error));
                has_failed = true;
            }
        }
    }
    lines.finish()?;
    Ok(if has_failed { ExitCode::FAILURE } else { code })
}

/// A trace that was exported.
struct Done {
    recording: String,
    /// Numbers of rows, in words.
    counts: String,
    is_damaged: bool,
}

/// Exports a trace.
fn export(arguments: &Arguments, trace: &Path) -> anyhow::Result<Done> {
    let subjects = match arguments.format {
        ExportFormat::InToto => subjects(arguments, trace)?,
        ExportFormat::Parquet
        | ExportFormat::Perfetto
        | ExportFormat::Otlp
        | ExportFormat::Ocsf => Vec::new(),
    };
    let mut progress = Progress::of(trace);
    let replayed = replay(trace, |_, _, seen| {
        if let ReplayItem::Event { sequence, .. } = seen {
            progress.read(sequence);
        }
        Ok(())
    })?;
    if replayed.is_damaged {
        complain(&format!(
            "{} is damaged or has no end; what is left of it is exported",
            trace.display()
        ));
    }
    let Replay {
        header,
        model,
        events,
        ..
    } = &replayed;
    let clock = replayed.clock();
    let export = Export {
        header,
        model,
        clock,
        events: *events,
    };
    let folder = Folder::new(&arguments.output);
    let place = Place {
        date: clock.date(header.start_boot_ns),
        host: arguments.host.as_deref().unwrap_or(&header.hostname),
        recording: header.recording_id(),
    };
    let mut counts = Vec::new();
    match arguments.format {
        ExportFormat::Parquet => {
            for table in Table::ALL {
                let wanted = &arguments.tables;
                if !wanted.is_empty() && !wanted.iter().any(|name| name == table.name()) {
                    continue;
                }
                let write = |file: &File| export.parquet(table, file);
                let count = folder.write(table.name(), &place, "parquet", write)?;
                counts.push(format!("{} {count}", table.name()));
            }
        }
        ExportFormat::Perfetto => {
            let write = |file: &File| buffered(file, |output| export.perfetto(output));
            let count = folder.write("perfetto", &place, "pftrace", write)?;
            counts.push(format!("tracks {count}"));
        }
        ExportFormat::Otlp => {
            let write = |file: &File| buffered(file, |output| export.otlp(output));
            let count = folder.write("otlp", &place, "otlp.jsonl", write)?;
            counts.push(format!("spans {count}"));
        }
        ExportFormat::Ocsf => {
            let write = |file: &File| buffered(file, |output| export.ocsf(output));
            let count = folder.write("ocsf", &place, "ocsf.jsonl", write)?;
            counts.push(format!("events {count}"));
        }
        ExportFormat::InToto => {
            let write = |file: &File| {
                buffered(file, |output| export.in_toto(&subjects, place.host, output))
            };
            let count = folder.write("in-toto", &place, "intoto.json", write)?;
            counts.push(format!("entries {count}"));
        }
    }
    Ok(Done {
        recording: place.recording,
        counts: counts.join(", "),
        is_damaged: replayed.is_damaged,
    })
}

/// Computes the digests of the files that a statement is about: the trace, or others.
fn subjects(arguments: &Arguments, trace: &Path) -> anyhow::Result<Vec<Subject>> {
    let own = [trace.to_path_buf()];
    let files = match arguments.subject.as_slice() {
        [] => &own,
        named => named,
    };
    files.iter().map(|file| subject(file)).collect()
}

fn subject(file: &Path) -> anyhow::Result<Subject> {
    let cannot = || format!("cannot read {}", file.display());
    // A pipe would be empty for its second reader.
    if !fs::metadata(file).with_context(cannot)?.is_file() {
        anyhow::bail!(
            "cannot make a statement about {}: it is not a regular file\n\
             hint: name a file with --subject",
            file.display()
        );
    }
    let digest = Digest::of(File::open(file).with_context(cannot)?).with_context(cannot)?;
    let name = file.file_name().unwrap_or(file.as_os_str());
    Ok(Subject {
        name: name.to_string_lossy().into_owned(),
        sha256: digest.to_string(),
    })
}

/// Writes through a buffer.
fn buffered(file: &File, write: impl FnOnce(&mut dyn Write) -> io::Result<u64>) -> io::Result<u64> {
    let mut output = BufWriter::with_capacity(64 << 10, file);
    let count = write(&mut output)?;
    output.flush()?;
    Ok(count)
}
