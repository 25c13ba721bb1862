//! `tracer reference`: the reference of jsonl and CSV, or of the tables of an export, made from the
//! declared fields.

use std::{io::Write, process::ExitCode};

use agent_tracer::view;

/// Print the reference of jsonl and CSV, or of tables, as Markdown
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Print the reference of the tables of `tracer export`
    #[arg(long)]
    tables: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let page = match arguments.tables {
        true => view::table_reference(),
        false => view::reference(),
    };
    std::io::stdout().write_all(page.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
