//! `tracer reference`: the reference of jsonl and CSV, made from the declared fields.

use std::{io::Write, process::ExitCode};

use agent_tracer::view;

/// Print the reference of jsonl and CSV as Markdown
#[derive(clap::Args)]
pub(super) struct Arguments {}

pub(super) fn run(_: &Arguments) -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(view::reference().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
