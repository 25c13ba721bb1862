//! `tracer completions`: what a shell needs to complete the command line.

use std::{io::Write, process::ExitCode};

use clap_complete::Shell;

/// Print the completions for a shell
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tracer completions bash > /etc/bash_completion.d/tracer
  tracer completions zsh > \"${fpath[1]}/_tracer\"
  tracer completions fish > ~/.config/fish/completions/tracer.fish")]
pub(super) struct Arguments {
    /// The shell
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
