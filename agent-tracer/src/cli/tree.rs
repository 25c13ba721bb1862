//! `tracer tree`: the process forest.

use std::process::ExitCode;

use agent_tracer::view::{List, TreeStyle};

use super::{
    conclude,
    filter::{HeaderOption, Reading},
    nothing_matches,
    output::{Lines, TableFormat},
    replay::{header_line, read_whole},
};

/// Show the processes of a trace, tree by tree, with the reasons for their trees
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tracer tree FILE                        all but the tree `system`
  tracer tree FILE --tree omi             one tree
  tracer tree FILE --process 'omi*' --descendants
  tracer tree FILE --fold --times         shorter, with start and duration on any terminal
  tracer tree FILE --format jsonl | jq 'select(.running) | .name'

A filter on events shows the processes of matching events.")]
pub(super) struct Arguments {
    #[command(flatten)]
    header: HeaderOption,
    /// Show siblings with the same name, user and tree as one line, such as `grep ×60` (text only)
    ///
    /// Only processes that exited are folded, without children, connections, listeners, gained
    /// privilege and signals. The duration is that from the first start to the last end.
    #[arg(long)]
    fold: bool,
    /// Show when a process started and how long it lasted, also on a narrow terminal (text only)
    #[arg(long)]
    times: bool,
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
    if (arguments.fold || arguments.times) && *format != TableFormat::Text {
        anyhow::bail!(
            "cannot fold rows or add times: only text is laid out\nhint: leave out --format"
        );
    }
    let (replayed, selection) = read_whole(&arguments.reading)?;
    let model = &replayed.model;
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
    let shows = |index| selection.shows_process(index);
    let style = TreeStyle {
        with_system: selection.asks_for_processes(),
        folded: arguments.fold,
        times: arguments.times,
    };
    let has_rows = list.processes(&shows, style, &mut |line| lines.line(line))?;
    lines.finish()?;
    if !has_rows {
        nothing_matches("process", model, &selection);
    }
    Ok(conclude(&replayed, &selection, *strict, *time))
}
