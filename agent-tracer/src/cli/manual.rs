//! `tracer man`: manual pages with the text of `--help`.

use std::{io::Write, process::ExitCode};

use anyhow::Context;

/// Print a manual page
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tracer man | man -l -
  tracer man record > /usr/local/share/man/man1/tracer-record.1")]
pub(super) struct Arguments {
    /// Subcommand to describe [default: tracer itself]
    subcommand: Option<String>,
}

pub(super) fn run(arguments: &Arguments, mut command: clap::Command) -> anyhow::Result<ExitCode> {
    command.build();
    let page = match &arguments.subcommand {
        None => command,
        Some(name) => {
            let subcommand = command
                .get_subcommands()
                .find(|candidate| candidate.get_name() == name)
                .with_context(|| {
                    format!(
                        "cannot print the manual page of {name}: there is no such subcommand\n\
                         hint: `tracer --help` lists them"
                    )
                })?;
            subcommand.clone()
        }
    };
    let mut text = Vec::new();
    let title = match &arguments.subcommand {
        None => "tracer".to_owned(),
        Some(name) => format!("tracer-{name}"),
    };
    clap_mangen::Man::new(page).title(title).render(&mut text)?;
    std::io::stdout().write_all(&text)?;
    Ok(ExitCode::SUCCESS)
}
