//! Lets a recorder of segments work under load for minutes or hours: programs and connections at a
//! steady rate, one kill in between. Every program and connection has to be in exactly one segment,
//! and memory has to stay flat.

mod load;
mod recorder;
mod segments;

use std::{
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::Uid;

use crate::demo::{build, workspace};
use load::{Gap, Load};
use recorder::Recorder;
use segments::Reader;

/// Lets a recorder of segments work under load, and checks what it wrote (root)
#[derive(clap::Args)]
pub struct Arguments {
    /// How long
    #[arg(long, default_value = "5")]
    minutes: f64,
    /// Programs started in a second
    #[arg(long, default_value = "200")]
    programs: u32,
    /// Connections in a second
    #[arg(long, default_value = "100")]
    connections: u32,
    /// When the next segment begins
    #[arg(long, value_name = "SIZE|TIME", default_value = "20s")]
    rotate: String,
    /// Which segments stay
    #[arg(long, value_name = "SIZE|TIME", default_value = "64MiB")]
    keep: String,
    /// The tracer to use, instead of one that is built
    #[arg(long, value_name = "FILE")]
    tracer: Option<PathBuf>,
}

/// Age of events that a kill may lose.
const LOST_AGE: Duration = Duration::from_millis(100);

/// Growth of memory from the first third to the last that is noise.
const GROWTH: f64 = 1.10;
const GROWTH_BYTES: f64 = 4.0 * 1024.0 * 1024.0;

/// Limit of resident memory.
const MOST_BYTES: f64 = 64.0 * 1024.0 * 1024.0;

/// Makes the load, and judges the segments.
pub fn run(arguments: &Arguments) -> Result<()> {
    ensure!(
        Uid::effective().is_root(),
        "cannot record: it needs root\nhint: use sudo"
    );
    let tracer = match &arguments.tracer {
        Some(tracer) => tracer.clone(),
        None => build::tested(&workspace()?, "agent-tracer", "tracer", &[])?,
    };
    let place = tempfile::tempdir().context("cannot make a directory")?;
    let folder = place.path().join("segments");
    let options = [["--rotate", &arguments.rotate], ["--keep", &arguments.keep]];
    let all = Duration::from_secs_f64(arguments.minutes * 60.0);
    // The second recorder has most of the time, so that its memory can be judged.
    let before_kill = all / 6;
    let mut reader = Reader::new(&tracer, &folder);

    let first = Recorder::start(&tracer, &folder, &options.concat())?;
    let load = Load::start(arguments.programs, arguments.connections)?;
    reader.follow(&load, Instant::now() + before_kill)?;
    let killed = load.now();
    first.kill()?;
    // The last segment has no end, and is read as far as it goes.
    reader.read_closed(true)?;
    let mut second = Recorder::start(&tracer, &folder, &options.concat())?;
    let resumed = load.now();
    let until = Instant::now() + all.saturating_sub(before_kill);
    while Instant::now() < until {
        second.measure();
        reader.follow(&load, Instant::now() + Duration::from_secs(2))?;
    }
    let made = load.stop()?;
    // The last connection is closed by now.
    thread::sleep(Duration::from_millis(500));
    let memory = second.memory();
    let processor = second.stop()?;
    reader.read_closed(true)?;

    let gap = Gap { killed, resumed };
    let programs = made.compare_programs(&reader.programs, gap);
    let connects = made.compare_connections(reader.connections(), reader.connected_twice, gap);
    let seconds = all.as_secs_f64();
    let rows = [
        ("minutes", format!("{:.1}", seconds / 60.0)),
        (
            "events",
            format!(
                "{} ({:.0}/s)",
                reader.events,
                reader.events as f64 / seconds
            ),
        ),
        (
            "bytes an event",
            format!("{:.1}", reader.bytes as f64 / reader.events.max(1) as f64),
        ),
        (
            "segments, deleted of them",
            format!("{}, {}", reader.count, reader.deleted()),
        ),
        ("programs", programs.to_string()),
        ("connections", connects.to_string()),
        ("connections with two ends", reader.closed_twice.to_string()),
        ("events lost by the kernel side", reader.lost.to_string()),
        (
            "oldest program lost by the kill",
            format!("{:.0} ms", programs.lost.as_secs_f64() * 1e3),
        ),
        (
            "longest time without a processor",
            format!("{:.0} ms", made.held_up.as_secs_f64() * 1e3),
        ),
        ("memory, first third", mebibytes(memory.first)),
        ("memory, last third", mebibytes(memory.last)),
        ("memory, most", mebibytes(memory.most)),
        (
            "processor time of the recorder",
            format!("{:.1} %", processor * 100.0),
        ),
    ];
    for (what, value) in &rows {
        println!("{what:<34} {value}");
    }
    let mut wrong = Vec::new();
    for (what, compared) in [("programs", &programs), ("connections", &connects)] {
        if compared.missing > reader.lost {
            wrong.push(format!(
                "{} {what} are in no segment (number and begin: {:.3?}; {gap:.3?})",
                compared.missing, compared.missed
            ));
        }
        if compared.twice > 0 {
            wrong.push(format!("{} {what} are in two segments", compared.twice));
        }
    }
    if reader.closed_twice > 0 {
        wrong.push(format!("{} connections end twice", reader.closed_twice));
    }
    if programs.lost > LOST_AGE + made.held_up {
        wrong.push("the kill lost more than the last 100 ms".to_owned());
    }
    if memory.last > memory.first * GROWTH + GROWTH_BYTES || memory.most > MOST_BYTES {
        wrong.push("memory is not flat, or above 64 MiB".to_owned());
    }
    if reader.count < 3 {
        wrong.push("there was no rotation".to_owned());
    }
    match wrong.as_slice() {
        [] => Ok(()),
        wrong => bail!(
            "the soak failed: {}\nhint: its segments are in {}",
            wrong.join("; "),
            place.keep().display()
        ),
    }
}

fn mebibytes(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / 1_048_576.0)
}
