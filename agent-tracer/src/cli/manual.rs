//! `tracer man`: manual pages with the text of `--help`.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, anyhow};

/// Print a manual page, or write all of them
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tracer man | man -l -
  tracer man record | man -l -
  sudo tracer man --all /usr/local/share/man/man1")]
pub(super) struct Arguments {
    /// Subcommand to describe [default: tracer itself]
    subcommand: Option<String>,
    /// Write the pages of tracer and of all its subcommands to this directory
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "subcommand")]
    all: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, mut command: clap::Command) -> anyhow::Result<ExitCode> {
    if let Some(directory) = &arguments.all {
        write_all(command, directory)?;
        return Ok(ExitCode::SUCCESS);
    }
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

fn write_all(command: clap::Command, directory: &Path) -> anyhow::Result<()> {
    clap_mangen::generate_to(command, directory).map_err(|error| {
        anyhow!(
            "cannot write the manual pages to {}: {error}\n\
             hint: name a directory that exists",
            directory.display()
        )
    })
}
