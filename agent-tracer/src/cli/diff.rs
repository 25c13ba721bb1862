//! `tracer diff`: compares two recordings.

use std::{path::PathBuf, process::ExitCode};

use agent_tracer::{
    findings,
    policy::{Item, Subject, Wish, compare},
    view::{self, Clock},
};
use clap::builder::PossibleValuesParser;

use super::{
    DAMAGED, FINDINGS, INCOMPLETE,
    observing::observe,
    output::{Format, Lines, Terminal, Time},
};

/// Compare two recordings: what only one of them did, and what one of them could not see
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tracer diff monday.trace tuesday.trace
  tracer diff old.trace new.trace --only destination,listener
  tracer diff old.trace new.trace --exit-code > /dev/null || echo 'it does something else now'
  tracer diff old.trace new.trace --format jsonl | jq -r 'select(.difference==\"new\").name'

Ids, versions, process ids and random names are no difference. What one recording could not see is
unknown there, and neither new nor gone.

Exit status: 0; 3 if a trace is damaged or has no end. With --exit-code also 5 if there are
differences, and 4 if one of the recordings could not see what the other one did.")]
pub(super) struct Arguments {
    /// First trace
    #[arg(value_name = "BEFORE")]
    before: PathBuf,
    /// Second trace
    #[arg(value_name = "AFTER")]
    after: PathBuf,
    /// Exit with status 5 if there are differences
    #[arg(long)]
    exit_code: bool,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Compare these kinds only
    #[arg(
        long,
        value_name = "KIND",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(kinds())
    )]
    only: Vec<String>,
    /// Compare the system's own tree, too
    #[arg(long)]
    system: bool,
}

/// Subjects, and the kinds of changes.
fn kinds() -> Vec<&'static str> {
    let subjects = Subject::ALL.iter().map(|subject| subject.name());
    let mut kinds: Vec<&'static str> = subjects.collect();
    for kind in findings::Kind::ALL {
        if !kinds.contains(&kind.name()) {
            kinds.push(kind.name());
        }
    }
    kinds
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let wish = Wish {
        parties: false,
        system: arguments.system,
    };
    let before = observe(&arguments.before, wish)?;
    let after = observe(&arguments.after, wish)?;
    let mut comparison = compare(&before, &after);
    let is_wanted = |item: &Item| {
        let mut only = arguments.only.iter();
        arguments.only.is_empty()
            || only.any(|only| only == item.kind() || only == item.subject.name())
    };
    comparison
        .differences
        .retain(|difference| is_wanted(difference.item));
    let mut lines = Lines::new();
    let all = match arguments.format {
        Format::Text => {
            let page = Terminal::stdout(Time::Relative).page(Clock::default());
            view::comparison_text(&page, &comparison, [&before.name, &after.name])
        }
        Format::Jsonl => view::comparison_jsonl(&comparison),
    };
    for line in all {
        lines.line(&line)?;
    }
    lines.finish()?;
    let is_damaged = before.sight.is_damaged || after.sight.is_damaged;
    let is_blind = !comparison.unseen.is_empty() || !comparison.incomplete.is_empty();
    Ok(match () {
        () if is_damaged => DAMAGED.into(),
        () if !arguments.exit_code => ExitCode::SUCCESS,
        () if is_blind => INCOMPLETE.into(),
        () if !comparison.differences.is_empty() => FINDINGS.into(),
        () => ExitCode::SUCCESS,
    })
}
