//! Declares the filters and options that all reading commands have.

use std::{path::PathBuf, time::Duration};

use agent_tracer::{
    event::EventKind,
    model::Model,
    rules::{Glob, Scope},
    select::{Filter, Named, Phase, Remote, Unknown},
    session::Replay,
    trace::Wanted,
    view,
};
use clap::{ValueEnum, builder::PossibleValuesParser};
use jiff::SignedDuration;

use super::output::{Format, Terminal, Time};

/// The trace to read, and the style of the output. Each command has its own formats.
#[derive(clap::Args)]
pub(super) struct Reading<F = Format>
where
    F: ValueEnum + Send + Sync + 'static,
{
    /// Trace to read, or a folder of segments: its newest recording
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: F,
    /// Style of times in text
    #[arg(long, value_enum, default_value = "relative")]
    pub(super) time: Time,
    /// Exit with status 4 if anything is missing from the trace; with --tree, if it can concern one
    /// of the trees
    #[arg(long)]
    pub(super) strict: bool,
    #[command(flatten)]
    filter: Filters,
}

/// The option for a first line about the recording.
#[derive(clap::Args)]
pub(super) struct HeaderOption {
    /// First print a line about the recording and its gaps (jsonl only)
    #[arg(long)]
    header: bool,
}

impl HeaderOption {
    /// Returns true if the line is wanted.
    ///
    /// # Errors
    ///
    /// The format has no such line.
    pub(super) fn is_wanted(&self, is_jsonl: bool) -> anyhow::Result<bool> {
        if self.header && !is_jsonl {
            anyhow::bail!("cannot print a header: only jsonl has one\nhint: add --format jsonl");
        }
        Ok(self.header)
    }
}

#[derive(clap::Args)]
#[command(next_help_heading = "Filters (all of them must match; of several values of one, any)")]
pub(super) struct Filters {
    /// Processes that ever had a matching name: comm of any thread, base name of the executable,
    /// the script or the first argument
    #[arg(long, value_name = "GLOB", value_parser = name_glob)]
    process: Vec<Glob>,
    /// Processes of this tree
    #[arg(long, value_name = "NAME")]
    tree: Vec<String>,
    /// Processes with this id
    #[arg(long, value_name = "N")]
    pid: Vec<u32>,
    /// Processes that ever ran as this user (name or number)
    #[arg(long, value_name = "NAME")]
    user: Vec<String>,
    /// Descendants of matching processes, too
    #[arg(long)]
    descendants: bool,
    /// Events of these kinds
    #[arg(
        long,
        value_name = "KIND",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(EventKind::NAMES)
    )]
    event: Vec<String>,
    /// Connections to a network such as 40.79.0.0/16, to an address, or to a host, ADDRESS:PORT or
    /// service tag that matches a glob
    #[arg(long, value_name = "CIDR|GLOB|TAG", value_parser = Remote::parse)]
    remote: Vec<Remote>,
    /// Events at or after this time since the start, such as 90s or 1m30s
    #[arg(long, value_name = "DUR", value_parser = duration)]
    since: Option<Duration>,
    /// Events up to this time since the start
    #[arg(long, value_name = "DUR", value_parser = duration)]
    until: Option<Duration>,
    /// Events during the recorded command, or after its end
    #[arg(long, value_enum)]
    phase: Option<PhaseName>,
    /// Leave out processes of this tree, also where another filter selects them
    #[arg(long, value_name = "NAME")]
    not_tree: Vec<String>,
    /// Leave out connections to DNS servers (ports 53 and 853), and their events
    #[arg(long)]
    no_resolvers: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum PhaseName {
    Command,
    After,
}

impl<F: ValueEnum + Send + Sync + 'static> Reading<F> {
    /// Returns the filter.
    pub(super) fn filter(&self) -> Filter {
        self.filter.filter()
    }

    /// Describes the output stream.
    pub(super) fn terminal(&self) -> Terminal {
        Terminal::stdout(self.time)
    }
}

impl Filters {
    /// Returns the filter.
    pub(super) fn filter(&self) -> Filter {
        let Filters {
            process,
            tree,
            pid,
            user,
            descendants,
            event,
            remote,
            since,
            until,
            phase,
            not_tree,
            no_resolvers,
        } = self;
        let nanoseconds = |duration: &Option<Duration>| {
            duration.map(|duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
        };
        Filter {
            process: process.clone(),
            tree: tree.clone(),
            pid: pid.clone(),
            user: user.clone(),
            descendants: *descendants,
            event: event.clone(),
            remote: remote.clone(),
            since_ns: nanoseconds(since),
            until_ns: nanoseconds(until),
            phase: phase.map(|phase| match phase {
                PhaseName::Command => Phase::Command,
                PhaseName::After => Phase::After,
            }),
            not_tree: not_tree.clone(),
            no_resolvers: *no_resolvers,
        }
    }
}

/// Returns the conditions of a filter that a trace's index can decide.
pub(super) fn wanted(filter: &Filter) -> Wanted {
    Wanted {
        kinds: filter.event.clone(),
        pids: match filter.descendants {
            true => Vec::new(),
            false => filter.pid.clone(),
        },
        since_ns: filter.since_ns,
        until_ns: filter.until_ns,
    }
}

/// A name in a filter that nothing in the trace has.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct UnknownName {
    message: String,
    /// True if a part of the trace that cannot be read may have the name.
    pub(super) is_damaged: bool,
}

/// Refuses a filter with a name that nothing in the trace has: an empty answer would look like a
/// fact about the recorded programs.
pub(super) fn require_known(filter: &Filter, replayed: &Replay) -> Result<(), UnknownName> {
    match filter.unknown(&replayed.model) {
        None => Ok(()),
        Some(unknown) => Err(UnknownName {
            message: explain(&unknown, &replayed.model),
            is_damaged: replayed.is_damaged,
        }),
    }
}

fn explain(unknown: &Unknown, model: &Model) -> String {
    let value = view::argument(unknown.value.as_bytes());
    let (what, reason) = match unknown.named {
        Named::Process => ("process", "no process of this trace ever had such a name"),
        Named::Tree => ("tree", "this trace has no tree of that name"),
        Named::User => ("user", "no process of this trace ran as that user"),
    };
    let nearest = unknown.nearest.as_deref();
    let meant = nearest.map(|name| {
        let name = view::argument(name.as_bytes());
        format!("did you mean {name}?")
    });
    let trees = (unknown.named == Named::Tree).then(|| trees(model));
    let hints: Vec<String> = meant.into_iter().chain(trees).collect();
    let hint = match hints.is_empty() {
        true => String::new(),
        false => format!("\nhint: {}", hints.join(" ")),
    };
    format!("cannot find the {what} {value}: {reason}{hint}")
}

/// Lists the trees of a trace.
pub(super) fn trees(model: &Model) -> String {
    let trees = model.trees().into_iter();
    let trees: Vec<String> = trees.map(|tree| view::text(tree.as_bytes())).collect();
    format!("trees of this trace: {}", trees.join(", "))
}

pub(super) fn name_glob(text: &str) -> Result<Glob, String> {
    Glob::new(text, Scope::Text)
}

/// Parses a length of time with its unit.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let explain = || "write it with a unit, like 500ms, 90s, 5m or 1h30m".to_owned();
    let signed: SignedDuration = text.parse().map_err(|_| explain())?;
    Duration::try_from(signed).map_err(|_| explain())
}
