//! Measures the time until the command runs and from its end to that of the recorder: on an idle
//! machine, with many processes, and with many watched files.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};
use nix::mount::umount;

use super::{
    Bench, mounts, recorder,
    row::{Goal, Row, Unit},
};

const PART: &str = "startup";

const PROCESSES: usize = 5_000;

/// Directories of so many files each, which are 200,000 files.
const DIRECTORIES: u32 = 1_000;
const FILES: u32 = 200;

/// Measures the three situations.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = situation(bench, "idle", 60.0, 40.0)?;
    {
        let _sleepers = Sleepers::start()?;
        rows.extend(situation(bench, "5,000 processes", 150.0, 150.0)?);
    }
    mounts::keep_private()?;
    mounts::tmpfs("/opt")?;
    let filled = fill(Path::new("/opt/bench"));
    let measured = filled.and_then(|()| situation(bench, "200,000 watched files", 250.0, 250.0));
    umount("/opt").context("cannot unmount the memory")?;
    rows.extend(measured?);
    Ok(rows)
}

/// Records a command that ends at once.
fn situation(bench: &Bench, name: &str, start: f64, end: f64) -> Result<Vec<Row>> {
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for round in 0..=bench.rounds {
        let taken = recorder::take(bench, &["/bin/true".to_owned()])?;
        // The first round warms caches and is not counted.
        if round > 0 {
            starts.push(taken.start * 1e3);
            ends.push(taken.end * 1e3);
        }
    }
    bench.progress(&format!("start and end, {name}"));
    let row = |what: &str, goal, values| {
        Row::of_tracer(PART, format!("{what}, {name}"), Unit::Milliseconds)
            .goal(Goal::AtMost(goal))
            .with("`tracer record`", values)
    };
    Ok(vec![
        row("start to the command's exec", start, starts),
        row("end of the command to the end", end, ends),
    ])
}

/// Processes that sleep until they are dropped.
struct Sleepers(Vec<Child>);

impl Sleepers {
    fn start() -> Result<Self> {
        let mut sleepers = Self(Vec::new());
        for _ in 0..PROCESSES {
            let child = Command::new("sleep")
                .arg("600")
                .stdin(Stdio::null())
                .spawn()
                .context("cannot start a process")?;
            sleepers.0.push(child);
        }
        Ok(sleepers)
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        // Fails only for those that have ended.
        self.0.iter_mut().for_each(|child| drop(child.kill()));
        self.0.iter_mut().for_each(|child| drop(child.wait()));
    }
}

fn fill(place: &Path) -> Result<()> {
    for directory in 0..DIRECTORIES {
        let directory = place.join(directory.to_string());
        fs::create_dir_all(&directory).context("cannot make a directory")?;
        for file in 0..FILES {
            fs::write(directory.join(file.to_string()), b"").context("cannot make a file")?;
        }
    }
    Ok(())
}
