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
  tracer changes FILE --format jsonl | jq -r 'select(.attention) | .name'
  tracer changes FILE --all --format jsonl | jq -r 'select(.after.mode? == \"4755\") | .name'

Fields of --format jsonl, in this order, each where there is something to say:
  kind action name detail process tree because inferred attention first_of within
      of every change; within has attention, path, process, inferred, before, after
  service      file, before and after (enabled, disabled, masked …), active_before and
               active_after, enabled, enabled_by or disabled_by, requested_by, process_count
  process      argv
  listener     protocol local
  destination  as of connections --by destination
  download     writer carrier from (connections as in replay) executions
  file, cron   before and after: type mode uid user gid size sha256_begin capabilities target;
               of several files in one row: count size
  user         before and after: uid:gid:home:shell
  group        before and after: gid:members
  package      before and after: version, of dpkg also the state
  sysctl       before and after: the value
  mount        before and after: type and source
  module, firewall   before and after, empty: it was there")]
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
pub(super) fn wanted<'a>(
    model: &'a Model,
    selection: &Selection,
    all: bool,
) -> (Vec<Change<'a>>, usize) {
    // A recording without a command is of the system itself.
    let asks_for_system = selection.asks_for_processes() || model.command().is_none();
    let is_wanted = |change: &Change<'_>| match change.author {
        Some(author) => selection.shows_process(author),
        None => !selection.asks_for_processes(),
    };
    let collected = view::collect_changes(model, all, model.connections().iter());
    let wanted: Vec<Change<'_>> = collected.into_iter().filter(is_wanted).collect();
    let count = wanted.len();
    let shown: Vec<Change<'_>> = wanted
        .into_iter()
        .filter(|change| {
            asks_for_system || !change.is_of_system(model) || change.deserves_attention()
        })
        .collect();
    let hidden = count - shown.len();
    (shown, hidden)
}
