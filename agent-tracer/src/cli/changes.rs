//! `tracer changes`: changes on the machine, with their authors.

use std::process::ExitCode;

use agent_tracer::{
    findings::{ShownChanges, shown_changes},
    view::{self, List},
};

use super::{
    conclude,
    filter::{HeaderOption, Reading},
    nothing_matches,
    output::{self, Lines, TableFormat, Terminal},
    replay::{header_line, read_whole},
};

/// Show what is new, changed or gone on the machine since the recording began, with authors
#[derive(clap::Args)]
#[command(after_help = "\
Shows services, processes that still run, listeners, destinations, users, groups, packages,
files, directories, kernel modules, kernel parameters, firewall rules and mounts. Changes that
deserve attention come first: setuid files, sudoers, cron, pam …

Examples:
  tracer changes FILE
  tracer changes FILE --all                 every file by itself
  tracer changes FILE --tree omsagent
  tracer changes FILE --remote '*.github.com'
  tracer changes FILE --format jsonl | jq -r 'select(.attention) | .name'
  tracer changes FILE --all --format jsonl | jq -r 'select(.after.mode? == \"4755\") | .name'

Filters keep a change by its author. A download is also kept by the process that wrote, moved or
ran the file, a service by the process that enabled it or asked for it. --remote keeps destinations,
downloads from there, and changes by processes that connected there. A change with an unknown author
is shown only without filters.

Fields of --format jsonl, in this order; fields without a value are left out:
  kind action name detail process tree because inferred attention first_of within
      of every change; within has attention, path, process, inferred, before, after
  service      file, before and after (enabled, disabled, masked …), active_before and
               active_after, enabled, enabled_by or disabled_by, requested_by, process_count
  process      argv
  listener     protocol local
  destination  as of connections --by destination
  download     writer carrier from (connections as in replay) urls archive sha256
               changed_since executions
  file, cron   before and after: type mode uid user gid size sha256_begin capabilities target;
               of several files in one row: count size; before_unknown: outside of the
               compared directories, seen when a recorded tree changed it
  user         before and after: uid:gid:home:shell
  group        before and after: gid:members
  package      before and after: version, of dpkg also the state
  sysctl       before and after: the value
  mount        before and after: type and source
  module, firewall   before and after, empty: it was there")]
pub(super) struct Arguments {
    #[command(flatten)]
    header: HeaderOption,
    /// Show every file by itself, not summed up by directory
    #[arg(long)]
    all: bool,
    // Last, since its heading covers all options that follow.
    #[command(flatten)]
    reading: Reading<TableFormat>,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Reading {
        format,
        time,
        strict,
        ..
    } = &arguments.reading;
    let header = arguments.header.is_wanted(*format == TableFormat::Jsonl)?;
    let (replayed, selection) = read_whole(&arguments.reading)?;
    let model = &replayed.model;
    let ShownChanges {
        shown,
        of_system,
        without_author,
    } = shown_changes(model, &selection, arguments.all);
    let page = arguments.reading.terminal().page(replayed.clock());
    let list = List {
        form: (*format).into(),
        page: &page,
        model,
    };
    let mut lines = Lines::new();
    if header {
        lines.line(&header_line(&replayed))?;
    }
    list.changes(&shown, &mut |line| lines.line(line))?;
    lines.finish()?;
    let mut notes = Vec::new();
    if of_system > 0 {
        notes.push(view::hidden_of_system(of_system, "changes "));
    }
    if without_author > 0 {
        notes.push(view::hidden_without_author(without_author, "changes "));
    }
    if let Some(why) = view::why_not_compared(model) {
        notes.push(format!("{why}: changes are unknown"));
    }
    notes.extend(view::looked_at(model));
    notes.extend(view::seen_elsewhere(model));
    if model.ledger().is_complete() {
        notes.extend(view::caveats(model));
    }
    let page = Terminal::stderr(*time).page(replayed.clock());
    for line in notes.iter().flat_map(|note| page.wrap(note, 4)) {
        output::note(&line);
    }
    if shown.is_empty() && of_system == 0 && without_author == 0 {
        nothing_matches("change", model, &selection);
    }
    Ok(conclude(&replayed, &selection, *strict, *time))
}
