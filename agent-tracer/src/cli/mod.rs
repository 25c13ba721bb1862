//! Maps the command line to calls of the library, one small file a subcommand. Nothing is
//! recorded, attributed or formatted here.

mod addresses;
mod changes;
mod check;
mod completions;
#[cfg(feature = "capture")]
mod config;
mod connections;
mod diff;
#[cfg(feature = "capture")]
mod doctor;
#[cfg(feature = "export")]
mod export;
mod filter;
mod firewall;
mod manual;
mod observing;
mod output;
mod output_file;
#[cfg(feature = "capture")]
mod policed;
mod policy;
mod progress;
#[cfg(feature = "capture")]
mod record;
#[cfg(feature = "capture")]
mod redaction;
mod reference;
mod replay;
mod report;
#[cfg(feature = "capture")]
mod segments;
mod stream;
mod tag_files;
mod tags;
mod tree;
#[cfg(feature = "watch")]
mod watch;

use std::{ffi::OsString, io, process::ExitCode};

use agent_tracer::{
    model::Model,
    select::Selection,
    session::{Replay, ReplayError},
    trace::OpenError,
    view,
};
use clap::{CommandFactory, Parser, Subcommand};

use output::{Terminal, Time};

/// Exit status of a reader for a damaged trace.
const DAMAGED: u8 = 3;

/// Exit status of a reader for an incomplete trace, under `--strict`.
const INCOMPLETE: u8 = 4;

/// Exit status of a check with findings.
const FINDINGS: u8 = 5;

/// Exit status for a bad policy, as for usage.
const USAGE: u8 = 2;

/// Exit status of a recorder that failed, which commands rarely have.
const RECORDER_FAILED: u8 = 125;

/// Records what an installer does: every process and every connection, attributed to the agent
/// that it belongs to.
#[derive(Parser)]
#[command(
    name = "tracer",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(after_help = "\
Examples:
  sudo tracer record -- sh onboard_agent.sh -w ID -s KEY
  tracer tree FILE                  processes, with reasons for their trees
  tracer connections FILE           connections, with owner and outcome
  tracer changes FILE               changes on the machine, with authors
  tracer replay FILE --process ruby --format jsonl | jq .
  tracer report FILE --format html -o report.html
  tracer watch FILE                 a recording that goes on, live
  tracer policy new FILE -o tracer-policy.toml
  tracer check FILE --policy tracer-policy.toml     fails on all that is new
  tracer export *.trace -o fleet    tables for SQL, as Parquet
  tracer tags 40.79.194.105         cloud and service of an address
  sudo tracer doctor                capabilities of this kernel")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    #[cfg(feature = "capture")]
    Record(record::Arguments),
    Replay(replay::Arguments),
    Tree(tree::Arguments),
    Connections(connections::Arguments),
    Changes(changes::Arguments),
    Report(report::Arguments),
    #[cfg(feature = "watch")]
    Watch(watch::Arguments),
    Policy(policy::Arguments),
    Check(check::Arguments),
    Diff(diff::Arguments),
    Firewall(firewall::Arguments),
    #[cfg(feature = "export")]
    Export(export::Arguments),
    Tags(tags::Arguments),
    #[cfg(feature = "capture")]
    Doctor(doctor::Arguments),
    Completions(completions::Arguments),
    Man(manual::Arguments),
    #[command(hide = true)]
    Reference(reference::Arguments),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let line: Vec<OsString> = std::env::args_os().collect();
    let verb = match Cli::try_parse_from(&line) {
        Ok(cli) => cli.verb,
        Err(error) => {
            say_usage(&error);
            let records = line
                .iter()
                .skip(1)
                .find(|word| !word.to_string_lossy().starts_with('-'));
            // The command to record might have exited with 2.
            return match error.exit_code() {
                0 => ExitCode::SUCCESS,
                _ if records.is_some_and(|word| word == "record") => RECORDER_FAILED.into(),
                _ => ExitCode::from(2),
            };
        }
    };
    let done = match verb {
        #[cfg(feature = "capture")]
        Verb::Record(arguments) => return record::run(arguments),
        Verb::Replay(arguments) => replay::run(arguments),
        Verb::Tree(arguments) => tree::run(arguments),
        Verb::Connections(arguments) => connections::run(arguments),
        Verb::Changes(arguments) => changes::run(arguments),
        Verb::Report(arguments) => report::run(&arguments),
        #[cfg(feature = "watch")]
        Verb::Watch(arguments) => watch::run(&arguments),
        Verb::Policy(arguments) => policy::run(&arguments),
        Verb::Check(arguments) => check::run(&arguments),
        Verb::Diff(arguments) => diff::run(&arguments),
        Verb::Firewall(arguments) => firewall::run(&arguments),
        #[cfg(feature = "export")]
        Verb::Export(arguments) => export::run(&arguments),
        Verb::Tags(arguments) => tags::run(&arguments),
        #[cfg(feature = "capture")]
        Verb::Doctor(arguments) => doctor::run(&arguments),
        Verb::Completions(arguments) => completions::run(&arguments, Cli::command()),
        Verb::Man(arguments) => manual::run(&arguments, Cli::command()),
        Verb::Reference(arguments) => reference::run(&arguments),
    };
    match done {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&explain(&error));
            if error.is::<replay::Unverified>() {
                return DAMAGED.into();
            }
            let unknown = error.downcast_ref::<filter::UnknownName>();
            if unknown.is_some_and(|unknown| unknown.is_damaged) {
                return DAMAGED.into();
            }
            if error.is::<observing::BadPolicy>() {
                return USAGE.into();
            }
            match error.downcast_ref::<ReplayError>() {
                Some(ReplayError::Open(OpenError::HeaderDamaged { .. })) => DAMAGED.into(),
                Some(_) | None => ExitCode::FAILURE,
            }
        }
    }
}

/// Prints help to stdout, and errors of usage to stderr. The latter repeat parts of the command
/// line, so they are escaped.
fn say_usage(error: &clap::Error) {
    if error.use_stderr() {
        let message = error.render().to_string();
        let lines: Vec<String> = message
            .trim_end()
            .lines()
            .map(|line| view::text(line.as_bytes()))
            .collect();
        output::note(&lines.join("\n"));
    } else {
        // There is no remedy if help cannot be printed.
        let _ = error.print();
    }
}

/// Joins an error and its causes, each once: most of our errors name their cause.
fn explain(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}

/// Returns true if the reader of the output has closed it.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// Writes a message to stderr, escaped.
fn complain(message: &str) {
    let lines: Vec<String> = message
        .trim_end()
        .lines()
        .map(|line| view::text(line.as_bytes()))
        .collect();
    output::note(&format!("tracer: {}", lines.join("\n        ")));
}

/// Remarks of a reading command at its end, and its exit status.
struct Conclusion {
    notes: Vec<String>,
    code: ExitCode,
}

impl Conclusion {
    /// Concludes from a replay.
    fn of(replay: &Replay, selection: &Selection, strict: bool, time: Time) -> Conclusion {
        let page = Terminal::stderr(time).page(replay.clock());
        let notes = match replay.model.ledger().is_complete() {
            false => view::completeness(&page, &replay.model),
            true => {
                let unmasked = view::unmasked(&replay.model);
                unmasked.into_iter().map(str::to_owned).collect()
            }
        };
        let notes = replay.notes.iter().cloned().chain(notes).collect();
        let code = match () {
            () if replay.is_damaged => DAMAGED.into(),
            () if strict && !replay.model.is_complete_for(selection.trees()) => INCOMPLETE.into(),
            () => ExitCode::SUCCESS,
        };
        Conclusion { notes, code }
    }

    /// Reports missing parts, and returns the exit status.
    fn say(self) -> ExitCode {
        for line in &self.notes {
            output::note(line);
        }
        self.code
    }
}

/// Reports missing parts, and returns the exit status of a reading command.
fn conclude(replay: &Replay, selection: &Selection, strict: bool, time: Time) -> ExitCode {
    Conclusion::of(replay, selection, strict, time).say()
}

/// Says that nothing matches the filters, with the trees of the trace, or that the trace has none.
fn nothing_matches(what: &str, model: &Model, selection: &Selection) {
    if selection.is_everything() {
        let unfinished = match model.end() {
            Some(_) => "",
            None => "; the recording was not finished",
        };
        return output::note(&format!("tracer: this trace has no {what}{unfinished}"));
    }
    complain(&format!(
        "no {what} matches the filters\nhint: {}",
        filter::trees(model)
    ));
}
