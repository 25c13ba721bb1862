//! `tracer completions`: scripts that let a shell complete the command line.

use std::{io::Write, process::ExitCode};

use clap_complete::Shell;

/// Print a script that lets a shell complete the command line
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tracer completions bash > /etc/bash_completion.d/tracer
  tracer completions zsh > \"${fpath[1]}/_tracer\"
  tracer completions fish > ~/.config/fish/completions/tracer.fish")]
pub(super) struct Arguments {
    /// Shell to print the script for
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments, mut command: clap::Command) -> anyhow::Result<ExitCode> {
    // The generator panics when it cannot write, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "tracer", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
