//! `tracer doctor`: facts that can be recorded with this kernel and these privileges.

use std::process::ExitCode;

use agent_tracer::{capture::Checkup, view};
use clap::ValueEnum;

use super::output::{Lines, Terminal, Time};

/// List the facts that can be recorded here, the hooks for them, and remedies for missing ones
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  sudo tracer doctor
  sudo tracer doctor --format json | jq '.facts[] | select(.hook == null)'

Exit status: 0 if a recording is possible, 1 if not.")]
pub(super) struct Arguments {
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: DoctorFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum DoctorFormat {
    /// Text, wrapped at the width of the terminal.
    Text,
    /// One JSON object.
    Json,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let checkup = Checkup::take();
    let mut lines = Lines::new();
    match arguments.format {
        DoctorFormat::Json => lines.line(&view::checkup_json(&checkup))?,
        DoctorFormat::Text => {
            let terminal = Terminal::stdout(Time::Relative);
            for line in view::checkup(&terminal.page(view::Clock::default()), &checkup) {
                lines.line(&line)?;
            }
        }
    }
    lines.finish()?;
    Ok(if checkup.can_record() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
