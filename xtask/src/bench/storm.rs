//! The load: one process after the other, each as short as a process can be.

use std::{process::Command, time::Instant};

use anyhow::{Context, Result, bail};

/// Starts many processes and prints the time; called by `bench`
#[derive(clap::Args)]
pub struct Arguments {
    processes: u32,
}

/// Starts the processes, and prints the nanoseconds. With nothing to do between fork and exec, the
/// standard library uses posix_spawn(3), as most package managers and shells do.
pub fn run(arguments: &Arguments) -> Result<()> {
    let start = Instant::now();
    for _ in 0..arguments.processes {
        let status = Command::new("/bin/true")
            .status()
            .context("cannot start /bin/true")?;
        if !status.success() {
            bail!("/bin/true failed: {status}");
        }
    }
    println!("{}", start.elapsed().as_nanos());
    Ok(())
}
