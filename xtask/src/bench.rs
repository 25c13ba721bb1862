//! `cargo xtask bench`: measures the costs of a recording and of reading one, side by side in one
//! run. It prints one table and judges nothing, because machines are noisy.

pub mod compose;
mod connects;
mod datagrams;
mod growth;
mod instructions;
mod mounts;
mod pairs;
mod policies;
mod reading;
mod recorder;
mod recorders;
mod replays;
mod reports;
mod resources;
mod row;
mod startup;
mod storm;
mod stream;
mod table;
mod tags;
mod unpack;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use nix::unistd::Uid;

use self::{compose::Composed, instructions::Purpose, row::Row};
use crate::demo::{self, build};

/// Measures the costs of recording and reading, and prints the table of docs/performance.md
#[derive(clap::Args)]
pub struct Arguments {
    /// Rounds of each load; a round runs every recorder once, one after the other
    #[arg(long, conflicts_with = "quick")]
    rounds: Option<u32>,
    /// Measure all in a few minutes: fewer rounds and smaller loads
    #[arg(long)]
    quick: bool,
    /// Measure this program instead of building it
    #[arg(long, value_name = "PROGRAM")]
    tracer: Option<PathBuf>,
    /// Compose traces with this program, the example of the library, instead of building it
    #[arg(long, value_name = "PROGRAM")]
    compose: Option<PathBuf>,
    /// Measure only this; may be repeated
    #[arg(long, value_name = "WHAT")]
    only: Vec<Subject>,
    /// Count instructions of views under callgrind instead, which needs no root
    #[arg(long, conflicts_with_all = ["quick", "rounds", "only", "write"])]
    instructions: bool,
    /// Fail if a count grew by more than 2 % over the one of the repository
    #[arg(long, requires = "instructions")]
    check: bool,
    /// Write the counts to the repository
    #[arg(long, requires = "instructions", conflicts_with = "check")]
    bless: bool,
    /// Use this list of tags instead of a synthetic one
    #[arg(long, value_name = "FILE")]
    service_tags: Option<PathBuf>,
    /// Write all values as JSON to this file, or to stdout for `-`
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Replace the table of this document, between its two markers
    #[arg(long, value_name = "FILE", conflicts_with = "only")]
    write: Option<PathBuf>,
}

/// A part of the benchmark.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// Many processes, one after the other
    Processes,
    /// Many short connections
    Connects,
    /// Many small datagrams
    Datagrams,
    /// One connection that sends a lot
    Stream,
    /// Many small files
    Files,
    /// Start and end of the recorder: idle, with many processes, with many files
    Startup,
    /// Memory and processor time of the recorder
    Resources,
    /// Views of a million events, which need no root
    Replays,
    /// Views of 12.8 million events, which need no root
    Reports,
    /// Time and memory from one to ten million events, which need no root
    Growth,
    /// A large policy and a long trace, which need no root
    Policies,
    /// Lookups of service tags, which need no root
    Tags,
}

impl Subject {
    fn needs_root(self) -> bool {
        match self {
            Subject::Processes
            | Subject::Connects
            | Subject::Datagrams
            | Subject::Stream
            | Subject::Files
            | Subject::Startup
            | Subject::Resources => true,
            Subject::Replays
            | Subject::Reports
            | Subject::Growth
            | Subject::Policies
            | Subject::Tags => false,
        }
    }

    fn measure(self, bench: &Bench, arguments: &Arguments) -> Result<Vec<Row>> {
        match self {
            Subject::Processes => storm::measure(bench),
            Subject::Connects => connects::measure(bench),
            Subject::Datagrams => datagrams::measure(bench),
            Subject::Stream => stream::measure(bench),
            Subject::Files => unpack::measure(bench),
            Subject::Startup => startup::measure(bench),
            Subject::Resources => resources::measure(bench),
            Subject::Replays => replays::measure(bench),
            Subject::Reports => reports::measure(bench),
            Subject::Growth => growth::measure(bench),
            Subject::Policies => policies::measure(bench),
            Subject::Tags => tags::measure(bench, arguments.service_tags.as_deref()),
        }
    }
}

pub use connects::{Arguments as ConnectArguments, run as run_connects};
pub use datagrams::{Arguments as DatagramArguments, run as run_datagrams};
pub use storm::{Arguments as StormArguments, run as run_storm};
pub use stream::{Arguments as StreamArguments, run as run_stream};
pub use unpack::{Arguments as UnpackArguments, run as run_unpack};

/// The measured program, and the effort of a run.
struct Bench {
    tracer: PathBuf,
    example: Option<PathBuf>,
    workspace: PathBuf,
    machine: String,
    /// A directory for traces, which goes at the end.
    directory: PathBuf,
    is_quick: bool,
    rounds: u32,
    /// Rounds of peers, which are slow.
    peer_rounds: u32,
    /// Rounds of views of a million events, and of ten million.
    reading_rounds: u32,
    large_rounds: u32,
}

impl Bench {
    fn new(arguments: &Arguments, tracer: PathBuf, directory: &Path) -> Result<Self> {
        let is_quick = arguments.quick;
        let choose = |full: u32, quick: u32| if is_quick { quick } else { full };
        Ok(Self {
            tracer,
            example: arguments.compose.clone(),
            workspace: demo::workspace()?,
            machine: table::machine(),
            directory: directory.to_owned(),
            is_quick,
            rounds: arguments.rounds.unwrap_or(choose(9, 3)),
            peer_rounds: choose(3, 1),
            reading_rounds: choose(5, 2),
            large_rounds: choose(3, 1),
        })
    }

    /// Returns the size of a load.
    fn choose(&self, full: u64, quick: u64) -> u64 {
        if self.is_quick { quick } else { full }
    }

    /// Composes a trace of processes, each tenth with so many connections.
    fn compose(&self, file: &Path, processes: u32, connections: u32) -> Result<Composed> {
        let example = match &self.example {
            Some(example) => example.clone(),
            None => compose::example(true)?,
        };
        compose::busy(&example, file, processes, connections)
    }

    /// Returns the file of the present recording.
    fn trace(&self) -> PathBuf {
        self.directory.join("recorded.trace")
    }

    /// Says what is done, on stderr: the whole takes minutes.
    fn progress(&self, what: &str) {
        eprintln!("bench: {what}");
    }
}

/// Runs the requested parts, and prints their rows. A part that fails does not stop the others.
pub fn run(arguments: &Arguments) -> Result<()> {
    if arguments.instructions {
        return count_instructions(arguments);
    }
    let subjects = match arguments.only.as_slice() {
        [] => Subject::value_variants(),
        only => only,
    };
    if subjects.iter().any(|subject| subject.needs_root()) && !Uid::effective().is_root() {
        bail!("recording needs root: run `sudo -E cargo xtask bench`");
    }
    if arguments.rounds == Some(0) {
        bail!("nothing can be measured with no rounds");
    }
    if let Some(document) = &arguments.write {
        table::can_replace(document)?;
    }
    let tracer = tracer(arguments, build::released)?;
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let bench = Bench::new(arguments, tracer, directory.path())?;
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for subject in subjects {
        // Keep what is measured, should a later part take too long.
        if let Some(file) = arguments
            .json
            .as_deref()
            .filter(|file| *file != Path::new("-"))
        {
            table::write_json(&rows, bench.rounds, &bench.machine, file)?;
        }
        match subject.measure(&bench, arguments) {
            Ok(measured) => rows.extend(measured),
            Err(error) => failed.push(format!("{error:#}")),
        }
    }
    print(
        arguments,
        &rows,
        bench.rounds,
        &bench.machine,
        failed.is_empty(),
    )?;
    if !failed.is_empty() {
        bail!("a part failed: {}", failed.join("; "));
    }
    Ok(())
}

/// Returns the program to measure: the given one, or the one that `build` makes.
fn tracer(arguments: &Arguments, build: impl FnOnce(&Path) -> Result<PathBuf>) -> Result<PathBuf> {
    match &arguments.tracer {
        Some(tracer) => tracer
            .canonicalize()
            .with_context(|| format!("there is no {}", tracer.display())),
        None => build(&demo::workspace()?),
    }
}

/// Counts instructions, prints them and compares them.
fn count_instructions(arguments: &Arguments) -> Result<()> {
    let purpose = match (arguments.check, arguments.bless) {
        (true, _) => Purpose::Check,
        (false, true) => Purpose::Bless,
        (false, false) => Purpose::Show,
    };
    // The program of the tests: CI has it, and a release takes minutes to build.
    let tracer = tracer(arguments, |workspace| {
        build::tested(workspace, "agent-tracer", "tracer", &[])
    })?;
    let example = match &arguments.compose {
        Some(example) => example.clone(),
        None => compose::example(false)?,
    };
    let (rows, failure) = instructions::measure(&tracer, &example, purpose)?;
    print(arguments, &rows, 1, &table::machine(), false)?;
    match failure {
        Some(failure) => bail!("{failure}"),
        None => Ok(()),
    }
}

/// Prints the table, unless JSON takes its place on stdout. Only a whole table replaces another.
fn print(
    arguments: &Arguments,
    rows: &[Row],
    rounds: u32,
    machine: &str,
    is_whole: bool,
) -> Result<()> {
    let markdown = table::markdown(rows, rounds, machine);
    if arguments.json.as_deref() != Some(Path::new("-")) {
        print!("{markdown}");
    }
    if let Some(file) = &arguments.json {
        table::write_json(rows, rounds, machine, file)?;
    }
    if let Some(document) = arguments.write.as_deref().filter(|_| is_whole) {
        table::replace(&markdown, document)?;
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        count if count % 2 == 0 => (values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    }
}
