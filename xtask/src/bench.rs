//! `cargo xtask bench`: measures the costs of a recording, side by side in one run. It prints
//! tables and judges nothing, because machines are noisy.

mod datagrams;
mod pairs;
mod processes;
mod recorder;
mod reports;
mod storm;
mod stream;
mod tags;
mod unpack;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;

use crate::demo;

/// Measures the costs of a recording and prints the tables of the README
#[derive(clap::Args)]
pub struct Arguments {
    /// Rounds; each runs every recorder once, one after the other
    #[arg(long, default_value_t = 9)]
    rounds: u32,
    /// Processes that a round starts under each recorder
    #[arg(long, default_value_t = 2000)]
    processes: u32,
    /// Record with this program instead of building it
    #[arg(long, value_name = "PROGRAM")]
    tracer: Option<PathBuf>,
    /// Measure only this
    #[arg(long, value_name = "WHAT")]
    only: Option<Subject>,
    /// Use this list of tags instead of a synthetic one
    #[arg(long, value_name = "FILE")]
    service_tags: Option<PathBuf>,
}

/// A part of the benchmark.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Subject {
    /// Many processes, one after the other
    Processes,
    /// One connection that sends a lot
    Stream,
    /// Many small datagrams
    Datagrams,
    /// Many small files
    Files,
    /// Lookups of service tags, which needs no root
    Tags,
    /// Reports on a long trace, which needs no root
    Reports,
}

pub use datagrams::{Arguments as DatagramArguments, run as run_datagrams};
pub use storm::{Arguments as StormArguments, run as run_storm};
pub use stream::{Arguments as StreamArguments, run as run_stream};
pub use unpack::{Arguments as UnpackArguments, run as run_unpack};

/// Runs the requested parts.
pub fn run(arguments: &Arguments) -> Result<()> {
    let wanted = |subject| arguments.only.is_none_or(|only| only == subject);
    let needs_root = !matches!(arguments.only, Some(Subject::Tags | Subject::Reports));
    if needs_root && !Uid::effective().is_root() {
        bail!("recording needs root: run `sudo -E cargo xtask bench`");
    }
    if arguments.rounds == 0 || arguments.processes == 0 {
        bail!("nothing can be measured with no rounds or no processes");
    }
    let tracer = match &arguments.tracer {
        Some(tracer) => tracer
            .canonicalize()
            .with_context(|| format!("there is no {}", tracer.display()))?,
        None => demo::build_tracer()?,
    };
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    if wanted(Subject::Processes) {
        processes::run(arguments, &tracer, directory.path())?;
    }
    if wanted(Subject::Stream) {
        stream::measure(arguments.rounds, &tracer, directory.path())?;
    }
    if wanted(Subject::Datagrams) {
        datagrams::measure(arguments.rounds, &tracer, directory.path())?;
    }
    if wanted(Subject::Files) {
        unpack::measure(arguments.rounds, &tracer, directory.path())?;
    }
    if wanted(Subject::Tags) {
        tags::run(&tracer, arguments.service_tags.as_deref())?;
    }
    if wanted(Subject::Reports) {
        reports::run(&tracer, directory.path())?;
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => (values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    }
}
