//! `tracer changes`: what is different on the machine, and who did it.

use std::process::ExitCode;

use agent_tracer::{
    model::{Model, SYSTEM},
    select::Selection,
    view::{self, Change},
};

use super::{
    conclude,
    filter::Reading,
    nothing_matches,
    output::{self, Format, Lines},
    replay::read_whole,
};

/// Show what is new, changed and gone on the machine since the recording began, with who did it
#[derive(clap::Args)]
#[command(after_help = "\
Services, processes still running, listeners, outbound destinations, users and groups,
packages, files and directories, kernel modules, kernel parameters, firewall rules and
mounts; first of all what deserves attention: setuid files, sudoers, cron, pam …

Examples:
  tracer changes FILE
  tracer changes FILE --all                 every file by itself
  tracer changes FILE --tree omsagent
  tracer changes FILE --format jsonl | jq -r 'select(.attention) | .name'")]
pub(super) struct Arguments {
    #[command(flatten)]
    reading: Reading,
    /// Show each file by itself, in place of directories
    #[arg(long)]
    all: bool,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Reading {
        format,
        time,
        strict,
        ..
    } = &arguments.reading;
    let (replayed, selection) = read_whole(&arguments.reading)?;
    let model = &replayed.model;
    let (shown, hidden) = wanted(model, &selection, arguments.all);
    let mut lines = Lines::new();
    match format {
        Format::Text => {
            let page = arguments.reading.paper().page(replayed.clock());
            for line in view::changes(&page, model, &shown) {
                lines.line(&line)?;
            }
        }
        Format::Jsonl => {
            for change in &shown {
                lines.line(&view::change_json(model, change))?;
            }
        }
    }
    lines.finish()?;
    if hidden > 0 {
        output::note(&format!(
            "{hidden} changes that the system itself made are not shown (--tree {SYSTEM} shows them)"
        ));
    }
    if let Some(why) = view::why_not_compared(model) {
        output::note(&format!("{why}: what changed is not known"));
    }
    if let Some(looked_at) = view::looked_at(model) {
        output::note(&looked_at);
    }
    if model.ledger().is_complete() {
        for caveat in view::caveats(model) {
            output::note(&caveat);
        }
    }
    if shown.is_empty() && hidden == 0 {
        nothing_matches("change", model, &selection);
    }
    Ok(conclude(&replayed, *strict, *time))
}

/// The changes that are wanted, and how many the system itself made, which are not; what deserves attention is, whoever made
/// it.
pub(super) fn wanted(model: &Model, selection: &Selection, all: bool) -> (Vec<Change>, usize) {
    // A recording without a command is of the system itself.
    let asks_for_system = selection.asks_for_processes() || model.command().is_none();
    let is_wanted = |change: &Change| match change.author {
        Some(author) => selection.shows_process(author),
        None => !selection.asks_for_processes(),
    };
    let collected = view::collect_changes(model, all);
    let wanted: Vec<Change> = collected.into_iter().filter(is_wanted).collect();
    let count = wanted.len();
    let shown: Vec<Change> = wanted
        .into_iter()
        .filter(|change| {
            asks_for_system || !change.is_of_system(model) || change.deserves_attention()
        })
        .collect();
    let hidden = count - shown.len();
    (shown, hidden)
}
